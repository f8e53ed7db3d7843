"""The index: chosen by size, as good as it says, and exact where it cannot be good."""

from pathlib import Path

import numpy as np
import pytest

from server.learning import index
from server.learning.neighbours import neighbours
from server.serving.nearest import Index, Nearest
from server.serving.snapshot import INDEX


def clustered(count: int, dimensions: int = 32) -> np.ndarray:
    """Vectors as catalogs have them: many kinds of goods, each with many alike."""
    random = np.random.default_rng(1)
    centres = random.standard_normal((max(count // 50, 1), dimensions))
    vectors = centres[random.integers(0, len(centres), count)] + 0.4 * random.standard_normal((count, dimensions))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def opened(folder: Path, facts: Index | None) -> Nearest:
    assert facts is not None
    return Nearest.open(folder / INDEX, facts)


def test_small_shop_is_searched_exactly(tmp_path: Path) -> None:
    assert index.build(tmp_path, clustered(500)) == Index("flat")


def test_shop_without_vectors_has_no_index(tmp_path: Path) -> None:
    assert index.build(tmp_path, np.zeros((10, 0), dtype=np.float32)) is None
    assert index.build(tmp_path, np.zeros((0, 8), dtype=np.float32)) is None


def test_large_shop_gets_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "FLAT_UP_TO", 1_000)
    facts = index.build(tmp_path, clustered(6_000))
    assert facts is not None
    assert facts.kind == "ivf"
    assert facts.recall >= index.RECALL


def test_index_that_never_leaves_anything_out_has_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = clustered(6_000)
    facts = index.build(tmp_path, vectors, filtered=False)
    assert facts is not None
    assert facts.kind == "codes"
    assert index.build(tmp_path, vectors) == index.build(tmp_path, vectors[:1_000], filtered=False) == Index("flat")
    noise = np.random.default_rng(2).standard_normal((4_000, 96)).astype(np.float32)
    monkeypatch.setattr(index, "FLAT_UP_TO", 1_000)  # lists of which find too little
    facts = index.build(tmp_path, noise, filtered=False)
    assert facts is not None
    assert facts.kind == "codes"


@pytest.mark.parametrize("kind", ["flat", "ivf", "hnsw", "codes"])
def test_index_keeps_the_recall_it_claims(tmp_path: Path, kind: str) -> None:
    vectors = clustered(6_000)
    facts = index.build(tmp_path, vectors, wish=kind)
    assert facts is not None
    assert facts.kind == kind
    nearest = opened(tmp_path, facts)
    recalls = []
    for query in vectors[5::400]:
        exact = np.argsort(-(vectors @ query))[:50]
        rows, scores = nearest.search(query, 50, None)
        assert np.all(np.diff(scores) <= 0)
        recalls.append(len(np.intersect1d(exact, rows)) / 50)
    assert np.mean(recalls) >= 0.96


@pytest.mark.parametrize("kind", ["flat", "ivf", "hnsw"])
def test_only_allowed_products_are_found(tmp_path: Path, kind: str) -> None:
    vectors = clustered(3_000)
    nearest = opened(tmp_path, index.build(tmp_path, vectors, wish=kind))
    allowed = np.zeros(3_000, dtype=np.bool_)
    allowed[::7] = True
    rows, _ = nearest.search(vectors[3], 20, allowed)
    assert len(rows)
    assert np.all(rows % 7 == 0)


def test_index_of_codes_says_that_it_cannot_leave_products_out(tmp_path: Path) -> None:
    vectors = clustered(3_000)
    nearest = opened(tmp_path, index.build(tmp_path, vectors, filtered=False))
    with pytest.raises(ValueError, match="cannot leave products out"):
        nearest.search(vectors[3], 20, np.ones(3_000, dtype=np.bool_))


def test_products_with_the_same_vector_do_not_count_as_missed(tmp_path: Path) -> None:
    vectors = clustered(6_000)
    vectors[::20] = vectors[0]
    facts = index.build(tmp_path, vectors, filtered=False)
    assert facts is not None
    assert facts.kind == "codes"


def test_vectors_that_no_index_can_order_are_searched_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "FLAT_UP_TO", 1_000)
    noise = np.random.default_rng(2).standard_normal((4_000, 96)).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    assert index.build(tmp_path, noise) == Index("flat")


@pytest.mark.parametrize(("most", "close"), [(50_000, 1.0), (1_000, 0.96)])
def test_training_searches_as_serving_does(monkeypatch: pytest.MonkeyPatch, most: int, close: float) -> None:
    monkeypatch.setattr(index, "FLAT_UP_TO", most)
    vectors = clustered(6_000)
    nearest = index.searcher(vectors)
    found = [nearest.search(query, 20, None)[0] for query in vectors[::300]]
    exact = np.argsort(-(vectors[::300] @ vectors.T), axis=1)[:, :20]
    assert np.mean([np.isin(a, b).mean() for a, b in zip(exact, found, strict=True)]) >= close


def test_large_vectors_are_compressed_and_still_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "_COMPRESS_ABOVE_BYTES", 100_000)
    vectors = clustered(4_000)
    facts = index.build(tmp_path, vectors, wish="ivf")
    assert facts is not None
    assert facts.recall >= index.RECALL
    assert (tmp_path / INDEX).stat().st_size < vectors.nbytes


def test_neighbours_by_index_are_those_found_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = clustered(4_000)
    exact = neighbours(vectors, None)
    monkeypatch.setattr("server.learning.neighbours.EXACT_UP_TO", 0)
    found = neighbours(vectors, opened(tmp_path, index.build(tmp_path, vectors, wish="ivf")))
    shared = [
        len(np.intersect1d(exact.rows[a:b], found.rows[c:d])) / (b - a)
        for a, b, c, d in zip(exact.starts, exact.starts[1:], found.starts, found.starts[1:], strict=False)
    ]
    assert np.mean(shared) > 0.96


def test_product_without_vector_is_nobodys_neighbour() -> None:
    vectors = clustered(100)
    vectors[40] = 0
    found = neighbours(vectors, None)
    assert 40 not in found.rows
    assert found.starts[41] == found.starts[40]
    for row in range(100):
        mine = found.rows[found.starts[row] : found.starts[row + 1]]
        assert row not in mine
        assert len(set(mine.tolist())) == len(mine)
