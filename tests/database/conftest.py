"""The same people and applications as for the tests of the API."""

from api.conftest import ada, api, start_api

__all__ = ["ada", "api", "start_api"]
