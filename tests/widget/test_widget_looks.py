"""How lists look: each layout in light and dark, each language, and a phone, beside pictures kept in `references/`.

`pytest tests/widget/test_widget_looks.py --keep-looks` takes the pictures anew; look at them before they are committed.
"""

import json
import shutil
import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Route

from tests.widget.conftest import Visit
from tests.widget.storefront import DARK, LIGHT, RESERVED, Storefront, page

pytestmark = [pytest.mark.slow, pytest.mark.browser]

REFERENCES = Path(__file__).parent / "references"
FONT = "Liberation Sans"
STYLES = f"body{{font-family:'{FONT}'!important;padding:16px}}h1{{display:none}}"
BLOCK = 4  # pixels: edges of letters differ between versions of the browser, what they say does not
FAR = 40  # of 255, in any colour
SHARE = 0.001  # of all blocks may be that far: half a price of one card
REASON = {"code": "similar", "text": "Similar to Linen shirt, white"}
ITEMS: list[dict[str, Any]] = [
    {"title": "Linen shirt, white", "price": 39.9, "sale_price": 29.9},
    {"title": "Trousers of a linen so light that it takes more than two lines to say", "price": 49.5},
    {"title": "Cotton shirt, blue", "price": 1299, "image_url": ""},
    {"title": "Without a price"},
    {"title": "Incomprehensibilities" * 4, "price": 0},
]
LOOKS = [
    *((layout, theme, "en", 900) for layout in ("carousel", "grid", "list") for theme in ("light", "dark")),
    *(("carousel", "light", language, 900) for language in ("de", "fr", "es", "pl", "ru")),
    ("carousel", "light", "en", 390),
]


def has_font() -> bool:
    """Whether letters can look as in the pictures."""
    return bool(shutil.which("fc-match")) and f'"{FONT}"'.encode() in subprocess.check_output(["fc-match", FONT])


@pytest.mark.skipif(not has_font(), reason=f"{FONT} is not installed; scripts/install-browser gets it on Debian")
@pytest.mark.parametrize(("layout", "theme", "language", "width"), LOOKS)
def test_a_list_looks_as_it_did(
    storefront: Storefront,
    tag: str,
    visit: Callable[..., Visit],
    pytestconfig: pytest.Config,
    layout: str,
    theme: str,
    language: str,
    width: int,
) -> None:
    name = f"{layout}-{theme}-{language}-{width}"
    element = f'<vitrina-recommendations placement="cart" layout="{layout}" limit="5"></vitrina-recommendations>'
    styles = {"light": LIGHT, "dark": DARK}[theme] + RESERVED + STYLES
    visitor = visit("about:blank", viewport={"width": width, "height": 900})
    visitor.page.route("**/v1/recommendations/batch*", answer)
    visitor.page.goto(storefront.put(f"/{name}", page(tag, element, styles=styles, attributes=f'lang="{language}"')))
    visitor.wait_for_lists()
    visitor.page.wait_for_function("[...document.images].every(image => image.complete || image.loading === 'lazy')")
    visitor.page.wait_for_timeout(300)
    seen = Image.open(BytesIO(visitor.page.locator("main").screenshot())).convert("RGB")
    kept = REFERENCES / f"{name}.png"
    if pytestconfig.getoption("--keep-looks"):
        REFERENCES.mkdir(exist_ok=True)
        seen.quantize(64).save(kept, optimize=True)
    reference = Image.open(kept).convert("RGB")
    assert seen.size == reference.size
    assert difference(seen, reference) <= SHARE, f"see {kept}, and the module's first lines if it should look so now"


def test_another_look_is_told_apart() -> None:
    """The measure itself: a missing word is seen, another edge of a letter is not."""
    with Image.open(REFERENCES / "grid-light-en-900.png") as kept:
        reference = kept.convert("RGB")
    missing = reference.copy()
    missing.paste("white", (16, 16, 200, 60))  # the heading
    assert difference(missing, reference) > SHARE
    softened = Image.blend(reference, ImageChops.offset(reference, 1, 0), 0.2)
    assert difference(softened, reference) <= SHARE


def answer(route: Route) -> None:
    """The same list always, whatever the server would recommend."""
    items = [
        {"item_id": f"SKU-{n}", "url": f"/p/{n}", "image_url": "/images/1.png", "currency": "EUR", "reason": REASON}
        | item
        for n, item in enumerate(ITEMS)
    ]
    body = {"responses": [{"recommendation_id": "rec_1", "strategy": "similar-items", "items": items}]}
    route.fulfill(body=json.dumps(body), headers={"Access-Control-Allow-Origin": "*"}, content_type="application/json")


def difference(one: Image.Image, other: Image.Image) -> float:
    """The share of small blocks whose colours are far from each other."""
    apart = ImageChops.difference(one.reduce(BLOCK), other.reduce(BLOCK))
    farthest = ImageChops.lighter(ImageChops.lighter(*apart.split()[:2]), apart.split()[2])
    counts = farthest.histogram()
    return sum(counts[FAR:]) / sum(counts)
