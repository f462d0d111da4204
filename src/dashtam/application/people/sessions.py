"""Sessions: signing in, staying signed in, and signing out."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from dashtam.application.audit_log import note
from dashtam.application.people import api_tokens, login_throttle, refresh_tokens
from dashtam.application.people.refresh_tokens import RefreshToken
from dashtam.application.people.users import is_address
from dashtam.application.ports import Services, Signer
from dashtam.database.pagination import ListPage, PageRequest
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.errors import NotFound, Unauthorized
from dashtam.domain.user import Principal, Session, SessionId, User

ACCESS_TOKEN_S: Final = 900
SESSION_LASTS: Final = timedelta(days=30)
"""From the last refresh."""
GRACE: Final = timedelta(seconds=10)
"""How long a spent refresh token still brings its successor, so that a lost answer does no harm."""

_LONGEST_USER_AGENT: Final = 200
_WRONG = "The e-mail or the password is not right."
_ENDED = "This session has ended. Sign in again."


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a signed-in program holds: one token for every request, one for the next pair."""

    access_token: str
    refresh_token: str
    session: Session


def sign_in(
    services: Services, email: str, password: str, address: str, user_agent: str
) -> TokenPair:
    """Start a session.

    Whether the e-mail is known shows neither in the answer nor in the time it takes.

    Raises:
        Unauthorized: there is nobody with this e-mail and this password.
        RateLimited: too many attempts failed.
    """
    login_throttle.refuse_when_spent(services, email, address)
    user, kept = _known(services, email)
    if not services.passwords.verify(password, kept) or user is None or kept is None:
        _fail(services, user, address)
        login_throttle.count_failure(services, email, address)
        raise Unauthorized(_WRONG)
    with services.database.write(address) as work:
        # The password may have been changed while we compared, which ended every session.
        if work.users.lock_password_hash(user.id) != kept:
            raise Unauthorized(_WRONG)
        session, token = _start(work, services.secrets.random(), user, user_agent)
        note(work, "signed_in", user.id, session.id)
    return _pair(services, session, token)


def refresh(services: Services, refresh_token: str, address: str = "") -> TokenPair:
    """Hand out the next pair of tokens for a refresh token, which is spent by it.

    A token that was spent a moment ago brings the same successor again, as long as that one is
    unused. Any other token that was handed out here and is spent ends the session: somebody has
    a copy.

    Raises:
        Unauthorized: the token is not good.
    """
    token = refresh_tokens.parse(refresh_token, services.secrets)
    if token is None:
        raise Unauthorized(_ENDED)
    successor = token.next(services.secrets)
    with services.database.write(address) as work:
        session = _rotated(work, token, successor)
    # Refused only now: a reuse that was found out has to stay found out.
    if session is None:
        raise Unauthorized(_ENDED)
    return _pair(services, session, successor)


def authenticate(work: UnitOfWork, signer: Signer, token: str) -> Principal:
    """Return whose token it is: an access token of a live session, or a read-only token.

    Where ``unrecorded_token_id`` is set, the caller passes the principal on to ``api_tokens.Uses``.

    Raises:
        Unauthorized: the token is not good, or no longer.
    """
    if token.startswith(api_tokens.PREFIX):
        return api_tokens.authenticate(work, token)
    principal = signer.verify(token, work.now)
    if principal is None or principal.session_id is None:
        raise Unauthorized
    if not work.sessions.is_live(principal.session_id, principal.user_id, work.now):
        raise Unauthorized(_ENDED)
    return principal


def of_user(work: UnitOfWork, principal: Principal, page: PageRequest) -> ListPage[Session]:
    """Return the user's live sessions, newest first."""
    return work.sessions.of_user(principal.user_id, work.now, page)


def revoke(work: UnitOfWork, principal: Principal, session_id: SessionId) -> None:
    """End one of the user's sessions; its tokens are refused from now on.

    Raises:
        NotFound: there is no such session, or it is another user's.
    """
    session = work.sessions.get(session_id)
    if session is None or session.user_id != principal.user_id:
        raise NotFound
    if session.revoked_at is None:
        work.sessions.revoke(session_id, work.now)
        note(work, "session_revoked", principal.user_id, session_id)


def sign_out(work: UnitOfWork, principal: Principal) -> None:
    """End the session that this is."""
    if principal.session_id is not None:
        revoke(work, principal, principal.session_id)


def _known(services: Services, email: str) -> tuple[User | None, str | None]:
    # What can be nobody's e-mail is not shown to the database: it may not even take it.
    if not is_address(email.strip()):
        return None, None
    with services.database.read() as work:
        user = work.users.find_by_email(email)
        return user, None if user is None else work.users.password_hash(user.id)


def _fail(services: Services, user: User | None, address: str) -> None:
    with services.database.write(address) as work:
        user_id = None if user is None else user.id
        note(work, "sign_in_failed", user_id, user_id)


def _start(
    work: UnitOfWork, secret: bytes, user: User, user_agent: str
) -> tuple[Session, RefreshToken]:
    token = RefreshToken(SessionId(work.new_id()), 0, secret)
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
    return session, token


def _rotated(work: UnitOfWork, token: RefreshToken, successor: RefreshToken) -> Session | None:
    session = work.sessions.lock(token.session_id)
    if session is None or session.revoked_at is not None or session.expires_at <= work.now:
        return None
    if token.is_newest(session):
        session = replace(
            session,
            generation=successor.generation,
            refresh_hash=successor.hash,
            rotated_at=work.now,
            last_used_at=work.now,
            expires_at=work.now + SESSION_LASTS,
        )
        work.sessions.rotate(session)
        return session
    if successor.is_newest(session) and work.now - session.rotated_at <= GRACE:
        return session
    work.sessions.revoke(session.id, work.now)
    note(work, "refresh_token_reused", session.user_id, session.id)
    return None


def _pair(services: Services, session: Session, token: RefreshToken) -> TokenPair:
    access_token = services.signer.issue(session.user_id, session.id, services.clock())
    return TokenPair(access_token, token.text(services.secrets), session)
