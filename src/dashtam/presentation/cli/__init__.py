"""The command line: `dashtam NOUN VERB`, on the same use cases as the API."""
