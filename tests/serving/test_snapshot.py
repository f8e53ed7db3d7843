"""Snapshot files: what is written is read back, and what is wrong is noticed."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.serving import categories, keys, pairs, snapshot, texts
from server.serving.keys import KeyTable
from server.serving.pairs import Lists, Pairs
from server.serving.snapshot import BadSnapshot
from server.serving.texts import Texts
from tests.serving.goods import Counter

EXAMPLES = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@EXAMPLES
@given(known=st.lists(st.text(min_size=1, max_size=30), unique=True, max_size=50), asked=st.text(max_size=30))
def test_every_id_is_found_and_no_other(tmp_path: Path, known: list[str], asked: str) -> None:
    keys.write(tmp_path, "ids", known, range(len(known)))
    table = KeyTable(tmp_path, "ids")
    assert [table.find(key) for key in known] == list(range(len(known)))
    assert table.find(asked) == (known.index(asked) if asked in known else -1)


@EXAMPLES
@given(written=st.lists(st.binary(max_size=40), max_size=30))
def test_texts_come_back_by_number(tmp_path: Path, written: list[bytes]) -> None:
    texts.write(tmp_path, "cards", written)
    read = Texts(tmp_path, "cards")
    assert [read[number] for number in range(len(read))] == written


def test_pairs_of_several_products_come_at_once(tmp_path: Path) -> None:
    lists = Lists(np.array([0, 2, 2, 3]), np.array([1, 2, 0], np.int32), np.array([0.9, 0.5, 0.7], np.float32))
    pairs.write(tmp_path, "bought", lists)
    rows, scores = Pairs.read(tmp_path, "bought").of(np.array([0, 1, 2]), 5)
    assert rows.tolist() == [[1, 2], [1, 1], [0, 2]], "short lists end with the product itself"
    assert scores.tolist() == [[pytest.approx(0.9), 0.5], [0, 0], [pytest.approx(0.7), 0]]


def test_shop_without_pairs_has_a_table_without_width(tmp_path: Path) -> None:
    pairs.write(tmp_path, "viewed", Lists(np.zeros(4, np.int64), np.empty(0, np.int32), np.empty(0, np.float32)))
    assert Pairs.read(tmp_path, "viewed").width == 0


async def test_snapshot_of_another_shop_is_refused(stocked: Counter) -> None:
    live = await stocked.shelf.get(stocked.shop.id)
    with pytest.raises(BadSnapshot, match="belongs to shop_test"):
        snapshot.open_folder(live.snapshot.folder, "shop_other")


async def test_search_finds_the_nearest_that_are_allowed(stocked: Counter) -> None:
    opened = (await stocked.shelf.get(stocked.shop.id)).snapshot
    rows, scores = opened.nearest(opened.vectors[7], 5)
    assert rows[0] == 7
    assert scores[0] == pytest.approx(1.0, abs=1e-3)
    allowed = np.zeros(opened.count, dtype=np.bool_)
    allowed[[3, 20, 40]] = True
    rows, _ = opened.nearest(opened.vectors[7], 5, allowed)
    assert set(rows.tolist()) == {3, 20, 40}


def test_categories_are_found_however_they_are_written() -> None:
    assert categories.key_of(" Men >  shirts") == categories.key_of("men>Shirts")
    assert categories.keys_of("Men > Shirts > Linen") == [
        *("men", "men>shirts", "men>shirts>linen"),
        *("shirts", "linen"),
    ]
