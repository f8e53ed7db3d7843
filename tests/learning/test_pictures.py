"""The image kernel: like pictures tie products together, unlike ones do not, and a shop's own cases say how much."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from server.events.histories import Histories
from server.learning import applying, index, keeping, kernel, large, linear, pictures, pipeline, tuning
from server.learning.cases import leave_last_out
from server.learning.fusing import shortened, unit
from server.learning.goods import Goods
from server.learning.linear import Settings
from server.learning.pipeline import LINEAR, Options, Trained
from server.learning.tuning import matrix_of
from server.serving.learned import Asking
from server.serving.pairs import Lists, Pairs
from tests.learning.shoppers import Did, histories, shops, texts
from tests.learning.test_linear import Stated

KINDS, COUNT = 20, 240


def drawn(count: int, seed: int = 0, dimensions: int = 6) -> np.ndarray:
    """Pictures of products; every fifth product has none."""
    vectors = unit(np.random.default_rng(seed).normal(size=(count, dimensions)).astype(np.float32))
    vectors[::5] = 0
    return vectors


def of_kinds(kinds: np.ndarray, seed: int = 0) -> np.ndarray:
    """Pictures that are alike within each kind."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(KINDS, 32))
    return unit((centres[kinds] + 0.4 * random.normal(size=(len(kinds), 32))).astype(np.float32))


def chosen_by_kind(kinds: np.ndarray) -> Histories:
    """Every shopper keeps to one kind, and meets each of its products by chance."""
    random = np.random.default_rng(5)
    events: list[Did] = []
    for shopper in range(240):
        those = np.flatnonzero(kinds == shopper % KINDS)
        events += [Did(shopper, day, int(row)) for day, row in enumerate(random.permutation(those)[:4])]
    return histories(events)


def words_of(count: int) -> list[str]:
    """Texts that have nothing in common."""
    return [f"word{row}" for row in range(count)]


def dense(lists: Lists) -> np.ndarray:
    count = len(lists.starts) - 1
    return matrix_of(lists, count).toarray()


def by_kernels(names: list[str], images: np.ndarray | None, chosen: Settings) -> np.ndarray:
    """What the model of a shop without events says."""
    counted = linear.statistics(histories([]), len(names), chosen.fading_taught)
    return dense(linear.solve(counted, kernel.term_weights(names), chosen, images=images).discover)


def test_like_pictures_link_products_without_a_word_in_common() -> None:
    images = unit(np.array([[1, 0.1, 0], [1, 0, 0.1], [0, 1, 0], [0, 0, 0]], dtype=np.float32))
    links = by_kernels(words_of(4), images, Settings(image=3.0))
    assert links[0, 1] > 0.01
    assert links[1, 0] > 0.01
    assert links[[0, 1]][:, [2, 3]] == pytest.approx(0, abs=1e-6)
    assert links[[2, 3]] == pytest.approx(0, abs=1e-6), "another picture, and none, are like no other"


@settings(deadline=None, max_examples=30)
@given(shops(), st.sampled_from([0.0, 3.0]))
def test_shop_without_pictures_is_solved_as_if_nothing_was_said_of_them(
    shop: tuple[Histories, int], image: float
) -> None:
    past, count = shop
    counted, terms = linear.statistics(past, count, 3.0), kernel.term_weights(texts(count))
    without = linear.solve(counted, terms, Settings())
    for none in (None, np.zeros((count, 0), dtype=np.float32)):
        found = linear.solve(counted, terms, Settings(image=image), images=none)
        assert dense(found.discover).tolist() == dense(without.discover).tolist()
    unasked = linear.solve(counted, terms, Settings(image=0.0), images=drawn(count))
    assert dense(unasked.discover).tolist() == dense(without.discover).tolist()


