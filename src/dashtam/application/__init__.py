"""What Dashtam does: one module per noun, one function per use case."""
