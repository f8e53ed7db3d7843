"""From a catalog file to recommendations in a page, and on from there: a shop's first minutes, through public doors."""

import time
from pathlib import Path

import msgspec
import pytest
from redis import Redis

from server.demo import catalogs
from tests.journeys.installation import Installation, Shop

pytestmark = pytest.mark.slow

PLACEMENTS = ("home", "product-page", "cart", "category", "search-empty", "order-confirmation", "email")


@pytest.fixture(scope="module")
def luma(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = installation.new_shop("Luma", currency="USD", locale="en-US")
    file = tmp_path_factory.mktemp("luma") / "luma.jsonl"
    catalogs.write_luma(file)
    result = shop.import_file(file)
    assert (result["created"], result["rejected"], result["products"]) == (616, 0, 199)
    return shop


def test_the_same_file_again_changes_nothing(luma: Shop, tmp_path: Path) -> None:
    catalogs.write_luma(tmp_path / "luma.jsonl")
    result = luma.import_file(tmp_path / "luma.jsonl")
    assert (result["created"], result["updated"], result["deleted"], result["unchanged"]) == (0, 0, 0, 616)


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_every_placement_answers_a_full_list_to_everybody(luma: Shop, placement: str) -> None:
    for context in ({}, {"item_id": "24-MB01"}, {"item_id": "no such item"}, {"shopper_id": "nobody"}):
        items = luma.recommend(placement=placement, limit=12, **context)["items"]
        assert len({item["item_id"] for item in items}) == 12
        assert all(item["title"] and item["reason"]["text"] for item in items)


def test_a_like_moves_the_next_answer_of_every_process_and_says_why(luma: Shop) -> None:
    before = luma.recommend(placement="home", shopper_id="anna")
    luma.track(type="add_to_wishlist", shopper_id="anna", item_id="24-MB01")
    for _ in range(8):  # two processes share the port; fresh connections reach both
        after = luma.recommend(placement="home", shopper_id="anna")
        assert [item["item_id"] for item in after["items"]] != [item["item_id"] for item in before["items"]]
        assert any("Joust Duffle Bag" in item["reason"]["text"] for item in after["items"])


def test_what_is_sold_out_is_gone_within_a_second_everywhere(luma: Shop) -> None:
    context = {"placement": "product-page", "item_id": "24-MB01"}
    gone = luma.recommend(**context)["items"][0]["item_id"]
    answer = luma.http.patch(f"/v1/items/{gone}", json={"availability": "out_of_stock"}, headers=luma.headers)
    assert answer.status_code == 200
    time.sleep(1)
    for _ in range(8):
        assert gone not in [item["item_id"] for item in luma.recommend(**context)["items"]]


def test_another_shop_sees_nothing_of_it(installation: Installation, luma: Shop) -> None:
    other = installation.new_shop("Other")
    assert other.http.get("/v1/items/24-MB01", headers=other.headers).status_code == 404
    assert other.recommend(placement="home", item_id="24-MB01")["items"] == []
    tasks = luma.http.get("/v1/tasks", headers=luma.headers).json()["data"]
    assert other.http.get(f"/v1/tasks/{tasks[0]['id']}", headers=other.headers).status_code == 404


def test_a_page_instead_of_a_feed_is_refused_and_the_catalog_stays(luma: Shop, tmp_path: Path) -> None:
    page = tmp_path / "feed.xml"
    page.write_text("<!doctype html><html><body><h1>503 Service Unavailable</h1></body></html>")
    with page.open("rb") as stream:
        answer = luma.http.post("/v1/imports", files={"file": stream}, data={"mode": "replace"}, headers=luma.headers)
    deadline = time.monotonic() + 30
    while (task := luma.http.get(f"/v1/tasks/{answer.json()['id']}", headers=luma.headers).json())[
        "status"
    ] != "failed":
        assert time.monotonic() < deadline, task
        time.sleep(0.1)
    assert "HTML" in task["error"]
    assert luma.http.get("/v1/items/24-MB01", headers=luma.headers).status_code == 200


def test_purchases_teach_what_goes_together(installation: Installation, tmp_path: Path) -> None:
    shop = installation.new_shop("Hardware")
    items = [{"item_id": f"part-{n}", "title": f"Part {n}", "price": 1.0} for n in range(40)]
    (tmp_path / "items.jsonl").write_bytes(b"\n".join(map(msgspec.json.encode, items)))
    shop.import_file(tmp_path / "items.jsonl")
    events = [
        {"event_id": f"e{n}", "type": "purchase", "shopper_id": f"s{n}", "transaction_id": f"t{n}",
         "time": f"2026-01-{1 + n % 28:02}T12:00:00Z", "items": [{"item_id": "part-1"}, {"item_id": "part-2"}]}
        for n in range(60)
    ]  # fmt: skip
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(map(msgspec.json.encode, events)))
    result = shop.import_file(tmp_path / "events.jsonl", kind="events")
    assert (result["accepted"], result["rejected"]) == (60, 0)
    first = shop.recommend(placement="product-page", item_id="part-1")["items"][0]
    assert (first["item_id"], first["reason"]["code"]) == ("part-2", "bought-together")


def test_recommendations_outlive_a_redis_that_lost_everything(luma: Shop, installation_redis: Redis) -> None:
    luma.track(type="view_item", shopper_id="boris", item_id="24-MB02")
    expected = [item["item_id"] for item in luma.recommend(placement="home", shopper_id="boris")["items"]]
    installation_redis.flushall()
    assert [item["item_id"] for item in luma.recommend(placement="home", shopper_id="boris")["items"]] == expected
