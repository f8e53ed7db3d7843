"""A small data set of a real shop's first orders, in the form that anyone's data set may have."""

import csv
import gzip
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

GIFT_SHOP = Path(__file__).parents[2] / "server" / "demo" / "data" / "gift-shop"
_LINES = 30_000  # three weeks of orders

Rows = Iterable[Mapping[str, object]]
Write = Callable[[str, Rows], None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes rows as a packed CSV file of that name into the test's folder."""

    def written(name: str, rows: Rows) -> None:
        rows = list(rows)
        with gzip.open(tmp_path / name, "wt", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)

    return written


@pytest.fixture
def gifts(tmp_path: Path, write: Write) -> Path:
    """Who bought what first when, with columns that no one has told the benchmark of."""
    bought: dict[tuple[str, str], int] = {}
    with gzip.open(GIFT_SHOP / "transactions.csv.gz", "rt", encoding="utf-8") as file:
        for line in islice(csv.DictReader(file), _LINES):
            if line["CustomerID"] and int(line["Quantity"]) > 0:
                at = datetime.fromisoformat(line["InvoiceDate"]).replace(tzinfo=UTC)
                bought.setdefault((line["CustomerID"], line["StockCode"]), int(at.timestamp()))
    write(
        "interactions.csv.gz",
        [{"user_id": user, "item_id": item, "timestamp": at} for (user, item), at in bought.items()],
    )
    with gzip.open(GIFT_SHOP / "items.csv.gz", "rt", encoding="utf-8") as file:
        goods = {row["StockCode"]: row["description"] for row in csv.DictReader(file)}
    sold = dict.fromkeys(item for _, item in bought)
    write("items.csv.gz", [{"item_id": item, "label": goods.get(item, ""), "rank": 7} for item in sold])
    return tmp_path