@settings(deadline=None, max_examples=30)
@given(shops(), st.integers(0, 99))
def test_both_kernels_stand_in_the_stated_problem(shop: tuple[Histories, int], seed: int) -> None:
    """A kernel of the eighth power of non-negative vectors is that of their products of eight coordinates."""
    past, count = shop
    images = np.abs(drawn(count, seed, dimensions=2))
    products = images.astype(np.float64)
    for _ in range(3):
        products = np.einsum("ia,ib->iab", products, products).reshape(count, -1)
    terms, chosen = kernel.term_weights(texts(count)), Settings(text=4.0, image=3.0, ridge=20.0)
    counted = linear.statistics(past, count, chosen.fading_taught)
    both = np.hstack([4.0**0.5 * terms.toarray(), 3.0**0.5 * products])
    stated, _ = Stated(past, count, chosen.fading_taught).solve(both, Settings(text=1.0, ridge=20.0))
    found = dense(linear.solve(counted, terms, chosen, images=images).discover)
    assert found == pytest.approx(np.maximum(stated, 0), abs=1e-4)


@settings(deadline=None, max_examples=20)
@given(shops())
def test_catalog_that_is_all_head_is_solved_as_a_small_one(shop: tuple[Histories, int]) -> None:
    past, count = shop
    terms, images, chosen = kernel.term_weights(texts(count)), drawn(count), Settings(image=3.0)
    small = linear.solve(linear.statistics(past, count, chosen.fading_taught), terms, chosen, images=images)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(large, "DENSE_UP_TO", 0)
        patch.setattr(large, "HEAD", count)
        found = large.solve(past, terms, chosen, images=images)
    assert dense(found.discover) == pytest.approx(dense(small.discover), abs=1e-4)


@pytest.mark.parametrize("chosen_once", [True, False])
def test_product_of_the_tail_is_found_by_its_picture(chosen_once: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    events = [Did(shopper, day, row) for shopper in range(30) for day, row in enumerate((0, 1))]
    events += [Did(90, 0, 3)] if chosen_once else []
    images = unit(np.array([[1, 0], [0, 1], [-1, 0], [0.05, 1]], dtype=np.float32))  # 3 looks like 1
    monkeypatch.setattr(large, "DENSE_UP_TO", 0)
    monkeypatch.setattr(large, "HEAD", 2)
    terms = kernel.term_weights(words_of(4))
    with_pictures = dense(large.solve(histories(events), terms, Settings(image=3.0), images=images).discover)
    without = dense(large.solve(histories(events), terms, Settings(), images=images).discover)
    assert with_pictures[1, 3] > 0
    assert with_pictures[2].tolist() == [0, 0, 0, 0]
    assert without[:, 3].tolist() == [0, 0, 0, 0]


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 30), st.integers(1, 8), st.booleans())
def test_neighbours_are_the_likest_and_never_itself(count: int, most: int, indexed: bool) -> None:
    images = drawn(count, seed=count)
    with pytest.MonkeyPatch.context() as patch:
        if indexed:
            patch.setattr(pictures, "_EXACT_UP_TO", 0)
        lists = pictures.neighbours(images, most)
    expected = np.maximum(images.astype(np.float64) @ images.T, 0) ** 8
    np.fill_diagonal(expected, 0)
    for row in range(count):
        part = slice(lists.starts[row], lists.starts[row + 1])
        best = np.sort(expected[row][expected[row] > 1e-3])[::-1][:most]
        assert lists.scores[part] == pytest.approx(best, abs=1e-5)
        assert expected[row, lists.rows[part]] == pytest.approx(best, abs=1e-5)


@pytest.mark.slow
def test_pictures_are_weighed_by_what_they_say_in_this_shop() -> None:
    kinds = np.arange(COUNT) % KINDS
    train, (validation,) = leave_last_out(chosen_by_kind(kinds), places=1)
    silent = kernel.term_weights(words_of(COUNT))
    telling = tuning.tune(train, silent, validation, Settings(image=0.0), images=of_kinds(kinds))
    assert telling.settings.image > 0
    assert telling.ndcg > tuning.tune(train, silent, validation, Settings(image=0.0)).ndcg
    random = np.random.default_rng(8)
    spoken = kernel.term_weights([f"kind{kind} shade{random.integers(6)} size{random.integers(6)}" for kind in kinds])
    misleading = of_kinds(random.permutation(kinds))
    assert tuning.tune(train, spoken, validation, Settings(image=3.0), images=misleading).settings.image == 0
    few = of_kinds(kinds) * (np.arange(COUNT) % 3 == 0)[:, None].astype(np.float32)
    assert tuning.tune(train, silent, validation, Settings(image=0.0), images=few).settings.image == 0


