"""The images of items, from their addresses to files that can be decoded.

An address that begins with a prefix of `image_folders` is a file of that folder; every other one is fetched through the
guarded client, reduced to what encoders look at, and kept twice: the picture under the hash of its bytes, and a small
record under the hash of its address that says which picture that was, so that it is not fetched again for a week.
A missing or broken image is a `Missing` with its reason, never an error.
"""

import asyncio
import time
from collections import defaultdict
from hashlib import blake2b, sha256
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from server.catalog import decoding
from server.catalog.decoding import BadImage
from server.outbound import Outbound, OutboundError, Refused, Unreachable
from server.outbound.client import shown
from server.settings import Settings
from server.storage import blobs

ACCEPT = "image/avif,image/webp,image/jpeg,image/png,image/gif;q=0.9,*/*;q=0.1"
_AT_ONCE = 8  # over all hosts
_AT_ONCE_PER_HOST = 4  # fewer than one browser opens
_FRESH_S = 7 * 86_400  # shops' platforms give a changed picture a new address; asking weekly catches the others
_RETRY_BROKEN_S = 86_400  # what is gone or no image may have been repaired tomorrow
_RETRY_UNREACHABLE_S = 300  # a shop that does not answer is not asked by every task of the next minutes


class Found(msgspec.Struct, frozen=True):
    """A picture's file, and a short hash that changes with its bytes."""

    path: Path
    digest: str


class Missing(msgspec.Struct, frozen=True):
    """Why there is no picture; may be shown to the shop."""

    reason: str


class _Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of one address. `checked_at` and `retry_at` are Unix times in seconds."""

    checked_at: float
    digest: str = ""
    etag: str = ""
    modified: str = ""
    reason: str = ""
    retry_at: float = 0.0


class Images:
    """Finds pictures by address, eight at a time and at most four from one host."""

    def __init__(self, settings: Settings, outbound: Outbound) -> None:
        self._settings = settings
        self._outbound = outbound
        self._all = asyncio.Semaphore(_AT_ONCE)
        self._hosts: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(_AT_ONCE_PER_HOST))

    async def find(self, url: str) -> Found | Missing:
        """The picture at `url`: from its folder, from what is kept, or fetched."""
        local = self._in_folder(url)
        if local is not None:
            return local
        if not url.startswith(("http://", "https://")):
            return Missing(
                f"No folder is set for {shown(url)!r}. Give a full address, or name its folder in image_folders."
            )
        record = self._record(url)
        if record and not self._is_due(record):
            return self._kept(record)
        async with self._hosts[urlsplit(url).netloc.rpartition("@")[2].lower()], self._all:
            return await self._fetch(url, record)

    def _in_folder(self, url: str) -> Found | Missing | None:
        folders = self._settings.local_image_folders
        prefix = max((prefix for prefix in folders if prefix and url.startswith(prefix)), key=len, default=None)
        if prefix is None:
            return None
        folder = Path(folders[prefix]).expanduser().resolve()
        name = unquote(url.removeprefix(prefix).partition("?")[0].partition("#")[0]).lstrip("/")
        try:
            path = (folder / name).resolve()  # links are followed before the check, so none leads out
            if not path.is_relative_to(folder) or not path.is_file():
                return Missing(f"There is no image {shown(url)!r} in the folder of that address.")
            status = path.stat()
        except (OSError, ValueError):
            return Missing(f"There is no image {shown(url)!r} in the folder of that address.")
        seal = f"{path}\n{status.st_size}\n{status.st_mtime_ns}"
        return Found(path, blake2b(seal.encode(errors="surrogateescape"), digest_size=16).hexdigest())

    def _is_due(self, record: _Record) -> bool:
        now = time.time()
        if record.reason:
            return now >= record.retry_at
        return now - record.checked_at > _FRESH_S or not self._path(record.digest).is_file()

    def _kept(self, record: _Record) -> Found | Missing:
        return Found(self._path(record.digest), record.digest[:32]) if record.digest else Missing(record.reason)

    async def _fetch(self, url: str, old: _Record | None) -> Found | Missing:
        known = old is not None and old.digest != "" and self._path(old.digest).is_file()
        etag, modified = (old.etag, old.modified) if old and known else ("", "")
        now = time.time()
        try:
            fetched = await self._outbound.get(
                url, max_bytes=self._settings.image_max_bytes, accept=ACCEPT, etag=etag, modified=modified
            )
            if old and known and fetched.status == 304:
                record = msgspec.structs.replace(old, checked_at=now)
            else:
                digest = sha256(fetched.body).hexdigest()
                await asyncio.to_thread(self._keep, digest, fetched.body)
                record = _Record(checked_at=now, digest=digest, etag=fetched.etag, modified=fetched.modified)
        except (OutboundError, BadImage) as error:
            if old and known and isinstance(error, Unreachable) and _may_come_back(error):
                return self._kept(old)  # yesterday's picture is better than none
            lasting = isinstance(error, Refused | BadImage) or not _may_come_back(error)
            pause_s = _RETRY_BROKEN_S if lasting else _RETRY_UNREACHABLE_S
            record = _Record(checked_at=now, reason=str(error), retry_at=now + pause_s)
        self._write(url, record)
        return self._kept(record)

    def _keep(self, digest: str, body: bytes) -> None:
        name = f"images/{digest[:2]}/{digest}"
        if not blobs.path_of(self._settings, name).is_file():
            reduced = decoding.reduced(body, self._settings)
            with blobs.new_file(self._settings, name) as path:
                path.write_bytes(reduced)

    def _path(self, digest: str) -> Path:
        return blobs.path_of(self._settings, f"images/{digest[:2]}/{digest}")

    def _record(self, url: str) -> _Record | None:
        try:
            return msgspec.json.decode(blobs.path_of(self._settings, _record_name(url)).read_bytes(), type=_Record)
        except (OSError, msgspec.DecodeError):
            return None

    def _write(self, url: str, record: _Record) -> None:
        with blobs.new_file(self._settings, _record_name(url)) as path:
            path.write_bytes(msgspec.json.encode(record))


def _may_come_back(error: OutboundError) -> bool:
    return isinstance(error, Unreachable) and (error.status == 0 or error.status >= 500 or error.status in (408, 429))


def _record_name(url: str) -> str:
    name = sha256(url.encode(errors="surrogatepass")).hexdigest()
    return f"images/addresses/{name[:2]}/{name}"
