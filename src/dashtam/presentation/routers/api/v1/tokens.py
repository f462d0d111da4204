"""Tokens on the wire: the next pair for a refresh token."""

from dashtam.application import sessions
from dashtam.domain.errors import Unauthorized
from dashtam.presentation.call import Answer, Call
from dashtam.presentation.token_pairs import pair_headers, pair_shape, refresh_cookie
from dashtam.presentation.wire import Input


class Refresh(Input):
    """The refresh token; it is left out where the cookie holds it."""

    refresh_token: str | None = None


def create_tokens(call: Call) -> Answer:
    """Refresh.

    A refresh token is spent by its use. For ten seconds it brings the same successor again, so
    that a lost answer does no harm; after that its reuse ends the session.
    """
    sent = call.body(Refresh).refresh_token
    rules, in_cookie = call.world.rules, sent is None
    token = refresh_cookie(call.request.headers, rules) if sent is None else sent
    if token is None:
        raise Unauthorized
    pair = sessions.refresh(call.world, token, call.request.address)
    return Answer(
        pair_shape(pair, in_cookie=in_cookie),
        headers=pair_headers(pair, rules, in_cookie=in_cookie),
    )
