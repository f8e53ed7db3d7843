"""What an event may contain, and what is said about one that cannot be taken."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.events.fields import _KNOWN, MOST_EXTRA_BYTES, TYPES, Refused, rows_of
from server.events.models import Event
from server.events.store import EventRow

NOW_MS = 1_780_000_000_000
DAY_MS = 24 * 3600 * 1000


def rows(trusted: bool = False, **fields: Any) -> list[EventRow]:
    event = {"type": "view_item", "session_id": "s1", "item_id": "A", **fields}
    return rows_of({name: value for name, value in event.items() if value is not ...}, NOW_MS, trusted=trusted)


def refusal(trusted: bool = False, **fields: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        rows(trusted, **fields)
    return caught.value


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_every_type_is_taken(kind: str) -> None:
    assert rows(type=kind, search_term="shoes")[0].type == kind


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"type": ...}, "/type"),
        ({"type": "click"}, "/type"),
        ({"type": ["view_item"]}, "/type"),
        ({"session_id": ...}, "/shopper_id"),
        ({"item_id": ...}, "/items"),
        ({"item_id": ""}, "/item_id"),
        ({"item_id": "x" * 129}, "/item_id"),
        ({"item_id": "a\nb"}, "/item_id"),
        ({"item_id": True}, "/item_id"),
        ({"shopper_id": {"id": 1}}, "/shopper_id"),
        ({"event_id": "e\x7f"}, "/event_id"),
        ({"items": {"item_id": "A"}}, "/items"),
        ({"items": ["A"]}, "/items/0"),
        ({"items": [{"item_id": "A"}, {}]}, "/items/1/item_id"),
        ({"items": [{"item_id": "A", "price": -1}]}, "/items/0/price"),
        ({"items": [{"item_id": "A", "quantity": "many"}]}, "/items/0/quantity"),
        ({"items": []}, "/items"),
        ({"items": [{"item_id": "A"}] * 1001}, "/items"),
        ({"value": float("inf")}, "/value"),
        ({"value": 10**400}, "/value"),
        ({"currency": "euro"}, "/currency"),
        ({"recommendation_id": "r" * 65}, "/recommendation_id"),
        ({"time": "yesterday"}, "/time"),
        ({"time": float("nan")}, "/time"),
        ({"time": "2026-05-01T00:00:00Z"}, "/time"),
        ({"age_ms": 8 * DAY_MS}, "/age_ms"),
        ({"type": "search"}, "/search_term"),
        ({"type": "purchase", "item_id": ...}, "/items"),
        ({"note": "x" * MOST_EXTRA_BYTES}, ""),
        ({"items": [{"item_id": "A"}, {"item_id": "B", "note": "x" * MOST_EXTRA_BYTES}]}, "/items/1"),
        ({"note": 10**5000}, ""),
    ],
)
def test_refusal_points_at_the_field(fields: dict[str, Any], pointer: str) -> None:
    refused = refusal(**fields)
    assert refused.pointer == pointer
    assert refused.detail.endswith(".") and len(refused.detail) < 400


def test_order_needs_no_shopper_and_no_items() -> None:
    (row,) = rows(type="refund", session_id=..., item_id=..., transaction_id="T1")
    assert (row.item_id, row.transaction_id) == (None, "T1")


def test_numeric_ids_become_text() -> None:
    assert rows(item_id=4711, shopper_id=7)[0][4:7] == ("7", "s1", "4711")


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-05-28T20:26:40Z", NOW_MS),
        ("2026-05-28T22:26:40.250+02:00", NOW_MS + 250),
        ("2026-05-28T20:26:40", NOW_MS),
        (NOW_MS, NOW_MS),
        (NOW_MS // 1000, NOW_MS),
        (NOW_MS * 1000, NOW_MS),
        (NOW_MS + 9 * 60 * 1000, NOW_MS + 9 * 60 * 1000),
        (NOW_MS + 11 * 60 * 1000, NOW_MS),
        ("2099-01-01T00:00:00Z", NOW_MS),
        (NOW_MS - 6 * DAY_MS, NOW_MS - 6 * DAY_MS),
        (..., NOW_MS),
    ],
)
def test_time(time: Any, expected: int) -> None:
    assert rows(time=time)[0].time_ms == expected


def test_old_events_are_for_secret_keys() -> None:
    assert refusal(time=NOW_MS - 8 * DAY_MS).pointer == "/time"
    assert rows(trusted=True, time="2009-12-01T07:45:00Z")[0].time_ms == 1_259_653_500_000


def test_age_tells_the_time_where_the_clock_is_wrong() -> None:
    assert rows(age_ms=1500)[0].time_ms == NOW_MS - 1500


def test_placement_and_recommendation_may_stand_at_the_item() -> None:
    items = [{"item_id": "A", "item_list_id": "cart", "recommendation_id": "rec_2"}, {"item_id": "B"}]
    first, second = rows(items=items, item_list_id="home", recommendation_id="rec_1")
    assert (first.placement, first.recommendation_id) == ("cart", "rec_2")
    assert (second.placement, second.recommendation_id) == ("home", "rec_1")


def test_what_belongs_to_the_whole_event_is_stored_once() -> None:
    first, second = rows(type="purchase", items=[{"item_id": "A"}, {"item_id": "B"}], value=7, tax=1)
    assert (first.value, second.value) == (7.0, None)
    assert (first.extra, second.extra) == ('{"event":{"tax":1}}', None)


def test_nul_is_taken_out_of_further_fields() -> None:
    (row,) = rows(note={"a\x00": ["b\x00c", "\\u0000"]})
    assert msgspec.json.decode(row.extra or "") == {"event": {"note": {"a": ["bc", "\\u0000"]}}}


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_names = st.sampled_from([*_KNOWN, "note"])
_likely = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(sorted(TYPES)),
        "event_id": st.text(max_size=130),
        "session_id": st.text(min_size=1),
        "time": st.integers(0, 2 * NOW_MS) | st.datetimes().map(lambda time: f"{time.isoformat()}Z"),
        "item_id": st.text(),
        "items": st.lists(st.fixed_dictionaries({"item_id": st.text(min_size=1)}, optional={"price": _json})),
        "search_term": st.text(),
        "value": st.floats() | st.integers(),
        "note": _json,
    },
)


@given(_json | st.dictionaries(_names, _json) | _likely, st.booleans())
def test_any_event_is_taken_or_refused_and_what_is_taken_fits_the_table(event: Any, trusted: bool) -> None:
    try:
        taken = rows_of(event, NOW_MS, trusted=trusted)
    except Refused as refused:
        assert refused.pointer == "" or refused.pointer.startswith("/")
        return
    assert [row.position for row in taken] == list(range(len(taken)))
    for row in taken:
        assert 0 <= row.time_ms <= NOW_MS + 600_000
        for name, value in row._asdict().items():
            field = Event._meta.fields_map[name]
            most = getattr(field, "max_length", None)
            assert value is None or most is None or len(value) <= most, name
            assert not isinstance(value, str) or "\x00" not in value
            assert value is not None or field.null, name
