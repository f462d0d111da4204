"""The routes of the API and of the system."""
