"""Where CLIP's weights are: a folder that the settings name, or the hub's cache on this machine. Reads no weights."""

import os
from pathlib import Path

from server.settings import Settings

DEFAULT = "openai/clip-vit-base-patch32"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
TOKENIZERS = ("tokenizer.json", "vocab.json")


def name_of(settings: Settings) -> str:
    """The checkpoint's name on the hub, or the path of its folder."""
    return settings.clip or DEFAULT


def is_folder(settings: Settings) -> bool:
    """Whether the settings name a folder rather than a model on the hub."""
    name = name_of(settings)
    return name.startswith(("/", ".", "~")) or Path(name).is_dir()


def find(settings: Settings) -> Path | None:
    """The folder with a whole checkpoint, or None."""
    if is_folder(settings):
        folder = Path(name_of(settings)).expanduser().absolute()
        return folder if is_whole(folder) else None
    folders = (hub_cache() / f"models--{name_of(settings).replace('/', '--')}" / "snapshots").glob("*")
    whole = [folder for folder in folders if is_whole(folder)]
    return max(whole, key=lambda folder: folder.stat().st_mtime, default=None)


def is_whole(folder: Path) -> bool:
    """Whether `folder` holds a configuration, a tokenizer and weights."""
    return (
        (folder / "config.json").is_file()
        and any((folder / name).is_file() for name in TOKENIZERS)
        and any((folder / name).is_file() for name in WEIGHTS)
    )


def hub_cache() -> Path:
    """The cache of huggingface_hub, found by its own rules, without importing it."""
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if named:
        return Path(named).expanduser()
    home = os.environ.get("HF_HOME")
    if not home:
        home = f"{os.environ.get('XDG_CACHE_HOME') or '~/.cache'}/huggingface"
    return Path(home).expanduser() / "hub"
