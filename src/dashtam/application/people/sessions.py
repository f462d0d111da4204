"""Sessions: signing in, staying signed in, and signing out."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from dashtam.application.people import api_tokens, login_throttle, refresh_tokens
from dashtam.application.people.refresh_tokens import RefreshToken
from dashtam.application.people.users import is_email
from dashtam.application.ports import Services, Signer
from dashtam.database.pagination import ListPage, PageRequest
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.errors import NotFound, Unauthorized
from dashtam.domain.user import Principal, Session, SessionId

ACCESS_TOKEN_S: Final = 900
SESSION_LASTS: Final = timedelta(days=30)
"""From the last refresh."""
GRACE: Final = timedelta(seconds=10)
"""A spent refresh token still returns its successor for so long, in case a response was lost."""

_LONGEST_USER_AGENT: Final = 200
_WRONG = "The e-mail or the password is not right."
_ENDED = "This session has ended. Sign in again."


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access token for requests, and a refresh token for the next pair."""

    access_token: str
    refresh_token: str
    session: Session


def sign_in(
    services: Services, email: str, password: str, address: str, user_agent: str
) -> TokenPair:
    """Start a session.

    Neither the response nor its time shows whether the e-mail is known.

    Raises:
        Unauthorized: no user has this e-mail and this password.
        RateLimited: too many attempts failed.
    """
    login_throttle.refuse_when_spent(services, email, address)
    user, password_hash = None, None
    # A text that cannot be an e-mail never reaches the database, which may not even accept it.
    if is_email(email.strip()):
        with services.database.read() as work:
            user = work.users.find_by_email(email)
            password_hash = None if user is None else work.users.password_hash(user.id)
    is_right = services.passwords.verify(password, password_hash)
    if user is None or password_hash is None or not is_right:
        with services.database.write(address) as work:
            user_id = None if user is None else user.id
            work.record_event("sign_in_failed", user_id, user_id)
        login_throttle.count_failure(services, email, address)
        raise Unauthorized(_WRONG)
    with services.database.write(address) as work:
        # The password may have been changed since it was compared, which ended every session.
        if work.users.lock_password_hash(user.id) != password_hash:
            raise Unauthorized(_WRONG)
        token = RefreshToken(SessionId(work.new_id()), 0, services.secrets.random())
        session = Session(
            id=token.session_id,
            user_id=user.id,
            generation=token.generation,
            refresh_hash=token.hash,
            rotated_at=work.now,
            created_at=work.now,
            last_used_at=work.now,
            expires_at=work.now + SESSION_LASTS,
            revoked_at=None,
            address=work.address,
            user_agent="".join(filter(str.isprintable, user_agent))[:_LONGEST_USER_AGENT],
        )
        work.sessions.add(session)
        work.record_event("signed_in", user.id, session.id)
    return _pair(services, session, token)


def refresh(services: Services, refresh_token: str, address: str = "") -> TokenPair:
    """Return the next pair of tokens for a refresh token, which is spent by that.

    A token that was spent a moment ago returns the same successor again, as long as that one is
    unused. Any other spent token ends the session: an attacker may have a copy.

    Raises:
        Unauthorized: the token is not valid.
    """
    token = refresh_tokens.parse(refresh_token, services.secrets)
    if token is None:
        raise Unauthorized(_ENDED)
    successor = token.next(services.secrets)
    with services.database.write(address) as work:
        session = work.sessions.lock(token.session_id)
        if session is None or session.revoked_at is not None or session.expires_at <= work.now:
            raise Unauthorized(_ENDED)
        is_newest = token.is_newest(session)
        is_repeated = successor.is_newest(session) and work.now - session.rotated_at <= GRACE
        if is_newest:
            session = replace(
                session,
                generation=successor.generation,
                refresh_hash=successor.hash,
                rotated_at=work.now,
                last_used_at=work.now,
                expires_at=work.now + SESSION_LASTS,
            )
            work.sessions.rotate(session)
        elif not is_repeated:
            work.sessions.revoke(session.id, work.now)
            work.record_event("refresh_token_reused", session.user_id, session.id)
    # Refused only now, once the end of the session is committed.
    if not (is_newest or is_repeated):
        raise Unauthorized(_ENDED)
    return _pair(services, session, successor)


def authenticate(work: UnitOfWork, signer: Signer, token: str) -> Principal:
    """Return the principal of an access token of a live session, or of an API token.

    Where ``unrecorded_token_id`` is set, the caller passes it on to ``api_tokens.TokenUsage``.

    Raises:
        Unauthorized: the token is not valid, or not any more.
    """
    if token.startswith(api_tokens.PREFIX):
        return api_tokens.authenticate(work, token)
    principal = signer.verify(token, work.now)
    if principal is None or principal.session_id is None:
        raise Unauthorized
    if not work.sessions.is_live(principal.session_id, principal.user_id, work.now):
        raise Unauthorized(_ENDED)
    return principal


def list_for_user(work: UnitOfWork, principal: Principal, page: PageRequest) -> ListPage[Session]:
    """Return the user's live sessions, newest first."""
    return work.sessions.of_user(principal.user_id, work.now, page)


def revoke(work: UnitOfWork, principal: Principal, session_id: SessionId) -> None:
    """Revoke one of the user's sessions; its tokens are refused from now on.

    Raises:
        NotFound: there is no such session, or it is another user's.
    """
    session = work.sessions.get(session_id)
    if session is None or session.user_id != principal.user_id:
        raise NotFound
    if session.revoked_at is None:
        work.sessions.revoke(session_id, work.now)
        work.record_event("session_revoked", principal.user_id, session_id)


def sign_out(work: UnitOfWork, principal: Principal) -> None:
    """Revoke the principal's own session."""
    if principal.session_id is not None:
        revoke(work, principal, principal.session_id)


def _pair(services: Services, session: Session, token: RefreshToken) -> TokenPair:
    access_token = services.signer.issue(session.user_id, session.id, services.clock())
    return TokenPair(access_token, token.text(services.secrets), session)
