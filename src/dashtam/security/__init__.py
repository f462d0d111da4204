"""Keys and secrets: the key ring, sealed credentials, access tokens, password hashes."""
