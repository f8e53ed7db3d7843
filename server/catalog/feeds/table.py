"""Any other table (CSV, TSV): columns by the sender's mapping, else by names that tell what they hold.

A mapping names a column for a field, or a constant: `{"title": "Bezeichnung", "currency": {"value": "EUR"}}`. Besides
the fields of an item it may name `stock` (a count), `attributes.<name>` and `links.<kind>`.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import msgspec

from server.catalog import text
from server.catalog.feeds import cells
from server.catalog.feeds.rows import BadCell, Found, Head, Row, broken
from server.catalog.feeds.table_names import MANY, targets_of
from server.catalog.fields import ItemFields
from server.catalog.options import Constant, ImportOptions
from server.files import delimited
from server.files.opening import Opened, Unreadable

_FIELDS = frozenset(ItemFields.__struct_fields__)
_LINKS = frozenset({"related", "upsell", "cross_sell", "grouped"})
_CURRENCY_IN_NAME = re.compile(r"price_([a-z]{3})")


def sniff(head: Head) -> float:
    """Any table; more surely so one whose columns tell an id and a title."""
    if len(head.columns) < 2:
        return 0.0
    return 0.6 if {"item_id", "title"} <= set(targets_of(head.columns).values()) else 0.3


def rows(opened: Opened, head: Head, options: ImportOptions) -> Iterator[Found]:
    """One row a line of the table."""
    if head.table is None:
        raise Unreadable("This is not a table: the first line has no column names apart by commas, semicolons or tabs.")
    known = mapped(head.columns, options)
    known.require(("item_id", "title"))
    for record in delimited.read(opened, head.table):
        if isinstance(record, delimited.Broken):
            yield broken(record)
            continue
        try:
            yield known.row(*record)
        except BadCell as bad:
            yield bad.at(record[0], known.item_id(record[1]))


def mapped(names: Sequence[str], options: ImportOptions) -> "Mapped":
    """Which column is which field.

    Raises:
        Unreadable: the mapping names a column or a field that does not exist.

    """
    if not options.mapping:
        return Mapped(names, targets_of(names), {}, options)
    targets: dict[int, str] = {}
    constants: dict[str, str] = {}
    for target, source in options.mapping.items():
        _check_target(target)
        if isinstance(source, Constant):
            constants[target] = str(source.value)
        elif source in names:
            targets[names.index(source)] = target
        else:
            raise Unreadable(
                f"The mapping of {target} names the column “{source}”. The file has: {delimited.listed(names)}."
            )
    # what the mapping leaves open is found by name; a column has one meaning only
    for at, target in targets_of(names).items():
        if at not in targets and target not in targets.values() and target not in constants:
            targets[at] = target
    return Mapped(names, targets, constants, options)


def _check_target(target: str) -> None:
    kind, _, name = target.partition(".")
    if target in _FIELDS | {"stock"} or (kind == "attributes" and name) or (kind == "links" and name in _LINKS):
        return
    raise Unreadable(
        f"The mapping names the field “{target}”, which items do not have. They have {', '.join(sorted(_FIELDS))}, "
        "stock, attributes.<name> and links.related, .upsell, .cross_sell, .grouped."
    )


class Mapped:
    """A table's columns by field. `targets`: field by position."""

    def __init__(
        self, names: Sequence[str], targets: dict[int, str], constants: dict[str, str], options: ImportOptions
    ) -> None:
        self._at: dict[str, list[int]] = {}
        for position, target in targets.items():
            self._at.setdefault(target, []).append(position)
        self._names = names
        self._constants = constants
        self._options = options
        self.columns = {target: names[positions[0]] for target, positions in self._at.items()}
        price = re.sub(r"\W+", "_", self.columns.get("price", "").lower())
        in_name = _CURRENCY_IN_NAME.fullmatch(price)
        self._currency = in_name.group(1).upper() if in_name else options.currency
        plain = ("item_id", "title", "description", "url", "image_url", "brand", "group_id")
        self._plain = [
            (name, self._at.get(name, []), _TEXTS[name]) for name in plain if name in self._at or name in constants
        ]
        self._attributes = [name for name in (*self._at, *constants) if name.startswith("attributes.")]
        self._links = [name for name in (*self._at, *constants) if name.startswith("links.")]

    def require(self, fields: Sequence[str]) -> None:
        """Make sure that there are columns for these fields.

        Raises:
            Unreadable: one is missing; the message names it and the columns there are.

        """
        for field in fields:
            if field not in self._at and field not in self._constants:
                raise Unreadable(
                    f"No column for {field} was found. The columns are: {delimited.listed(self._names)}. "
                    f'Say which one it is with a mapping such as {{"{field}": "{self._names[0][:60]}"}}.'
                )

    def item_id(self, values: Sequence[str]) -> str:
        """The id in a row, for reports."""
        return self._value("item_id", values)

    def row(self, line: int, values: Sequence[str]) -> Row:
        """The item of a row.

        Raises:
            BadCell: a cell does not hold what its column promises.

        """
        item: dict[str, Any] = {name: convert(self._value(name, values)) for name, _, convert in self._plain}
        if not item.get("group_id"):
            item.pop("group_id", None)
        item |= self._money(values)
        item["availability"] = self._availability(values)
        for name in MANY:
            if name in self._at or name in self._constants:
                item[name] = list(
                    dict.fromkeys(part for cell in self._values(name, values) for part in _many(name, cell))
                )
        pictures = item.get("additional_image_urls")
        if pictures:
            if not item.get("image_url"):
                item["image_url"] = pictures[0]
            item["additional_image_urls"] = [each for each in pictures if each != item["image_url"]][:100]
        if self._attributes or "attributes" in self._at:
            item["attributes"] = self._free(values)
        if self._links:
            linked = {name[6:]: text.separated(self._value(name, values), ",;|")[:200] for name in self._links}
            item["links"] = {kind: ids for kind, ids in linked.items() if ids}
        return Row(line, item, self.columns)

    def _value(self, target: str, values: Sequence[str]) -> str:
        for at in self._at.get(target, ()):
            if values[at].strip():
                return values[at].strip()
        return self._constants.get(target, "")

    def _values(self, target: str, values: Sequence[str]) -> list[str]:
        found = [values[at] for at in self._at.get(target, ()) if values[at].strip()]
        return found or ([self._constants[target]] if target in self._constants else [])

    def _cell(self, target: str, values: Sequence[str]) -> cells.Cell:
        return self.columns.get(target, target), self._value(target, values)

    def _money(self, values: Sequence[str]) -> dict[str, Any]:
        named = self._value("currency", values).upper()
        if named and not re.fullmatch("[A-Z]{3}", named):
            raise BadCell(self.columns.get("currency", "currency"), named, "an ISO 4217 code such as EUR")
        money = cells.amounts(
            self._cell("price", values), self._cell("sale_price", values), named or self._currency, self._options.locale
        )
        if named and money["currency"] != named:
            raise BadCell(self.columns.get("price", "price"), self._value("price", values), f"an amount in {named}")
        return money

    def _availability(self, values: Sequence[str]) -> str:
        stated = self._cell("availability", values)
        if stated[1]:
            return cells.availability(stated)
        stock = cells.number(self._cell("stock", values))
        return "out_of_stock" if stock is not None and stock <= 0 else "in_stock"

    def _free(self, values: Sequence[str]) -> dict[str, Any]:
        free: dict[str, Any] = {}
        column, cell = self._cell("attributes", values)
        if cell:
            try:
                free = msgspec.json.decode(cell, type=dict[str, Any])
            except (msgspec.DecodeError, RecursionError):
                raise BadCell(column, cell, 'a JSON object such as {"color": "blue"}') from None
        for name in self._attributes:
            if value := self._value(name, values):
                free[name[11:]] = text.one_line(value)
        return free


def _stripped(value: str) -> str:
    return value.strip()


def _body(value: str) -> str:
    return text.cut(text.plain(value))


_TEXTS: dict[str, Callable[[str], str]] = {
    "item_id": _stripped,
    "group_id": _stripped,
    "title": text.one_line,
    "brand": text.one_line,
    "description": _body,
    "url": text.web_address,
    "image_url": text.web_address,
}


def _many(name: str, cell: str) -> list[str]:
    """The values of a cell that holds a list, in JSON or apart by |, ; or commas."""
    if cell.lstrip().startswith("["):
        try:
            listed = msgspec.json.decode(cell)
        except (msgspec.DecodeError, RecursionError):
            listed = None
        if isinstance(listed, list):
            parts = [each.strip() for each in cast("list[Any]", listed) if isinstance(each, str) and each.strip()]
            return [text.path(part) for part in parts] if name == "categories" else parts
    if name == "additional_image_urls":
        return text.addresses(cell)
    parts = text.separated(cell, "|;\n" if re.search(r"[|;\n]", cell) else ",")
    return [path for part in parts if (path := text.path(part))] if name == "categories" else parts
