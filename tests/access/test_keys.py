"""Keys below HTTP: their form, how they are kept, and how long what is known of them is believed."""

import asyncio
import re
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from server.access import keys
from server.access.keys import Keyring
from server.access.models import ApiKey
from server.settings import Settings
from server.shops.models import Shop
from server.shops.tenancy import ACROSS_SHOPS


@pytest.fixture
def keyring(settings: Settings) -> Keyring:
    return Keyring(settings)


def count_lookups(keyring: Keyring, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    asked: list[str] = []
    find = keyring._find

    async def counted(raw: str):
        asked.append(raw)
        await asyncio.sleep(0.01)
        return await find(raw)

    monkeypatch.setattr(keyring, "_find", counted)
    return asked


async def test_key_has_its_form_and_only_its_hash_is_kept(shop: Shop) -> None:
    made = {kind: await keys.create(shop, kind, origins=["https://a.example"]) for kind in ("publishable", "secret")}
    for kind, prefix in (("publishable", "vpk_"), ("secret", "vsk_")):
        row, raw = made[kind]
        assert re.fullmatch(prefix + r"[A-Za-z0-9_-]{32}", raw)
        assert (row.last4, len(row.hash)) == (raw[-4:], 64)
        assert raw not in str(dict(row))


async def test_holder_is_recognised(shop: Shop, keyring: Keyring) -> None:
    row, raw = await keys.create(shop, "publishable", origins=["https://a.example"])
    principal = await keyring.authenticate(raw)
    assert principal is not None
    assert (principal.kind, principal.key_id, principal.shop_id) == ("publishable", row.id, shop.id)
    assert principal.origins == ("https://a.example",)
    assert keyring.remembered(raw) == principal


@pytest.mark.parametrize("raw", ["", "vsk_", "vsk_" + "x" * 31, "vsk_" + "x" * 33, "sk_" + "x" * 32, "vsk_" + "é" * 32])
async def test_what_has_not_the_form_of_a_key_costs_no_lookup(
    db: None, keyring: Keyring, monkeypatch: pytest.MonkeyPatch, raw: str
) -> None:
    asked = count_lookups(keyring, monkeypatch)
    assert await keyring.authenticate(raw) is None
    assert asked == []


async def test_many_requests_at_once_ask_the_database_once(
    shop: Shop, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, raw = await keys.create(shop, "secret")
    asked = count_lookups(keyring, monkeypatch)
    found = await asyncio.gather(*(keyring.authenticate(raw) for _ in range(50)))
    assert len(asked) == 1
    assert len(set(found)) == 1


async def test_unknown_key_is_remembered_too(db: None, keyring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = count_lookups(keyring, monkeypatch)
    for _ in range(3):
        assert await keyring.authenticate("vsk_" + "x" * 32) is None
    assert len(asked) == 1


async def test_key_in_use_is_looked_up_again_beside_the_requests(
    shop: Shop, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "_REFRESH_AFTER_S", 0.05)
    monkeypatch.setattr(keys, "_TRUSTED_S", 0.3)
    _, raw = await keys.create(shop, "secret")
    await keyring.authenticate(raw)
    asked = count_lookups(keyring, monkeypatch)
    for _ in range(50):
        assert keyring.remembered(raw) is not None, "a key that is used all the time never has to wait"
        await asyncio.sleep(0.02)
    assert 3 < len(asked) < 25


async def test_lookup_begun_before_the_news_is_not_believed_after_it(
    shop: Shop, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, raw = await keys.create(shop, "secret")
    count_lookups(keyring, monkeypatch)
    looking = asyncio.create_task(keyring.authenticate(raw))
    await asyncio.sleep(0)
    keyring.forget()
    await looking
    assert keyring.remembered(raw) is None


async def test_caller_who_hangs_up_takes_the_answer_from_nobody(
    shop: Shop, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, raw = await keys.create(shop, "secret")
    count_lookups(keyring, monkeypatch)
    first, second = (asyncio.create_task(keyring.authenticate(raw)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second is not None


async def test_revoked_key_of_another_shop_stays(shop: Shop, other_shop: Shop, redis) -> None:
    row, _ = await keys.create(other_shop, "secret")
    assert not await keys.revoke(shop, row.id, redis)
    assert (await ApiKey.get(ACROSS_SHOPS, id=row.id)).revoked_at is None
    assert await keys.revoke(other_shop, row.id, redis)


async def test_strangers_keys_do_not_fill_the_memory(
    db: None, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "_MOST_REMEMBERED", 10)
    for number in range(30):
        await keyring.authenticate(f"vsk_{number:032}")
    assert len(keyring._known) <= 10


def test_operator_key_is_made_once_and_for_its_owner_only(settings: Settings) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = set(threads.map(lambda _: keys.operator_key(settings), range(16)))
    assert len(made) == 1
    assert re.fullmatch(r"vop_[A-Za-z0-9_-]{32}", made.pop())
    path = settings.folder / "operator.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in settings.folder.glob(".operator*")] == []
