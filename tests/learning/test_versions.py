"""The versions of a shop's model: what is kept, what goes live, and what happens when two want to decide."""

import asyncio
from pathlib import Path

import pytest

from server.learning import versions
from server.learning.build import build
from server.learning.versions import FilesGone, Training
from server.serving.models import ModelVersion
from server.shops.models import Shop
from server.shops.tenancy import ACROSS_SHOPS
from server.storage import blobs
from tests.serving.goods import Counter, goods, stock

ACCEPTED = Training({"accepted": True, "reason": "Better than what was live."}, 12.5)
REFUSED = Training({"accepted": False, "reason": "Not better than co-visitation."}, 3.0)


def trained_model(counter: Counter, name: str) -> str:
    """A trained model's blob, as the pipeline writes it."""
    blob = f"{versions.MODELS}/{counter.shop.id}/{name}"
    with blobs.new_folder(counter.settings, blob) as folder:
        (folder / "weights.npy").write_bytes(b"weights")
    return blob


def folders(counter: Counter, kind: str) -> list[str]:
    """The blobs of the shop that are there."""
    paths: list[Path] = sorted((blobs.folder(counter.settings) / kind / counter.shop.id).glob("*"))
    return [f"{kind}/{counter.shop.id}/{path.name}" for path in paths]


@pytest.fixture
async def stocked(counter: Counter) -> Counter:
    await stock(counter.shop, counter.redis, goods(8))
    return counter


async def test_three_builds_are_kept(stocked: Counter) -> None:
    for _ in range(5):
        await build(stocked.shop, stocked.settings)
    kept = await ModelVersion.filter(ACROSS_SHOPS).order_by("number")
    assert [version.number for version in kept] == [3, 4, 5]
    assert folders(stocked, "snapshots") == sorted(version.folder for version in kept)


async def test_older_trainings_keep_their_verdict_and_lose_their_files(stocked: Counter) -> None:
    for number in range(1, 9):
        model = trained_model(stocked, str(number))
        await build(stocked.shop, stocked.settings, trained=model, training=ACCEPTED)
    every = await ModelVersion.filter(ACROSS_SHOPS).order_by("number")
    assert [bool(version.folder and version.trained) for version in every] == [False] * 3 + [True] * 5
    assert all(version.verdict == ACCEPTED.verdict and version.kind == "training" for version in every)
    assert all((version.seconds or 0) >= 12.5 for version in every)
    assert folders(stocked, "models") == sorted(version.trained for version in every if version.trained)
    assert folders(stocked, "snapshots") == sorted(version.folder for version in every if version.folder)
    with pytest.raises(FilesGone, match="m_1 were let go"):
        await versions.activate(stocked.shop, every[0], stocked.redis)


async def test_live_version_and_its_model_are_kept_however_old(stocked: Counter) -> None:
    first_model = trained_model(stocked, "first")
    first = await build(stocked.shop, stocked.settings, trained=first_model, training=ACCEPTED)
    for number in range(2, 9):
        model = trained_model(stocked, str(number))
        await build(stocked.shop, stocked.settings, trained=model, training=REFUSED, activate=False)
    await stocked.shop.refresh_from_db()
    assert stocked.shop.live_version_id == first.id
    assert {first.folder, first_model} <= set(folders(stocked, "snapshots") + folders(stocked, "models"))


async def test_trained_model_stays_in_later_builds_and_outlives_its_training(stocked: Counter) -> None:
    model = trained_model(stocked, "first")
    await build(stocked.shop, stocked.settings, trained=model, training=ACCEPTED)
    later = await build(stocked.shop, stocked.settings)
    assert (later.kind, later.trained, later.verdict) == ("build", model, None)
    for number in range(6):
        other = trained_model(stocked, f"other-{number}")
        await build(stocked.shop, stocked.settings, trained=other, training=REFUSED, activate=False)
    assert (await ModelVersion.get(ACROSS_SHOPS, number=1)).folder == ""
    assert model in folders(stocked, "models"), "the live build serves it"
    assert (await build(stocked.shop, stocked.settings)).trained == model


async def test_rolling_back_takes_the_model_of_then_into_later_builds(stocked: Counter) -> None:
    old, new = trained_model(stocked, "old"), trained_model(stocked, "new")
    before = await build(stocked.shop, stocked.settings, trained=old, training=ACCEPTED)
    await build(stocked.shop, stocked.settings, trained=new, training=ACCEPTED)
    assert await versions.activate(stocked.shop, before, stocked.redis)
    assert (await build(stocked.shop, stocked.settings)).trained == old


