"""The few calls of the public HTTP API that the demo makes, as a shop's own program would make them."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from server.demo.state import DemoShop

_PAUSE_S = 0.2
_CONFLICT = 409
_ENDED = ("succeeded", "failed", "cancelled")

OnProgress = Callable[[dict[str, Any]], None]
Fields = dict[str, Any]


class DemoError(Exception):
    """The demo cannot go on; the message says why and what to do."""


class Api:
    """Vitrina's HTTP API at one address."""

    def __init__(self, base_url: str) -> None:
        self._http = httpx.Client(base_url=base_url, timeout=60, trust_env=False)

    def ready(self) -> bool:
        """Whether a Vitrina answers here and has what it needs."""
        try:
            return self._http.get("/readyz").is_success
        except httpx.TransportError:
            return False

    def create_shop(self, operator_key: str, fields: Fields) -> DemoShop:
        """Create the shop, or, where it exists already, make new keys for it."""
        answer = self._http.post("/v1/shops", json=fields, headers=_bearer(operator_key))
        if answer.status_code == _CONFLICT:
            return self._existing_shop(operator_key, fields["slug"])
        shop = _checked(answer)
        return _demo_shop(shop, shop["keys"])

    def _existing_shop(self, operator_key: str, slug: str) -> DemoShop:
        shops = _checked(self._http.get("/v1/shops", params={"limit": 200}, headers=_bearer(operator_key)))["data"]
        shop = next(shop for shop in shops if shop["slug"] == slug)
        headers = _bearer(operator_key) | {"Vitrina-Shop": shop["id"]}
        keys = {
            kind: _checked(self._http.post("/v1/keys", json={"kind": kind, "name": "demo"}, headers=headers))["key"]
            for kind in ("publishable", "secret")
        }
        return _demo_shop(shop, keys)

    def knows(self, shop: DemoShop) -> bool:
        """Whether the shop's secret key still opens it."""
        return self._http.get("/v1/items", params={"limit": 1}, headers=_bearer(shop.secret_key)).is_success

    def start_import(self, shop: DemoShop, file: Path, options: Fields) -> str:
        """Upload a file to be imported; returns the task's id."""
        form = {name: json.dumps(value) if isinstance(value, dict) else str(value) for name, value in options.items()}
        with file.open("rb") as stream:
            answer = self._http.post(
                "/v1/imports", data=form, files={"file": (file.name, stream)}, headers=_bearer(shop.secret_key)
            )
        return _checked(answer)["id"]

    def start_task(self, shop: DemoShop, kind: str) -> str:
        """Start a task of this kind; returns its id."""
        return _checked(self._http.post("/v1/tasks", json={"kind": kind}, headers=_bearer(shop.secret_key)))["id"]

    def task(self, shop: DemoShop, task_id: str) -> Fields:
        """The task as it is now."""
        return _checked(self._http.get(f"/v1/tasks/{task_id}", headers=_bearer(shop.secret_key)))

    def follow(self, shop: DemoShop, task_id: str, on_progress: OnProgress) -> Fields:
        """Wait for a task to end, and return it.

        Raises:
            DemoError: it failed or was cancelled.
        """
        while True:
            task = self.task(shop, task_id)
            on_progress(task)
            if task["status"] == "succeeded":
                return task
            if task["status"] in _ENDED:
                raise DemoError(f"The task {task['kind']} of {shop.name} {task['status']}: {task['error']}")
            time.sleep(_PAUSE_S)

    def unfinished_tasks(self, shop: DemoShop) -> list[Fields]:
        """The shop's queued and running tasks, oldest first."""
        tasks = _checked(self._http.get("/v1/tasks", params={"limit": 50}, headers=_bearer(shop.secret_key)))["data"]
        return [task for task in reversed(tasks) if task["status"] not in _ENDED]

    def recommend(self, shop: DemoShop, **context: Any) -> Fields:
        """One list of recommendations, asked with the publishable key as a page would."""
        return _checked(self._http.get("/v1/recommendations", params=context, headers=_bearer(shop.publishable_key)))

    def track(self, shop: DemoShop, event: Fields) -> None:
        """Send one event and see it accepted."""
        answer = self._http.post("/v1/events", json={"events": [event]}, headers=_bearer(shop.publishable_key))
        result = _checked(answer)
        if result["rejected"]:
            raise DemoError(f"An event was rejected: {result['rejected'][0]['detail']}")


@contextmanager
def connected(base_url: str) -> Iterator[Api]:
    """An `Api` whose connections are closed at the end."""
    api = Api(base_url)
    try:
        yield api
    finally:
        api._http.close()


def _demo_shop(shop: Fields, keys: Fields) -> DemoShop:
    return DemoShop(shop["id"], shop["slug"], shop["name"], keys["publishable"], keys["secret"])


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _checked(answer: httpx.Response) -> Fields:
    if not answer.is_success:
        request = answer.request
        raise DemoError(f"{request.method} {request.url.path} answered {answer.status_code}: {answer.text[:500]}")
    return answer.json()
