"""Token pairs on the wire: both in the body, or the refresh token in a cookie."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from msgspec import UNSET, Meta, UnsetType

from dashtam.application.people.sessions import ACCESS_TOKEN_S, SESSION_LASTS, TokenPair
from dashtam.application.ports import ServiceOptions
from dashtam.domain.errors import Forbidden
from dashtam.presentation.schemas.base import Shape

COOKIE: Final = "dashtam_refresh"

_PATH: Final = "/api/v1/tokens"


class TokenPairShape(Shape):
    """An access token for every request, and a refresh token that brings the next pair."""

    access_token: str
    refresh_token: (
        Annotated[str, Meta(description="Left out where it is sent as a cookie.")] | UnsetType
    ) = UNSET
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - its kind, not the token
    expires_in: Annotated[int, Meta(description="Seconds.")] = ACCESS_TOKEN_S


def pair_shape(pair: TokenPair, *, in_cookie: bool) -> TokenPairShape:
    """Return what the body says of the pair."""
    if in_cookie:
        return TokenPairShape(access_token=pair.access_token)
    return TokenPairShape(access_token=pair.access_token, refresh_token=pair.refresh_token)


def pair_headers(pair: TokenPair, options: ServiceOptions, *, in_cookie: bool) -> dict[str, str]:
    """Return the headers that say the rest: a cookie that no script can read."""
    if not in_cookie:
        return {}
    lasts_s = int(SESSION_LASTS.total_seconds())
    return {"Set-Cookie": _cookie(options, pair.refresh_token, lasts_s)}


def expired_cookie(options: ServiceOptions) -> dict[str, str]:
    """Return the header that makes a browser forget the refresh token."""
    return {"Set-Cookie": _cookie(options, "", 0)}


def read_refresh_cookie(headers: Mapping[str, str], options: ServiceOptions) -> str | None:
    """Return the refresh token of the request's cookie, None where there is none.

    Raises:
        Forbidden: a page that is not ours makes the browser send it.
    """
    token = _cookie_value(headers)
    if token is not None and not _is_own(headers, options):
        detail = "The cookie counts only for requests with our own Origin."
        raise Forbidden(detail)
    return token


def _cookie(options: ServiceOptions, value: str, lasts_s: int) -> str:
    path = options.base_path + _PATH
    cookie = f"{COOKIE}={value}; HttpOnly; SameSite=Strict; Path={path}; Max-Age={lasts_s}"
    return f"{cookie}; Secure" if options.has_https else cookie


def _cookie_value(headers: Mapping[str, str]) -> str | None:
    for cookie in headers.get("cookie", "").split(";"):
        name, _, value = cookie.strip().partition("=")
        if name == COOKIE and value:
            return value
    return None


def _is_own(headers: Mapping[str, str], options: ServiceOptions) -> bool:
    # A page of another host cannot make a browser send our cookie under that host's name.
    host = headers.get("host", "")
    own = {f"http://{host}", f"https://{host}"} | {_origin(url) for url in options.origins}
    return headers.get("origin", "") in own


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
