"""Data sets are read whatever their columns are called, and what cannot be read is said in one sentence."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality import folders
from benchmarks.quality.folders import FolderError
from tests.benchmarks.conftest import GIFT_SHOP, Write

EVENTS = [
    {"user_id": "u", "item_id": "b", "timestamp": 86_400, "pos": 1, "pos_src": 0},
    {"user_id": "u", "item_id": "a", "timestamp": 86_400, "pos": 0, "pos_src": 1},
    {"user_id": "v", "item_id": "b", "timestamp": 0, "pos": 0, "pos_src": 0},
    {"user_id": "u", "item_id": "c", "timestamp": 172_800, "pos": 2, "pos_src": 2},
]
ITEMS = [
    {"item_id": "a", "title": "Red pen", "brand": "Acme", "category_path": "Office > Pens", "price": "1.5"},
    {"item_id": "b", "title": "Blue pen", "brand": "", "category_path": "Office > Pens", "price": "2"},
]


def history(folder: Path, user: int = 0, **how: object) -> list[str]:
    shop = folders.read(folder, **how)
    rows = shop.histories.rows[shop.histories.shoppers == user]
    return [shop.products.item_ids[row] for row in rows.tolist()]


@pytest.fixture
def pens(tmp_path: Path, write: Write) -> Path:
    write("interactions.csv.gz", EVENTS)
    write("items.csv.gz", ITEMS)
    return tmp_path


def test_named_column_tells_the_order(pens: Path) -> None:
    assert history(pens) == ["a", "b", "c"]
    assert history(pens, order="pos_src") == ["b", "a", "c"]


def test_time_is_the_place_or_where_asked_the_real_time(pens: Path) -> None:
    places, times = folders.read(pens).histories, folders.read(pens, timed=True).histories
    assert sorted(places.times_ms.tolist()) == [0, 0, 1, 2]
    assert times.times_ms.tolist() == [0, 86_400_000, 86_400_001, 172_800_002]
    assert len(np.unique(times.visits)) == 3  # u on two days, v on one


def test_products_say_title_brand_and_category(pens: Path) -> None:
    products = folders.read(pens).products
    assert products.passages == ["Red pen. Acme. Office > Pens", "Blue pen. Office > Pens", ""]
    assert products.texts == products.passages  # a price is no word
    assert products.brands == ["Acme", "", ""]
    assert products.categories == ["Office > Pens", "Office > Pens", ""]


def test_columns_of_unknown_names_are_read(gifts: Path) -> None:
    products = folders.read(gifts).products
    assert "WHITE HANGING HEART T-LIGHT HOLDER" in products.passages
    assert not any(text == "7" for text in products.texts)


def test_descriptions_are_read_after_the_rest(tmp_path: Path, write: Write) -> None:
    write("interactions.csv.gz", EVENTS)
    write("items.csv.gz", [{"item_id": "a", "description": "Writes for years.", "title": "Red pen"}])
    products = folders.read(tmp_path).products
    assert (products.passages[0], products.texts[0]) == ("Red pen", "Red pen. Writes for years.")


def test_invoices_are_cleaned() -> None:
    shop = folders.read(GIFT_SHOP, timed=True)
    events = shop.histories
    assert len(shop.products) == 3_659
    assert len(np.unique(events.shoppers)) == 4_334
    assert len(np.unique(events.baskets)) == 18_402
    pairs = events.shoppers.astype(np.int64) * len(shop.products) + events.rows
    assert len(np.unique(pairs)) == 266_221


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        ("interactions.csv.gz", [{"user": "u", "item_id": "a"}], "has no column user_id; it has user, item_id"),
        ("interactions.csv.gz", [{"user_id": "u", "item_id": "a", "pos": "x"}], "column pos holds what is no number"),
        ("items.csv.gz", [{"id": "a"}], "has no column item_id; it has id"),
    ],
)
def test_wrong_files_are_named(pens: Path, write: Write, name: str, rows: list[dict[str, str]], message: str) -> None:
    write(name, rows)
    with pytest.raises(FolderError, match=message):
        folders.read(pens)


def test_missing_files_and_columns_are_named(tmp_path: Path, write: Write) -> None:
    with pytest.raises(FolderError, match=r"interactions\.csv\.gz is not there"):
        folders.read(tmp_path)
    write("interactions.csv.gz", [{"user_id": "u", "item_id": "a"}])
    with pytest.raises(FolderError, match=r"items\.csv\.gz is not there"):
        folders.read(tmp_path)
    with pytest.raises(FolderError, match="has no column pos_src"):
        folders.read(tmp_path, order="pos_src")
    with pytest.raises(FolderError, match="has no column timestamp, which this protocol needs"):
        folders.read(tmp_path, timed=True)
