"""The fixtures of the API's tests, for tests that start servers in other processes."""

from api.conftest import api, start_api

__all__ = ["api", "start_api"]
