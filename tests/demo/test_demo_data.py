"""The demo shops' files are ones that any shop could import, and the demo's memory survives damage."""

import gzip
from pathlib import Path

import msgspec

from server.catalog.fields import ItemFields
from server.demo import catalogs, state
from server.demo.state import DemoShop
from server.settings import Settings


def test_luma_is_199_products_with_their_colours_and_photographs(tmp_path: Path) -> None:
    path = tmp_path / "luma.jsonl"
    assert catalogs.write_luma(path) == 199 + 417
    items = [msgspec.json.decode(line, type=ItemFields) for line in path.open("rb")]
    assert len({item.group_id for item in items}) == 199
    folder = catalogs.DATA / "luma" / "images"
    images = {url for item in items for url in [item.image_url, *item.additional_image_urls] if url}
    assert all(url.startswith("/demo/luma/images/") for url in images)
    assert {url.rpartition("/")[2] for url in images} == {file.name for file in folder.iterdir()}


def test_luma_links_lead_to_products_of_the_shop(tmp_path: Path) -> None:
    path = tmp_path / "luma.jsonl"
    catalogs.write_luma(path)
    items = [msgspec.json.decode(line) for line in path.open("rb")]
    ids = {item["item_id"] for item in items}
    linked = [target for item in items for targets in item.get("links", {}).values() for target in targets]
    assert len(linked) == 1542
    assert set(linked) <= ids


def test_gift_shop_has_its_real_items_and_every_invoice_line(tmp_path: Path) -> None:
    assert catalogs.write_gift_shop(tmp_path / "gift-shop.jsonl") == 3659
    with gzip.open(catalogs.INVOICE_LINES, "rt", encoding="utf-8") as file:
        header = next(file).strip().split(",")
        assert sum(1 for _ in file) == 541_909
    columns = {column for column in catalogs.INVOICE_COLUMNS.values() if isinstance(column, str)}
    assert columns <= set(header)


def test_what_the_demo_remembers_is_for_its_owner_only_and_a_damaged_file_is_forgotten(settings: Settings) -> None:
    shop = DemoShop("shop_1", "luma", "Luma", "vpk_x", "vsk_x")
    state.save(settings, shop)
    path = settings.folder / "demo.json"
    assert state.load(settings) == {"luma": shop}
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("{")
    assert state.load(settings) == {}
