"""The training of a shop, from its rows in the database to a model that is live, or to the reason why it is not."""

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import structlog

from server.events import histories
from server.events.histories import Histories
from server.learning import assortment, content, gate, keeping, pipeline, versions, wording
from server.learning.build import build
from server.learning.evaluation import Scorer
from server.learning.gate import CoVisitation, Popularity, Split, Verdict
from server.learning.goods import Goods
from server.learning.keeping import Facts, Kept, UnusableModel
from server.learning.pipeline import Options, Trained
from server.learning.progress import Progress, Report, beside
from server.learning.scorers import Renamed, best_of
from server.learning.versions import Training
from server.settings import Settings
from server.shops.models import Shop
from server.storage import blobs, database

GATE_STAGE, ALL_STAGE = "Judging the model", "Learning from all events"
STAGES = {
    "Reading products": 1.0,
    "Reading events": 1.0,
    **pipeline.STAGES,
    GATE_STAGE: 3.0,
    ALL_STAGE: 4.0,
    "Writing the snapshot": 3.0,
}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Shop:
    """What is read of a shop for training."""

    group_ids: list[str]
    goods: Goods
    past: Histories


async def train(shop: Shop, settings: Settings, run: Progress, seed: int = 0) -> dict[str, Any]:
    """Train, judge, and put the model live if it is better; gives the verdict as the task's result."""
    began = time.monotonic()
    read = await _read(shop, run)
    cut = gate.split(read.past)
    if len(cut.test) < gate.FEWEST_CASES or len(cut.validation) < gate.FEWEST_CASES:
        return await _too_few(shop, read, cut, seed, began)
    options = Options(seed=seed, threads=settings.threads_of_training)
    live = await _live_model(shop, settings)
    work = partial(_fit_and_judge, read, cut, options, live)
    trained, verdict = await beside(run, pipeline.SETTINGS_STAGE, work)
    folder = ""
    if verdict.accepted:
        final = await beside(run, ALL_STAGE, partial(_learn_all, read, trained, options))
        folder = await _keep(shop, settings, final, read, options)
    told = _told(verdict, read, cut, seed, {name: float(worth.mean()) for name, worth in trained.worth.items()})
    training = Training(told, time.monotonic() - began)
    if verdict.accepted:
        version = await build(shop, settings, run, trained=folder, training=training)
    else:
        version = await versions.record(
            shop, await versions.next_number(shop), metrics=_metrics(read), stack=verdict.stack, training=training
        )
    log.info("model.judged", shop=shop.id, number=version.number, accepted=verdict.accepted, reason=verdict.reason)
    return {"model_version": f"m_{version.number}", "seconds": round(time.monotonic() - began, 1), **told}


async def evaluate(shop: Shop, settings: Settings, run: Progress, seed: int = 0) -> dict[str, Any]:
    """Judge what a training would give now beside popularity and co-visitation, without putting anything live."""
    read = await _read(shop, run)
    cut = gate.split(read.past)
    if len(cut.test) < gate.FEWEST_CASES or len(cut.validation) < gate.FEWEST_CASES:
        return {"accepted": False, "reason": _few(read, cut), "events": len(read.past), "cases": len(cut.test)}
    work = partial(
        _fit_and_judge,
        read,
        cut,
        Options(seed=seed, threads=settings.threads_of_training),
        await _live_model(shop, settings),
    )
    trained, verdict = await beside(run, pipeline.SETTINGS_STAGE, work)
    return _told(verdict, read, cut, seed, {name: float(worth.mean()) for name, worth in trained.worth.items()})


async def _read(shop: Shop, run: Progress) -> _Shop:
    total = await shop.items.all().using_db(database.reader()).count()
    with TemporaryDirectory(prefix="vitrina-training-") as folder:
        products = await assortment.read(
            shop, Path(folder), lambda done: run.progress("Reading products", done, total, "items")
        )
        products.close()
    events = await shop.events.all().using_db(database.reader()).count()
    past = await histories.load(shop, products.row, lambda done: run.progress("Reading events", done, events, "events"))
    encoded = await content.load_vectors(shop, products.group_ids)
    goods = Goods(
        texts=await wording.wordings(shop, products.group_ids),
        content=encoded.vectors,
        images=encoded.image,
        category=products.category,
        brand=products.brand,
        price=products.price,
    )
    return _Shop(products.group_ids, goods, past)


