"""Running an installation: ``serve``, ``config``, ``doctor`` and ``audit``."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import click

from dashtam.application import audit_log
from dashtam.domain.audit import AuditLine
from dashtam.presentation.cli.context import Invocation, Verb, pass_invocation, say
from dashtam.presentation.cli.installation import Check, Option
from dashtam.presentation.cli.resolve import user_by_email
from dashtam.presentation.cli.tables import answer, instant_text, table
from dashtam.presentation.schemas.base import Shape


class OptionList(Shape):
    """Every setting."""

    options: Sequence[Option]


class CheckList(Shape):
    """Everything that was looked at."""

    checks: Sequence[Check]


class AuditLineShape(Shape):
    """One thing that happened."""

    id: UUID
    at: datetime
    user_id: UUID | None
    event: str
    subject: UUID | None
    address: str


class AuditLineList(Shape):
    """What happened, newest first."""

    audit_lines: list[AuditLineShape]


@click.command(cls=Verb)
@click.option("--host", help="The address to listen on; 127.0.0.1 by default.")
@click.option("--port", type=click.IntRange(0, 65535), help="The port; 8000 by default.")
@click.option(
    "--workers",
    "processes",
    type=click.IntRange(1, 64),
    help="Processes that answer on this port; 1 by default.",
)
@click.option(
    "--server",
    type=click.Choice(["uvicorn", "granian"]),
    help="What speaks HTTP; granian only behind a proxy that has deadlines.",
)
@pass_invocation
def serve(invocation: Invocation, /, **given: object) -> None:
    """Serve the API and the dashboard, until interrupted."""
    invocation.given |= given
    installation = invocation.installation
    for warning in installation.warnings():
        say(f"Note: {warning}")
    installation.serve(_say_started)


def _say_started(told: Mapping[str, str]) -> None:
    say(f"Dashtam answers at {told['url']}")
    if "note" in told:
        say(f"Note: {told['note']}")
    if "setup_code" in told:
        say(f"The first user registers there. From elsewhere the code is {told['setup_code']}")


@click.command(cls=Verb)
@pass_invocation
def config(invocation: Invocation) -> None:
    """Show every option: its value, its default, and what it is for.

    An option is set in the environment or in a file `.env`; NAME_FILE names a file that holds it.
    Secrets are hidden.
    """
    options = invocation.installation.options()
    answer(
        invocation,
        OptionList(options=options),
        lambda: "\n\n".join(map(_option_text, options)),
    )


def _option_text(option: Option) -> str:
    default = f" (default: {option.default or 'none'})" if option.is_set else ""
    return f"{option.variable}={option.value}{default}\n    {option.sentence}"


@click.command(cls=Verb)
@click.pass_context
@pass_invocation
def doctor(invocation: Invocation, context: click.Context) -> None:
    """Look for what is wrong, and tell what to do about it.

    Exit status 1 when anything is.
    """
    checks = invocation.installation.checks()
    answer(invocation, CheckList(checks=checks), lambda: "\n".join(map(_check_text, checks)))
    if not all(check.is_well for check in checks):
        context.exit(1)


def _check_text(check: Check) -> str:
    text = f"{'well ' if check.is_well else 'WRONG'}  {check.name}: {check.found}"
    return f"{text}\n       {check.advice}" if check.advice and not check.is_well else text


@click.command(cls=Verb)
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@pass_invocation
def audit(invocation: Invocation, limit: int) -> None:
    """Show who did what, newest first.

    Everyone, or --user alone.
    """
    with invocation.services.database.read() as work:
        email = invocation.email
        user_id = None if email is None else user_by_email(work, email).id
        lines = audit_log.newest(work, limit, user_id)
        emails = {user.id: user.email for user in work.users.all()}
    answer(
        invocation,
        AuditLineList(audit_lines=[_line_shape(line) for line in lines]),
        lambda: table(
            ("AT", "USER", "EVENT", "SUBJECT", "ADDRESS"),
            [
                (
                    instant_text(line.at),
                    emails.get(line.user_id, "-") if line.user_id else "-",
                    line.event,
                    str(line.subject or "-"),
                    line.address or "here",
                )
                for line in lines
            ],
        ),
    )


def _line_shape(line: AuditLine) -> AuditLineShape:
    return AuditLineShape(
        id=line.id,
        at=line.at,
        user_id=line.user_id,
        event=line.event,
        subject=line.subject,
        address=line.address,
    )
