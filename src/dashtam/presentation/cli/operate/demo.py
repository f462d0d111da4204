"""``dashtam demo``: sample data, served at once."""

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

import click
import msgspec

from dashtam.application.demo import EMAIL, Demo, Sample, prepare
from dashtam.domain.errors import DashtamError
from dashtam.presentation.cli.context import Command, CommandContext, notify, pass_command_context
from dashtam.presentation.cli.installation import InstallationPort
from dashtam.presentation.http.server import listen

_STATEMENTS: Final = (".csv", ".ofx", ".qfx", ".sta", ".xml")
_PASSWORD: Final = "demo_password"  # noqa: S105 - a file's name
_FOLDER: Final = "dashtam-demo"


@click.command(cls=Command)
@click.option("--port", type=click.IntRange(1, 65_535), help="Where to listen; 8000 by default.")
@pass_command_context
def demo(context: CommandContext, port: int | None) -> None:
    """Serve sample data: three years of a household's accounts, with a user to sign in as.

    The data lies in a folder of its own unless --data names one. Run again, it shows the same.
    """
    context.settings |= {"log_level": "warning"} | ({"port": port} if port else {})
    installation, data = _opened(context)
    options = _options(installation)
    _refuse_where_it_cannot_be(options)
    notify("Reading the sample statements …")
    password = _password(data)
    prepared = prepare(installation.services(), password, samples())

    def started(told: Mapping[str, str]) -> None:
        shown = _Shown(told["url"], password, prepared, data)
        click.echo(shown.json() if context.as_json else shown.text())

    installation.serve(started)


def samples() -> Iterator[Sample]:
    """Yield the sample statements, from the installed package or the clone.

    Raises:
        Refusal: they are in neither.
    """
    folder = _folder()
    # A bank whose files name it in one format only is called what that one says.
    for file in sorted(
        folder.iterdir(), key=lambda file: (not file.name.endswith(".xml"), file.name)
    ):
        if file.name.endswith(_STATEMENTS):
            mapping = folder / f"{file.name}.mapping.json"
            told = msgspec.json.decode(mapping.read_bytes()) if mapping.is_file() else {}
            yield Sample(file.name, file.read_bytes(), told)


def _folder() -> Traversable:
    package = resources.files("dashtam")
    with resources.as_file(package) as here:
        for folder in (package / "examples", here.parent.parent / "examples"):
            if folder.is_dir():
                return folder
    detail = "The sample statements are not in this installation."
    raise DashtamError(detail)


def _opened(context: CommandContext) -> tuple[InstallationPort, Path]:
    """Return the installation, and its folder: one beside the user's own unless one was named."""
    installation = context.installation
    named = {option.variable: option for option in installation.options()}["DASHTAM_DATA"]
    if named.is_set:
        return installation, Path(named.value)
    data = Path(named.value).with_name(_FOLDER)
    return context.open_installation(context.settings | {"data": data}), data


def _options(installation: InstallationPort) -> Mapping[str, str]:
    return {option.variable: option.value for option in installation.options()}


def _refuse_where_it_cannot_be(options: Mapping[str, str]) -> None:
    if options["DASHTAM_ENVIRONMENT"] == "production":
        detail = "This installation is for production, and the demonstration is not."
        raise DashtamError(detail)
    host, port = options["DASHTAM_HOST"], int(options["DASHTAM_PORT"])
    try:
        # Before anything is written: the server itself takes the port at the end.
        for taken in listen(host, port):
            taken.close()
    except OSError as trouble:
        detail = (
            f"Port {port} of {host} cannot be had ({os.strerror(trouble.errno or 0)})."
            " Choose another one with --port."
        )
        raise DashtamError(detail) from None


def _password(data: Path) -> str:
    """Return the password of the demonstration's user, made up the first time."""
    path = data / _PASSWORD
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        kept = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        kept = ""
    if kept:
        return kept
    password = secrets.token_urlsafe(12)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode=0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{password}\n")
    return password


class _Shown:
    """What the demonstration says when it answers."""

    def __init__(self, url: str, password: str, prepared: Demo, data: Path) -> None:
        self._url, self._password, self._demo, self._data = url, password, prepared, data

    def json(self) -> bytes:
        """Return it for programs."""
        return msgspec.json.encode(
            {
                "url": self._url,
                "email": EMAIL,
                "password": self._password,
                "token": self._demo.token,
                "account_id": self._demo.longest.id,
                "curl": self._curl(),
            }
        )

    def text(self) -> str:
        """Return it for people; colours are left out where there is no terminal."""
        count = f"{self._demo.accounts} accounts, {self._demo.snapshots:,} balances"
        return "\n".join(
            [
                "",
                f"{click.style('Dashtam', bold=True)}  {count}, all of them invented",
                "",
                *_columns(
                    [
                        ("Dashboard", self._url),
                        ("E-mail", EMAIL),
                        ("Password", self._password),
                        ("API", f"{self._url}/docs"),
                        ("Data", str(self._data)),
                    ]
                ),
                "",
                f"A year of {self._demo.longest.name}, with a token that reads only, for one day:",
                "",
                # On a line by itself, to be copied whole.
                self._curl(),
                "",
                click.style("Ctrl+C ends it.", dim=True),
            ]
        )

    def _curl(self) -> str:
        period = self._demo.last_year
        start, end = (f"{instant:%Y-%m-%dT%H:%M:%SZ}" for instant in (period.start, period.end))
        account = f"{self._url}/api/v1/accounts/{self._demo.longest.id}"
        query = f"start_date={start}&end_date={end}"
        token = self._demo.token
        return f'curl "{account}/balance-history?{query}" -H "Authorization: Bearer {token}"'


def _columns(rows: Sequence[tuple[str, str]]) -> list[str]:
    width = max(len(title) for title, _ in rows)
    return [f"  {click.style(title.ljust(width), dim=True)}  {text}" for title, text in rows]
