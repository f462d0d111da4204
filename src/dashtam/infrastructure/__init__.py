"""How Dashtam reaches the world: the adapters behind the ports."""
