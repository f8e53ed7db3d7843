"""Counts and times of requests, for Prometheus. Labels are route templates, never shops, items or addresses."""

import os

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST
# seconds; the first five part an answer from memory from one that had to search, the last ones show trouble
_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

# one metric for counts and times: each further one would cost a request two microseconds
_seconds = Histogram(
    "vitrina_http_request_seconds",
    "Time from request to answer; its count is the number of requests.",
    ("method", "route", "status"),
    buckets=_BUCKETS,
)
_children: dict[tuple[str, str, int], Histogram] = {}


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Count one request."""
    key = (method, route, status)
    child = _children.get(key)
    if child is None:
        known = method in _METHODS
        child = _seconds.labels(method if known else "other", route, str(status))
        if known:  # any number of others may come
            _children[key] = child
    child.observe(seconds)


def render() -> bytes:
    """All figures in Prometheus' text format: of all API processes where `PROMETHEUS_MULTIPROC_DIR` is set, else of
    this one.
    """
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return generate_latest(registry)
