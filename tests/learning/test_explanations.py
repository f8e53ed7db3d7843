"""Explanations are true: without what a reason cites, the item comes further down in at least nine of ten cases."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from server.events.histories import Past
from server.serving import candidates, evidence
from server.serving.candidates import Pool
from server.serving.features import features
from server.serving.learned import Learned
from server.serving.sources.asked import Asked
from tests.learning import gifts
from tests.learning.gifts import open_trained_gift_shop
from tests.learning.two_stages import COUNT, cut, fitted
from tests.serving.goods import Counter, happen

pytestmark = pytest.mark.slow
_EVERY = 12  # of the customers one is asked for
_KINDS = ("purchase", "view_item", "add_to_wishlist")
_PLACEMENTS = {"home": 0, "search-empty": 0, "product-page": 1, "cart": 3, "order-confirmation": 2}  # given products


class Citation(NamedTuple):
    """An item that was shown at `place` because of `cited`, and the same question without that."""

    placement: str
    code: str
    item_id: str
    place: int
    shopper: "Shopper"
    question: dict[str, Any]


class Shopper(NamedTuple):
    """A customer's orders as events of one kind, all of them or all but those on one product."""

    customer: str
    orders: Sequence[dict[str, Any]]
    kind: str
    without: str = ""

    @property
    def shopper_id(self) -> str:
        return f"{self.customer}-{self.without}"

    def events(self) -> Iterator[dict[str, Any]]:
        for number, order in enumerate(self.orders):
            lines = [line for line in order["items"] if line["item_id"] != self.without]
            event = {"type": self.kind, "shopper_id": self.shopper_id, "time": order["time"]}
            name = f"{self.shopper_id}-{number}"
            if self.kind == "purchase" and lines:
                yield {**event, "event_id": name, "transaction_id": name, "items": lines}
            elif self.kind != "purchase":
                yield from ({**event, "event_id": f"{name}-{at}", **line} for at, line in enumerate(lines))


