"""The options of Dashtam, from ``DASHTAM_*``, ``DASHTAM_*_FILE`` and ``.env``."""

import os
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Final, Literal, get_type_hints
from urllib.parse import urlsplit

import msgspec
from dotenv import dotenv_values
from msgspec import Meta
from platformdirs import user_data_path

from dashtam.application.rate_limits import POLICIES, RatePolicy, parse_policy
from dashtam.domain.errors import DashtamError

PREFIX: Final = "DASHTAM_"

_FILE: Final = "_FILE"
_RATE_LIMIT: Final = "RATE_LIMIT_"
_MIN_SETUP_CODE_CHARS: Final = 12


class InvalidSettings(DashtamError):
    """Options cannot be used; the message has a line for each."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every option. The defaults work on a laptop."""

    environment: Annotated[
        Literal["development", "test", "production"],
        Meta(description="The purpose of this installation; production requires a key ring."),
    ] = "development"
    data: Annotated[
        Path, Meta(description="The folder of the database, the key ring and backups.")
    ] = msgspec.field(default_factory=lambda: user_data_path("dashtam", appauthor=False))
    database_url: Annotated[
        str | None,
        Meta(description="sqlite:///PATH or postgresql://…; by default a file in the data folder."),
    ] = None
    database_pool: Annotated[
        int,
        Meta(
            ge=1,
            le=100,
            description="Connections to the database, and threads for requests; PostgreSQL gets"
            " half as many more for the history cache.",
        ),
    ] = 10
    redis_url: Annotated[
        str | None, Meta(description="Redis or Valkey, for rate limits that processes share.")
    ] = None
    host: Annotated[str, Meta(description="The address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="The port to listen on.")] = 8000
    processes: Annotated[
        int, Meta(ge=1, le=64, description="Processes in which `dashtam serve` answers.")
    ] = 1
    public_url: Annotated[
        str | None, Meta(description="The address that people use, such as https://money.example.")
    ] = None
    trusted_proxies: Annotated[
        str, Meta(description="Networks that may set X-Forwarded-For, with commas: 10.0.0.0/8.")
    ] = ""
    cors_origins: Annotated[
        str, Meta(description="Origins of other pages that may call the API, with commas.")
    ] = ""
    outbound_hosts: Annotated[
        str, Meta(description="Servers that providers may use beside their own, such as nas:8443.")
    ] = ""
    outbound_ca: Annotated[
        str | None, Meta(description="Further certificate authorities for providers, as PEM text.")
    ] = None
    worker: Annotated[
        bool, Meta(description="Run scheduled syncs in `dashtam serve`, as `dashtam worker` does.")
    ] = True
    inbox: Annotated[
        Path | None,
        Meta(description="A folder: the worker imports statement files that appear in it."),
    ] = None
    inbox_user: Annotated[
        str | None,
        Meta(description="The e-mail of the user who owns the inbox; by default the only user."),
    ] = None
    sync_spacing_minutes: Annotated[
        int, Meta(ge=0, le=1440, description="Minutes between unforced syncs of one kind.")
    ] = 15
    sync_lease_s: Annotated[
        int, Meta(ge=3, le=600, description="Seconds without a heartbeat that end a sync.")
    ] = 60
    registration: Annotated[
        Literal["first_user", "open", "closed"],
        Meta(description="Who may register: the first user alone, everyone, or nobody."),
    ] = "first_user"
    setup_code: Annotated[
        str | None, Meta(description="The code a first user elsewhere enters; printed if not set.")
    ] = None
    key_ring: Annotated[
        str | None, Meta(description="The content of key_ring.json, in place of the file.")
    ] = None
    issuer: Annotated[str, Meta(description="The issuer in access tokens.")] = "dashtam"
    audience: Annotated[str, Meta(description="The audience in access tokens.")] = "dashtam-api"
    errors_url: Annotated[str, Meta(description="The beginning of the type of every problem.")] = (
        "https://api.dashtam.com/errors/"
    )
    metrics: Annotated[bool, Meta(description="Serve /metrics for Prometheus.")] = False
    debug: Annotated[
        bool, Meta(description="Log messages and tracebacks of errors; forbidden in production.")
    ] = False
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="The lowest level that is logged."),
    ] = "info"
    rate_limits: Annotated[
        dict[str, str],
        Meta(description="DASHTAM_RATE_LIMIT_<POLICY>=capacity/per_minute, such as 100/100."),
    ] = msgspec.field(default_factory=dict)

    @classmethod
    def descriptions(cls) -> list[str]:
        """Return the description of each option, in their order."""
        hints = get_type_hints(cls, include_extras=True)
        return [hints[name].__metadata__[0].description for name in cls.__struct_fields__]

    @property
    def is_production(self) -> bool:
        """Whether a key ring is required and debugging is forbidden."""
        return self.environment == "production"

    @property
    def database(self) -> str:
        """The database's URL in SQLAlchemy's form."""
        if self.database_url is None:
            return f"sqlite:///{self.data.absolute() / 'dashtam.db'}"
        scheme, separator, rest = self.database_url.partition("://")
        if scheme in {"postgres", "postgresql"}:
            return f"postgresql+psycopg{separator}{rest}"
        return self.database_url

    @property
    def key_ring_path(self) -> Path:
        """The file of the key ring, unless ``key_ring`` is set."""
        return self.data / "keys" / "key_ring.json"

    @property
    def trusted_networks(self) -> list[IPv4Network | IPv6Network]:
        """The networks of trusted proxies."""
        return [ip_network(entry) for entry in _split_list(self.trusted_proxies)]

    @property
    def origins(self) -> list[str]:
        """The origins of other pages that may call the API."""
        return _split_list(self.cors_origins)

    @property
    def outbound_endpoints(self) -> frozenset[tuple[str, int]]:
        """The hosts and ports in private networks that providers may use."""
        return frozenset(_parse_endpoint(entry) for entry in _split_list(self.outbound_hosts))

    @property
    def base_path(self) -> str:
        """The path of ``public_url``, without a slash at its end."""
        return urlsplit(self.public_url or "").path.rstrip("/")

    @property
    def trusted_origins(self) -> list[str]:
        """The origins of the pages that may use the refresh cookie."""
        public = urlsplit(self.public_url or f"http://{self.host}:{self.port}")
        return [f"{public.scheme}://{public.netloc}", *self.origins]

    @property
    def rate_policies(self) -> dict[str, RatePolicy]:
        """The rate limits by name."""
        return {
            policy.name: parse_policy(policy.name, self.rate_limits[policy.name])
            if policy.name in self.rate_limits
            else policy
            for policy in POLICIES
        }


