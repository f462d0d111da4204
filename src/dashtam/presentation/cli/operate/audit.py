"""``dashtam audit``: the audit log."""

import click

from dashtam.presentation.cli.context import Command, CommandContext, with_context
from dashtam.presentation.cli.resolve import find_user
from dashtam.presentation.cli.tables import answer_table


@click.command(cls=Command)
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@with_context
def audit(context: CommandContext, limit: int) -> None:
    """Show the audit log, newest first.

    Of everyone, or of --user alone.
    """
    with context.database.read() as work:
        user_id = None if context.email is None else find_user(work, context.email).id
        lines = work.audit_log.newest(limit, user_id)
        emails = {user.id: user.email for user in work.users.all()}
    rows = [
        (
            line.at,
            None if line.user_id is None else emails.get(line.user_id),
            line.event,
            line.subject,
            line.address or "here",
        )
        for line in lines
    ]
    headings = ("AT", "USER", "EVENT", "SUBJECT", "ADDRESS")
    answer_table(context, {"audit_lines": lines}, headings, rows)
