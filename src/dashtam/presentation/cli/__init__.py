"""The command: operate Dashtam and work with its data from a terminal."""
