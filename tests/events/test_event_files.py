"""Files of events: columns, times, identities, rejections."""

import gzip
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from server.events.erasures import Erasures
from server.events.files import EventOptions, EventsReport, import_events
from server.events.models import Event
from server.events.times import Clock
from server.files.opening import Unreadable
from server.settings import Settings
from server.shops.models import Shop

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID\n"
MAPPING = {
    "item_id": "StockCode", "transaction_id": "InvoiceNo", "time": "InvoiceDate", "shopper_id": "CustomerID",
    "price": "UnitPrice", "quantity": "Quantity",
}  # fmt: skip


async def silent(stage: str, done: int, total: int, unit: str) -> None:
    assert stage in ("reading", "storing")


async def bring(shop: Shop, folder: Path, content: str | bytes, **options: Any) -> EventsReport:
    path = folder / "events"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    erasures = Erasures(Settings(data_folder=str(folder)))
    return await import_events(shop, path, msgspec.convert(options, EventOptions), silent, erasures)


async def test_invoices_become_purchases_and_importing_again_adds_nothing(shop: Shop, tmp_path: Path):
    text = HEADER + (
        "536365,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850\n"
        "536365,71053,LANTERN,6,2010-12-01 08:26:00,3.39,17850\n"
        "536365,71053,LANTERN,6,2010-12-01 08:26:00,3.39,17850\n"  # an exact repeat is the same event
        "C536379,D,Discount,-1,2010-12-01 09:41:00,27.50,14527\n"
        "536414,22139,,56,2010-12-01 11:52:00,0.0,\n"
    )
    options = {"mapping": MAPPING, "constants": {"type": "purchase"}, "currency": "GBP"}
    report = await bring(shop, tmp_path, text, **options)
    assert (report.accepted, report.duplicates, report.rejected) == (3, 1, 1)
    refused = report.rejections[0]
    assert (refused.line, refused.column, refused.found) == (5, "Quantity", "-1")
    assert "more than 0" in refused.expected
    heart = await Event.get(shop_id=shop.id, item_id="85123A")
    assert (heart.type, heart.shopper_id, heart.transaction_id, heart.quantity) == ("purchase", "17850", "536365", 6.0)
    assert (heart.price, heart.currency, heart.time_ms) == (2.55, "GBP", 1291191960000)
    guest = await Event.get(shop_id=shop.id, item_id="22139")
    assert (guest.shopper_id, guest.session_id) == (None, "order-536414")
    again = await bring(shop, tmp_path, gzip.compress(text.encode()), **options)
    assert (again.accepted, again.duplicates) == (0, 4)
    assert await Event.filter(shop_id=shop.id).count() == 3


async def test_columns_are_found_by_name_and_types_in_other_words(shop: Shop, tmp_path: Path):
    report = await bring(
        shop,
        tmp_path,
        "timestamp,visitorid,event,itemid,transactionid\n1433221332117,257597,view,355908,\n"
        "1433224214164,992329,addtocart,248676,\n1433223236124,986791,transaction,1,7\n",
    )
    assert (report.accepted, report.rejected) == (3, 0)
    rows = await Event.filter(shop_id=shop.id).order_by("time_ms")
    assert [row.type for row in rows] == ["view_item", "purchase", "add_to_cart"]
    assert rows[0].time_ms == 1433221332117


async def test_rows_with_one_event_id_are_one_event(shop: Shop, tmp_path: Path):
    text = "event_id,type,time,shopper_id,item_id\n" + "".join(
        f"e{n // 3},purchase,2024-05-01T10:00:00Z,s,item{n}\n" for n in range(9)
    )
    report = await bring(shop, tmp_path, text)
    assert (report.accepted, report.duplicates) == (3, 0)
    rows = await Event.filter(shop_id=shop.id, event_id="e1").order_by("position")
    assert [(row.position, row.item_id) for row in rows] == [(0, "item3"), (1, "item4"), (2, "item5")]
    assert (await bring(shop, tmp_path, text)).accepted == 0


async def test_json_lines_are_events_as_the_api_takes_them(shop: Shop, tmp_path: Path):
    events = [
        {"type": "purchase", "time": "2024-05-01 10:00:00", "shopper_id": "s", "transaction_id": "t",
         "items": [{"item_id": "a", "quantity": 1}, {"item_id": "b"}]},
        {"type": "view_item", "time": 1714557600, "session_id": "x", "item_id": "c", "extra": True},
        {"type": "purchase", "time": 1714557600, "transaction_id": "t2", "items": [{"item_id": "a", "quantity": 0}]},
        {"type": "stare", "time": 1714557600, "shopper_id": "s", "item_id": "c"},
    ]  # fmt: skip
    text = "\n".join(json.dumps(event) for event in events) + "\n{broken\n"
    report = await bring(shop, tmp_path, text, timezone="Europe/Berlin")
    assert (report.format, report.accepted, report.rejected) == ("jsonl", 2, 3)
    assert [(bad.line, bad.column) for bad in report.rejections] == [(3, "quantity"), (4, "type"), (5, "")]
    rows = await Event.filter(shop_id=shop.id, type="purchase").order_by("position")
    assert [(row.item_id, row.time_ms) for row in rows] == [("a", 1714550400000), ("b", 1714550400000)]
    assert (await bring(shop, tmp_path, text, timezone="Europe/Berlin")).accepted == 0


