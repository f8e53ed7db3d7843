"""A shop's own web server for the tests: pages that carry the widget's tag, on an origin that is not Vitrina's."""

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from PIL import Image

# The rules by which the widget's README has shops keep the room for a list that has `<i></i>` in it
README = Path(__file__).parents[2] / "widget" / "README.md"
ROOM = README.read_text(encoding="utf-8").split("```css\n")[1].split("```")[0]
# and one for lists that have none
RESERVED = (
    "vitrina-recommendations:not(:defined){display:block;min-height:calc(clamp(9em,38vw,13.5em)*1.25 + 11.425em)}"
)
LIGHT = "body{background:#fff;color:#1d1d1f}"
DARK = "body{background:#131316;color:#f2f2f4}"
SLOW_S = 12  # three times what the widget waits for
PAUSE = "<!-- what follows comes late -->"
PAUSE_S = 0.4


@dataclass
class Storefront:
    """Pages of a shop by path. `address` is its origin. A page with a `PAUSE` comes in two parts."""

    address: str
    pages: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    # what is posted to a path is answered with the JSON that its function makes of it, after `latency_s`
    answers: dict[str, Callable[[bytes], bytes]] = field(default_factory=dict)
    latency_s: float = 0.0

    def put(self, path: str, page: str, **headers: str) -> str:
        """Put up a page with further response headers (`content_security_policy=…`); returns its address."""
        self.pages[path] = (page, {name.replace("_", "-"): value for name, value in headers.items()})
        return self.address + path


@contextmanager
def open_storefront() -> Iterator[Storefront]:
    """Serve until left, on a free port."""
    picture = _picture()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path.startswith("/images/"):
                self._answer(picture, {"Content-Type": "image/png"})
            elif path in shop.pages:
                page, headers = shop.pages[path]
                self._answer(page.encode(), {"Content-Type": "text/html; charset=utf-8"} | headers)
            else:
                self._answer(b"", {}, 404)

        def do_POST(self) -> None:
            """What stands where the API should: a ready answer, or a page of HTML, under /slow after a long while."""
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answering = shop.answers.get(self.path.partition("?")[0])
            if answering:
                time.sleep(shop.latency_s)
                self._answer(answering(sent), {"Content-Type": "application/json"})
                return
            if self.path.startswith("/slow"):
                time.sleep(SLOW_S)
            headers = {"Content-Type": "text/html", "Access-Control-Allow-Origin": "*"}
            self._answer(b"<!doctype html><h1>Maintenance</h1>", headers)

        def _answer(self, body: bytes, headers: dict[str, str], status: int = 200) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            now, pause, late = body.partition(PAUSE.encode())
            with suppress(ConnectionError):  # whoever asked no longer waits
                self.wfile.write(now)
                if pause:
                    time.sleep(PAUSE_S)
                    self.wfile.write(pause + late)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    shop = Storefront(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield shop
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def page(tag: str, body: str, *, styles: str = LIGHT + RESERVED, attributes: str = 'lang="en"', head: str = "") -> str:
    """A page of the shop with the widget's tag in its head."""
    return (
        f'<!doctype html><html {attributes}><head><meta charset="utf-8"><title>Shop</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"{f'<style>body{{margin:0;font:16px/1.5 sans-serif}}{styles}</style>' if styles else ''}{head}{tag}</head>"
        f"<body><main><h1>Shop</h1>{body}</main></body></html>"
    )


def _picture() -> bytes:
    picture = io.BytesIO()
    Image.new("RGB", (40, 50), "#8899aa").save(picture, "PNG")
    return picture.getvalue()
