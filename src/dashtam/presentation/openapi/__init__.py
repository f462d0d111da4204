"""The OpenAPI document, made from the registry."""
