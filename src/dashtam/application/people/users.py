"""People: who may register, how a password is changed, and how somebody is forgotten."""

from dataclasses import dataclass
from hmac import compare_digest
from typing import Final

from dashtam.application.audit_log import note
from dashtam.application.people import login_throttle
from dashtam.application.ports import Services
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.errors import Conflict, FieldError, Forbidden, Unauthorized, Unprocessable
from dashtam.domain.user import Principal, SessionId, User, UserId

SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 256
LONGEST_EMAIL: Final = 254

_CLOSED = "Registration is closed."
_WRONG_PASSWORD = "The password is not right."  # noqa: S105 - a sentence


@dataclass(frozen=True, slots=True)
class RegistrationRules:
    """Whether somebody may register, and whether it takes the operator's setup code."""

    is_open: bool
    has_users: bool
    needs_setup_code: bool


def register(
    services: Services,
    email: str,
    password: str,
    *,
    setup_code: str | None,
    needs_setup_code: bool,
    address: str,
) -> User:
    """Add a user, where registration is open or nobody is here yet.

    The first user proves with the setup code that the server is his, where strangers reach it.

    Raises:
        Forbidden: registration is closed, or the setup code is wrong.
        Unprocessable: the e-mail or the password breaks a rule.
        Conflict: somebody has this e-mail.
        RateLimited: too many wrong setup codes.
    """
    _refuse_when_closed(services)
    if services.options.registration == "first_user" and needs_setup_code:
        _check_setup_code(services, setup_code, address)
    email = email.strip()
    _refuse_faults(
        [*_email_faults(email), *_password_faults(services, password, email, "/password")]
    )
    password_hash = services.passwords.hash(password)
    with services.database.write(address) as work:
        user = User(UserId(work.random_id()), email, work.now)
        if services.options.registration == "first_user":
            if not work.users.add_first(user, password_hash):
                raise Forbidden(_CLOSED)
        elif not work.users.add(user, password_hash):
            msg = "Somebody has registered with this e-mail already."
            raise Conflict(msg)
        note(work, "user_registered", user.id, user.id)
    return user


def registration(services: Services, *, needs_setup_code: bool) -> RegistrationRules:
    """Return who may register at this moment."""
    rule = services.options.registration
    with services.database.read() as work:
        has_users = work.users.any()
    is_open = rule == "open" or (rule == "first_user" and not has_users)
    return RegistrationRules(
        is_open=is_open,
        has_users=has_users,
        needs_setup_code=needs_setup_code and rule == "first_user" and not has_users,
    )


def is_address(email: str) -> bool:
    """Tell whether this can be an e-mail at all; whether it exists only a letter could tell."""
    local, _, domain = email.rpartition("@")
    return (
        bool(local and domain)
        and len(email) <= LONGEST_EMAIL
        and email.isprintable()
        and " " not in email
    )


def of(work: UnitOfWork, user_id: UserId) -> User:
    """Return the user.

    Raises:
        Unauthorized: there is no such user any more.
    """
    user = work.users.get(user_id)
    if user is None:
        raise Unauthorized
    return user


def change_password(
    services: Services, principal: Principal, password: str, new_password: str, address: str
) -> User:
    """Put a new password in place of the one that the user names; the other sessions end.

    Read-only tokens stay good: the scripts that have them know no password.

    Raises:
        Unprocessable: the old password is wrong, or the new one breaks a rule.
        RateLimited: the old one was wrong too often.
    """
    with services.database.read() as work:
        user = of(work, principal.user_id)
        kept = work.users.password_hash(user.id)
    login_throttle.refuse_when_spent(services, user.email, address)
    _refuse_faults(_password_faults(services, new_password, user.email, "/new_password"))
    if not services.passwords.verify(password, kept):
        login_throttle.count_failure(services, user.email, address)
        raise _wrong_password()
    new_hash = services.passwords.hash(new_password)
    with services.database.write(address) as work:
        # Of two changes at the same moment the second would undo the first one unseen.
        if work.users.lock_password_hash(user.id) != kept:
            raise _wrong_password()
        _set_password(work, user, new_hash, principal.session_id)
        note(work, "password_changed", user.id, user.id)
    return user


def reset_password(services: Services, user: User, new_password: str) -> None:
    """Give a user another password, from the command line; all sessions and tokens end.

    Who forgot his password may as well have lost it to somebody who made tokens of his own.

    Raises:
        Unprocessable: the password breaks a rule.
    """
    _refuse_faults(_password_faults(services, new_password, user.email, "/new_password"))
    new_hash = services.passwords.hash(new_password)
    with services.database.write() as work:
        _set_password(work, user, new_hash, None)
        work.api_tokens.revoke_all(user.id, work.now)
        note(work, "password_reset", user.id, user.id)


def erase(work: UnitOfWork, user: User) -> int:
    """Remove a user and all that is the user's, and return how many snapshots that were."""
    snapshots = work.users.erase(user.id, work.now)
    # The line is nobody's: what was the user's is gone.
    note(work, "user_erased", None, user.id)
    return snapshots


def _refuse_when_closed(services: Services) -> None:
    if services.options.registration == "open":
        return
    with services.database.read() as work:
        if services.options.registration == "closed" or work.users.any():
            raise Forbidden(_CLOSED)


def _check_setup_code(services: Services, sent: str | None, address: str) -> None:
    login_throttle.refuse_when_spent(services, "", address)
    wanted = services.options.setup_code
    if wanted is None or sent is None or not compare_digest(wanted.encode(), _bytes(sent)):
        login_throttle.count_failure(services, "", address)
        msg = "The setup code is missing or wrong. It was printed when the server started."
        raise Forbidden(msg)


def _bytes(text: str) -> bytes:
    return text.strip().encode("utf-8", "surrogatepass")


def _email_faults(email: str) -> list[FieldError]:
    if is_address(email):
        return []
    return [FieldError("/email", "invalid", "This is not an e-mail address.")]


def _password_faults(services: Services, password: str, email: str, place: str) -> list[FieldError]:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        detail = f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters."
        return [FieldError(place, "length", detail)]
    if services.passwords.is_common(password, email):
        return [FieldError(place, "common", "This password is too easy to guess.")]
    return []


def _refuse_faults(field_errors: list[FieldError]) -> None:
    if field_errors:
        raise Unprocessable(field_errors[0].detail, tuple(field_errors))


def _wrong_password() -> Unprocessable:
    return Unprocessable(_WRONG_PASSWORD, (FieldError("/password", "wrong", _WRONG_PASSWORD),))


def _set_password(work: UnitOfWork, user: User, password_hash: str, but: SessionId | None) -> None:
    work.users.set_password(user.id, password_hash, work.now)
    work.sessions.revoke_all(user.id, work.now, but)
