"""What is encoded of products, and how vectors come back: from real rows."""

from typing import Any

import numpy as np

from server.catalog.models import Item
from server.learning import encoded
from server.learning.content import load_vectors, passage, read_sources
from server.shops.models import Shop

FIELDS: dict[str, Any] = {"title": "T", "brand": "", "categories": [], "tags": [], "attributes": {}, "description": ""}


async def put(shop: Shop, item_id: str, group_id: str = "", **fields: Any) -> None:
    row = {"title": item_id, "content_hash": f"hash-{item_id}", "row_hash": item_id} | fields
    await Item.create(shop_id=shop.id, item_id=item_id, group_id=group_id or item_id, **row)


def test_passage_begins_with_what_tells_most() -> None:
    item = FIELDS | {
        "title": "Linen shirt", "brand": "Acme", "categories": ["Men > Shirts"], "tags": ["Summer"],
        "attributes": {"material": ["Linen"], "fit": {"cut": "Slim"}, "new": "1", "size": "XL", "gtin": 4006381333931},
        "description": "Light and cool. " * 500,
    }  # fmt: skip
    text = passage(item)
    assert text.startswith("Linen shirt. Acme. Men Shirts. Summer. Linen, Slim. Light and cool.")
    assert len(text.split()) <= 220


def test_passage_of_a_bare_title_is_the_title() -> None:
    assert passage(FIELDS | {"title": "Mug"}) == "Mug"


async def test_item_that_carries_the_groups_id_stands_for_it(shop: Shop) -> None:
    await put(shop, "p-red", "p", image_url="/red.jpg", availability="out_of_stock")
    await put(shop, "p", "p", image_url="/main.jpg", additional_image_urls=["/back.jpg"], categories=["Shirts"])
    await put(shop, "p-blue", "p", image_url="/blue.jpg")
    await put(shop, "q-1", "q", additional_image_urls=["/q.jpg"])
    await put(shop, "q-2", "q", categories=["Mugs"])
    sources = await read_sources(shop)
    assert [
        (source.item_id, source.content_hash, source.image_urls, source.categories) for source in sources.values()
    ] == [
        ("p", "hash-p", ("/main.jpg", "/red.jpg"), ("Shirts",)),
        ("q-1", "hash-q-1", ("/q.jpg",), ("Mugs",)),
    ]


async def test_sold_out_variant_changes_nothing_of_what_is_encoded(shop: Shop) -> None:
    await put(shop, "q-1", "q", image_url="/1.jpg")
    await put(shop, "q-2", "q", image_url="/2.jpg")
    before = await read_sources(shop)
    await shop.items.filter(item_id="q-1").update(availability="out_of_stock")
    assert await read_sources(shop) == before


async def test_vectors_come_in_the_order_asked_with_what_is_missing(shop: Shop, other_shop: Shop) -> None:
    for item_id in ("a", "b", "c"):
        await put(shop, item_id, image_url=f"/{item_id}.jpg")
        await put(other_shop, item_id)
    sources = await read_sources(shop)
    text = np.eye(3, 8, dtype=np.float32)
    await encoded.store(shop, "t-1/text", [("hash-a", ""), ("hash-b", "")], text[:2])
    await encoded.store(shop, "v-1/image", [(sources["b"].image_hash, "s")], text[2:])
    await encoded.store(other_shop, "t-1/text", [("hash-c", "")], text[:1])
    content = await load_vectors(shop, ["c", "b", "unknown", "a"])
    assert content.has_text.tolist() == [False, True, False, True]
    assert content.has_image.tolist() == [False, True, False, False]
    assert np.allclose(np.linalg.norm(content.vectors, axis=1), [0, 1, 0, 1], atol=1e-5)
    assert np.allclose(np.linalg.norm(content.image, axis=1), [0, 1, 0, 0], atol=1e-5)


async def test_shop_that_is_not_encoded_has_vectors_of_no_width(shop: Shop) -> None:
    await put(shop, "a")
    content = await load_vectors(shop, ["a"])
    assert content.vectors.shape == content.image.shape == (1, 0)


async def test_vector_stored_again_replaces_the_first(shop: Shop) -> None:
    for source in ("old", "new"):
        await encoded.store(shop, "v-1/image", [("hash", source)], np.ones((1, 4), dtype=np.float32))
    assert await encoded.present(shop, "v-1/image") == {"hash": "new"}
