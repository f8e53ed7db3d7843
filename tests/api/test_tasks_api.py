"""Tasks over HTTP: start, list, follow, cancel, run again. Workers are played by writing rows."""

import asyncio

import httpx
import msgspec
from starlette.applications import Starlette

from server.api import tasks as api_tasks
from server.shops.tenancy import ACROSS_SHOPS
from server.tasks import queue
from server.tasks.models import RecommendationTask


async def start(backend: httpx.AsyncClient, kind: str = "reindex") -> str:
    answer = await backend.post("/v1/tasks", json={"kind": kind})
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/tasks/{answer.json()['id']}"
    return answer.json()["id"]


async def test_started_task_is_queued_once(backend: httpx.AsyncClient) -> None:
    first, second = await start(backend), await start(backend)
    assert first == second, "while one is queued, another would do the same again"
    task = (await backend.get(f"/v1/tasks/{first}")).json()
    assert (task["kind"], task["status"], task["progress"], task["result"]) == ("reindex", "queued", 0, None)


async def test_training_is_started_with_its_seed_once(backend: httpx.AsyncClient) -> None:
    first = (await backend.post("/v1/tasks", json={"kind": "train", "seed": 7})).json()
    again = (await backend.post("/v1/tasks", json={"kind": "train", "seed": 7})).json()
    other = (await backend.post("/v1/tasks", json={"kind": "train", "seed": 8})).json()
    assert first["id"] == again["id"] != other["id"]
    for body in ({"kind": "train", "seed": -1}, {"kind": "train", "seed": 2**32}, {"kind": "reindex", "seed": 1}):
        assert (await backend.post("/v1/tasks", json=body)).status_code == 422


async def test_unknown_kind_is_refused_and_told_which_there_are(backend: httpx.AsyncClient) -> None:
    for kind, word in (("bake", "reindex"), ("import", "/v1/imports"), ("", "reindex")):
        answer = await backend.post("/v1/tasks", json={"kind": kind})
        assert answer.status_code == 422
        assert word in answer.json()["detail"]


async def test_list_is_newest_first_and_can_be_narrowed(backend: httpx.AsyncClient) -> None:
    first, second = await start(backend, "encode"), await start(backend, "reindex")
    await RecommendationTask.filter(ACROSS_SHOPS, id=first).update(status="succeeded", result={"items": 3})

    async def ids(**params: str) -> list[str]:
        return [task["id"] for task in (await backend.get("/v1/tasks", params=params)).json()["data"]]

    assert await ids() == [second, first]
    assert await ids(status="succeeded") == [first]
    assert await ids(kind="reindex") == [second]
    assert (await backend.get("/v1/tasks", params={"status": "done"})).status_code == 422


async def test_cancel_retry_and_what_conflicts(backend: httpx.AsyncClient) -> None:
    task_id = await start(backend)
    assert (await backend.post(f"/v1/tasks/{task_id}/retry")).status_code == 409
    cancelled = await backend.post(f"/v1/tasks/{task_id}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (202, "cancelled")
    retried = await backend.post(f"/v1/tasks/{task_id}/retry")
    assert (retried.status_code, retried.json()["status"]) == (202, "queued")
    await RecommendationTask.filter(ACROSS_SHOPS, id=task_id).update(status="succeeded", result={"items": 3})
    assert (await backend.post(f"/v1/tasks/{task_id}/cancel")).status_code == 409


async def test_result_is_there_when_the_task_has_succeeded(backend: httpx.AsyncClient) -> None:
    task_id = await start(backend)
    assert (await backend.get(f"/v1/tasks/{task_id}/result")).status_code == 409
    await RecommendationTask.filter(ACROSS_SHOPS, id=task_id).update(status="failed", error="The file is empty.")
    failed = await backend.get(f"/v1/tasks/{task_id}/result")
    assert failed.status_code == 409
    assert "The file is empty." in failed.json()["detail"]
    await RecommendationTask.filter(ACROSS_SHOPS, id=task_id).update(
        status="succeeded", result={"items": 3}, error=None
    )
    assert (await backend.get(f"/v1/tasks/{task_id}/result")).json() == {"result": {"items": 3}}


async def test_other_shops_tasks_are_not_there(
    client: httpx.AsyncClient, backend: httpx.AsyncClient, other_keys: tuple[str, str]
) -> None:
    task_id = await start(backend)
    headers = {"Authorization": f"Bearer {other_keys[1]}"}
    for method, rest in (("GET", ""), ("GET", "/result"), ("GET", "/stream"), ("POST", "/cancel"), ("POST", "/retry")):
        answer = await client.request(method, f"/v1/tasks/{task_id}{rest}", headers=headers)
        assert answer.status_code == 404, rest
    assert (await client.get("/v1/tasks", headers=headers)).json()["data"] == []
    assert (await RecommendationTask.get(ACROSS_SHOPS, id=task_id)).status == "queued"


async def test_stream_tells_every_change_and_ends_with_the_task(app: Starlette, backend: httpx.AsyncClient) -> None:
    task_id = await start(backend)
    services = app.state.services

    async def work() -> None:
        for changes in (
            {"status": "running", "stage": "reading", "progress": 0.5},
            {"status": "succeeded", "result": {}},
        ):
            await asyncio.sleep(0.2)
            await RecommendationTask.filter(ACROSS_SHOPS, id=task_id).update(**changes)
            await queue.announce(services.redis, "shop_test", task_id)

    working = asyncio.create_task(work())
    started = asyncio.get_running_loop().time()
    answer = await backend.get(f"/v1/tasks/{task_id}/stream", headers={"Last-Event-ID": "17"})
    await working
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [
        msgspec.json.decode(block.partition("data: ")[2])
        for block in answer.text.split("\n\n")
        if block.startswith("event: task")
    ]
    assert [event["status"] for event in events] == ["queued", "running", "succeeded"]
    assert events[1]["stage"] == "reading"
    assert asyncio.get_running_loop().time() - started < 1.5, (
        "news wakes the stream, it does not wait for its next look"
    )


async def test_stream_of_a_silent_task_beats_its_heart(backend: httpx.AsyncClient, monkeypatch) -> None:
    monkeypatch.setattr(api_tasks, "_LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(api_tasks, "_HEARTBEAT_S", 0.1)
    task_id = await start(backend)

    async def end() -> None:
        await asyncio.sleep(0.5)
        await RecommendationTask.filter(ACROSS_SHOPS, id=task_id).update(status="cancelled")

    ending = asyncio.create_task(end())
    answer = await backend.get(f"/v1/tasks/{task_id}/stream")
    await ending
    assert ": still here" in answer.text


async def test_stream_ends_with_the_process(app: Starlette, backend: httpx.AsyncClient) -> None:
    task_id = await start(backend)
    reading = asyncio.create_task(backend.get(f"/v1/tasks/{task_id}/stream"))
    await asyncio.sleep(0.2)
    app.state.services.news.close()
    answer = await asyncio.wait_for(reading, 1)
    assert answer.text.count("event: task") == 1
