"""Reads a feed as an import does, without a database: what the tests of formats look at."""

from pathlib import Path
from typing import NamedTuple

from server.catalog.feeds.rows import Problem
from server.catalog.fields import ItemFields
from server.catalog.options import ImportOptions
from server.catalog.reading import Reading, read, unpack
from server.files.opening import inspect
from server.files.passes import Watch
from server.files.spool import Spool

FEEDS = Path(__file__).parent.parent / "data" / "feeds"


class Feed(NamedTuple):
    format: str
    items: dict[str, ItemFields]
    withdrawn: set[str]
    rejections: list[Problem]
    warnings: list[str]


def read_feed(path: Path, options: ImportOptions | None = None, currency: str = "EUR") -> Feed:
    with Spool(path.parent if path.parent != FEEDS else Path("/tmp")) as spool:
        found = Reading(spool)
        read(inspect(path), options or ImportOptions(), currency, found, Watch())
        items = {record[0]: unpack(record).fields for record in found.prepared()}
    return Feed(found.format, items, found.withdrawn, found.rejections, found.warnings)


def feed_of(folder: Path, content: str | bytes, **options: object) -> Feed:
    path = folder / "feed"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_feed(path, ImportOptions.of(options))
