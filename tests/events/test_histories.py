"""Events as interest, for the next answer and for learning."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from server.events import histories
from server.events.histories import FADING_STEPS, LATELY_MS, MOST_SEEDS, WEIGHTS, interest
from server.events.recents import MOST, TYPES, Recent
from server.settings import Settings
from server.shops.models import Shop
from tests.serving.goods import happen, purchase

NOW = 1_800_000_000_000
RECENTS = st.lists(
    st.builds(Recent, st.sampled_from("abcdef"), st.sampled_from(TYPES), st.integers(NOW - 2 * LATELY_MS, NOW)),
    max_size=50,
).map(lambda recents: sorted(recents, key=lambda one: -one.time_ms))


def did(*what: str) -> list[Recent]:
    """Events written as "type item", newest first, an hour apart."""
    return [Recent(item_id, kind, NOW - hour * 3_600_000) for hour, (kind, item_id) in enumerate(map(str.split, what))]


def likes(*what: str) -> list[str]:
    return [item_id for item_id, _, _ in interest(did(*what), NOW).seeds]


def test_newer_and_stronger_events_lead() -> None:
    assert likes("view_item new", "view_item old") == ["new", "old"]
    assert likes("view_item seen", "add_to_wishlist liked") == ["liked", "seen"]


@pytest.mark.parametrize(
    ("undo", "done"),
    [
        ("remove_from_wishlist", "add_to_wishlist"),
        ("remove_from_cart", "add_to_cart"),
        ("refund", "purchase"),
        ("not_interested", "view_item"),
    ],
)
def test_what_is_taken_back_does_not_count(undo: str, done: str) -> None:
    assert likes(f"{undo} a", f"{done} a") == []
    assert likes(f"{done} a", f"{undo} a") == ["a"], "unless it was done again"


def test_unliking_does_not_undo_a_look() -> None:
    assert likes("remove_from_wishlist a", "add_to_wishlist a", "view_item a") == ["a"]


def test_cart_orders_and_refusals_are_not_shown_again() -> None:
    found = interest(did("not_interested no", "add_to_cart cart", "purchase bought", "view_item seen"), NOW)
    assert set(found.never) == {"no", "cart", "bought"}
    assert set(found.known) == {"cart", "bought", "seen"}
    assert set(interest(did("remove_from_cart cart", "add_to_cart cart"), NOW).never) == set()


def test_long_ago_is_forgiven() -> None:
    assert interest([Recent("a", "purchase", NOW - LATELY_MS - 1)], NOW).never == set()


def test_lines_of_one_order_are_one_moment() -> None:
    order = [Recent(item_id, "purchase", NOW) for item_id in "abc"]
    assert {weight for _, weight, _ in interest(order, NOW).seeds} == {1.0}


@given(RECENTS)
def test_seeds_are_ordered_known_and_bounded(recents: list[Recent]) -> None:
    found = interest(recents, NOW)
    weights = [weight for _, weight, _ in found.seeds]
    assert weights == sorted(weights, reverse=True)
    assert all(0 < weight <= 1 for weight in weights)
    assert {item_id for item_id, _, _ in found.seeds} <= set(found.known)
    assert set(found.known) | set(found.never) <= {recent.item_id for recent in recents}


@given(
    st.lists(
        st.builds(
            Recent,
            st.integers(0, 80).map(str),
            st.sampled_from(sorted(WEIGHTS)),
            st.integers(0, 40).map(lambda days: NOW - days * 86_400_000),
        ),
        min_size=60,
        max_size=MOST,
    )
)
def test_long_past_gives_the_seeds_that_weighing_all_of_it_gives(recents: list[Recent]) -> None:
    """What is left unweighed, being too old to be a seed, changes nothing but time."""
    newest_first = sorted(recents, key=lambda one: -one.time_ms)
    moments = sorted({recent.time_ms for recent in recents}, reverse=True)
    strongest: dict[str, float] = {}
    for recent in newest_first:
        weight = WEIGHTS[recent.type] * math.exp(-moments.index(recent.time_ms) / FADING_STEPS)
        strongest[recent.item_id] = max(weight, strongest.get(recent.item_id, 0.0))
    found = interest(newest_first, NOW)
    wanted = sorted(strongest.values(), reverse=True)[:MOST_SEEDS]
    assert [weight for _, weight, _ in found.seeds] == pytest.approx(wanted)
    assert all(weight == pytest.approx(strongest[item_id]) for item_id, weight, _ in found.seeds)
    assert set(found.known) == set(strongest)
    taken = {
        one.item_id for one in recents if one.type in ("add_to_cart", "purchase") and one.time_ms > NOW - LATELY_MS
    }
    assert set(found.never) == taken


async def test_events_of_a_shop_are_read_in_order(
    settings: Settings, redis: Redis, shop: Shop, other_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(histories, "_ROWS_AT_ONCE", 3)
    orders = [purchase(f"s{n % 3}", f"o{n}", "a", "b", time=f"2026-01-{20 - n:02}T12:00:00Z") for n in range(7)]
    await happen(settings, redis, shop, orders)
    await happen(settings, redis, other_shop, [purchase("s1", "o1", "a", "b")])
    rows = {"a": 0, "b": 1}
    read = await histories.load(shop, lambda item_id: rows[item_id])
    assert len(read) == 14
    assert read.rows.tolist() == [0, 1] * 7
    assert list(read.times_ms) == sorted(read.times_ms)
    assert len(set(read.baskets.tolist())) == 7
    assert len(set(read.shoppers.tolist())) == 3
    assert read.newest_ms == read.times_ms[-1]


async def test_visits_end_with_a_long_pause(settings: Settings, redis: Redis, shop: Shop) -> None:
    looks = [
        {"type": "view_item", "session_id": session, "item_id": "a", "time": f"2026-01-10T{time}Z"}
        for session, time in (("x", "10:00:00"), ("x", "10:20:00"), ("x", "11:30:00"), ("y", "10:10:00"))
    ]
    await happen(settings, redis, shop, [*looks, {"type": "view_item_list", "session_id": "x", "item_id": "a"}])
    read = await histories.load(shop, lambda _: 5)
    assert len(read) == 4, "a list that was shown is no interest"
    first, other, second, third = read.visits.tolist()
    assert first == second
    assert len({first, other, third}) == 3
    assert set(read.baskets.tolist()) == {-1}
    assert read.weights.tolist() == pytest.approx([WEIGHTS["view_item"]] * 4)


async def test_shop_without_events_has_an_empty_history(shop: Shop) -> None:
    read = await histories.load(shop, lambda _: 0)
    assert (len(read), read.newest_ms) == (0, 0)