@pytest.fixture
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that outlives this test."""
    return tmp_path_factory.getbasetemp()


async def test_item_loses_places_without_what_its_reason_cites(counter: Counter, kept: Path) -> None:
    await open_trained_gift_shop(counter.settings, counter.redis, counter.shop, kept)
    shoppers = _shoppers()
    await _tell(counter, shoppers)
    citations = [one for number, shopper in enumerate(shoppers) for one in await _asked(counter, number, shopper)]
    await _tell(counter, {one.shopper.shopper_id: one.shopper for one in citations if one.shopper.without}.values())
    lost: dict[str, list[bool]] = {}
    for one in citations:
        shown = await counter.ids(shopper_id=one.shopper.shopper_id, **one.question)
        moved = one.item_id not in shown or shown.index(one.item_id) > one.place
        for group in ("all", one.placement, one.code):
            lost.setdefault(group, []).append(moved)
    assert len(lost["all"]) > 1_000
    assert set(lost) >= {*_PLACEMENTS, "because-bought", "because-viewed", "because-liked", "bought-together"}
    shares = {group: sum(moved) / len(moved) for group, moved in lost.items() if len(moved) >= 50}
    assert min(shares["all"], *(shares[placement] for placement in _PLACEMENTS)) >= 0.9, shares
    assert min(share for group, share in shares.items() if group.startswith("because")) >= 0.95, shares


async def test_nearly_every_item_cites_something_where_the_past_says_much(counter: Counter, kept: Path) -> None:
    """A reason that is never told cannot be wrong either."""
    await open_trained_gift_shop(counter.settings, counter.redis, counter.shop, kept)
    shoppers = _shoppers()
    await _tell(counter, shoppers)
    codes = [
        item["reason"]["code"]
        for shopper in shoppers
        for item in (await counter.ask(shopper_id=shopper.shopper_id))["items"]
    ]
    assert sum(code.startswith("because") or code == "again" for code in codes) > 0.9 * len(codes)


def test_item_that_trees_ranked_loses_places_without_what_its_reason_cites() -> None:
    _, learned = fitted(towers=False)
    assert list(learned.rankers) == [False]
    cases = cut()[2].take(np.arange(100))
    lost: list[bool] = []
    for past, now_ms in zip(cases.pasts, cases.now_ms.tolist(), strict=True):
        pool, rows, scores = _ranked(learned, past, past, now_ms)
        voices = evidence.Ranked(learned, _question(past, pool), pool, rows, scores).voices(range(12))
        assert {code for code, _ in voices} <= {evidence.LINKED, "popular", "for-you"}
        for place, (row, (_, seed)) in enumerate(zip(rows[:12].tolist(), voices, strict=True)):
            if seed >= 0:
                _, without, _ = _ranked(learned, _without(past, int(pool.seeds[seed])), past, now_ms)
                lost.append(row not in without or without.tolist().index(row) > place)
    assert sum(lost) >= 0.9 * len(lost), f"{sum(lost)} of {len(lost)}"
    assert len(lost) > 0.3 * 12 * len(cases), "a reason that is never told cannot be wrong either"


def test_only_the_popular_are_called_so() -> None:
    _, learned = fitted(towers=False)
    past = cut()[2].pasts[0]
    pool, rows, _ = _ranked(learned, past, past, 0)
    said_nothing = np.zeros(len(rows), dtype=np.float32)
    told = pool._replace(fade=np.zeros_like(pool.fade))
    voices = evidence.Ranked(learned, _question(past, told), told, rows, said_nothing).voices(range(len(rows)))
    codes = [code for code, _ in voices]
    hot = learned.hot[: COUNT // 10].tolist()
    assert codes == ["popular" if row in hot else "for-you" for row in rows.tolist()]
    assert set(codes) == {"popular", "for-you"}


def _ranked(
    learned: Learned, past: Past, known: Past, now_ms: int
) -> tuple[Pool, NDArray[np.int32], NDArray[np.float32]]:
    """The candidates without what is `known`; the best of them by the trees, and their scores."""
    pool = candidates.gather(learned, past, np.unique(known.rows), again=False)
    scores = learned.rankers[False].score(features(learned, past, pool, now_ms))
    best = np.argsort(-scores, kind="stable")[:48]
    return pool, pool.rows[best], scores[best]


def _without(past: Past, row: int) -> Past:
    left = past.rows != row
    return Past(past.rows[left], past.moments[left], past.weights[left], past.bought[left], past.times_ms[left])


def _question(past: Past, pool: Pool) -> Asked:
    live: Any = None  # what put a row into a list does not depend on what is in stock
    seeds: list[int] = pool.seeds.tolist()
    return Asked(live, seeds, [1.0] * len(seeds), 0, -1, past, past.rows.tolist(), again=False, limit=12)


def _shoppers() -> list[Shopper]:
    """Some customers who bought at least three products, under new names: each does things of one kind."""
    orders: dict[str, list[dict[str, Any]]] = {}
    for order in gifts.orders():
        orders.setdefault(order["shopper_id"], []).append(order)
    customers = [(name, of) for name, of in orders.items() if len(_items(of)) >= 3][::_EVERY]
    return [Shopper(name, of, _KINDS[number % len(_KINDS)]) for number, (name, of) in enumerate(customers)]


def _items(orders: Sequence[dict[str, Any]]) -> set[str]:
    return {line["item_id"] for order in orders for line in order["items"]}


async def _tell(counter: Counter, shoppers: Iterable[Shopper]) -> None:
    events = [event for shopper in shoppers for event in shopper.events()]
    await happen(counter.settings, counter.redis, counter.shop, events)


async def _asked(counter: Counter, number: int, shopper: Shopper) -> list[Citation]:
    """What the lists of this shopper cite, on pages of products that are others for each `number`."""
    item_ids = [item.item_id for item in gifts.goods()]
    found: list[Citation] = []
    for placement, given_count in _PLACEMENTS.items():
        given = [item_ids[(41 * number + 7 * at) % len(item_ids)] for at in range(given_count)]
        answer = await counter.ask(placement=placement, item_ids=tuple(given), shopper_id=shopper.shopper_id)
        for place, item in enumerate(answer["items"]):
            code = item["reason"]["code"]
            cited = item["item_id"] if code == "again" else _cited(item["reason"]["text"], shopper, given)
            if not cited:
                continue
            left = tuple(one for one in given if one != cited)
            other = shopper if cited in given else shopper._replace(without=cited)
            question = {"placement": placement, "item_ids": left}
            found.append(Citation(placement, code, item["item_id"], place, other, question))
    return found


def _cited(text: str, shopper: Shopper, given: Sequence[str]) -> str:
    """The product that a reason names, of those it can name; empty where it names none."""
    named = {item.item_id: item.title for item in gifts.goods()}
    could = (item_id for item_id in (*given, *sorted(_items(shopper.orders))) if item_id in named)
    able = [item_id for item_id in could if text.endswith(f" {named[item_id]}")]
    return max(able, key=lambda item_id: len(named[item_id]), default="")
