"""A running Vitrina with a small catalog, a shop's pages on another origin, and a real Chromium that visits them."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.journeys.installation import Installation, Shop, running
from tests.widget.storefront import Storefront, open_storefront

ROOT = Path(__file__).parents[2]
HOSTILE = '<img src=x onerror="window.harmed=1"><script>window.harmed=1</script>'
ITEMS = [
    {"title": "Linen shirt, white", "price": 39.9, "sale_price": 29.9},
    {"title": "Linen trousers", "price": 49.5},
    {"title": "Cotton shirt, blue", "price": 1299, "image_url": ""},
    {"title": "Wool jumper", "price": 0},
    {"title": HOSTILE, "price": 5, "image_url": ""},
    {"title": "W" * 900, "price": 9},
    {"title": "Missing picture", "price": 9, "image_url": "/lost/picture.png"},
    {"title": "Without a price"},
    {"title": "Canvas shoes", "price": 25},
    {"title": "Leather belt", "price": 19},
    {"title": "Straw hat", "price": 22},
    {"title": "Silk scarf", "price": 35},
    {"title": "Denim jacket", "price": 89},
    {"title": "Rain coat", "price": 120},
    *({"title": f"Plain tee no. {number}", "price": 9.5} for number in range(1, 17)),
]


@dataclass
class Visit:
    """One shopper's browser window, and what it complained about."""

    page: Page
    complaints: list[str]

    def wait_for_lists(self, count: int = 1) -> None:
        """Return when so many lists are filled."""
        self.page.wait_for_function(
            "([filled, count]) => document.querySelectorAll(`vitrina-recommendations:has(${filled})`).length === count",
            arg=[".vitrina-items:not([aria-busy]) .vitrina-item", count],
        )

    def scroll_to_end(self) -> None:
        """Press "next" until it has nothing more to show."""
        forward = self.page.locator(".vitrina-next")
        while forward.get_attribute("aria-disabled") == "false":
            forward.click()
            self.page.wait_for_timeout(700)  # smooth scrolling

    def box(self, selector: str) -> dict[str, float]:
        """Where the first such element is, in pixels of the window."""
        box = self.page.locator(selector).first.bounding_box()
        assert box, f"{selector} is not shown"
        return {"x": box["x"], "y": box["y"], "width": box["width"], "height": box["height"]}

    def titles(self) -> list[str]:
        """The titles of all cards of the page."""
        return self.page.locator(".vitrina-item .vitrina-title").all_text_contents()


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """`vitrina-server up` on embedded defaults, with the widget as its build leaves it."""
    subprocess.run([ROOT / "scripts" / "build-widget"], check=True)
    with running(tmp_path_factory.mktemp("widget"), api_processes="1", encoder="minilm") as installation:
        yield installation


@pytest.fixture(scope="session")
def shop(installation: Installation) -> Shop:
    """A shop with a few items, some of them hostile."""
    shop = installation.new_shop("Widget shop", currency="EUR")
    items = [
        {"item_id": f"SKU-{number}", "url": f"/p/{number}", "image_url": f"/images/{number}.png", "currency": "EUR"}
        | item
        for number, item in enumerate(ITEMS, 1)
    ]
    answer = shop.http.post("/v1/items/batch", json={"items": items}, headers=shop.headers)
    assert answer.is_success, answer.text
    shop.wait_for_all()
    return shop


@pytest.fixture(scope="session")
def tag(shop: Shop) -> str:
    """The one line a shop puts into its pages."""
    return f'<script async src="{shop.http.base_url}/widget/v1.js" data-key="{shop.publishable}"></script>'


@pytest.fixture(scope="module")
def storefront() -> Iterator[Storefront]:
    """The shop's own web server."""
    with open_storefront() as opened:
        yield opened


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, closed before tests that bring an event loop of their own."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """`visit(address, **context)` opens an address in a fresh browser context, as a new shopper."""
    contexts: list[BrowserContext] = []

    def open_page(address: str, **options: object) -> Visit:
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))  # pyright: ignore
        contexts.append(context)
        visit = Visit(context.new_page(), [])
        visit.page.on("pageerror", lambda error: visit.complaints.append(f"error: {error}"))
        visit.page.on("console", lambda message: visit.complaints.append(f"console: {message.text}"))
        visit.page.goto(address, wait_until="commit")
        return visit

    yield open_page
    for context in contexts:
        context.close()
