"""``dashtam connections`` and ``dashtam providers``: where balances come from."""

import sys
from collections.abc import Mapping, Sequence

import click

from dashtam.application.connections import connect
from dashtam.application.connections import connections as ties
from dashtam.application.connections.connect import Connected, NewConnection
from dashtam.application.connections.provider_list import KnownProvider, known_providers
from dashtam.application.provider import CredentialField
from dashtam.database.pagination import iterate_all
from dashtam.domain.connection import Connection, ProviderKind
from dashtam.domain.errors import DashtamError
from dashtam.presentation.cli.context import Invocation, Noun, pass_invocation, say
from dashtam.presentation.cli.resolve import chosen_connection, chosen_user
from dashtam.presentation.cli.tables import answer, count_text, instant_text, table
from dashtam.presentation.routers.api.v1.connections import (
    ConnectionList,
    ProviderList,
    connection_shape,
    provider_shape,
)


@click.group(cls=Noun)
def providers() -> None:
    """List what balances can come from."""


@providers.command("list")
@pass_invocation
def list_providers(invocation: Invocation) -> None:
    """List live providers with what they ask for, formats of files, and typing."""
    known = known_providers(invocation.services)
    shape = ProviderList(providers=[provider_shape(one) for one in known], total_count=len(known))
    rows = [
        (one.slug, one.name, one.kind, ", ".join(field.title for field in one.credentials))
        for one in known
    ]
    answer(invocation, shape, lambda: table(("SLUG", "NAME", "KIND", "ASKS FOR"), rows))


@click.group(cls=Noun)
def connections() -> None:
    """Connect to providers, reconnect, disconnect."""


@connections.command("list")
@pass_invocation
def list_connections(invocation: Invocation) -> None:
    """List where the accounts come from, and what is wrong with it, if anything is."""
    with invocation.services.database.read() as work:
        user = chosen_user(invocation, work)
        found = list(iterate_all(lambda page: ties.of_user(work, user.id, page)))
    shape = ConnectionList(
        connections=[connection_shape(one) for one in found],
        total_count=len(found),
        next_cursor=None,
    )
    headings = ("NAME", "PROVIDER", "STATE", "LAST SYNC", "NEXT SYNC", "ID")
    answer(invocation, shape, lambda: _text(found, headings))


def _text(found: Sequence[Connection], headings: Sequence[str]) -> str:
    rows = [
        (
            one.name,
            one.provider,
            one.state,
            instant_text(one.last_synced_at),
            instant_text(one.next_sync_at),
            str(one.id),
        )
        for one in found
    ]
    told = [f"{one.name}: {one.detail}" for one in found if one.detail]
    return "\n".join([table(headings, rows), *told])


@connections.command()
@click.argument("provider")
@click.option("--name", help="What to call it; the provider's name by default.")
@pass_invocation
def add(invocation: Invocation, provider: str, name: str | None) -> None:
    """Connect to a provider and run the first sync.

    Its credentials are asked for; where nobody can be asked they are read from standard input,
    a line each, in the order of `dashtam providers list`. They never stand on the command line,
    which others on this machine can read.
    """
    services = invocation.services
    with services.database.read() as work:
        user = chosen_user(invocation, work)
    given = _asked(_known(invocation, provider).credentials)
    made = connect.connect(services, user.id, NewConnection(provider, given, name))
    _tell(invocation, made)


@connections.command()
@click.argument("connection")
@pass_invocation
def reconnect(invocation: Invocation, connection: str) -> None:
    """Give a connection other credentials; its accounts and their history go on."""
    mine = _chosen(invocation, connection)
    given = _asked(_known(invocation, mine.provider).credentials)
    _tell(invocation, connect.reconnect(invocation.services, mine, given))


@connections.command()
@click.argument("connection")
@click.argument("name")
@pass_invocation
def rename(invocation: Invocation, connection: str, name: str) -> None:
    """Give a connection another name."""
    with invocation.services.database.write() as work:
        mine = chosen_connection(work, chosen_user(invocation, work), connection)
        renamed = ties.rename(work, mine, name)
    answer(invocation, connection_shape(renamed), lambda: f"It is called {renamed.name!r} now.")


@connections.command()
@click.argument("connection")
@pass_invocation
def disconnect(invocation: Invocation, connection: str) -> None:
    """Destroy a connection's credentials; its accounts and their history stay."""
    mine = _chosen(invocation, connection)
    invocation.make_sure(f"Destroy the credentials of {mine.name!r}?")
    with invocation.services.database.write() as work:
        ties.disconnect(work, mine)
    say(f"{mine.name!r} is disconnected. `dashtam connections reconnect` connects it again.")


def _chosen(invocation: Invocation, text: str) -> Connection:
    with invocation.services.database.read() as work:
        return chosen_connection(work, chosen_user(invocation, work), text)


def _known(invocation: Invocation, slug: str) -> KnownProvider:
    for one in known_providers(invocation.services):
        if one.slug == slug and one.kind is ProviderKind.API:
            return one
    detail = f"There is no live provider {slug!r}: `dashtam providers list` names them."
    raise DashtamError(detail)


def _asked(fields: Sequence[CredentialField]) -> Mapping[str, str]:
    if not sys.stdin.isatty():
        lines = sys.stdin.read().splitlines()
        return {field.name: line.strip() for field, line in zip(fields, lines, strict=False)}
    return {
        field.name: click.prompt(field.title, hide_input=field.is_secret, err=True)
        for field in fields
    }


def _tell(invocation: Invocation, made: Connected) -> None:
    connection, sync = made.connection, made.sync
    found = count_text(len(sync.accounts), "account")
    recorded = count_text(sync.recorded, "snapshot")
    answer(
        invocation,
        connection_shape(connection),
        lambda: f"{connection.name}: {connection.state}, {found}, {recorded} recorded.",
    )
    if connection.detail:
        say(connection.detail)
