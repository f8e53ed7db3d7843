"""What the demo prints: recommendations of a few products and shoppers, the seconds of each stage, and the check."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from server.demo.client import Api, DemoError
from server.demo.state import DemoShop

PLACEMENTS = ("home", "product-page", "cart", "category", "search-empty", "order-confirmation", "email")
SHOWN = 3
CHECKED = 8

# a bag, a jacket and a watch; the heart holder that the gift shop sells most, a lunch bag and an alarm clock
PRODUCTS = {"luma": ("24-MB01", "WJ03", "24-MG01"), "gift-shop": ("85123A", "20725", "22727")}
SHOPPERS = {"luma": (), "gift-shop": ("17850", "12748", "14911")}


def show(console: Console, api: Api, shops: dict[str, DemoShop], seconds: dict[str, float]) -> None:
    """Print the recommendations of a few products and shoppers, and what each stage took."""
    for shop in shops.values():
        table = Table(title=f"{shop.name}: recommended", title_justify="left")
        for column in ("For", "Recommended", "Why"):
            table.add_column(column, overflow="fold")
        for item_id in PRODUCTS[shop.slug]:
            _add(
                table, f"product {item_id}", api.recommend(shop, placement="product-page", item_id=item_id, limit=SHOWN)
            )
        for shopper_id in SHOPPERS[shop.slug]:
            _add(
                table,
                f"shopper {shopper_id}",
                api.recommend(shop, placement="home", shopper_id=shopper_id, limit=SHOWN),
            )
        _add(table, "somebody new", api.recommend(shop, placement="home", limit=SHOWN))
        console.print(table)
    if seconds:
        console.print(_stages(seconds))


def _add(table: Table, asked: str, answer: dict[str, Any]) -> None:
    """One row per item; the first tells for whom the list is, the second what served it."""
    captions = [asked, f"[dim]{answer['strategy']}[/]"]
    for number, item in enumerate(answer["items"]):
        caption = captions[number] if number < len(captions) else ""
        table.add_row(caption, escape(item["title"]), escape(item["reason"]["text"]))
    table.add_section()


def _stages(seconds: dict[str, float]) -> Table:
    table = Table(title="Seconds of each stage", title_justify="left")
    table.add_column("Stage")
    table.add_column("Seconds", justify="right")
    for stage, value in seconds.items():
        table.add_row(stage, f"{value:.1f}")
    table.add_section()
    table.add_row("together", f"{sum(seconds.values()):.1f}")
    return table


def check(console: Console, api: Api, shops: dict[str, DemoShop]) -> None:
    """Ask every placement of both shops as a guest and as a shopper, and see that a like moves the next answer.

    Raises:
        DemoError: a list is short, or nothing moved.
    """
    for shop in shops.values():
        item_id = PRODUCTS[shop.slug][0]
        for placement in PLACEMENTS:
            for context in ({}, {"item_id": item_id}, {"shopper_id": "demo-check"}):
                answer = api.recommend(shop, placement=placement, limit=CHECKED, **context)
                if len(answer["items"]) != CHECKED:
                    raise DemoError(f"{shop.name}, {placement}, {context}: {len(answer['items'])} of {CHECKED} items")
        _check_like(api, shop, item_id)
        console.print(f"{shop.name}: all {len(PLACEMENTS)} placements answer, and a like moves the next answer.")


def _check_like(api: Api, shop: DemoShop, item_id: str) -> None:
    shopper_id = f"demo-check-{shop.shop_id}"
    context = {"placement": "home", "shopper_id": shopper_id, "limit": CHECKED}
    api.track(shop, {"type": "remove_from_wishlist", "shopper_id": shopper_id, "items": [{"item_id": item_id}]})
    before = [item["item_id"] for item in api.recommend(shop, **context)["items"]]
    api.track(shop, {"type": "add_to_wishlist", "shopper_id": shopper_id, "items": [{"item_id": item_id}]})
    after = [item["item_id"] for item in api.recommend(shop, **context)["items"]]
    if before == after:
        raise DemoError(f"{shop.name}: liking {item_id} did not change the next recommendations.")