def _fit_and_judge(
    read: _Shop, cut: Split, options: Options, live: Kept | None, report: Report
) -> tuple[Trained, Verdict]:
    """Train on what lies before the test, then hold it against its rivals there."""
    count = len(read.goods)
    trained, learned = pipeline.fit(cut.train, cut.validation, cut.whole, read.goods, options, report)
    again = trained.asking.again
    rivals: list[Scorer] = [Popularity(cut.whole, count), CoVisitation(cut.whole, count)]
    if live is not None:
        rivals.append(Renamed("live", _as_live(live, trained, read, cut)))
    verdict = gate.judge(
        best_of(trained, learned),
        rivals,
        cut.test if again else cut.test.new_only(),
        count,
        stack=trained.stack,
        again=again,
        seed=options.seed,
        progress=lambda done, total: report(GATE_STAGE, done, total),
    )
    return trained, verdict


def _as_live(live: Kept, trained: Trained, read: _Shop, cut: Split) -> Scorer:
    """The live model's settings and trees over a first stage of the same events that the new one was taught: the live
    model itself has been taught the test.
    """
    facts = live.facts
    solution, asking = trained.solution, facts.asking
    if facts.settings != trained.settings or facts.asking.again != trained.asking.again:
        solution = pipeline.solution_of(cut.whole, read.goods, facts.settings, again=facts.asking.again)
    old = Trained(asking, facts.settings, solution, trained.towers, {}, {})
    together = pipeline.put_together(old, cut.whole, read.goods)
    if trained.towers is not None or not facts.towers:  # its trees ask for towers
        together.rankers = live.rankers
    return best_of(old, together)


def _learn_all(read: _Shop, trained: Trained, options: Options, report: Report) -> Trained:
    """The accepted model with the first stage taught by all events; the reranker stays as it was judged."""
    return pipeline.refit(trained, read.past, read.goods, options, report)


async def _keep(shop: Shop, settings: Settings, trained: Trained, read: _Shop, options: Options) -> str:
    """Write the model's folder; gives its blob name."""
    name = f"{versions.MODELS}/{shop.id}/{await versions.next_number(shop)}-{time.time_ns():x}"
    facts = Facts(
        stack=trained.stack,
        asking=trained.asking,
        settings=trained.settings,
        towers=trained.towers is not None,
        rankers=tuple(trained.rerankers),
        events=len(read.past),
        newest_event_ms=read.past.newest_ms,
        seed=options.seed,
    )
    with blobs.new_folder(settings, name) as folder:
        keeping.write(folder, trained, facts, read.group_ids)
    return name


async def _live_model(shop: Shop, settings: Settings) -> Kept | None:
    name = await versions.live_model(shop)
    if not name:
        return None
    try:
        return keeping.read(blobs.path_of(settings, name))
    except UnusableModel as error:
        log.warning("model.unusable", shop=shop.id, error=str(error))
        return None


async def _too_few(shop: Shop, read: _Shop, cut: Split, seed: int, began: float) -> dict[str, Any]:
    verdict = Verdict(False, "co-visitation" if len(read.past) else "content", _few(read, cut), {}, [])
    told = _told(verdict, read, cut, seed, {})
    training = Training(told, time.monotonic() - began)
    number = await versions.next_number(shop)
    version = await versions.record(shop, number, metrics=_metrics(read), stack=verdict.stack, training=training)
    return {"model_version": f"m_{version.number}", "seconds": round(time.monotonic() - began, 1), **told}


def _few(read: _Shop, cut: Split) -> str:
    """Why nothing is trained, and from when on something will be."""
    events, cases = len(read.past), min(len(cut.test), len(cut.validation))
    if not events:
        return "No events yet: similar products by content, and the newest ones."
    wanted = max(events * gate.FEWEST_CASES // max(cases, 1), events + 1)
    about = f"at about {_round(wanted):,}" if cases else "when more shoppers come back"
    return f"{events:,} events: content and co-visitation. A trained model can first prove itself {about}."


def _round(number: int) -> int:
    """Two digits are all that such a guess is worth."""
    scale = 10 ** max(len(str(number)) - 2, 0)
    return -(-number // scale) * scale


def _told(verdict: Verdict, read: _Shop, cut: Split, seed: int, validation: dict[str, float]) -> dict[str, Any]:
    plain = msgspec.to_builtins(verdict)
    return plain | {
        "validation": {name: {"ndcg@10": round(worth, 5)} for name, worth in validation.items()},
        "seed": seed,
        "events": len(read.past),
        "cases": len(cut.test),
    }


def _metrics(read: _Shop) -> dict[str, int]:
    return {"products": len(read.goods), "events": len(read.past)}
