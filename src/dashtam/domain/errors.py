"""Errors: one class for each thing that a caller can do differently."""

from dataclasses import dataclass

from dashtam.domain.mapping_proposal import MappingProposal


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault of a request.

    ``place`` is the name of a parameter, or a JSON pointer (RFC 6901) into the body, empty for the
    whole body.
    """

    place: str
    code: str
    detail: str


def pointer_to(*names: str) -> str:
    """Return the JSON pointer (RFC 6901) to a member by its name, within members by theirs."""
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names)


class DashtamError(Exception):
    """A refused request; ``str()`` is a sentence for the user."""

    detail = "This cannot be done."

    def __init__(
        self, detail: str | None = None, field_errors: tuple[FieldError, ...] = ()
    ) -> None:
        super().__init__(detail or self.detail)
        self.field_errors = field_errors


class Invalid(DashtamError):
    """The request cannot be parsed."""

    detail = "The request cannot be understood."


class InvalidDateRange(Invalid):
    """The period does not end after it starts, or has more data than one response may."""

    detail = "start_date must be before end_date."


class Unauthorized(DashtamError):
    """The request has no valid credential."""

    detail = "Sign in, and send the access token as a bearer token."


class Forbidden(DashtamError):
    """The user may not do this."""

    detail = "You are not allowed to do this."


class NotFound(DashtamError):
    """There is no such resource, or it is another user's."""

    detail = "Not found"


class Conflict(DashtamError):
    """The current state does not allow the request."""

    detail = "This conflicts with the current state."


class Unprocessable(DashtamError):
    """The request is well-formed and breaks a rule."""

    detail = "The request breaks a rule."


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
    """The statement file has nothing that can be used; the detail gives the reason."""

    detail = "Nothing in this file can be used."


class UnknownFormat(UnreadableFile):
    """The file is no statement of a known format, by its content."""

    detail = "The format of this file is not known."


class MappingNeeded(Unprocessable):
    """The file needs a mapping of its columns; the field errors name the missing ones.

    ``proposal`` is None where the mapping itself cannot be understood.
    """

    detail = "The columns of this file need a mapping."

    def __init__(
        self,
        detail: str | None = None,
        field_errors: tuple[FieldError, ...] = (),
        proposal: MappingProposal | None = None,
    ) -> None:
        super().__init__(detail, field_errors)
        self.proposal = proposal


class AccountNotFound(NotFound):
    """No account has this id."""

    detail = "Account not found"


class AccountForbidden(Forbidden):
    """The account is another user's."""

    detail = "You are not allowed to see this account."


class RateLimited(DashtamError):
    """Too many requests; the next one is allowed in ``retry_after_s`` whole seconds."""

    detail = "Too many requests."

    def __init__(self, retry_after_s: int, detail: str | None = None) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Unavailable(DashtamError):
    """A service that Dashtam needs cannot be reached; a retry may succeed."""

    detail = "The database is not available at the moment. Nothing was changed; try again soon."
