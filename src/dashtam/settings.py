"""Every option of Dashtam, read once: ``DASHTAM_*``, ``DASHTAM_*_FILE`` and ``.env``."""

import os
from collections.abc import Iterable, Mapping
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
_LEAST_SECRET: Final = 12


class InvalidSettings(DashtamError):
    """An option cannot be used; ``str()`` says which and why, a line each."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator decides. Every option works as it is on a laptop."""

    environment: Annotated[
        Literal["development", "test", "production"],
        Meta(description="What this installation is for; production is strict about secrets."),
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
            description="Connections to the database, and threads that work; PostgreSQL has half as"
            " many more, for reading what lies ready.",
        ),
    ] = 10
    redis_url: Annotated[
        str | None,
        Meta(description="Redis or Valkey, where several processes share their rate limits."),
    ] = None
    host: Annotated[str, Meta(description="The address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="The port to listen on.")] = 8000
    processes: Annotated[
        int, Meta(ge=1, le=64, description="Processes in which `dashtam serve` answers.")
    ] = 1
    public_url: Annotated[
        str | None,
        Meta(description="Where people reach this installation, such as https://money.example."),
    ] = None
    trusted_proxies: Annotated[
        str,
        Meta(description="Networks whose X-Forwarded-For is believed, with commas: 10.0.0.0/8."),
    ] = ""
    cors_origins: Annotated[
        str, Meta(description="Origins whose pages may call the API, with commas; none by default.")
    ] = ""
    outbound_hosts: Annotated[
        str,
        Meta(
            description="Hosts in private networks that providers may use, with commas: nas:8443."
        ),
    ] = ""
    outbound_ca: Annotated[
        str | None,
        Meta(description="Further certificate authorities of providers' servers, as PEM text."),
    ] = None
    worker: Annotated[
        bool, Meta(description="Have `dashtam serve` do what `dashtam worker` does.")
    ] = True
    sync_spacing_minutes: Annotated[
        int,
        Meta(ge=0, le=1440, description="Minutes between two syncs of one kind, if not forced."),
    ] = 15
    sync_lease_s: Annotated[
        int,
        Meta(ge=3, le=600, description="Seconds without a sign of life that end a sync."),
    ] = 60
    registration: Annotated[
        Literal["first_user", "open", "closed"],
        Meta(description="Who may register: the first user alone, everyone, or nobody."),
    ] = "first_user"
    setup_code: Annotated[
        str | None,
        Meta(description="What the first user must know off loopback; printed if not set."),
    ] = None
    key_ring: Annotated[
        str | None,
        Meta(description="The key ring itself, in place of a file: what key_ring.json holds."),
    ] = None
    issuer: Annotated[str, Meta(description="The issuer in access tokens.")] = "dashtam"
    audience: Annotated[str, Meta(description="The audience in access tokens.")] = "dashtam-api"
    errors_url: Annotated[str, Meta(description="What the type of every problem begins with.")] = (
        "https://api.dashtam.com/errors/"
    )
    metrics: Annotated[bool, Meta(description="Serve /metrics for Prometheus.")] = False
    debug: Annotated[
        bool, Meta(description="Log what errors say, with tracebacks; never allowed in production.")
    ] = False
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="The least that is logged.")
    ] = "info"
    rate_limits: Annotated[
        dict[str, str],
        Meta(description="DASHTAM_RATE_LIMIT_<POLICY>=capacity/per_minute, such as 100/100."),
    ] = msgspec.field(default_factory=dict)

    @classmethod
    def sentences(cls) -> list[str]:
        """Return what each option is for, in their order."""
        hints = get_type_hints(cls, include_extras=True)
        return [hints[name].__metadata__[0].description for name in cls.__struct_fields__]

    @property
    def is_production(self) -> bool:
        """Whether secrets must be real and answers tell nothing."""
        return self.environment == "production"

    @property
    def database(self) -> str:
        """The database's address, in SQLAlchemy's form."""
        if self.database_url is None:
            return f"sqlite:///{self.data.absolute() / 'dashtam.db'}"
        scheme, separator, rest = self.database_url.partition("://")
        if scheme in {"postgres", "postgresql"}:
            return f"postgresql+psycopg{separator}{rest}"
        return self.database_url

    @property
    def key_ring_path(self) -> Path:
        """Where the key ring lies, unless it is given as a setting."""
        return self.data / "keys" / "key_ring.json"

    @property
    def proxies(self) -> list[IPv4Network | IPv6Network]:
        """The networks of trusted proxies."""
        return [ip_network(entry) for entry in _entries(self.trusted_proxies)]

    @property
    def origins(self) -> list[str]:
        """The origins whose pages may call the API."""
        return _entries(self.cors_origins)

    @property
    def outbound(self) -> frozenset[tuple[str, int]]:
        """The hosts in private networks, with their ports, that providers may be reached at."""
        return frozenset(_host_and_port(entry) for entry in _entries(self.outbound_hosts))

    @property
    def base_path(self) -> str:
        """What stands before our paths in public_url, empty where nothing does."""
        return urlsplit(self.public_url or "").path.rstrip("/")

    @property
    def own_origins(self) -> list[str]:
        """The origins whose pages may use the refresh cookie."""
        public = urlsplit(self.public_url or f"http://{self.host}:{self.port}")
        return [f"{public.scheme}://{public.netloc}", *self.origins]

    @property
    def policies(self) -> dict[str, RatePolicy]:
        """The rate limits by name, as they are set or by default."""
        return {
            policy.name: parse_policy(policy.name, self.rate_limits[policy.name])
            if policy.name in self.rate_limits
            else policy
            for policy in POLICIES
        }


