"""What the demo remembers between starts: its shops and their keys, in `demo.json` of the data folder (mode 0600)."""

import os
from pathlib import Path

import msgspec

from server.settings import Settings


class DemoShop(msgspec.Struct, frozen=True):
    """One demo shop. `loaded` tells that its catalog and events are in, encoded and served."""

    shop_id: str
    slug: str
    name: str
    publishable_key: str
    secret_key: str
    loaded: bool = False


def load(settings: Settings) -> dict[str, DemoShop]:
    """The demo shops by slug; empty before the demo was loaded, or when the file is damaged."""
    try:
        return msgspec.json.decode(_path(settings).read_bytes(), type=dict[str, DemoShop])
    except (FileNotFoundError, msgspec.DecodeError, msgspec.ValidationError):
        return {}


def save(settings: Settings, shop: DemoShop) -> None:
    """Remember one demo shop; readers see the old file or the new one, never a half."""
    shops = load(settings) | {shop.slug: shop}
    path = _path(settings)
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.encode(shops))
    new.replace(path)


def _path(settings: Settings) -> Path:
    return settings.folder / "demo.json"
