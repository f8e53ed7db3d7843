"""`vitrina-server config`: the settings in effect, and the page that documents them all."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec

from server.settings import Settings, describe

_SECRET_WORDS = re.compile(r"(?i)(password|secret|token|sslkey|key)=[^&]*")

_SECRET_NAMES = re.compile("(?i)secret|password|token")

_PAGE = """# Settings

Each setting is an environment variable, or a line in `vitrina.toml` in the folder where Vitrina is started (another
file: `VITRINA_CONFIG=/etc/vitrina.toml`). The environment wins over the file, the file over the default. An unknown
name or a value that does not fit ends the start with a message. `vitrina-server config` prints what is in effect, with
passwords hidden.

```toml
# vitrina.toml
port = 8080
database_url = "postgres://vitrina:secret@db.internal/vitrina"

[image_folders]
"/media/" = "/srv/shop/media"
```

| in `vitrina.toml` | in the environment | type | default | meaning |
|---|---|---|---|---|
{rows}

This page is written by `vitrina-server config --page`; the meanings live in `server/settings.py`.
"""


def page() -> str:
    """The text of docs/configuration.md."""
    rows = [
        f"| `{row.name}` | `{row.variable}` | {row.type} | {_shown(row.default)} | {row.meaning} |"
        for row in describe()
    ]
    return _PAGE.format(rows="\n".join(rows))


def in_effect(settings: Settings) -> str:
    """Every setting and its value, one a line, as in `vitrina.toml`; passwords and keys in addresses are hidden."""
    values = {name: getattr(settings, name) for name in settings.__struct_fields__}
    lines: list[str] = []
    for name, value in values.items():
        if isinstance(value, dict):
            lines.append(f"{name} = {_table(msgspec.to_builtins(value))}")
        else:
            lines.append(f"{name} = {_entry(name, masked(value) if isinstance(value, str) else value)}")
    return "\n".join(lines) + "\n"


def _table(values: Mapping[str, Any]) -> str:
    return f"{{ {', '.join(f'{_text(key)} = {_entry(key, value)}' for key, value in values.items())} }}"


def _entry(key: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return _table(value)
    return _text("***" if value and _SECRET_NAMES.search(key) else value)


def masked(address: str) -> str:
    """The address without the password and the keys that it may hold."""
    if "://" not in address:
        return address
    parts = urlsplit(address)
    place = parts.netloc
    if "@" in place:
        user, _, host = place.rpartition("@")
        place = f"{user.partition(':')[0]}:***@{host}" if ":" in user else place
    query = _SECRET_WORDS.sub(r"\1=***", parts.query)
    return urlunsplit((parts.scheme, place, parts.path, query, parts.fragment)) if parts.netloc or query else address


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()  # a TOML basic string, number or boolean is written like JSON's


def _shown(default: str) -> str:
    return f"`{default}`" if default else ""
