"""A query on a tenant's rows that names no shop does not run, in whatever way it is written."""

import re
from pathlib import Path

import pytest
from tortoise import Tortoise
from tortoise.expressions import Q

import server
from server.access.models import ApiKey
from server.catalog.models import Item
from server.events.models import Event
from server.shops.models import Shop
from server.shops.tenancy import ACROSS_SHOPS, Tenant, Unscoped
from server.tasks.models import RecommendationTask

# people belong to several shops: these are asked for by person, by code, or by what concerns no shop
OF_PEOPLE = {"Member", "Invitation", "AuditEntry"}
TENANT_TABLES = ("items", "encodings", "events", "tasks", "model_versions", "api_keys")
ACROSS = {"tasks/claims.py"}  # whose turn it is among all shops' tasks


@pytest.mark.parametrize(
    "ask",
    [
        lambda: Item.all(),
        lambda: Item.filter(item_id="A"),
        lambda: Item.filter(item_id="A").first(),
        lambda: Item.get_or_none(item_id="A"),
        lambda: Item.exists(item_id="A"),
        lambda: Item.all().count(),
        lambda: Item.filter(item_id="A").update(title="Taken over"),
        lambda: Item.filter(item_id="A").delete(),
        lambda: Item.all().values("title"),
        lambda: Item.all().values_list("title", flat=True),
        lambda: Item.exclude(shop_id="shop_test"),
        lambda: Item.filter(~Q(shop_id="shop_test")),
        lambda: Item.filter(Q(shop_id="shop_test") | Q(item_id="A")),
        lambda: Item.filter(Q(shop_id="shop_test", item_id="A", join_type="OR")),
        lambda: Item.filter(shop_id=None),
        lambda: Item.filter(shop__name="Test shop"),
        lambda: Event.filter(shopper_id="anna").order_by("-id").limit(1),
        lambda: RecommendationTask.get(id="task_1"),
        lambda: ApiKey.filter(hash="x").first(),
    ],
)
async def test_query_without_a_shop_is_not_sent(shop: Shop, ask) -> None:
    await Item.create(shop=shop, item_id="A", group_id="A", title="Shirt", content_hash="", row_hash="")
    with pytest.raises(Unscoped, match="names no shop"):
        await ask()
    assert (await Item.get(shop_id=shop.id, item_id="A")).title == "Shirt"


async def test_query_that_names_a_shop_finds_its_rows_only(shop: Shop, other_shop: Shop) -> None:
    for owner in (shop, other_shop):
        await Item.create(shop=owner, item_id="A", group_id="A", title=owner.name, content_hash="", row_hash="")
    assert [item.title for item in await shop.items.all()] == ["Test shop"]
    assert [item.title for item in await Item.filter(shop=shop)] == ["Test shop"]
    assert await Item.filter(Q(shop_id=shop.id), Q(item_id="A") | Q(item_id="B")).count() == 1
    assert await shop.items.filter(item_id="A").update(title="New") == 1
    assert await other_shop.items.all().values_list("title", flat=True) == ["Other shop"]
    assert await Item.filter(ACROSS_SHOPS, item_id="A").count() == 2


async def test_every_model_that_belongs_to_a_shop_is_guarded(db: None) -> None:
    models = Tortoise.apps["vitrina"].values()
    owned = {model.__name__ for model in models if "shop" in model._meta.fields_map}
    assert owned >= {"Item", "Encoding", "Event", "RecommendationTask", "ModelVersion", "ApiKey"}
    assert {model.__name__ for model in models if issubclass(model, Tenant)} == owned - OF_PEOPLE


def test_every_statement_of_our_own_names_the_shop() -> None:
    """The few statements that are written in SQL: those that touch a tenant's table have `shop` in them."""
    pattern = rf"\b(FROM|UPDATE|INTO|JOIN)\s+({'|'.join(TENANT_TABLES)})\b"
    found: list[str] = []
    for path in sorted(Path(server.__file__).parent.rglob("*.py")):
        name = str(path.relative_to(Path(server.__file__).parent))
        if "migrations" in name or name in ACROSS:
            continue
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(pattern, text):
            statement = _literal_around(text, match.start())
            if "shop" not in statement:
                found.append(f"{name}: {' '.join(statement.split())[:120]}")
    assert found == []


def _literal_around(text: str, at: int) -> str:
    """The paragraph of code that a position lies in."""
    start = max(text.rfind("\n\n", 0, at), text.rfind("def ", 0, at))
    end = text.find("\n\n", at)
    return text[start:end]
