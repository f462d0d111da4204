"""The applications of the API's tests, beside servers in processes of their own."""

from api.conftest import api, start_api

__all__ = ["api", "start_api"]
