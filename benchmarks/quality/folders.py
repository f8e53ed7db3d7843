"""Reads a data set from a folder: `interactions.csv.gz` (user_id, item_id, and pos, pos_src or timestamp) beside
`items.csv.gz` (item_id and text columns), or a shop's invoices as UCI publishes them.
"""

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality import invoices, wording
from benchmarks.quality.shop import Shop, ordered

INTERACTIONS, ITEMS, INVOICES = "interactions.csv.gz", "items.csv.gz", "transactions.csv.gz"
_ORDERS = ("pos", "timestamp", "pos_src")  # which column tells the order, the first there is


class FolderError(ValueError):
    """A folder is no data set; the message says what it lacks."""


def read(folder: Path, *, order: str = "", timed: bool = False) -> Shop:
    """Read a data set. `order`: the column that tells what came first, the first of `_ORDERS` by itself.

    `timed` takes the real times of events; else the time of an event is its place in the shopper's history.
    """
    if (folder / INVOICES).exists():
        return _of_invoices(folder, timed)
    rows = list(_table(folder / INTERACTIONS, ("user_id", "item_id"), f"{INVOICES} is not there either"))
    columns = list(rows[0]) if rows else []
    if order and order not in columns:
        raise FolderError(f"{folder / INTERACTIONS} has no column {order}; it has {', '.join(columns)}")
    if timed and "timestamp" not in columns:
        raise FolderError(f"{folder / INTERACTIONS} has no column timestamp, which this protocol needs")
    by = order or next((name for name in _ORDERS if name in columns), "")

    goods = {row["item_id"]: row for row in _table(folder / ITEMS, ("item_id",))}
    goods |= {row["item_id"]: {"item_id": row["item_id"]} for row in rows if row["item_id"] not in goods}
    row_of = {item_id: row for row, item_id in enumerate(goods)}
    users = {user_id: number for number, user_id in enumerate(dict.fromkeys(row["user_id"] for row in rows))}
    shoppers = np.array([users[row["user_id"]] for row in rows], dtype=np.int32)
    places = _places(shoppers, _numbers(folder, rows, by) if by else np.arange(len(rows), dtype=np.float64))
    times_ms = places
    if timed:  # stamps are often those of days: what came first within one is told by its place
        times_ms = (_numbers(folder, rows, "timestamp") * 1000).astype(np.int64) + places
    histories, come_from = ordered(
        np.array([row_of[row["item_id"]] for row in rows], dtype=np.int32),
        shoppers,
        np.arange(len(rows), dtype=np.int32),
        times_ms,
    )
    held_out = None
    if "holdout" in columns:
        held_out = np.array([row["holdout"] in ("1", "true", "True") for row in rows], dtype=np.bool_)[come_from]
    return Shop(folder.name, wording.products(list(goods.values())), histories, held_out, timed)


def is_set(folder: Path) -> bool:
    """Whether there is a data set in the folder."""
    return any((folder / name).exists() for name in (INTERACTIONS, INVOICES))


def protocols(folder: Path) -> list[str]:
    """The names of the protocols that a data set is judged by when none is named."""
    if (folder / INVOICES).exists():
        return ["next-basket"]
    columns = next(iter(_table(folder / INTERACTIONS, ("user_id", "item_id"))), {})
    if "holdout" in columns:  # whose makers distrust its order
        return ["holdout"]
    return ["leave-one-out", "time-cut"] if "timestamp" in columns else ["leave-one-out"]


def _of_invoices(folder: Path, timed: bool) -> Shop:
    goods = {row["StockCode"]: row for row in _table(folder / ITEMS, ("StockCode", "description"))}
    needed = ("InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID")
    lines = invoices.clean(_table(folder / INVOICES, needed), goods)
    row_of = {item_id: row for row, item_id in enumerate(goods)}
    times_ms = lines.times_ms if timed else _places(lines.customers, lines.times_ms.astype(np.float64))
    rows = np.array([row_of[code] for code in lines.codes], dtype=np.int32)
    histories, _ = ordered(rows, lines.customers, lines.invoices, times_ms)
    return Shop(folder.name, wording.products(list(goods.values()), key="StockCode"), histories, None, timed)


def _table(path: Path, needed: tuple[str, ...], more: str = "") -> Iterator[dict[str, str]]:
    """The rows of a CSV file, packed or, under the same name without `.gz`, not."""
    plain = path.with_suffix("")
    if not path.exists() and not plain.exists():
        raise FolderError(f"{path} is not there" + (f"; {more}" if more else ""))
    with gzip.open(path, "rt", encoding="utf-8-sig", newline="") if path.exists() else plain.open(newline="") as file:
        reader = csv.DictReader(file)
        lacking = [name for name in needed if name not in (reader.fieldnames or [])]
        if lacking:
            raise FolderError(f"{path} has no column {', '.join(lacking)}; it has {', '.join(reader.fieldnames or [])}")
        yield from reader


def _numbers(folder: Path, rows: list[dict[str, str]], column: str) -> NDArray[np.float64]:
    try:
        return np.array([float(row[column]) for row in rows])
    except ValueError as error:
        raise FolderError(f"{folder / INTERACTIONS}: column {column} holds what is no number ({error})") from None


def _places(shoppers: NDArray[np.int32], keys: NDArray[np.float64]) -> NDArray[np.int64]:
    """The place of each event in its shopper's history, from 0, by key; equal keys in the order of the file."""
    order = np.lexsort((keys, shoppers))
    starts = np.flatnonzero(np.diff(shoppers[order], prepend=-1))
    places = np.empty(len(order), dtype=np.int64)
    lengths = np.diff(starts, append=len(order))
    places[order] = np.arange(len(order)) - np.repeat(starts, lengths)
    return places