async def test_roll_back_during_a_build_is_not_undone_by_it(stocked: Counter) -> None:
    """The build began with the newer model; what the owner chose meanwhile is in the snapshot that goes live."""
    old, new = trained_model(stocked, "old"), trained_model(stocked, "new")
    before = await build(stocked.shop, stocked.settings, trained=old, training=ACCEPTED)
    await build(stocked.shop, stocked.settings, trained=new, training=ACCEPTED)

    class RollsBack:
        done = False

        async def progress(self, stage: str, done: int = 0, total: int = 0, unit: str = "") -> None:
            if stage == "Indexing" and not self.done:
                self.done = True
                assert await versions.activate(stocked.shop, before, stocked.redis)

    version = await build(stocked.shop, stocked.settings, RollsBack())
    live = await versions.live(stocked.shop)
    assert live is not None
    assert (live.id, live.trained) == (version.id, old)


async def test_lost_files_of_a_trained_model_do_not_stop_the_catalog(stocked: Counter) -> None:
    model = trained_model(stocked, "first")
    await build(stocked.shop, stocked.settings, trained=model, training=ACCEPTED)
    blobs.remove(stocked.settings, model)
    version = await build(stocked.shop, stocked.settings)
    assert version.trained == ""
    await stocked.shop.refresh_from_db()
    assert stocked.shop.live_version_id == version.id


async def test_refused_training_never_stands_in_for_a_damaged_version(stocked: Counter) -> None:
    await build(stocked.shop, stocked.settings)
    await build(stocked.shop, stocked.settings, trained="", training=REFUSED, activate=False)
    live = await build(stocked.shop, stocked.settings)
    blobs.remove(stocked.settings, live.folder)
    fresh = Counter(stocked.settings, stocked.redis, stocked.shop)
    assert (await fresh.ask())["model_version"] == "m_1"
    await fresh.shelf.close()


async def test_training_that_made_no_snapshot_is_on_record_and_in_nobodys_way(stocked: Counter) -> None:
    for _ in range(7):
        number = await versions.next_number(stocked.shop)
        await versions.record(stocked.shop, number, metrics={}, training=REFUSED)
    await build(stocked.shop, stocked.settings)
    assert await ModelVersion.filter(ACROSS_SHOPS, kind="training").count() == 7
    assert await versions.next_number(stocked.shop) == 9
    with pytest.raises(FilesGone):
        await versions.activate(stocked.shop, await ModelVersion.get(ACROSS_SHOPS, number=7), stocked.redis)


async def test_damaged_files_are_found_before_activation(stocked: Counter) -> None:
    version = await build(stocked.shop, stocked.settings)
    await versions.require_files(stocked.shop, version, stocked.settings)
    (blobs.path_of(stocked.settings, version.folder) / "price.npy").unlink()
    with pytest.raises(FilesGone, match="damaged"):
        await versions.require_files(stocked.shop, version, stocked.settings)


async def test_letting_go_and_activating_at_once_never_leaves_a_shop_with_lost_files(stocked: Counter) -> None:
    oldest = await build(stocked.shop, stocked.settings)
    for _ in range(3):
        await ModelVersion.filter(ACROSS_SHOPS, id=oldest.id).update(
            kind="training"
        )  # so that the build does not let it go yet
        await build(stocked.shop, stocked.settings)
    await ModelVersion.filter(ACROSS_SHOPS, id=oldest.id).update(kind="build")
    await asyncio.gather(
        versions.let_old_go(stocked.shop, stocked.settings),
        versions.activate(stocked.shop, oldest, stocked.redis),
        return_exceptions=True,
    )
    shop = await Shop.get(id=stocked.shop.id)
    live = await ModelVersion.get(ACROSS_SHOPS, id=shop.live_version_id)
    await versions.require_files(shop, live, stocked.settings)
    assert live.folder in folders(stocked, "snapshots")


async def test_folders_of_killed_builds_and_trainings_are_cleared(
    stocked: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "_ABANDONED_S", -1)
    orphans = [blobs.path_of(stocked.settings, f"{kind}/{stocked.shop.id}/7-dead") for kind in ("snapshots", "models")]
    for orphan in orphans:
        orphan.mkdir(parents=True)
    version = await build(stocked.shop, stocked.settings)
    assert not any(orphan.exists() for orphan in orphans)
    assert folders(stocked, "snapshots") == [version.folder]