def test_pictures_have_their_usual_weight_where_nothing_is_tuned() -> None:
    kinds = np.arange(COUNT) % KINDS
    train, (validation,) = leave_last_out(chosen_by_kind(kinds), places=1)
    plain = Options(tuned=False, towers=False, reranked=False)
    for images, weight in ((of_kinds(kinds), pictures.WEIGHT), (np.zeros((COUNT, 0), dtype=np.float32), 0.0)):
        trained, _ = pipeline.fit(train, validation, train, goods_of(images), plain)
        assert trained.settings.image == weight


def goods_of(images: np.ndarray) -> Goods:
    count = len(images)
    none = np.full(count, -1, dtype=np.int32)
    price = np.full(count, np.nan, dtype=np.float32)
    return Goods(words_of(count), np.zeros((count, 0), dtype=np.float32), images, none, none, price)


@pytest.mark.parametrize("image", [3.0, 0.0])
def test_new_product_stands_where_its_look_alike_stands(tmp_path: Path, image: float) -> None:
    """It came after the training, and its words are its own. A model that goes by words alone leaves it without."""
    past = histories([Did(shopper, day, row) for shopper in range(30) for day, row in enumerate((0, 1))])
    chosen, names = Settings(image=image), ["a", "b", "c"]
    images = unit(np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0.1, 0]], dtype=np.float32))  # the new one: like 0
    solution = pipeline.solution_of(past, goods_of(images[:3]), chosen, again=False)
    asking = Asking(fading=chosen.fading, again=False)
    model, snapshot = tmp_path / "model", tmp_path / "snapshot"
    model.mkdir()
    snapshot.mkdir()
    facts = keeping.Facts(stack=LINEAR, asking=asking, settings=chosen)
    keeping.write(model, Trained(asking, chosen, solution, None, {}, {}), facts, names)
    nothing = np.zeros((4, 0), dtype=np.float32)
    applying.apply(snapshot, model, [*names, "new"], words_of(4), nothing, past, images=images)
    rows, scores = Pairs.read(snapshot, "linear").of(np.array([3]), 10)
    found = dict(zip(rows[0].tolist(), scores[0].tolist(), strict=True))
    assert (found.get(1, 0) > 0) == (image > 0)


def test_shortened_pictures_are_as_alike_as_before() -> None:
    few = np.random.default_rng(0).normal(size=(40, 300)).astype(np.float32)
    images = unit(np.random.default_rng(1).normal(size=(500, 40)).astype(np.float32) @ few)
    has = np.arange(500) % 4 != 0
    short = shortened(images, has)
    assert short.shape == (500, 96)
    assert short[has] @ short[has].T == pytest.approx(images[has] @ images[has].T, abs=1e-3)
    assert not short[~has].any()
    assert index.searcher(short).search_many(short[1:2], 1)[0].tolist() == [[1]]


def test_words_and_pictures_are_weighed_together() -> None:
    words = Lists(np.array([0, 2]), np.array([4, 2], dtype=np.int32), np.array([0.5, 0.4], dtype=np.float32))
    looks = Lists(np.array([0, 2]), np.array([2, 1], dtype=np.int32), np.array([0.3, 0.2], dtype=np.float32))
    both = pictures.joined(words, looks, 1.0, 2.0, 2)
    assert both.rows.tolist() == [2, 4]
    assert both.scores == pytest.approx([1.0, 0.5])
    assert sparse.csr_array((both.scores, both.rows, both.starts), shape=(1, 5)).nnz == 2
