"""Users: registration, passwords and erasure."""

from dataclasses import dataclass
from hmac import compare_digest
from typing import Final

from dashtam.application.people import login_throttle
from dashtam.application.ports import Services
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.errors import Conflict, FieldError, Forbidden, Unauthorized, Unprocessable
from dashtam.domain.period import UnknownTimeZone, find_zone
from dashtam.domain.user import Principal, User, UserId

SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 256
LONGEST_EMAIL: Final = 254

_CLOSED: Final = "Registration is closed."
_NOT_AN_EMAIL: Final = FieldError("/email", "invalid", "This is not an e-mail address.")
_WRONG_PASSWORD: Final = FieldError("/password", "wrong", "The password is not right.")


@dataclass(frozen=True, slots=True)
class RegistrationRules:
    """Whether registration is open, and whether it takes the operator's setup code."""

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
    """Add a user, where registration is open or there is no user yet.

    Where strangers reach the server, its owner proves with the setup code to be the first user.

    Raises:
        Forbidden: registration is closed, or the setup code is wrong.
        Unprocessable: the e-mail or the password breaks a rule.
        Conflict: another user has this e-mail.
        RateLimited: too many wrong setup codes.
    """
    rules = load_registration_rules(services, needs_setup_code=needs_setup_code)
    if not rules.is_open:
        raise Forbidden(_CLOSED)
    if rules.needs_setup_code:
        login_throttle.refuse_when_spent(services, "", address)
        expected = (services.options.setup_code or "").encode()
        sent = (setup_code or "").strip().encode("utf-8", "surrogatepass")
        if not expected or not compare_digest(expected, sent):
            login_throttle.count_failure(services, "", address)
            msg = "The setup code is missing or wrong. It was printed when the server started."
            raise Forbidden(msg)
    email = email.strip()
    field_errors = [] if is_email(email) else [_NOT_AN_EMAIL]
    field_errors += _check_password(services, password, email, "/password")
    _refuse(field_errors)
    password_hash = services.passwords.hash(password)
    with services.database.write(address) as work:
        user = User(UserId(work.random_id()), email, work.now)
        if services.options.registration == "first_user":
            if not work.users.add_first(user, password_hash):
                raise Forbidden(_CLOSED)
        elif not work.users.add(user, password_hash):
            raise Conflict(detail="Somebody has registered with this e-mail already.")
        work.record_event("user_registered", user.id, user.id)
    return user


def load_registration_rules(services: Services, *, needs_setup_code: bool) -> RegistrationRules:
    """Return the rules of registration at this moment."""
    rule = services.options.registration
    with services.database.read() as work:
        has_users = work.users.any()
    is_open = rule == "open" or (rule == "first_user" and not has_users)
    return RegistrationRules(
        is_open=is_open,
        has_users=has_users,
        needs_setup_code=needs_setup_code and rule == "first_user" and not has_users,
    )


def is_email(email: str) -> bool:
    """Tell whether the text has the form of an e-mail address."""
    local, _, domain = email.rpartition("@")
    is_word = email.isprintable() and " " not in email
    return bool(local and domain) and is_word and len(email) <= LONGEST_EMAIL


def load(work: UnitOfWork, user_id: UserId) -> User:
    """Return the user.

    Raises:
        Unauthorized: the user does not exist any more.
    """
    user = work.users.get(user_id)
    if user is None:
        raise Unauthorized
    return user


def set_time_zone(work: UnitOfWork, user_id: UserId, name: str | None) -> User:
    """Set the zone of the user's days by its IANA name; None is UTC.

    Raises:
        Unprocessable: there is no such zone.
        Unauthorized: the user does not exist any more.
    """
    if name is not None:
        try:
            find_zone(name)
        except UnknownTimeZone as error:
            _refuse([FieldError("/time_zone", "unknown_time_zone", str(error))])
    work.users.set_time_zone(user_id, name, work.now)
    return load(work, user_id)


def change_password(
    services: Services, principal: Principal, password: str, new_password: str, address: str
) -> User:
    """Replace the user's password, given the old one; the other sessions end.

    API tokens stay valid: scripts do not sign in with a password.

    Raises:
        Unprocessable: the old password is wrong, or the new one breaks a rule.
        RateLimited: the old one was wrong too often.
    """
    with services.database.read() as work:
        user = load(work, principal.user_id)
        old_hash = work.users.password_hash(user.id)
    login_throttle.refuse_when_spent(services, user.email, address)
    _refuse(_check_password(services, new_password, user.email, "/new_password"))
    if not services.passwords.verify(password, old_hash):
        login_throttle.count_failure(services, user.email, address)
        _refuse([_WRONG_PASSWORD])
    new_hash = services.passwords.hash(new_password)
    with services.database.write(address) as work:
        # Of two changes at the same moment the second would undo the first one unseen.
        if work.users.lock_password_hash(user.id) != old_hash:
            _refuse([_WRONG_PASSWORD])
        work.users.set_password(user.id, new_hash, work.now)
        work.sessions.revoke_all(user.id, work.now, but=principal.session_id)
        work.record_event("password_changed", user.id, user.id)
    return user


def reset_password(services: Services, user: User, new_password: str) -> None:
    """Give a user another password, from the command line; all sessions and tokens end.

    The old password may be known to an attacker, who may have created tokens.

    Raises:
        Unprocessable: the password breaks a rule.
    """
    _refuse(_check_password(services, new_password, user.email, "/new_password"))
    new_hash = services.passwords.hash(new_password)
    with services.database.write() as work:
        work.users.set_password(user.id, new_hash, work.now)
        work.sessions.revoke_all(user.id, work.now)
        work.api_tokens.revoke_all(user.id, work.now)
        work.record_event("password_reset", user.id, user.id)


def erase(work: UnitOfWork, user: User) -> int:
    """Remove a user and all of the user's rows, and return the number of snapshots."""
    snapshots = work.users.erase(user.id, work.now)
    # The line belongs to no user: the user's own lines are gone.
    work.record_event("user_erased", None, user.id)
    return snapshots


def _check_password(services: Services, password: str, email: str, place: str) -> list[FieldError]:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        detail = f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters."
        return [FieldError(place, "length", detail)]
    if services.passwords.is_common(password, email):
        return [FieldError(place, "common", "This password is too easy to guess.")]
    return []


def _refuse(field_errors: list[FieldError]) -> None:
    if field_errors:
        raise Unprocessable(field_errors[0].detail, tuple(field_errors))