async def test_more_events_than_one_batch_holds(shop: Shop, tmp_path: Path):
    text = "event_id,type,time,shopper_id,item_id\n" + "".join(
        f"e{n // 7},view_cart,2024-05-01T10:00:00Z,s{n % 9},i{n}\n" for n in range(12_000)
    )
    report = await bring(shop, tmp_path, text)
    assert report.accepted == 12_000 // 7 + 1
    assert await Event.filter(shop_id=shop.id).count() == 12_000


async def test_events_of_one_time_keep_the_order_of_the_file(shop: Shop, tmp_path: Path):
    text = "event_id,type,time,shopper_id,item_id\n" + "".join(
        f"e{n * 7919 % 300},view_item,2024-05-01,s,i{n}\n" for n in range(300)
    )
    assert (await bring(shop, tmp_path, text)).accepted == 300
    items = await Event.filter(shop_id=shop.id).order_by("time_ms", "id").values_list("item_id", flat=True)
    assert items == [f"i{n}" for n in range(300)]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("purchase,yesterday,s,a,1,1", "time"),
        ("purchase,01/12/2010 08:26,s,a,1,1", "time"),
        ("purchase,2024-13-01,s,a,1,1", "time"),
        ("buying,2024-05-01,s,a,1,1", "type"),
        ("purchase,2024-05-01,s,a,0,1", "quantity"),
        ("purchase,2024-05-01,s,a,many,1", "quantity"),
        ("purchase,2024-05-01,s,a,1,-1", "price"),
        ("purchase,2024-05-01,s,a,1,nan", "price"),
        ("purchase,2024-05-01,s,,1,1", "item_id"),
        ("purchase,2024-05-01,,a,1,1", "shopper_id"),
        (f"purchase,2024-05-01,{'s' * 200},a,1,1", "shopper_id"),
    ],
)
async def test_a_bad_row_is_told_and_the_next_is_taken(shop: Shop, tmp_path: Path, row: str, column: str):
    text = f"type,time,shopper_id,item_id,quantity,price\n{row}\npurchase,2024-05-01,s,a,1,1\n"
    report = await bring(shop, tmp_path, text)
    assert (report.accepted, report.rejected) == (1, 1)
    assert (report.rejections[0].line, report.rejections[0].column) == (2, column)


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ("item,when\na,b\n", {}, "No column for type"),
        ("type,item_id,shopper_id\nview,a,s\n", {}, "No column for time"),
        ("type,time,item_id\nview,2024-05-01,a\n", {}, "whose events"),
        ("type,time,shopper_id\n", {"mapping": {"item_id": "nope"}}, "column “nope”"),
        ("type,time,shopper_id\n", {"mapping": {"colour": "type"}}, "field “colour”"),
        ("type,time,shopper_id,item_id\n", {}, "no events"),
        ("type,time,shopper_id,item_id\nx,2024-05-01,s,a\n", {}, "None of the 1 rows"),
        ("type,time,shopper_id\n", {"timezone": "Mars/Olympus"}, "no time zone"),
        ("type,time,shopper_id\n", {"format": "shopify"}, "csv or jsonl"),
        ("[{}]", {}, "JSON array"),
        ("<rss/>", {}, "not a table"),
    ],
)
async def test_a_file_that_cannot_be_used_gets_one_clear_message(
    shop: Shop, tmp_path: Path, content: str, options: dict[str, Any], words: str
):
    with pytest.raises(Unreadable, match=words):
        await bring(shop, tmp_path, content, **options)
    assert await Event.filter(shop_id=shop.id).count() == 0


@pytest.mark.parametrize(
    ("text", "zone", "milliseconds"),
    [
        ("2024-05-01T10:00:00Z", "Europe/Berlin", 1714557600000),
        ("2024-05-01 10:00:00", "UTC", 1714557600000),
        ("2024-05-01 12:00:00", "Europe/Berlin", 1714557600000),
        ("2024-05-01T12:00:00.123456789+02:00", "UTC", 1714557600123),
        ("2024-05-01 10:00:00 UTC", "Europe/Berlin", 1714557600000),
        ("2024-05-01", "UTC", 1714521600000),
        ("1714557600", "UTC", 1714557600000),
        ("1714557600000", "UTC", 1714557600000),
        ("1714557600000000", "UTC", 1714557600000),
        ("1714557600.5", "UTC", 1714557600500),
    ],
)
def test_times_in_every_form(text: str, zone: str, milliseconds: int):
    assert Clock(zone).milliseconds(text) == milliseconds
