"""Versions of the model over HTTP: what each is, which one answers, and the way back to an earlier one."""

import asyncio
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from server.learning import versions
from server.learning.build import build
from server.learning.versions import Training
from server.serving.models import ModelVersion
from server.settings import Settings
from server.shops.models import Shop
from server.storage import blobs
from tests.serving.goods import goods, stock

VERDICT = {"accepted": False, "reason": "Not better than co-visitation.", "seed": 3, "events": 412, "cases": 120}


@pytest.fixture
async def three(shop: Shop, redis: Redis, settings: Settings) -> list[ModelVersion]:
    """Two builds, and a training that was refused."""
    await stock(shop, redis, goods(12))
    first, second = await build(shop, settings), await build(shop, settings)
    refused = await versions.record(shop, 3, metrics={"products": 12}, training=Training(VERDICT, 8.5))
    return [first, second, refused]


async def listed(backend: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    return (await backend.get("/v1/models", params=query)).json()["data"]


async def answering(backend: httpx.AsyncClient) -> str:
    return (await backend.get("/v1/recommendations")).json()["model_version"]


async def test_versions_are_told_newest_first_with_their_verdict(
    three: list[ModelVersion], backend: httpx.AsyncClient
) -> None:
    found = await listed(backend)
    assert [model["id"] for model in found] == ["m_3", "m_2", "m_1"]
    assert [model["live"] for model in found] == [False, True, False]
    assert [model["kind"] for model in found] == ["training", "build", "build"]
    assert [model["available"] for model in found] == [False, True, True]
    assert (found[0]["verdict"], found[0]["seconds"]) == (VERDICT, 8.5)
    assert found[1]["metrics"]["products"] == 12
    assert (await backend.get("/v1/models/m_2")).json() == found[1]


async def test_pages_hold_each_version_once(three: list[ModelVersion], backend: httpx.AsyncClient) -> None:
    ids, cursor = [], None
    for _ in range(3):
        answer = await backend.get("/v1/models", params={"limit": 1, **({"cursor": cursor} if cursor else {})})
        ids += [model["id"] for model in answer.json()["data"]]
        cursor = answer.json()["next_cursor"]
    assert (ids, cursor) == (["m_3", "m_2", "m_1"], None)


async def test_rolling_back_is_one_call_and_answers_at_once(
    three: list[ModelVersion], backend: httpx.AsyncClient
) -> None:
    assert await answering(backend) == "m_2"
    activated = await backend.post("/v1/models/m_1/activate")
    assert (activated.status_code, activated.json()["live"]) == (200, True)
    async with asyncio.timeout(5):  # the processes hear of it through Redis
        while await answering(backend) != "m_1":  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert [model["id"] for model in await listed(backend) if model["live"]] == ["m_1"]
    assert (await backend.post("/v1/models/m_2/activate")).status_code == 200, "and forth again"


async def test_version_that_cannot_serve_is_a_conflict_and_says_why(
    three: list[ModelVersion], settings: Settings, backend: httpx.AsyncClient
) -> None:
    refused = await backend.post("/v1/models/m_3/activate")
    assert refused.status_code == 409
    assert "refused" in refused.json()["detail"]
    blobs.remove(settings, three[0].folder)
    gone = await backend.post("/v1/models/m_1/activate")
    assert gone.status_code == 409
    assert "reindex" in gone.json()["detail"]
    assert (await backend.get("/v1/models/m_2")).json()["live"] is True


async def test_other_shops_versions_are_not_there(
    three: list[ModelVersion], client: httpx.AsyncClient, other_keys: tuple[str, str], shop: Shop
) -> None:
    headers = {"Authorization": f"Bearer {other_keys[1]}"}
    assert (await client.get("/v1/models", headers=headers)).json()["data"] == []
    assert (await client.get("/v1/models/m_1", headers=headers)).status_code == 404
    assert (await client.post("/v1/models/m_1/activate", headers=headers)).status_code == 404
    await shop.refresh_from_db()
    assert shop.live_version_id == three[1].id


@pytest.mark.parametrize("name", ["m_0", "m_4", "m_01", "m_99999999999999999999", "7", "m_-1", "m_\uff11"])
async def test_names_of_no_version_are_not_there(
    three: list[ModelVersion], backend: httpx.AsyncClient, name: str
) -> None:
    assert (await backend.get(f"/v1/models/{name}")).status_code == 404
