"""The task that encodes a shop: what it does the first time, after changes, and with images that fail."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image, ImageDraw
from redis.asyncio import Redis

from server.catalog.models import Item
from server.learning.content import load_vectors
from server.serving.models import ModelVersion
from server.settings import Settings
from server.shops.models import Shop
from server.shops.tenancy import ACROSS_SHOPS
from server.storage.identifiers import new_id
from server.tasks import encode
from server.tasks.models import RecommendationTask
from server.tasks.run import Lost, TaskFailed, TaskRun
from tests.encoders.checkpoints import write_clip


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    return folder


@pytest.fixture
def seeing(settings: Settings, media: Path) -> Settings:
    """Settings with the visual encoder alone, which loads in no time."""
    return msgspec.structs.replace(settings, encoder="visual", image_folders={"/media/": str(media)})


def draw(media: Path, name: str, colour: str, round_: bool = False) -> None:
    image = Image.new("RGB", (120, 160), "white")
    pen = ImageDraw.Draw(image)
    (pen.ellipse if round_ else pen.rectangle)((30, 30, 90, 130), fill=colour)
    image.save(media / name)


async def put(shop: Shop, item_id: str, image_url: str = "", group_id: str = "", **fields: Any) -> None:
    row = {"title": item_id, "content_hash": f"h-{item_id}", "row_hash": "r", "image_url": image_url} | fields
    await Item.create(shop_id=shop.id, item_id=item_id, group_id=group_id or item_id, **row)


async def running(shop: Shop, settings: Settings, redis: Redis) -> TaskRun:
    task = await RecommendationTask.create(
        id=new_id("task"), shop=shop, kind="encode", lane="short", status="running", claim="c"
    )
    return TaskRun(task, shop, settings, redis, encode.STAGES)


async def run_encode(shop: Shop, settings: Settings, redis: Redis) -> dict[str, Any]:
    return await encode.run(await running(shop, settings, redis))


async def test_images_are_encoded_once_and_only_again_when_they_change(
    shop: Shop, seeing: Settings, redis: Redis, media: Path
) -> None:
    for number, colour in enumerate(("red", "green", "blue", "orange")):
        draw(media, f"{colour}.png", colour, round_=number % 2 == 0)
        await put(shop, colour, f"/media/{colour}.png")
    first = await run_encode(shop, seeing, redis)
    assert (first["products"], first["images_encoded"], first["unchanged"]) == (4, 4, 0)
    again = await run_encode(shop, seeing, redis)
    assert (again["images_encoded"], again["unchanged"]) == (0, 4)
    draw(media, "red.png", "black")
    assert (await run_encode(shop, seeing, redis))["images_encoded"] == 1
    await shop.items.filter(item_id="blue").update(image_url="/media/green.png")
    await shop.items.filter(item_id="orange").delete()
    last = await run_encode(shop, seeing, redis)
    assert (last["products"], last["images_encoded"], last["removed"]) == (3, 0, 2)


async def test_new_snapshot_serves_what_was_encoded(shop: Shop, seeing: Settings, redis: Redis, media: Path) -> None:
    draw(media, "a.png", "red")
    await put(shop, "a", "/media/a.png")
    result = await run_encode(shop, seeing, redis)
    version = await ModelVersion.get(shop_id=shop.id)
    assert result["model_version"] == f"m_{version.number}"
    assert (await Shop.get(id=shop.id)).live_version_id == version.id


async def test_missing_and_broken_images_never_fail_an_item(
    shop: Shop, seeing: Settings, redis: Redis, media: Path
) -> None:
    draw(media, "good.png", "red")
    (media / "page.jpg").write_bytes(b"<html>")
    (media / "cut.png").write_bytes((media / "good.png").read_bytes()[:200])
    addresses = {
        "good": "/media/good.png", "gone": "/media/gone.png", "page": "/media/page.jpg", "cut": "/media/cut.png",
        "private": "http://127.0.0.1:8080/x.png", "odd": "nothing", "none": "",
    }  # fmt: skip
    for item_id, url in addresses.items():
        await put(shop, item_id, url)
    result = await run_encode(shop, seeing, redis)
    assert (result["products"], result["images_encoded"], result["images_missing"]) == (7, 1, 5)
    assert {problem["item_id"] for problem in result["image_problems"]} == {"gone", "page", "cut", "private", "odd"}
    assert all(problem["reason"] and problem["image_url"] for problem in result["image_problems"])
    content = await load_vectors(shop, list(addresses))
    assert content.has_image.tolist() == [True] + [False] * 6


async def test_product_whose_second_image_is_broken_has_the_first(
    shop: Shop, seeing: Settings, redis: Redis, media: Path
) -> None:
    draw(media, "a.png", "red")
    await put(shop, "p", "/media/a.png")
    await put(shop, "p-2", "/media/gone.png", group_id="p")
    result = await run_encode(shop, seeing, redis)
    assert (result["images_encoded"], result["images_missing"]) == (1, 1)


async def test_shop_without_items_has_an_empty_snapshot(shop: Shop, seeing: Settings, redis: Redis) -> None:
    assert (await run_encode(shop, seeing, redis))["products"] == 0


async def test_cancelled_task_stops_and_keeps_what_it_did(
    shop: Shop, seeing: Settings, redis: Redis, media: Path
) -> None:
    draw(media, "a.png", "red")
    await put(shop, "a", "/media/a.png")
    run = await running(shop, seeing, redis)
    await RecommendationTask.filter(ACROSS_SHOPS, id=run.task_id).update(cancel_requested=True, claim=None)
    with pytest.raises(Lost):
        await encode.run(run)
    assert await ModelVersion.filter(shop_id=shop.id).count() == 0


async def test_encoder_that_was_chosen_but_cannot_be_had_is_said_so(
    shop: Shop, settings: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    await put(shop, "a")
    with pytest.raises(TaskFailed, match="VITRINA_CLIP"):
        await run_encode(shop, msgspec.structs.replace(settings, encoder="clip"), redis)
    with pytest.raises(TaskFailed, match="holds no CLIP checkpoint"):
        await run_encode(shop, msgspec.structs.replace(settings, encoder="clip", clip=str(tmp_path)), redis)


@pytest.mark.slow
async def test_text_and_image_side_by_side(shop: Shop, seeing: Settings, redis: Redis, media: Path) -> None:
    settings = msgspec.structs.replace(seeing, encoder="minilm+visual")
    for name, title, colour in (("a", "Red mug", "red"), ("b", "Crimson cup", "red"), ("c", "Garden hose", "green")):
        draw(media, f"{name}.png", colour, round_=colour == "red")
        await put(shop, name, f"/media/{name}.png", title=title)
    await put(shop, "d", title="Coffee cup")
    result = await run_encode(shop, settings, redis)
    assert (result["texts_encoded"], result["images_encoded"]) == (4, 3)
    vectors = (await load_vectors(shop, ["a", "b", "c", "d"])).vectors
    cosines = vectors @ vectors.T
    assert cosines[0, 1] > cosines[0, 2]
    assert cosines[3, 1] > cosines[3, 2]  # without an image, still nearer to the other cup
    assert (await run_encode(shop, settings, redis))["texts_encoded"] == 0


@pytest.mark.slow
async def test_changing_the_encoder_encodes_anew_and_forgets_the_old(
    shop: Shop, seeing: Settings, redis: Redis, media: Path, tmp_path: Path
) -> None:
    draw(media, "a.png", "red")
    await put(shop, "a", "/media/a.png")
    await run_encode(shop, seeing, redis)
    clip = msgspec.structs.replace(seeing, encoder="auto", clip=str(write_clip(tmp_path / "clip")))
    result = await run_encode(shop, clip, redis)
    assert (result["encoders"]["text"], result["texts_encoded"], result["images_encoded"]) == ("clip", 1, 1)
    assert result["removed"] == 1
    sides = {row.encoder.partition("/")[2]: np.frombuffer(row.vector, "<f2") for row in await shop.encodings.all()}
    assert {side: vector.shape for side, vector in sides.items()} == {"text": (24,), "image": (24,)}
