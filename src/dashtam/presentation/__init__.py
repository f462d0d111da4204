"""How people and programs talk to Dashtam."""
