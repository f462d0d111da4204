"""Other origins: whose pages may call the API."""

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response


class Cors(CORSMiddleware):
    """Tells browsers what is allowed, and refuses by not saying so."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Return what is allowed; where it is not what was asked for, nothing of it."""
        response = super().preflight_response(request_headers)
        if response.status_code < 400:  # noqa: PLR2004 - where errors begin
            return response
        # An OPTIONS is no error, and every error is a problem: silence is what a browser needs.
        return Response(status_code=204, headers={"Vary": "Origin"})
