"""Firefox as Debian packages it, driven by the WebDriver BiDi (w3c.github.io/webdriver-bidi) that it speaks itself.

Playwright drives only a Firefox of its own build; what a handful of tests need is this much.
"""

import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

PROGRAM = shutil.which("firefox-esr")  # None: scripts/install-browser gets it
START_TIMEOUT_S = 60
ANSWER_TIMEOUT_S = 30
_SETTINGS = {
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.disabledForTesting": True,
    "remote.active-protocols": 1,
}


@dataclass
class Firefox:
    """A running Firefox with one tab. `requests`: what pages asked for, as `METHOD address`."""

    socket: ClientConnection
    tab: str = ""
    requests: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    def open(self, address: str) -> None:
        """Load a page."""
        self.command("browsingContext.navigate", context=self.tab, url=address, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression, or of its promise, in the page."""
        target = {"context": self.tab}
        wrapped = f"(async () => JSON.stringify(await ({expression})))()"
        answer = self.command("script.evaluate", expression=wrapped, target=target, awaitPromise=True)
        assert answer["type"] == "success", answer["exceptionDetails"]["text"]
        return json.loads(answer["result"].get("value", "null"))

    def wait_for(self, expression: str) -> None:
        """Return once the expression holds in the page."""
        deadline = time.monotonic() + ANSWER_TIMEOUT_S
        while not self.evaluate(f"Boolean({expression})"):
            assert time.monotonic() < deadline, f"never so: {expression}"
            time.sleep(0.05)

    def before_each_page(self, script: str) -> None:
        """Run a script before those of every page."""
        self.command("script.addPreloadScript", functionDeclaration=f"() => {{ {script} }}")

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol and its result; events that come in between are noted."""
        number = next(self._numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv(ANSWER_TIMEOUT_S))
            if message.get("method") == "network.beforeRequestSent":
                request = message["params"]["request"]
                self.requests.append(f"{request['method']} {request['url']}")
            elif message.get("id") == number:
                assert message["type"] == "success", message
                return message["result"]


@contextmanager
def running_firefox() -> Iterator[Firefox]:
    """Firefox without a window, with a new profile."""
    with tempfile.TemporaryDirectory(prefix="vitrina-firefox-", ignore_cleanup_errors=True) as profile:
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in _SETTINGS.items()]
        (Path(profile) / "user.js").write_text("".join(lines))
        log = Path(profile) / "firefox.log"
        command = [str(PROGRAM), "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"]
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            with connect(f"{_address(log, process)}/session", proxy=None, max_size=None) as socket:
                firefox = Firefox(socket)
                firefox.command("session.new", capabilities={})
                firefox.command("session.subscribe", events=["network.beforeRequestSent"])
                firefox.tab = firefox.command("browsingContext.getTree")["contexts"][0]["context"]
                yield firefox
        finally:
            process.terminate()
            process.wait(20)


def _address(log: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"WebDriver BiDi listening on (ws://\S+)", log.read_text(errors="replace"))
        if found:
            return found[1]
        time.sleep(0.1)
    raise AssertionError(f"Firefox did not start: {log.read_text(errors='replace')[-2000:]}")