def read_settings(
    given: Mapping[str, object] | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    """Read every option: what is ``given``, else the environment, else ``.env`` beside us.

    ``DASHTAM_X_FILE`` names a file that holds ``DASHTAM_X``. An option that nobody knows is an
    error, since it was meant to do something.

    Raises:
        InvalidSettings: an option is unknown, or has a value that it cannot have.
    """
    if environ is None:
        dotenv = {name: text for name, text in dotenv_values(".env").items() if text is not None}
        environ = dotenv | dict(os.environ)  # noqa: TID251 - the one place that reads it
    values: dict[str, object] = dict(_texts(environ))
    values |= {name: value for name, value in (given or {}).items() if value is not None}
    unknown = sorted(set(values) - set(Settings.__struct_fields__))
    if unknown:
        names = ", ".join(PREFIX + name.upper() for name in unknown)
        msg = f"There is no option {names}. `dashtam config` lists them all."
        raise InvalidSettings(msg)
    try:
        settings = msgspec.convert(values, Settings, strict=False, dec_hook=_read)
    except msgspec.ValidationError as error:
        raise InvalidSettings(_sentence(str(error))) from None
    field_errors = list(_faults(settings))
    if field_errors:
        raise InvalidSettings("\n".join(field_errors))
    return settings


def _read(kind: type[Path], text: object) -> Path:
    return kind(str(text)).expanduser()


def _texts(environ: Mapping[str, str]) -> dict[str, object]:
    texts: dict[str, object] = {}
    limits: dict[str, str] = {}
    for name, text in environ.items():
        if not name.startswith(PREFIX) or not text:
            continue
        option, value = name.removeprefix(PREFIX), text
        if option.endswith(_FILE):
            option, value = option.removesuffix(_FILE), _content(name, text)
        if option.startswith(_RATE_LIMIT):
            limits[option.removeprefix(_RATE_LIMIT)] = value
        else:
            texts[option.lower()] = value
    return texts | ({"rate_limits": limits} if limits else {})


def _content(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        msg = f"{name}: the file cannot be read."
        raise InvalidSettings(msg) from None


def _sentence(message: str) -> str:
    sentence, _, place = message.partition(" - at `$.")
    return f"{PREFIX}{place.rstrip('`').upper()}: {sentence[:1].lower()}{sentence[1:]}."


def _faults(settings: Settings) -> Iterable[str]:
    """Yield what is wrong with options that are well-formed by themselves."""
    yield from _malformed(settings)
    for name in sorted(set(settings.rate_limits) - {policy.name for policy in POLICIES}):
        yield f"{PREFIX}{_RATE_LIMIT}{name}: there is no such rate limit."
    if settings.setup_code is not None and len(settings.setup_code) < _LEAST_SECRET:
        yield f"{PREFIX}SETUP_CODE: at least {_LEAST_SECRET} characters, or anyone could guess it."
    if settings.is_production and settings.debug:
        yield f"{PREFIX}DEBUG: not in production."


def _malformed(settings: Settings) -> Iterable[str]:
    try:
        _ = settings.policies
    except ValueError as error:
        yield f"{PREFIX}{_RATE_LIMIT}{error}"
    try:
        _ = settings.proxies
    except ValueError:
        yield f"{PREFIX}TRUSTED_PROXIES: networks like 10.0.0.0/8, with commas between them."
    try:
        _ = settings.outbound
    except ValueError:
        yield f"{PREFIX}OUTBOUND_HOSTS: entries like bridge.lan:8443, with commas between them."
    if settings.outbound_ca and "-----BEGIN CERTIFICATE-----" not in settings.outbound_ca:
        yield f"{PREFIX}OUTBOUND_CA: certificates in PEM, or _FILE with the name of such a file."
    if not settings.database.startswith(("sqlite:///", "postgresql+psycopg://")):
        yield f"{PREFIX}DATABASE_URL: begins with sqlite:/// or postgresql://."
    if settings.public_url and urlsplit(settings.public_url).scheme not in {"http", "https"}:
        yield f"{PREFIX}PUBLIC_URL: begins with https:// or http://."


def _host_and_port(entry: str) -> tuple[str, int]:
    parts = urlsplit(f"//{entry}")
    if not parts.hostname or not parts.port or parts.netloc != entry or "@" in entry:
        raise ValueError(entry)
    return parts.hostname, parts.port


def _entries(text: str) -> list[str]:
    return [entry.strip() for entry in text.split(",") if entry.strip()]
