"""Whose turn it is, and who may write what: the rows alone, without processes."""

import asyncio

import pytest

from server.shops.tenancy import ACROSS_SHOPS
from server.tasks import claims
from server.tasks.models import RecommendationTask


async def enqueue(queue, shop, kind="trial", size=1, **fields):
    task = await queue.enqueue(shop.id, kind, size_hint=size)
    if fields:
        await RecommendationTask.filter(ACROSS_SHOPS, id=task.id).update(**fields)
    return task


async def expire(claim) -> None:
    await RecommendationTask.filter(ACROSS_SHOPS, id=claim.task_id).update(lease_until_ms=1)


async def test_oldest_task_of_a_shop_comes_first(queue, shop):
    first, _ = await enqueue(queue, shop), await enqueue(queue, shop)
    assert (await claims.claim_next("short")).task_id == first.id


async def test_one_task_of_a_kind_runs_at_a_time_in_a_shop(queue, shop, other_shop):
    await enqueue(queue, shop)
    await enqueue(queue, shop)
    await enqueue(queue, shop, "neighbour")  # it writes the same thing
    hasty = await enqueue(queue, shop, "hasty")
    theirs = await enqueue(queue, other_shop)
    taken = [await claims.claim_next("short") for _ in range(4)]
    assert taken[1].task_id == theirs.id
    assert taken[2].task_id == hasty.id
    assert taken[3] is None


async def test_shop_with_the_fewest_running_tasks_comes_first(queue, shop, other_shop):
    for kind in ("trial", "hasty"):
        await enqueue(queue, shop, kind)
    theirs = await enqueue(queue, other_shop)
    await claims.claim_next("short")
    assert (await claims.claim_next("short")).task_id == theirs.id


async def test_shop_that_waited_longest_comes_first(queue, shop, other_shop):
    for each in (shop, shop, other_shop, other_shop):
        await enqueue(queue, each)
    served = []
    for _ in range(4):
        claim = await claims.claim_next("short")
        served.append(claim.shop_id)
        await claims.succeed(claim.task_id, claim.token, {})
    assert served == [shop.id, other_shop.id, shop.id, other_shop.id]


async def test_tasks_of_another_lane_are_left_alone(queue, shop):
    await enqueue(queue, shop, size=1000)
    assert await claims.claim_next("short") is None


async def test_many_claims_at_once_take_each_task_once(queue, shop, other_shop):
    for each in (shop, other_shop):
        for kind in ("trial", "hasty"):
            await enqueue(queue, each, kind)
    taken = await asyncio.gather(*[claims.claim_next("short") for _ in range(12)])
    ids = [claim.task_id for claim in taken if claim]
    assert len(ids) == len(set(ids)) == 4


async def test_lost_claim_writes_nothing(queue, shop):
    await enqueue(queue, shop)
    lost = await claims.claim_next("short")
    await expire(lost)
    assert await claims.take_back_expired() == [(shop.id, lost.task_id)]
    held = await claims.claim_next("short")
    assert held.task_id == lost.task_id
    assert not await claims.renew(lost)
    assert not await claims.note_progress(lost.task_id, lost.token, "stage", 0.5, {})
    assert not await claims.succeed(lost.task_id, lost.token, {"from": "lost"})
    assert not await claims.fail(lost.task_id, lost.token, "lost")
    assert await claims.state(lost) == (False, False)
    assert await claims.succeed(held.task_id, held.token, {"from": "held"})
    assert (await RecommendationTask.get(ACROSS_SHOPS, id=held.task_id)).result == {"from": "held"}


async def test_renewed_lease_is_not_taken_back(queue, shop):
    await enqueue(queue, shop)
    claim = await claims.claim_next("short")
    await expire(claim)
    assert await claims.renew(claim)
    assert await claims.take_back_expired() == []


async def test_task_whose_worker_disappeared_three_times_fails(queue, shop):
    task = await enqueue(queue, shop)
    for _ in range(3):
        await expire(await claims.claim_next("short"))
        await claims.take_back_expired()
    row = await RecommendationTask.get(ACROSS_SHOPS, id=task.id)
    assert row.status == "failed"
    assert "3 times" in row.error


async def test_task_that_was_to_be_cancelled_does_not_run_again(queue, shop):
    await enqueue(queue, shop)
    claim = await claims.claim_next("short")
    await queue.request_cancel(shop.id, claim.task_id)
    await expire(claim)
    await claims.take_back_expired()
    assert (await RecommendationTask.get(ACROSS_SHOPS, id=claim.task_id)).status == "cancelled"


async def test_stumbling_task_pauses_before_its_next_attempt(queue, shop):
    await enqueue(queue, shop)
    claim = await claims.claim_next("short")
    await claims.stumble(claim.task_id, claim.token, claim.attempt, "The network was away.")
    row = await RecommendationTask.get(ACROSS_SHOPS, id=claim.task_id)
    assert (row.status, row.error) == ("queued", "The network was away.")
    assert await claims.claim_next("short") is None
    await RecommendationTask.filter(ACROSS_SHOPS, id=claim.task_id).update(not_before_ms=0)
    assert (await claims.claim_next("short")).attempt == 2


@pytest.mark.parametrize("text", ["a\x00b", "naïve 日本"])
async def test_any_text_can_be_a_result(queue, shop, text):
    await enqueue(queue, shop)
    claim = await claims.claim_next("short")
    assert await claims.succeed(claim.task_id, claim.token, {"found": text})
    row = await RecommendationTask.get(ACROSS_SHOPS, id=claim.task_id)
    assert row.result == {"found": text.replace("\x00", "\ufffd")}
