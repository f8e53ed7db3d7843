"""What makes each demo shop itself: its words, its typeface, where its goods come from. Colours are in `static/`."""

from collections import Counter
from dataclasses import dataclass

from server.demo.assortment import Category


@dataclass(frozen=True, slots=True)
class Look:
    """The face of one shop. `look` names its stylesheet and its sign in `static/`, `font` its typeface there.

    `ways`: names and addresses of the buttons on the first page; `covers`: how many products show there; `papers`:
    whether products without a photograph are wrapped in patterned paper.
    """

    look: str
    font: str
    headline: str
    promise: str
    credit: str
    ways: tuple[tuple[str, str], ...]
    covers: int
    papers: bool


_LUMA = Look(
    look="luma",
    font="archivo.woff2",
    headline="Made to move",
    promise="Active wear, bags and gear for the gym, the trail and the mat.",
    credit="Products and photographs: Magento sample data, OSL-3.0, scaled.",
    ways=(("Shop women", "categories/women"), ("Shop men", "categories/men")),
    covers=4,
    papers=False,
)
_GIFT_SHOP = Look(
    look="gift-shop",
    font="fraunces.woff2",
    headline="Little things, well wrapped",
    promise="Gifts for the house, the garden and the people you like.",
    credit="Products and orders: Online Retail by Daqing Chen (UCI Machine Learning Repository), CC BY 4.0.",
    ways=(("See everything", "all"), ("Christmas", "categories/christmas")),
    covers=6,
    papers=True,
)


def look_of(slug: str) -> Look:
    """The look of a demo shop."""
    return _LUMA if slug == "luma" else _GIFT_SHOP


@dataclass(frozen=True, slots=True)
class Door:
    """A way from the first page into a category."""

    name: str
    category: Category


def doors_of(root: Category) -> list[Door]:
    """Ways into the shop: its departments, or what is behind them where there are only a few. A name that leads two
    ways (Tops) says whose they are (Women Tops).
    """
    few = len(root.children) <= 6
    found = [inner for child in root.children for inner in (child.children or [child])] if few else root.children
    names = Counter(category.name for category in found)
    return [Door(" ".join(c.path[-2:]) if names[c.name] > 1 else c.name, c) for c in found]
