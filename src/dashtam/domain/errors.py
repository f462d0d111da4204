"""What Dashtam refuses: one class for each thing a caller can do differently."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong in what was sent.

    ``place`` names a parameter, or points into a body as a JSON pointer (RFC 6901): empty for the
    whole body.
    """

    place: str
    code: str
    detail: str


class DashtamError(Exception):
    """Dashtam will not do what was asked; ``str()`` is a sentence for the user."""

    detail = "This cannot be done."

    def __init__(
        self, detail: str | None = None, field_errors: tuple[FieldError, ...] = ()
    ) -> None:
        super().__init__(detail or self.detail)
        self.field_errors = field_errors


class Invalid(DashtamError):
    """What was sent cannot be understood."""

    detail = "What was sent cannot be understood."


class InvalidDateRange(Invalid):
    """The period ends before it starts, or holds more than one answer may."""

    detail = "start_date must be before end_date."


class Unauthorized(DashtamError):
    """Nobody is signed in."""

    detail = "Sign in, and send the access token as a bearer token."


class Forbidden(DashtamError):
    """The user may not do this."""

    detail = "You are not allowed to do this."


class NotFound(DashtamError):
    """There is no such thing, or it is another user's."""

    detail = "Not found"


class Conflict(DashtamError):
    """The state of things does not allow it now."""

    detail = "This conflicts with what is there."


class Unprocessable(DashtamError):
    """What was sent is well formed and breaks a rule."""

    detail = "What was sent breaks a rule."


class InvalidAmount(Unprocessable):
    """The text is not an amount of money."""

    detail = (
        "An amount is plain digits, at most 20 before the point and 18 behind it,"
        " with a minus sign where it is negative."
    )


class UnknownCurrency(Unprocessable):
    """The code is not one of ISO 4217."""

    detail = "A currency is a three-letter code of ISO 4217, like USD."


class UnreadableFile(Unprocessable):
    """Nothing in the statement file can be used; the sentence says why."""

    detail = "Nothing in this file can be used."


class MappingNeeded(Unprocessable):
    """The file can be read once a mapping says what its columns mean; the faults name what."""

    detail = "A mapping must say what the columns of this file mean."


class AccountNotFound(NotFound):
    """No account has this id."""

    detail = "Account not found"


class AccountForbidden(Forbidden):
    """The account is another user's."""

    detail = "You are not allowed to see this account."


class RateLimited(DashtamError):
    """Too many requests; ``retry_after_s`` whole seconds from now one passes."""

    detail = "Too many requests."

    def __init__(self, retry_after_s: int, detail: str | None = None) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Unavailable(DashtamError):
    """Something that Dashtam needs is away; the same request may work in a moment."""

    detail = "The database is not available at the moment. Nothing was changed; try again soon."
