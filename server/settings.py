"""Every setting of the server: its name, type, default and meaning, in one place.

Values come from environment variables (`VITRINA_PORT=8080`), then from `vitrina.toml` (`port = 8080`), then from the
defaults below. `load()` checks them and says what to change; `describe()` is what docs/configuration.md is made from.
"""

import os
import tomllib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

Port = Annotated[int, Meta(ge=1, le=65535)]
Positive = Annotated[int, Meta(ge=1)]
Limit = Annotated[int, Meta(ge=0, le=1_000_000)]
Processes = Annotated[int, Meta(ge=0, le=64)]
Share = Annotated[float, Meta(ge=0.05, le=1)]
Seconds = Annotated[float, Meta(gt=0, le=600)]

_SHORTEST_TOKEN = 16
KNOWN_PROVIDERS = ("google", "github")
_MOST_TRAINING_THREADS = 2  # more gain little on a shop's matrices, and the machine serves shoppers meanwhile
_DEMO_IMAGES = {"/demo/luma/images/": str(Path(__file__).parent / "demo/data/luma/images")}


class SettingsError(ValueError):
    """A setting has a value that Vitrina cannot use; the message names it and says what fits."""


class SignIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where else people may sign in. `google` and `github` need no issuer, any other name needs one."""

    client_id: str
    client_secret: str = ""
    issuer: str = ""
    title: str = ""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """The checked settings of one process."""

    data_folder: str = "vitrina-data"
    host: str = "127.0.0.1"
    port: Port = 8000
    public_url: str = ""
    database_url: str = ""
    redis_url: str = ""
    api_processes: Processes = 0
    worker_processes: Processes = 1
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "console"] = "auto"
    encoder: Literal["auto", "clip", "minilm+visual", "minilm", "visual"] = "auto"
    clip: str = ""
    image_folders: dict[str, str] = {}
    image_max_bytes: Positive = 15_000_000
    image_max_pixels: Positive = 50_000_000
    import_max_bytes: Positive = 2_000_000_000
    fetch_timeout_s: Seconds = 20.0
    snapshot_memory_mb: Positive = 512
    search_by_meaning: bool = True
    training_threads: Processes = 0
    key_requests_per_s: Limit = 1_000
    address_requests_per_s: Limit = 200
    shop_share: Share = 0.1  # with 0.25 a busy shop moved its neighbour's p95 by a fifth (benchmarks.neighbours)
    sign_up: Literal["invited", "open"] = "invited"
    sign_in: dict[str, SignIn] = {}
    smtp_url: str = ""
    mail_from: str = "Vitrina <vitrina@localhost>"
    security_contact: str = ""
    metrics_token: str = ""

    def __post_init__(self) -> None:
        """Check what types alone cannot say."""
        if self.public_url and not self.public_url.startswith(("http://", "https://")):
            raise ValueError("`public_url` must begin with http:// or https://")
        if self.redis_url and not self.redis_url.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("`redis_url` must begin with redis://, rediss:// or unix://")
        if self.database_url and not self.database_url.startswith(("sqlite://", "postgres://", "postgresql://")):
            raise ValueError("`database_url` must begin with sqlite:// or postgres://")
        if self.smtp_url and not self.smtp_url.startswith(("smtp://", "smtps://")):
            raise ValueError("`smtp_url` must begin with smtp:// or smtps://")
        for name, provider in self.sign_in.items():
            if not name.isascii() or not name.replace("-", "").isalnum():
                raise ValueError(f"`sign_in` names a provider {name!r}; use letters, digits and hyphens")
            if name not in KNOWN_PROVIDERS and not provider.issuer.startswith(("https://", "http://127.0.0.1:")):
                raise ValueError(f"`sign_in.{name}` needs an `issuer` that begins with https://")
        if self.metrics_token and not _is_token(self.metrics_token):
            raise ValueError(
                f"`metrics_token` must be {_SHORTEST_TOKEN} or more letters, digits and signs without spaces"
            )
        contact = self.security_contact
        if contact and not (contact.startswith(("mailto:", "https://")) and contact.isprintable()):
            raise ValueError("`security_contact` must begin with mailto: or https://")

    @cached_property
    def folder(self) -> Path:
        """The data folder as an absolute path."""
        return Path(self.data_folder).expanduser().absolute()

    @property
    def is_embedded(self) -> bool:
        """Whether everything it needs lies in the data folder: no database and no Redis of others."""
        return not self.database_url and not self.redis_url

    @property
    def local_image_folders(self) -> dict[str, str]:
        """`image_folders`, and the images that come with the demo shop."""
        return _DEMO_IMAGES | self.image_folders

    @property
    def base_url(self) -> str:
        """The address browsers use, without a slash at the end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def threads_of_training(self) -> int:
        """The threads of one training: what is set, else one per core and no more than two."""
        return self.training_threads or min(len(os.sched_getaffinity(0)), _MOST_TRAINING_THREADS)

    def as_environment(self) -> dict[str, str]:
        """These settings as environment variables, for a child process that shall have the same."""
        plain = msgspec.to_builtins(self) | {"data_folder": str(self.folder)}
        return {
            f"VITRINA_{name.upper()}": value if isinstance(value, str) else msgspec.json.encode(value).decode()
            for name, value in plain.items()
        }


