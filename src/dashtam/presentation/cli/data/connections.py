"""``dashtam connections`` and ``dashtam providers``: the sources of balances."""

import sys
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

import click

from dashtam.application.connections import authorizations, connect
from dashtam.application.connections import connections as owned
from dashtam.application.connections.authorizations import AuthorizationRequest
from dashtam.application.connections.connect import Connected, NewConnection
from dashtam.application.connections.provider_list import known_providers
from dashtam.domain.errors import DashtamError
from dashtam.domain.user import Principal, UserId
from dashtam.presentation.cli.context import CommandContext, Group, notify, with_context
from dashtam.presentation.cli.resolve import list_all, resolve_connection, resolve_user
from dashtam.presentation.cli.tables import answer, answer_table, count_text, table
from dashtam.presentation.routers.api.v1.connections import (
    ConnectionList,
    ConnectionShape,
    ProviderList,
    provider_shape,
)


@click.group(cls=Group)
def providers() -> None:
    """List the sources of balances."""


@providers.command("list")
@with_context
def list_providers(context: CommandContext) -> None:
    """List the sources of balances, with the credentials of live providers."""
    shapes = [provider_shape(one) for one in known_providers(context.services)]
    rows = [
        (one.slug, one.name, one.kind, ", ".join(field.title for field in one.credentials))
        for one in shapes
    ]
    shape = ProviderList(providers=shapes, total_count=len(shapes))
    answer_table(context, shape, ("SLUG", "NAME", "KIND", "CREDENTIALS"), rows)


@click.group(cls=Group)
def connections() -> None:
    """Connect to providers, reconnect, disconnect."""


@connections.command("list")
@with_context
def list_connections(context: CommandContext) -> None:
    """List the sources of the accounts, each with its fault, if any."""
    with context.database.read() as work:
        found = list_all(work, resolve_user(context, work), owned.list_for_user)
    shapes = [ConnectionShape.of(one) for one in found]
    rows = [
        (one.name, one.provider, one.state, one.last_synced_at, one.next_sync_at, one.id)
        for one in shapes
    ]
    details = [f"{one.name}: {one.detail}" for one in shapes if one.detail]
    headings = ("NAME", "PROVIDER", "STATE", "LAST SYNC", "NEXT SYNC", "ID")
    shape = ConnectionList(connections=shapes, total_count=len(shapes), next_cursor=None)
    answer(context, shape, lambda: "\n".join([table(headings, rows), *details]))


@connections.command()
@click.argument("provider")
@click.option("--name", help="The connection's name; the provider's by default.")
@with_context
def add(context: CommandContext, provider: str, name: str | None) -> None:
    """Connect to a provider and run the first sync.

    Its credentials are typed; without a terminal they are read from standard input, a line each,
    in the order of `dashtam providers list`. They are no options, since others on this machine can
    read the command line.
    """
    services = context.services
    with services.database.read() as work:
        user = resolve_user(context, work)
    credentials = _read_credentials(context, provider)
    if services.providers[provider].uses_browser:
        request = AuthorizationRequest(provider, credentials, name)
        connected = _sign_in(context, user.id, request)
    else:
        connected = connect.connect(services, user.id, NewConnection(provider, credentials, name))
    _answer_connected(context, connected)


@connections.command()
@click.argument("connection")
@with_context
def reconnect(context: CommandContext, connection: str) -> None:
    """Give a connection other credentials.

    Its accounts keep their history.
    """
    with context.database.read() as work:
        mine = resolve_connection(context, work, connection)
    provider = context.services.providers.get(mine.provider)
    if provider is not None and provider.uses_browser:
        request = AuthorizationRequest(connection_id=mine.id)
        connected = _sign_in(context, mine.user_id, request)
    else:
        credentials = _read_credentials(context, mine.provider)
        connected = connect.reconnect(context.services, mine, credentials)
    _answer_connected(context, connected)


@connections.command()
@click.argument("connection")
@click.argument("name")
@with_context
def rename(context: CommandContext, connection: str, name: str) -> None:
    """Give a connection another name."""
    with context.database.write() as work:
        renamed = owned.rename(work, resolve_connection(context, work, connection), name)
    answer(context, ConnectionShape.of(renamed), lambda: f"It is called {renamed.name!r} now.")


@connections.command()
@click.argument("connection")
@with_context
def disconnect(context: CommandContext, connection: str) -> None:
    """Destroy a connection's credentials.

    Its accounts and their history stay.
    """
    database = context.database
    with database.read() as work:
        mine = resolve_connection(context, work, connection)
    context.confirm(f"Destroy the credentials of {mine.name!r}?")
    with database.write() as work:
        owned.disconnect(work, mine)
    notify(f"{mine.name!r} is disconnected. `dashtam connections reconnect` connects it again.")


def _read_credentials(context: CommandContext, slug: str) -> Mapping[str, str]:
    """Ask for a live provider's credentials, or read a line of standard input for each."""
    provider = context.services.providers.get(slug)
    if provider is None:
        detail = f"There is no live provider {slug!r}: `dashtam providers list` names them."
        raise DashtamError(detail)
    lines = iter(() if sys.stdin.isatty() else sys.stdin.read().splitlines())
    credentials: dict[str, str] = {}
    for field in provider.credentials:
        if not sys.stdin.isatty():
            value = next(lines, "").strip()
        elif field.is_optional:
            value = click.prompt(f"{field.title} (may be empty)", "", show_default=False, err=True)
        else:
            is_hidden = field.is_secret and not field.is_multiline
            value = click.prompt(field.title, hide_input=is_hidden, err=True)
        if field.is_multiline and value.startswith("-----BEGIN"):
            source = iter(input, None) if sys.stdin.isatty() else lines
            for line in source:
                value += f"\n{line}"
                if line.startswith("-----END"):
                    break
        if value:
            credentials[field.name] = value
    return credentials


def _sign_in(context: CommandContext, user_id: UserId, request: AuthorizationRequest) -> Connected:
    """Let the user sign in in a browser, and complete it by the address that it shows then."""
    services, principal = context.services, Principal(user_id, None)
    begun = authorizations.begin(services, principal, request)
    notify(f"Sign in here: {begun.url}")
    shown = click.prompt("The address that the browser shows at the end", err=True)
    parameters = dict(parse_qsl(urlsplit(shown.strip()).query))
    return authorizations.complete(services, principal, parameters)


def _answer_connected(context: CommandContext, connected: Connected) -> None:
    shape, sync = ConnectionShape.of(connected.connection), connected.sync
    found = count_text(len(sync.accounts), "account")
    recorded = count_text(sync.recorded, "snapshot")
    answer(context, shape, lambda: f"{shape.name}: {shape.state}, {found}, {recorded} recorded.")
    if shape.detail:
        notify(shape.detail)