def read_settings(
    given: Mapping[str, object] | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    """Read every option from ``given``, else the environment, else ``.env`` in the working folder.

    ``DASHTAM_X_FILE`` names a file that holds ``DASHTAM_X``. An unknown option is an error, so that
    a misspelled one is noticed.

    Raises:
        InvalidSettings: an option is unknown, or has a value that it cannot have.
    """
    if environ is None:
        dotenv = {name: text for name, text in dotenv_values(".env").items() if text is not None}
        environ = dotenv | dict(os.environ)  # noqa: TID251 - the one place that reads it
    values = _read_environment(environ)
    values |= {name: value for name, value in (given or {}).items() if value is not None}
    unknown = sorted(set(values) - set(Settings.__struct_fields__))
    if unknown:
        names = ", ".join(PREFIX + name.upper() for name in unknown)
        msg = f"There is no option {names}. `dashtam config` lists them all."
        raise InvalidSettings(msg)
    try:
        settings = msgspec.convert(
            values, Settings, strict=False, dec_hook=lambda _, path: Path(str(path)).expanduser()
        )
    except msgspec.ValidationError as error:
        message, _, option = str(error).partition(" - at `$.")
        msg = f"{PREFIX}{option.rstrip('`').upper()}: {message[:1].lower()}{message[1:]}."
        raise InvalidSettings(msg) from None
    if errors := list(_find_errors(settings)):
        raise InvalidSettings("\n".join(errors))
    return settings


def _read_environment(environ: Mapping[str, str]) -> dict[str, object]:
    options: dict[str, object] = {}
    limits: dict[str, str] = {}
    for name, text in environ.items():
        if not name.startswith(PREFIX) or not text:
            continue
        option, value = name.removeprefix(PREFIX), text
        if option.endswith(_FILE):
            option = option.removesuffix(_FILE)
            try:
                value = Path(text).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                raise InvalidSettings(detail=f"{name}: the file cannot be read.") from None
        if option.startswith(_RATE_LIMIT):
            limits[option.removeprefix(_RATE_LIMIT)] = value
        else:
            options[option.lower()] = value
    return options | ({"rate_limits": limits} if limits else {})


def _find_errors(settings: Settings) -> Iterator[str]:
    """Yield the errors that the types of the options do not prevent."""
    try:
        _ = settings.rate_policies
    except ValueError as error:
        yield f"{PREFIX}{_RATE_LIMIT}{error}"
    try:
        _ = settings.trusted_networks
    except ValueError:
        yield f"{PREFIX}TRUSTED_PROXIES: networks like 10.0.0.0/8, with commas between them."
    try:
        _ = settings.outbound_endpoints
    except ValueError:
        yield f"{PREFIX}OUTBOUND_HOSTS: entries like bridge.lan:8443, with commas between them."
    if settings.outbound_ca and "-----BEGIN CERTIFICATE-----" not in settings.outbound_ca:
        yield f"{PREFIX}OUTBOUND_CA: certificates in PEM, or _FILE with the name of such a file."
    if not settings.database.startswith(("sqlite:///", "postgresql+psycopg://")):
        yield f"{PREFIX}DATABASE_URL: begins with sqlite:/// or postgresql://."
    if settings.public_url and urlsplit(settings.public_url).scheme not in {"http", "https"}:
        yield f"{PREFIX}PUBLIC_URL: begins with https:// or http://."
    for name in sorted(set(settings.rate_limits) - {policy.name for policy in POLICIES}):
        yield f"{PREFIX}{_RATE_LIMIT}{name}: there is no such rate limit."
    if settings.setup_code is not None and len(settings.setup_code) < _MIN_SETUP_CODE_CHARS:
        least = _MIN_SETUP_CODE_CHARS
        yield f"{PREFIX}SETUP_CODE: at least {least} characters, or anyone could guess it."
    if settings.is_production and settings.debug:
        yield f"{PREFIX}DEBUG: not in production."


def _parse_endpoint(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname or not parts.port or parts.netloc != text or "@" in text:
        raise ValueError(text)
    return parts.hostname, parts.port


def _split_list(text: str) -> list[str]:
    return [entry.strip() for entry in text.split(",") if entry.strip()]
