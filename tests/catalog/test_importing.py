"""Whole files into the catalog: what changes, what stays, what is refused."""

from pathlib import Path

import pytest
from feed_reading import FEEDS
from redis.asyncio import Redis

from server.catalog.importing import ItemsReport, WouldShrink, import_items
from server.catalog.models import Item
from server.catalog.options import ImportOptions
from server.files.opening import Unreadable
from server.shops.models import Shop


async def silent(stage: str, done: int, total: int, unit: str) -> None:
    assert stage in ("reading", "storing", "removing")
    assert done <= total or not total


def feed(folder: Path, *rows: str, header: str = "id,title,price") -> Path:
    path = folder / "feed.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


async def bring(shop: Shop, redis: Redis, path: Path, **options: object) -> ItemsReport:
    return await import_items(shop, path, ImportOptions.of(options), silent, redis)


async def ids(shop: Shop) -> set[str]:
    return set(await Item.filter(shop_id=shop.id).values_list("item_id", flat=True))  # type: ignore[arg-type]


def counts(report: ItemsReport) -> tuple[int, int, int, int, int]:
    return report.created, report.updated, report.unchanged, report.deleted, report.rejected


async def test_the_same_file_twice_changes_nothing(shop: Shop, redis: Redis, tmp_path: Path):
    path = tmp_path / "export.csv"
    path.write_bytes((FEEDS / "magento-hoodies.csv").read_bytes())
    first = await bring(shop, redis, path)
    stored = await Item.filter(shop_id=shop.id).order_by("id").values()
    again = await bring(shop, redis, path)
    assert counts(first) == (32, 0, 0, 0, 0)
    assert counts(again) == (0, 0, 32, 0, 0)
    assert (first.products, again.products) == (2, 2)
    assert await Item.filter(shop_id=shop.id).order_by("id").values() == stored


async def test_even_a_file_with_repeated_ids_changes_nothing_the_second_time(shop: Shop, redis: Redis, tmp_path: Path):
    rows = [f"{n % 700},Title {n},{n}" for n in range(1500)]
    path = feed(tmp_path, *rows)
    assert counts(await bring(shop, redis, path)) == (700, 0, 0, 0, 0)
    again = await bring(shop, redis, path)
    assert counts(again) == (0, 0, 700, 0, 0)
    assert "700 ids" in again.warnings[0]
    assert (await Item.get(shop_id=shop.id, item_id="5")).title == "Title 1405"


async def test_upsert_leaves_what_the_file_does_not_name(shop: Shop, redis: Redis, tmp_path: Path):
    await bring(shop, redis, feed(tmp_path, "1,A,1", "2,B,2", "3,C,3"))
    report = await bring(shop, redis, feed(tmp_path, "2,B,2", "3,C,30", "4,D,4"))
    assert counts(report) == (1, 1, 1, 0, 0)
    assert await ids(shop) == {"1", "2", "3", "4"}


async def test_replace_removes_what_vanished_but_not_what_its_file_has_in_a_bad_row(
    shop: Shop, other_shop: Shop, redis: Redis, tmp_path: Path
):
    await bring(other_shop, redis, feed(tmp_path, "9,Z,1"))
    await bring(shop, redis, feed(tmp_path, "1,A,1", "2,B,2", "3,C,3", "4,D,4"))
    report = await bring(shop, redis, feed(tmp_path, "1,A,1", "2,B,2", "3,C,three"), mode="replace")
    assert counts(report) == (0, 0, 2, 1, 1)
    assert await ids(shop) == {"1", "2", "3"}
    assert await ids(other_shop) == {"9"}


async def test_replace_refuses_to_remove_more_than_half_unless_told_to(shop: Shop, redis: Redis, tmp_path: Path):
    await bring(shop, redis, feed(tmp_path, *(f"{n},T,1" for n in range(5))))
    smaller = feed(tmp_path, "1,T,2", "2,T,2")
    with pytest.raises(WouldShrink, match="3 of 5 items"):
        await bring(shop, redis, smaller, mode="replace")
    assert await Item.filter(shop_id=shop.id, price=1.0).count() == 5
    report = await bring(shop, redis, smaller, mode="replace", allow_shrink=True)
    assert counts(report) == (0, 2, 0, 3, 0)


async def test_withdrawn_products_leave_the_catalog_in_either_mode(shop: Shop, redis: Redis, tmp_path: Path):
    header = "Handle,Title,Variant SKU,Variant Price,Option1 Name,Status,Published"
    await bring(shop, redis, feed(tmp_path, "a,A,A,1,,active,true", "b,B,B,1,,active,true", header=header))
    report = await bring(shop, redis, feed(tmp_path, "a,A,A,1,,archived,true", "c,C,C,1,,draft,true", header=header))
    assert counts(report) == (0, 0, 0, 1, 0)
    assert await ids(shop) == {"B"}


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04",
        b"<html>Sign in</html>",
        b"id,title\n",
        b"id,title,price\n1,A,x\n2,B,y\n",
        b"<rss><channel></channel>",
        b"\x00\x01\x02\x03" * 100,
        b"",
    ],
)
async def test_a_file_that_is_not_what_it_claims_leaves_the_catalog_as_it_was(
    shop: Shop, redis: Redis, tmp_path: Path, content: bytes
):
    await bring(shop, redis, feed(tmp_path, "1,A,1"))
    bad = tmp_path / "bad"
    bad.write_bytes(content)
    with pytest.raises(Unreadable):
        await bring(shop, redis, bad, mode="replace", allow_shrink=True)
    assert await ids(shop) == {"1"}


async def test_a_feed_without_its_end_removes_nothing(shop: Shop, redis: Redis, tmp_path: Path):
    await bring(shop, redis, feed(tmp_path, "1,A,1", "2,B,1"))
    cut = tmp_path / "cut.xml"
    cut.write_text("<rss><channel><item><id>1</id><title>A</title></item><item><id>2</id><ti")
    with pytest.raises(Unreadable, match="end of the file is missing"):
        await bring(shop, redis, cut, mode="replace")
    assert (await bring(shop, redis, cut)).warnings
    assert await ids(shop) == {"1", "2"}


async def test_only_the_first_hundred_rejections_are_told_one_by_one(shop: Shop, redis: Redis, tmp_path: Path):
    report = await bring(shop, redis, feed(tmp_path, "1,A,1", *(f"{n},A,x" for n in range(2, 302))))
    assert (report.rejected, len(report.rejections)) == (300, 100)
    first = report.rejections[0]
    assert (first.line, first.column, first.found, first.item_id) == (3, "price", "x", "2")


async def test_prices_follow_the_given_currency_and_locale(shop: Shop, redis: Redis, tmp_path: Path):
    path = feed(tmp_path, '1;A;"1.234"', header="id;title;price")
    await bring(shop, redis, path, currency="CHF", locale="de-DE")
    item = await Item.get(shop_id=shop.id)
    assert (item.price, item.currency) == (1234.0, "CHF")


async def test_a_lost_task_stops_the_reading(shop: Shop, redis: Redis, tmp_path: Path):
    class LostError(Exception):
        pass

    async def lose(stage: str, done: int, total: int, unit: str) -> None:
        raise LostError

    with pytest.raises(LostError):
        await import_items(shop, feed(tmp_path, *(f"{n},T,1" for n in range(200_000))), ImportOptions(), lose, redis)
    assert await ids(shop) == set()
