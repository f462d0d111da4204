"""The HTTP edge: the server, its middleware, and requests and answers as handlers see them."""
