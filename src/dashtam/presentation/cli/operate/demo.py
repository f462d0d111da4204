"""``dashtam demo``: a server with sample data."""

import os
import secrets
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Final

import click
import msgspec

from dashtam.application.demo import EMAIL, Demo, Sample, prepare
from dashtam.domain.errors import DashtamError
from dashtam.presentation.cli.context import Command, CommandContext, notify, with_context
from dashtam.presentation.cli.operate.serve import require_free_port

_STATEMENTS: Final = (".csv", ".ofx", ".qfx", ".sta", ".xml")
_PASSWORD: Final = "demo_password"  # noqa: S105 - a file's name
_FOLDER: Final = "dashtam-demo"


@click.command(cls=Command)
@click.option("--port", type=click.IntRange(1, 65_535), help="The port; 8000 by default.")
@with_context
def demo(context: CommandContext, port: int | None) -> None:
    """Serve sample data: a household's accounts since 2022, with a user to sign in as.

    The data has a folder of its own, unless --data names one. Another run shows the same data.
    """
    context.settings |= {"log_level": "warning"} | ({"port": port} if port else {})
    installation = context.installation
    options = {option.variable: option for option in installation.options()}
    data = Path(options["DASHTAM_DATA"].value)
    if not options["DASHTAM_DATA"].is_set:
        data = data.with_name(_FOLDER)
        installation = context.open_installation(context.settings | {"data": data})
    if options["DASHTAM_ENVIRONMENT"].value == "production":
        detail = "This installation is for production, and the demonstration is not."
        raise DashtamError(detail)
    require_free_port(installation)
    notify("Reading the sample statements …")
    password = _read_or_make_password(data)
    prepared = prepare(installation.services(), password, samples())

    def report_start(facts: Mapping[str, str]) -> None:
        url = facts["url"]
        account, period = prepared.longest, prepared.last_year
        start, end = (f"{instant:%Y-%m-%dT%H:%M:%SZ}" for instant in (period.start, period.end))
        history = f"{url}/api/v1/accounts/{account.id}/balance-history"
        curl = (
            f'curl "{history}?start_date={start}&end_date={end}"'
            f' -H "Authorization: Bearer {prepared.token}"'
        )
        answer = {
            "url": url,
            "email": EMAIL,
            "password": password,
            "token": prepared.token,
            "account_id": account.id,
            "curl": curl,
        }
        text = _welcome_text(prepared, answer | {"data": data})
        click.echo(msgspec.json.encode(answer) if context.as_json else text)

    installation.serve(report_start)


def samples() -> Iterator[Sample]:
    """Yield the sample statements, from the installed package or the clone.

    Raises:
        DashtamError: they are in neither.
    """
    package = resources.files("dashtam")
    with resources.as_file(package) as path:
        folders = [package / "examples", path.parent.parent / "examples"]
    folder = next((folder for folder in folders if folder.is_dir()), None)
    if folder is None:
        raise DashtamError(detail="The sample statements are not in this installation.")
    # The first file names a bank, and only the XML files hold the banks' full names.
    files = sorted(folder.iterdir(), key=lambda file: (not file.name.endswith(".xml"), file.name))
    for file in files:
        if file.name.endswith(_STATEMENTS):
            mapping = folder / f"{file.name}.mapping.json"
            columns = msgspec.json.decode(mapping.read_bytes()) if mapping.is_file() else {}
            yield Sample(file.name, file.read_bytes(), columns)


def _read_or_make_password(data: Path) -> str:
    """Return the password of the demonstration's user, made by the first run."""
    path = data / _PASSWORD
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    password = path.read_text(encoding="ascii").strip() if path.exists() else ""
    if not password:
        password = secrets.token_urlsafe(12)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode=0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{password}\n")
    return password


def _welcome_text(prepared: Demo, answer: Mapping[str, object]) -> str:
    """Return the text for people; without a terminal ``click.echo`` leaves out the colours."""
    rows = {
        "Dashboard": answer["url"],
        "E-mail": answer["email"],
        "Password": answer["password"],
        "API": f"{answer['url']}/docs",
        "Data": answer["data"],
    }
    width = max(map(len, rows))
    count = f"{prepared.accounts} accounts, {prepared.snapshots:,} balances"
    lines = [
        "",
        f"{click.style('Dashtam', bold=True)}  {count}, all of them invented",
        "",
        *(f"  {click.style(title.ljust(width), dim=True)}  {text}" for title, text in rows.items()),
        "",
        f"A year of {prepared.longest.name}, with a token that reads only, for one day:",
        "",
        # On a line by itself, to be copied whole.
        answer["curl"],
        "",
        click.style("Ctrl+C ends it.", dim=True),
    ]
    return "\n".join(map(str, lines))
