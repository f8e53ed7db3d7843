"""The first pass over a catalog file: recognise its format, check every row, and set the good ones aside on disk.

Nothing is written to the catalog here; what is wrong with the file as a whole is found before anything changes.
"""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import msgspec

from server.catalog import fields, storing
from server.catalog.feeds import REGISTRY
from server.catalog.feeds.rows import Head, Problem, Reader, Row, Withdrawn, as_reader, head_of, shown
from server.catalog.options import ImportOptions
from server.files.opening import Opened, Unreadable
from server.files.passes import Watch
from server.files.spool import Spool

MOST_REJECTIONS = 100  # that are told one by one
_SUREST_NEEDED = 0.25
_TICK_EVERY = 500
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(fields.ItemFields).decode


class Reading:
    """What the first pass found. Ids are kept as 64-bit hashes: a million of them take 100 MB less that way."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self.format = ""
        self.warnings: list[str] = []
        self.rejected = 0
        self.rejections: list[Problem] = []
        self.items = 0
        self.withdrawn: set[str] = set()
        self._seen: set[int] = set()
        self._spared: set[int] = set()
        self._last: dict[str, int] = {}

    def names(self, item_id: str) -> bool:
        """Whether the file names an item, in a row that is good or bad."""
        key = hash(item_id)
        return key in self._seen or key in self._spared

    def add(self, item: storing.Prepared) -> None:
        """Set a good row aside."""
        self._note(item.item_id)
        self.items += 1
        self.spool.add((item.item_id, item.row_hash, item.content_hash, _encode(item.fields)))

    def withdraw(self, item_id: str) -> None:
        """An item that must not be shown."""
        self._note(item_id)
        self.withdrawn.add(item_id)

    def reject(self, problem: Problem) -> None:
        """A bad row. The item it names, if any, stays as it is."""
        self.rejected += 1
        if problem.item_id:
            self._spared.add(hash(problem.item_id))
        if len(self.rejections) < MOST_REJECTIONS:
            self.rejections.append(problem)

    def prepared(self) -> Iterator[tuple[str, str, str, bytes]]:
        """The items set aside, of several with one id only the last: id, row hash, content hash, packed fields."""
        for ordinal, record in enumerate(self.spool.read()):
            item_id = record[0]
            if self._last.get(item_id, ordinal) == ordinal and item_id not in self.withdrawn:
                yield tuple(record)

    @property
    def repeated(self) -> dict[str, int]:
        """Ids that occur in more than one row."""
        return self._last

    def _note(self, item_id: str) -> None:
        key = hash(item_id)
        if key in self._seen:
            self._last[item_id] = self.spool.count
            self.withdrawn.discard(item_id)
        self._seen.add(key)


def unpack(record: tuple[str, str, str, bytes]) -> storing.Prepared:
    """A record of `Reading.prepared` as an item."""
    return storing.Prepared(record[0], record[1], record[2], _decode(record[3]))


def read(opened: Opened, options: ImportOptions, currency: str, found: Reading, watch: Watch) -> None:
    """Fill `found` from the file. `currency`: the shop's own.

    Raises:
        Unreadable: the file as a whole is not what it should be.

    """
    head = head_of(opened)
    found.format, reader = _reader(head, options)
    for number, row in enumerate(reader.rows(opened, head, options), 1):
        if isinstance(row, Row):
            _take(row, currency, found)
        elif isinstance(row, Withdrawn):
            found.withdraw(row.item_id)
        else:
            found.reject(row)
        if number % _TICK_EVERY == 0:
            watch.tick(number, opened.progress)
    found.warnings += opened.warnings
    if found.repeated:
        example = next(iter(found.repeated))
        found.warnings.append(
            f"{len(found.repeated):,} ids occur in more than one row, such as “{example}”; the last row of each counts."
        )
    if not found.items and not found.withdrawn:
        raise Unreadable(_nothing_usable(found))


def _reader(head: Head, options: ImportOptions) -> tuple[str, Reader]:
    readers = {name: as_reader(import_module(module)) for name, module in REGISTRY.items()}
    if options.format == "csv" and not options.mapping and readers["magento"].sniff(head) > 0:
        return "magento", readers["magento"]
    if options.format != "auto":
        return options.format, readers[options.format]
    if options.mapping and head.table:  # whoever names columns means these and no platform's habits
        return "csv", readers["csv"]
    sureness = {name: reader.sniff(head) for name, reader in readers.items()}
    best = max(sureness, key=lambda name: sureness[name])
    if sureness[best] < _SUREST_NEEDED:
        raise Unreadable(
            "The format was not recognised: this is neither a table with column names, nor XML, nor JSON lines. "
            "Send a Shopify, WooCommerce or Google Merchant export, or CSV with a header line."
        )
    return best, readers[best]


def _take(row: Row, currency: str, found: Reading) -> None:
    try:
        found.add(storing.prepare(fields.read(row.item), currency))
    except fields.Invalid as invalid:
        error = invalid.errors[0]
        name = error.pointer.strip("/").split("/")[0]
        value: Any = row.item.get(name, "")
        item_id = row.item.get("item_id", "")
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode() if value is not None else ""
        found.reject(
            Problem(
                row.line,
                shown(row.columns.get(name, name)),
                shown(text),
                fields.expected(name) if name in fields.ItemFields.__struct_fields__ else error.detail,
                item_id[:128] if isinstance(item_id, str) else "",
            )
        )


def _nothing_usable(found: Reading) -> str:
    if not found.rejections:
        return "The file has a header but no rows. Nothing was changed."
    first = found.rejections[0]
    where = f"line {first.line}" + (f", column {first.column}" if first.column else "")
    return (
        f"None of the {found.rejected:,} rows could be used. The first: {where}: found “{first.found}”, "
        f"expected {first.expected}. Nothing was changed."
    )
