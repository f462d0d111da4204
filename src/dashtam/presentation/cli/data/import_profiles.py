"""``dashtam import-profiles``: the mappings that imports remember."""

import json

import click

from dashtam.application.imports import import_profiles
from dashtam.domain.errors import DashtamError
from dashtam.presentation.cli.context import CommandContext, Group, notify, with_context
from dashtam.presentation.cli.resolve import list_all, resolve_user
from dashtam.presentation.cli.tables import answer_table
from dashtam.presentation.routers.api.v1.import_profiles import (
    ImportProfileList,
    ImportProfileShape,
)

_COLUMNS = 4


@click.group("import-profiles", cls=Group)
def profiles() -> None:
    """List and forget the mappings that imports remember."""


@profiles.command("list")
@with_context
def list_profiles(context: CommandContext) -> None:
    """List the remembered mappings, newest first."""
    with context.database.read() as work:
        found = list_all(work, resolve_user(context, work), import_profiles.list_for_user)
    shapes = [ImportProfileShape.of(one) for one in found]
    rows = [
        (
            ", ".join(one.columns[:_COLUMNS]) + (" …" if len(one.columns) > _COLUMNS else ""),
            json.dumps(one.mapping, ensure_ascii=False),
            one.file_name,
            one.last_used_at,
            one.id,
        )
        for one in shapes
    ]
    shape = ImportProfileList(import_profiles=shapes, total_count=len(shapes), next_cursor=None)
    answer_table(context, shape, ("COLUMNS", "MAPPING", "FILE", "USED", "ID"), rows)


@profiles.command()
@click.argument("profile")
@with_context
def delete(context: CommandContext, profile: str) -> None:
    """Forget a mapping, named by its id or the beginning of it."""
    with context.database.write() as work:
        user = resolve_user(context, work)
        known = list_all(work, user, import_profiles.list_for_user)
        found = [one for one in known if str(one.id).startswith(profile.lower())]
        if len(found) != 1:
            raise DashtamError(detail=f"{len(found)} remembered mappings have this id.")
        import_profiles.delete(work, user.id, found[0].id)
    notify("The mapping is forgotten.")