MEANINGS = {
    "data_folder": "Folder that holds the embedded database, Redis, uploads, images and snapshots.",
    "host": "Address the API listens on.",
    "port": "Port the API listens on.",
    "public_url": "Address at which browsers reach this server; empty means `http://host:port`.",
    "database_url": "`postgres://user:password@host/name` or `sqlite:///path`; empty means SQLite in the data folder. "
    "`DATABASE_URL` is read too.",
    "redis_url": "`redis://host:6379/0` or `unix:///path`; empty means a Redis server that Vitrina starts itself. "
    "`REDIS_URL` is read too.",
    "api_processes": "API processes that `up` starts; 0 means one per core, four at most.",
    "worker_processes": "Worker processes that `up` starts; 0 when workers run elsewhere.",
    "log_level": "Least severe log lines to write.",
    "log_format": "`json` for machines, `console` for people; `auto` takes `console` on a terminal.",
    "encoder": "How products become vectors. `auto` takes CLIP where its weights are at hand or can be fetched, else "
    "MiniLM and visual descriptors side by side.",
    "clip": "CLIP checkpoint: a local folder or a name on the model hub; empty means `openai/clip-vit-base-patch32`.",
    "image_folders": 'Images whose address begins so are read from a local folder: `{"/media/": "/srv/media"}`.',
    "image_max_bytes": "Largest image file that is taken in, in bytes.",
    "image_max_pixels": "Most pixels of an image that is decoded.",
    "import_max_bytes": "Largest catalog or event file that is taken in, in bytes.",
    "fetch_timeout_s": "Longest time for one outgoing request, in seconds.",
    "snapshot_memory_mb": "Memory for loaded snapshots in one API process, in megabytes; past it the shop that was "
    "asked for longest ago is let go.",
    "search_by_meaning": "Whether search asks the text encoder on a worker when words alone find little.",
    "key_requests_per_s": "Requests that one key may make in a second, as an average over ten; what is more gets 429. "
    "0 means no limit.",
    "address_requests_per_s": "The same for one address, with or without a key. Not applied to this machine's own "
    "address while `public_url` is empty.",
    "shop_share": "The most of an API process's time that one shop takes while others ask too, from 0.05; what is more "
    "gets 429. 1 means no limit.",
    "security_contact": "Whom to tell of a weakness, `mailto:…` or `https://…`, for `/.well-known/security.txt`; empty "
    "means the mailbox `security` of the host in `public_url`.",
    "metrics_token": "Who sends it as `Authorization: Bearer …` may read `/metrics`, which names shops; 16 characters "
    "or more. Empty means this machine only, and nobody once `public_url` is set.",
    "training_threads": "Threads that one training computes with; 0 means one per core, two at most.",
    "sign_up": "Who may open an account: `invited` to a shop, or everybody (`open`), who then may open shops too.",
    "sign_in": "Where else people may sign in: "
    '`{"google": {"client_id": "…", "client_secret": "…"}}`; also `github`, or any name with an `issuer` that speaks '
    "OpenID Connect and a `title` for the button.",
    "smtp_url": "Mail server, `smtp://user:password@host:587` (TLS by STARTTLS) or `smtps://…`; empty means that "
    "letters are written to `mail/` in the data folder.",
    "mail_from": "Sender of letters.",
}


def _is_token(text: str) -> bool:
    return len(text) >= _SHORTEST_TOKEN and text.isascii() and text.isprintable() and " " not in text


class Description(NamedTuple):
    """One row of the table in docs/configuration.md."""

    name: str
    variable: str
    type: str
    default: str
    meaning: str


def describe() -> list[Description]:
    """Every setting, in the order of their definition."""
    return [
        Description(
            field.name,
            f"VITRINA_{field.name.upper()}",
            _type_name(field.type),
            _default(field),
            MEANINGS[field.name],
        )
        for field in msgspec.structs.fields(Settings)
    ]


def load(environment: Mapping[str, str] = os.environ, file: Path | None = None) -> Settings:
    """Read the settings from the environment and `vitrina.toml` (or the file that `VITRINA_CONFIG` names).

    Raises:
        SettingsError: a value cannot be used, or a name is unknown.
    """
    named = environment.get("VITRINA_CONFIG")
    path = file or Path(named or "vitrina.toml")
    if named and not path.exists():
        raise SettingsError(f"VITRINA_CONFIG names {named}, which does not exist.")
    values = _from_file(path) if path.exists() else {}
    values |= _from_environment(environment)
    try:
        return msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"Settings: {error}. docs/configuration.md lists what fits.") from error


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {
        name.lower(): environment[name] for name in ("DATABASE_URL", "REDIS_URL") if environment.get(name)
    }
    for variable, value in environment.items():
        name = variable.removeprefix("VITRINA_").lower()
        if not variable.startswith("VITRINA_") or name == "config" or name.startswith("test_"):
            continue
        if name not in MEANINGS:
            raise SettingsError(f"{variable} is not a setting of Vitrina. docs/configuration.md lists them.")
        values[name] = _table(variable, value, _TABLES[name]) if name in _TABLES else value
    return values


_TABLES = {
    "image_folders": '{"/media/": "/srv/media"}',
    "sign_in": '{"google": {"client_id": "…", "client_secret": "…"}}',
}


def _table(variable: str, value: str, example: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(value, type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise SettingsError(f"{variable} must be a JSON object such as {example}: {error}") from error


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.default is msgspec.NODEFAULT:
        return "{}"
    return str(field.default).lower() if isinstance(field.default, bool) else str(field.default)


def _type_name(declared: Any) -> str:
    origin = getattr(declared, "__origin__", declared)
    if origin is Literal:
        return " \\| ".join(f"`{choice}`" for choice in declared.__args__)
    if declared == dict[str, str]:
        return "table of text"
    if origin is dict:
        return "table of tables"
    names = {int: "whole number", float: "number", str: "text", bool: "true or false"}
    return names[origin]
