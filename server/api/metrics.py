"""Counts and times of requests, for Prometheus, by route and by shop. Labels are route templates and the ids of the
first shops that came, never items or addresses.
"""

import asyncio
import collections
import os

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST
# seconds; the first five part an answer from memory from one that had to search, the last ones show trouble
_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_MOST_SHOPS = 200  # by name, in one process; each is some series for Prometheus to keep
_OTHER_SHOPS = "other"
_TOLD_AT_ONCE, _TOLD_WITHIN_S = 64, 1.0

_seconds = Histogram(
    "vitrina_http_request_seconds",
    "Time from request to answer; its count is the number of requests.",
    ("method", "route", "status"),
    buckets=_BUCKETS,
)
_of_shops = Counter(
    "vitrina_shop_requests",
    f"Requests by shop; those of shops that came after the first {_MOST_SHOPS} are together {_OTHER_SHOPS!r}.",
    ("shop", "status"),
)
_children: dict[tuple[str, str, int], Histogram] = {}
_shops: set[str] = set()
_waiting: list[tuple[str, str, int, float, str]] = []  # requests that the metrics were not told yet


def observe(method: str, route: str, status: int, seconds: float, shop_id: str = "") -> None:
    """Count one request. `shop_id` is empty where no shop is meant, or nobody knows which.

    The metrics hear of many at once, so that a shop's requests of a moment are one step of its counter.
    """
    if not _waiting:
        asyncio.get_running_loop().call_later(_TOLD_WITHIN_S, settle)
    _waiting.append((method, route, status, seconds, shop_id))
    if len(_waiting) >= _TOLD_AT_ONCE:
        settle()


def settle() -> None:
    """Tell the metrics what they were not told yet. In the event loop's thread only."""
    of_shops = collections.Counter[tuple[str, int]]()
    for method, route, status, seconds, shop_id in _waiting:
        (_children.get((method, route, status)) or _child(method, route, status)).observe(seconds)
        of_shops[shop_id, status] += 1
    _waiting.clear()
    for (shop_id, status), count in of_shops.items():
        if shop_id:
            _of_shops.labels(_named(shop_id), str(status)).inc(count)


def _child(method: str, route: str, status: int) -> Histogram:
    known = method in _METHODS
    child = _seconds.labels(method if known else "other", route, str(status))
    if known:  # any number of others may come
        _children[method, route, status] = child
    return child


def _named(shop_id: str) -> str:
    if shop_id not in _shops and len(_shops) < _MOST_SHOPS:
        _shops.add(shop_id)
    return shop_id if shop_id in _shops else _OTHER_SHOPS


def render() -> bytes:
    """All figures in Prometheus' text format: of all API processes where `PROMETHEUS_MULTIPROC_DIR` is set, else of
    this one. `settle` before.
    """
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return generate_latest(registry)
