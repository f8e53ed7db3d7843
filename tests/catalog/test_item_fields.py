"""What an item may hold, and how each fault is named."""

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.catalog.fields import Invalid, ItemFields, read

GOOD = {"item_id": "SKU-1", "title": "Linen shirt"}


def faults(**changes: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as invalid:
        read(GOOD | changes)
    return {error.pointer: error.detail for error in invalid.value.errors}


@pytest.mark.parametrize(
    ("changes", "pointer", "words"),
    [
        ({"item_id": ""}, "/item_id", "1 to 128 characters"),
        ({"item_id": "a\nb"}, "/item_id", "control characters"),
        ({"item_id": "x" * 129}, "/item_id", "1 to 128"),
        ({"item_id": 5}, "/item_id", "is 5"),
        ({"title": ""}, "/title", "1,000 characters"),
        ({"title": " \x00 "}, "/title", "empty"),
        ({"price": "19.90"}, "/price", "“19.90”"),
        ({"price": -1}, "/price", "number from 0"),
        ({"price": math.nan}, "/price", "is nan"),
        ({"price": 10, "sale_price": 12}, "/sale_price", "`price` is 10"),
        ({"sale_price": 12}, "/sale_price", "no `price`"),
        ({"currency": "euro"}, "/currency", "ISO 4217"),
        ({"availability": "yes"}, "/availability", "in_stock, out_of_stock"),
        ({"url": "javascript:alert(1)"}, "/url", "http://"),
        ({"image_url": "//cdn.example/x.jpg"}, "/image_url", "http://"),
        ({"additional_image_urls": ["https://a.de/1.jpg", "x"]}, "/additional_image_urls/1", "http://"),
        ({"categories": "Men"}, "/categories", "a list of at most"),
        ({"categories": ["Men", 3]}, "/categories/1", "a list of at most"),
        ({"links": {"upsell": "a"}}, "/links/upsell", "lists of item ids"),
        ({"links": {"other": []}}, "/links", "lists of item ids"),
        ({"colour": "red"}, "/colour", "not a field"),
        ({"attributes": []}, "/attributes", "JSON object"),
        ({"attributes": {"a": "x" * 70_000}}, "/attributes", "64 KiB"),
    ],
)
def test_a_fault_is_named_with_its_place_and_what_to_send(changes: dict[str, Any], pointer: str, words: str):
    found = faults(**changes)
    assert list(found) == [pointer]
    assert words in found[pointer]


def test_all_faults_are_named_at_once():
    with pytest.raises(Invalid) as invalid:
        read({"price": "x", "availability": "x"})
    assert {error.pointer for error in invalid.value.errors} == {"/item_id", "/title", "/price", "/availability"}


def test_texts_are_cleaned_of_what_databases_refuse():
    item = read(
        GOOD | {"title": "Caf\u0065\u0301\x00 \x07x", "tags": ["a\x00", "a", " "], "attributes": {"k\x00": ["v\x00"]}}
    )
    assert item.title == "Café x"
    assert item.tags == ["a"]
    assert item.attributes == {"k": ["v"]}


def test_attributes_may_not_be_endlessly_deep():
    deep: Any = "x"
    for _ in range(50):
        deep = [deep]
    assert "/attributes" in faults(attributes={"a": deep})


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*ItemFields.__struct_fields__, "other"]), _json))
def test_any_object_is_an_item_or_refused_with_pointers(raw: dict[str, Any]):
    try:
        item = read(raw)
    except Invalid as invalid:
        assert invalid.errors
        assert all(error.pointer == "" or error.pointer.startswith("/") for error in invalid.errors)
        assert all(error.detail.endswith(".") for error in invalid.errors)
    else:
        text = msgspec.json.encode(item).decode()
        assert "\\u0000" not in text
        assert json.loads(text)["item_id"] == item.item_id
