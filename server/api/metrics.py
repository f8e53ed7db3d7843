"""Counts and times of requests, for Prometheus, by route and by shop. Labels are route templates and the ids of the
first shops that came, never items or addresses.
"""

import os

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST
# seconds; the first five part an answer from memory from one that had to search, the last ones show trouble
_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_MOST_SHOPS = 200  # by name, in one process; each is some series for Prometheus to keep
_OTHER_SHOPS = "other"

# one metric for counts and times by route: each further one costs a request one to two microseconds
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
_children_of_shops: dict[tuple[str, int], Counter] = {}
_shops: set[str] = set()


def observe(method: str, route: str, status: int, seconds: float, shop_id: str = "") -> None:
    """Count one request. `shop_id` is empty where no shop is meant, or nobody knows which."""
    key = (method, route, status)
    child = _children.get(key)
    if child is None:
        known = method in _METHODS
        child = _seconds.labels(method if known else "other", route, str(status))
        if known:  # any number of others may come
            _children[key] = child
    child.observe(seconds)
    if shop_id:
        _count(shop_id, status)


def _count(shop_id: str, status: int) -> None:
    key = (shop_id, status)
    child = _children_of_shops.get(key)
    if child is None:
        has_name = shop_id in _shops or len(_shops) < _MOST_SHOPS
        child = _of_shops.labels(shop_id if has_name else _OTHER_SHOPS, str(status))
        if has_name:
            _shops.add(shop_id)
            _children_of_shops[key] = child
    child.inc()


def render() -> bytes:
    """All figures in Prometheus' text format: of all API processes where `PROMETHEUS_MULTIPROC_DIR` is set, else of
    this one.
    """
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return generate_latest(registry)
