"""What a shopper did becomes what to go by and what not to show: fast, slowly, and as plain words say."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.events import recents
from server.events.histories import UNDOES, WEIGHTS
from server.events.recents import TYPES, Recent
from server.serving import interest as module
from server.serving import keys
from server.serving.interest import FADING_STEPS, LATELY_MS, MOST_SEEDS, Done, Interest, interest_of
from server.serving.keys import KeyTable
from server.serving.native import NULL, lib

NOW = 1_800_000_000_000
# one product in two variants, ids that JSON must escape or that are not ASCII, and at the end what is not known
ROWS = {"a": 0, "b": 1, "b-large": 1, "ü": 2, 'say "c"': 3, **{str(row): row for row in range(4, 80)}}
IDS = [*list(ROWS)[:8], "unknown"]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> KeyTable:
    folder: Path = tmp_path_factory.mktemp("ids")
    keys.write(folder, "ids", list(ROWS), list(ROWS.values()))
    return KeyTable(folder, "ids")


def row_of(item_id: str) -> int:
    return ROWS.get(item_id, -1)


def log_of(events: Sequence[Recent]) -> bytes:
    """Events as Redis keeps them, in the order in which they came."""
    return b"c0\n" + b"".join(msgspec.json.encode(event) + b",\n" for event in events)


def of(events: Sequence[Recent], native: Any = NULL, **options: Any) -> Interest:
    return interest_of(Done((log_of(events),)), row_of, NOW, keys=native, **options)


def did(*what: str) -> list[Recent]:
    """Events written as "type item", newest first, an hour apart."""
    events = [
        Recent(item_id, kind, NOW - hour * 3_600_000) for hour, (kind, item_id) in enumerate(map(str.split, what))
    ]
    return events[::-1]


def test_newer_and_stronger_events_lead() -> None:
    assert of(did("view_item a", "view_item b")).seeds == [0, 1]
    assert of(did("view_item a", "add_to_wishlist b")).seeds == [1, 0]


@pytest.mark.parametrize(("undo", "done"), [(undo, done) for undo, undone in UNDOES.items() for done in sorted(undone)])
def test_what_is_taken_back_does_not_count(undo: str, done: str) -> None:
    assert of(did(f"{undo} a", f"{done} a")).seeds == []
    assert of(did(f"{done} a", f"{undo} a")).seeds == [0], "unless it was done again"


def test_unliking_does_not_undo_a_look() -> None:
    assert of(did("remove_from_wishlist a", "add_to_wishlist a", "view_item a")).seeds == [0]


def test_cart_orders_and_refusals_are_not_shown_again() -> None:
    found = of(did("not_interested 4", "add_to_cart 5", "purchase 6", "view_item 7"))
    assert set(found.never) == {4, 5, 6}
    assert set(found.known) == {5, 6, 7}
    assert of(did("remove_from_cart 5", "add_to_cart 5")).never == []
    assert of(did("view_item 4", "not_interested 4")).never == [], "the shopper came back to it"


def test_long_ago_is_forgiven() -> None:
    assert of([Recent("a", "purchase", NOW - LATELY_MS - 1)]).never == []
    assert of([Recent("a", "purchase", NOW - LATELY_MS + 1)]).never == [0]


def test_lines_of_one_order_are_one_moment() -> None:
    assert set(of([Recent(item_id, "purchase", NOW) for item_id in "456"]).weights) == {1.0}


def test_event_that_names_shopper_and_session_counts_once(table: KeyTable) -> None:
    both = [Recent("4", "view_item", NOW - 5), Recent('say "c"', "view_item", NOW - 4)]
    done = Done((log_of(both), log_of([*both, Recent("5", "view_item", NOW - 3)])))
    for native in (NULL, table.native):
        assert interest_of(done, row_of, NOW, keys=native).known == [4, 3, 5]


def test_what_was_looked_at_in_the_tab_is_newest() -> None:
    done = Done((log_of([Recent("a", "view_item", NOW - 1000)]),), ("4", "unknown", "5"))
    found = interest_of(done, row_of, NOW)
    assert found.seeds == [4, 5, 0]
    assert found.because == ["because-viewed"] * 3


def test_constants_of_both_languages_agree() -> None:
    assert lib.MOST_EVENTS == recents.MOST
    assert {*module.KINDS} == {*TYPES}


@pytest.mark.parametrize("log", [b"c0\n", b"c0\n[", b'c0\n["a","purchase",1]', b'c0\n["a","sold",1],\n', b""])
def test_what_the_fast_way_cannot_read_harms_nothing(table: KeyTable, log: bytes) -> None:
    events = module.ffi.new("Events *", (NULL, NULL, NULL, 0, 0))
    start = module.ffi.from_buffer(log) + log.find(b"\n") + 1
    refused = lib.vitrina_read(start, len(log) - log.find(b"\n") - 1, table.native, module._KINDS, events)
    assert refused == (0 if log in (b"c0\n", b"") else -1)


EVENTS = st.lists(
    st.builds(
        Recent,
        st.one_of(st.sampled_from(IDS), st.integers(4, 79).map(str)),
        st.one_of(st.sampled_from(TYPES), st.sampled_from(sorted(WEIGHTS))),
        st.integers(0, 40).map(lambda days: NOW - days * 86_400_000),
    ),
    max_size=recents.MOST + 20,
)


@given(events=EVENTS, tab=st.lists(st.sampled_from(IDS), max_size=3), split=st.integers(0, 20))
def test_both_ways_say_what_plain_words_say(table: KeyTable, events: list[Recent], tab: list[str], split: int) -> None:
    events = list(dict.fromkeys(events))  # Redis keeps the very same thing once
    logs = [events[:split], events[split:]]
    done = Done([log_of(log) for log in logs if log], tab)
    slow = interest_of(done, row_of, NOW)
    fast = interest_of(done, row_of, NOW, keys=table.native)
    for found in (slow, fast):
        wanted = plainly(logs, [Recent(one, "view_item", NOW - age) for age, one in enumerate(tab)])
        assert [(event[0], event[2]) for event in wanted["standing"]] == list(
            zip(found.known, found.past().times_ms.tolist(), strict=True)
        )
        assert found.seeds == wanted["seeds"]
        assert found.weights == pytest.approx(wanted["weights"])
        assert set(found.never) == wanted["never"]


def seen(event: Recent) -> tuple[int, str, int]:
    return row_of(event.item_id), event.type, event.time_ms


def plainly(logs: Sequence[Sequence[Recent]], tab: Sequence[Recent]) -> dict[str, Any]:
    """The same by the words of `server.serving.interest`, slowly: events in the order in which they came."""
    known: list[tuple[int, str, int]] = []
    for log in logs:
        known += [one for one in map(seen, log) if one not in known]
    known = sorted((one for one in [*known, *map(seen, tab)] if one[0] >= 0), key=lambda one: one[2])[-recents.MOST :]
    standing, never = [], set()
    for at, (row, kind, time_ms) in enumerate(known):
        later = [other for other in known[at + 1 :] if other[0] == row]
        if kind in WEIGHTS:
            if not any(kind in UNDOES.get(other[1], ()) for other in later):
                standing.append((row, kind, time_ms))
        elif kind == "not_interested" and not any(
            other[1] in WEIGHTS and not any(other[1] in UNDOES.get(undo[1], ()) for undo in later[number + 1 :])
            for number, other in enumerate(later)
        ):
            never.add(row)
    never |= {
        row for row, kind, time_ms in standing if kind in ("add_to_cart", "purchase") and time_ms > NOW - LATELY_MS
    }
    moments = sorted({time_ms for _, _, time_ms in standing}, reverse=True)
    strongest: dict[int, float] = {}
    for row, kind, time_ms in standing[::-1]:
        weight = WEIGHTS[kind] * math.exp(-moments.index(time_ms) / FADING_STEPS)
        strongest[row] = max(weight, strongest.get(row, 0.0))
    seeds = sorted(strongest, key=strongest.__getitem__, reverse=True)[:MOST_SEEDS]
    return {
        "standing": standing,
        "seeds": seeds,
        "weights": [strongest[row] for row in seeds],
        "never": never,
    }
