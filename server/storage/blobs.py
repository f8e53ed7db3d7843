"""Files that are written once and never changed: uploads, images, snapshots. A folder; the names are relative to it."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server.settings import Settings


def folder(settings: Settings) -> Path:
    """The folder that holds all blobs."""
    return settings.folder / "blobs"


def path_of(settings: Settings, name: str) -> Path:
    """The path of the blob `name` (slashes allowed, never outside the folder).

    Raises:
        ValueError: the name leads out of the folder.

    """
    root = folder(settings)
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()):
        raise ValueError(f"{name!r} is not the name of a blob")
    return path


@contextmanager
def new_file(settings: Settings, name: str) -> Iterator[Path]:
    """A path to write to; on leaving without an error it becomes the blob `name` in one step, else it is removed."""
    target = path_of(settings, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, raw = tempfile.mkstemp(dir=target.parent, prefix=".new-")
    os.close(handle)
    path = Path(raw)
    try:
        yield path
        path.replace(target)
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def new_folder(settings: Settings, name: str) -> Iterator[Path]:
    """The same for a folder of files."""
    target = path_of(settings, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(dir=target.parent, prefix=".new-"))
    try:
        yield path
        path.replace(target)
    finally:
        shutil.rmtree(path, ignore_errors=True)


def remove(settings: Settings, name: str) -> None:
    """Remove the blob, file or folder; one that is not there is no error."""
    path = path_of(settings, name)
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
