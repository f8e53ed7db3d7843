"""Origins: the pages on which a publishable key works, each a scheme and a host as browsers name them."""

from collections.abc import Iterable

PATTERN = r"^https?://([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?$"
MOST = 50  # of one key
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def as_browsers_send(origins: Iterable[str]) -> list[str]:
    """Each once: in small letters, without the port that goes without saying."""
    return list(dict.fromkeys(_as_browser_sends(origin.lower()) for origin in origins))


def _as_browser_sends(origin: str) -> str:
    return origin.removesuffix(_DEFAULT_PORTS[origin.partition(":")[0]])
