"""Invoice lines of a shop as the UCI repository publishes them (Daqing Chen, 2015, doi 10.24432/C5BW33), cleaned.

Left out: cancelled invoices, guests, quantities and prices that are not positive, and codes of no product (postage,
fees, vouchers). Of several lines of one product in an invoice one is kept.
"""

import re
from collections.abc import Container, Iterable
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_PRODUCT = re.compile(r"\d{5}[A-Za-z]{0,2}")


class Lines(NamedTuple):
    """Lines, each a product of an invoice; arrays are (lines,). All lines of an invoice have one time."""

    codes: list[str]
    customers: NDArray[np.int32]
    invoices: NDArray[np.int32]
    times_ms: NDArray[np.int64]


def clean(rows: Iterable[dict[str, str]], products: Container[str]) -> Lines:
    """The lines that say who bought which of `products` when."""
    customers: dict[str, int] = {}
    invoices: dict[str, int] = {}
    began: dict[str, int] = {}  # an invoice that took two minutes to write is one moment
    lines: dict[tuple[str, str], tuple[int, int, int]] = {}
    for row in rows:
        number, code = row["InvoiceNo"], row["StockCode"]
        if number.startswith("C") or not row["CustomerID"] or not _PRODUCT.fullmatch(code) or code not in products:
            continue
        if int(row["Quantity"]) <= 0 or float(row["UnitPrice"]) <= 0:
            continue
        if number not in began:
            began[number] = int(datetime.fromisoformat(row["InvoiceDate"]).replace(tzinfo=UTC).timestamp() * 1000)
        customer = customers.setdefault(row["CustomerID"], len(customers))
        lines[number, code] = (customer, invoices.setdefault(number, len(invoices)), began[number])
    columns = np.array(list(lines.values()), dtype=np.int64).reshape(-1, 3).T
    codes = [code for _, code in lines]
    return Lines(codes, columns[0].astype(np.int32), columns[1].astype(np.int32), columns[2])
