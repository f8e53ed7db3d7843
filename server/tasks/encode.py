"""`encode`: what changed in a shop's catalog becomes vectors, then a new snapshot."""

import asyncio
from typing import Any

import structlog

from server.catalog.images import Images
from server.encoders import choice, fetching
from server.encoders.choice import Choice
from server.encoders.encoder import Encoder, EncoderError, load
from server.learning import content, encoded, encoding
from server.learning.build import build
from server.learning.encoded import Tally
from server.outbound import Outbound
from server.settings import Settings
from server.tasks import reindex
from server.tasks.run import TaskFailed, TaskRun

FETCH_STAGE, LOAD_STAGE = "Fetching CLIP", "Loading the encoders"
STAGES = {FETCH_STAGE: 0.1, LOAD_STAGE: 1.0, encoding.TEXT_STAGE: 10.0, encoding.IMAGE_STAGE: 10.0, **reindex.STAGES}

log = structlog.get_logger(__name__)


async def run(run: TaskRun) -> dict[str, Any]:
    """Encode the texts and images that have no vector yet, and build the snapshot that serves them."""
    chosen = await _choose(run)
    await run.progress(LOAD_STAGE)
    encoders = await _load(run.settings, chosen)
    sources = list((await content.read_sources(run.shop)).values())
    texts, images = Tally(), Tally()
    if chosen.text:
        texts = await encoding.encode_texts(run.shop, encoders[chosen.text], sources, run)
    if chosen.image and any(source.image_urls for source in sources):
        async with Outbound(run.settings) as outbound:
            finder = Images(run.settings, outbound)
            images = await encoding.encode_images(run.shop, encoders[chosen.image], sources, finder, run.settings, run)
    in_use = [f"{encoders[name].name}/{side}" for name, side in _sides(chosen)]
    removed = texts.removed + images.removed + await encoded.forget_other_encoders(run.shop, in_use)
    version = await build(run.shop, run.settings, run)
    return {
        "products": len(sources),
        "texts_encoded": texts.encoded,
        "images_encoded": images.encoded,
        "unchanged": texts.unchanged + images.unchanged,
        "removed": removed,
        "images_missing": images.missing,
        "image_problems": images.problems,
        "encoders": {"text": chosen.text, "image": chosen.image, "reason": chosen.reason},
        "model_version": f"m_{version.number}",
    }


async def _choose(run: TaskRun) -> Choice:
    """The encoders to use. CLIP's weights are fetched first where the settings want them and they are not here."""
    if choice.may_fetch(run.settings):
        await run.progress(FETCH_STAGE)
        failure = await fetching.fetch(run.settings)
        if failure and run.settings.encoder == "clip":
            raise TaskFailed(
                f"The products cannot be encoded: {failure}. Let VITRINA_CLIP name a folder with a checkpoint, "
                "or set VITRINA_ENCODER=auto."
            )
    chosen = choice.choose(run.settings)
    log.info("encoders.chosen", text=chosen.text, image=chosen.image, reason=chosen.reason)
    return chosen


async def _load(settings: Settings, chosen: Choice) -> dict[str, Encoder]:
    try:
        names = {name for name, _ in _sides(chosen)}
        return {name: await asyncio.to_thread(load, name, settings) for name in sorted(names)}
    except EncoderError as error:
        raise TaskFailed(str(error)) from error


def _sides(chosen: Choice) -> list[tuple[str, str]]:
    """The encoders' names, each with the side it is for."""
    return [(name, side) for name, side in ((chosen.text, content.TEXT), (chosen.image, content.IMAGE)) if name]
