"""A list is picked as the plain words of `server.serving.ranking` say: the compiled way against a slow one."""

from collections import Counter
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.serving import ranking
from server.serving.eligibility import Eligibility
from server.serving.native import ffi, pointer
from server.serving.pairs import Pairs
from server.serving.placements import Placement, pool_size
from server.serving.question import Question
from server.serving.sources.asked import Candidates, Found, Linked

OFF = np.float32(-10)
SCORE = st.integers(1, 64).map(lambda sixtyfourths: sixtyfourths / 64)  # sums of these are exact in any order


class Shop:
    """A few products that are alike in vector, brand and category, some of them sold out."""

    def __init__(self, count: int, dimensions: int, seed: int) -> None:
        draw = np.random.default_rng(seed)
        self.count = count
        looks = draw.choice([-0.125, 0.125], (5, dimensions)).astype(np.float32)  # cosines of these are exact, too
        self.vectors = looks[draw.integers(0, 5, count)]  # with 64 dimensions some are the same to a shopper
        self.brand, self.category = (draw.integers(-1, 3, count).astype(np.int32) for _ in range(2))
        self.available, self.inside = draw.random(count) < 0.9, draw.random(count) < 0.8
        self.listed = np.ones(count, dtype=np.bool_)
        self.price = draw.integers(1, 9, count).astype(np.float32)
        self.price[draw.random(count) < 0.1] = np.nan
        labels = pointer(self.brand), pointer(self.category)
        self.likeness = ffi.new("Likeness *", (pointer(self.vectors), *labels, dimensions))

    def in_category(self, _category: int) -> np.ndarray:
        return self.inside


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    count = draw(st.integers(1, 40))
    row = st.integers(0, count - 1)
    seeds = draw(st.lists(row, max_size=4, unique=True))
    return {
        "shop": Shop(count, draw(st.sampled_from([0, 1, 15, 16, 17, 64])), draw(st.integers(0, 99))),
        "seeds": seeds,
        "weights": draw(st.lists(SCORE, min_size=len(seeds), max_size=len(seeds))),
        "lists": draw(st.lists(st.tuples(st.lists(st.tuples(row, SCORE), max_size=30), SCORE), max_size=3)),
        "tables": draw(st.lists(st.tuples(st.integers(1, 8), st.integers(1, 9), SCORE), max_size=3)),
        "left_out": draw(st.lists(row, max_size=6)),
        "limit": draw(st.integers(1, 30)),
        "placement": Placement(
            sources={},
            variety=draw(st.sampled_from([0.0, 0.0625, 0.5])),
            per_brand=draw(st.sampled_from([0.34, 1.0])),
            per_category=draw(st.sampled_from([0.5, 1.0])),
        ),
        "question": Question(
            in_stock=draw(st.booleans()),
            category=draw(st.sampled_from([None, "Any"])),
            price_min=draw(st.sampled_from([None, 3.0])),
            price_max=draw(st.sampled_from([None, 6.0])),
        ),
    }


def found_of(case: dict[str, Any]) -> list[tuple[Found, float]]:
    found: list[tuple[Found, float]] = []
    for number, (entries, weight) in enumerate(case["lists"]):
        rows, scores = ([entry[at] for entry in entries] for at in (0, 1))
        found.append(
            (Candidates(np.array(rows, dtype=np.int32), np.array(scores, dtype=np.float32), f"list {number}"), weight)
        )
    draw = np.random.default_rng(7)
    for number, (width, most, weight) in enumerate(case["tables"]):
        table = draw.integers(0, case["shop"].count, (case["shop"].count, 2, width)).astype(np.int32)
        scores = draw.integers(0, 9, (case["shop"].count, width)).astype(np.float32) / 8
        table[:, 1] = scores.view(np.int32)
        found.append((Linked(Pairs(table), most, f"table {number}", scale=0.5, highest=0.25), weight))
    return found


def slowly(case: dict[str, Any], found: list[tuple[Found, float]], eligibility: Eligibility) -> list[ranking.Chosen]:
    """The same in plain Python."""
    sums, loudest = Counter[int](), dict[int, tuple[float, str, int]]()

    def say(row: int, score: float, reason: str, seed: int) -> None:
        sums[row] += score
        if score > loudest.get(row, (0.0,))[0]:
            loudest[row] = (score, reason, seed)

    for one, weight in found:
        if isinstance(one, Candidates):
            for row, score in zip(one.rows.tolist(), one.scores.tolist(), strict=True):
                say(row, score * weight, one.reason, -1)
            continue
        for position, (seed, its_weight) in enumerate(zip(case["seeds"], case["weights"], strict=True)):
            rows, scores = one.pairs.of(np.array([seed]), one.most)
            for row, score in zip(rows[0].tolist(), scores[0].tolist(), strict=True):
                say(row, min(score * its_weight * one.scale, one.highest) * weight, one.reason, position)
    allowed = eligibility.everywhere()
    rows = [row for row in sums if sums[row] > 0 and allowed[row] and row not in case["left_out"]]
    best = sorted(rows, key=lambda row: (-sums[row], row))[: pool_size(case["limit"])]
    return [(row, sums[row], *loudest[row][1:]) for row in varied(case, best, sums)]


def varied(case: dict[str, Any], best: list[int], sums: Counter[int]) -> list[int]:
    shop, placement, limit = case["shop"], case["placement"], min(case["limit"], len(best))
    value = {row: np.float32(sums[row] / sums[best[0]]) for row in best}
    caps = ((shop.brand, placement.per_brand), (shop.category, placement.per_category))
    picked: list[int] = []
    put_off: set[int] = set()
    while len(picked) < limit:
        row = max(value, key=lambda row: value[row])
        full = any(
            share < 1 and labels[row] >= 0 and (labels[picked] == labels[row]).sum() >= max(2, round(limit * share))
            for labels, share in caps
        )
        if full and row not in put_off:
            put_off.add(row)
            value[row] += OFF
            continue
        picked.append(row)
        del value[row]
        for other in value if shop.vectors.shape[1] else ():
            cosine = shop.vectors[row] @ shop.vectors[other]
            cost = OFF if cosine >= ranking.NEAR_DUPLICATE else np.float32(-placement.variety) * cosine
            value[other] += cost
    return picked


@settings(deadline=None, max_examples=300)
@given(cases())
def test_the_compiled_way_picks_what_the_slow_one_picks(case: dict[str, Any]) -> None:
    found = found_of(case)
    eligibility = Eligibility(cast(Any, case["shop"]), case["question"], 0 if case["question"].category else -1)
    told = {name: case[name] for name in ("seeds", "weights", "left_out")}
    picked = ranking.pick(case["shop"], found, eligibility, case["placement"], case["limit"], **told)
    assert picked == [
        (row, pytest.approx(score), reason, seed) for row, score, reason, seed in slowly(case, found, eligibility)
    ]


def test_nothing_found_is_an_empty_list() -> None:
    shop = cast(Any, Shop(3, 4, 0))
    eligibility = Eligibility(shop, Question(), -1)
    empty = Candidates(np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32), "none")
    for found in ([], [(empty, 1.0)]):
        assert ranking.pick(shop, found, eligibility, Placement(sources={}), 12) == []


def test_arrays_of_another_kind_are_refused() -> None:
    with pytest.raises(KeyError):
        pointer(np.zeros(3))
    with pytest.raises(ValueError, match="contiguous"):
        pointer(np.zeros((3, 3), dtype=np.float32)[:, 1])
