"""The benchmark: what Dashtam does in a second, beside what this machine could send at all."""
