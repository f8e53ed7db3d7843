"""Commands that let the first person in: `create-owner`, and for programs `create-client` and `rotate-keys`."""

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable, Sequence

from tortoise.exceptions import BaseORMException

from server import logs
from server.access.oauth import clients
from server.access.oauth.signing import SigningKeys
from server.access.people import accounts, passwords
from server.access.people.models import Person
from server.settings import Settings
from server.shops import audit, members
from server.shops.models import Member, Shop
from server.storage import database, migrating
from server.storage.secret import Secret

_OPERATOR = audit.Actor("operator", "operator")


class NotPossible(ValueError):  # noqa: N818 - it reads as what happened
    """The command cannot do what was asked; the message says why and what to do."""


def create_owner(settings: Settings, email: str, name: str, shops: Sequence[str], *, typed: bool) -> int:
    """Make a person who may open shops, and owns `shops` (their slugs). Somebody who has an account keeps it."""

    async def create() -> str:
        address = _address(email)
        found = [await _shop(slug) for slug in shops]
        person = await accounts.find(address)
        kept = None if person else await passwords.chosen(_password(typed=typed), name, address)
        async with database.transaction():
            if person is None:
                person = await accounts.open_account(address, name, kept, verified=True, runs_installation=True)
            else:
                await accounts.verify(person)
                await Person.filter(id=person.id).update(runs_installation=True)
            for shop in found:
                await _own(shop, person)
            await audit.record(_OPERATOR, "create-owner", person.id)
        return f"{address} may sign in at {settings.base_url}/sign-in, open shops and invite others to them."

    return _run(settings, create)


def create_client(settings: Settings, name: str, redirects: Sequence[str], *, with_secret: bool) -> int:
    """Register a program."""

    async def create() -> str:
        async with database.transaction():
            client, secret = await clients.register(name, list(redirects), with_secret=with_secret)
            await audit.record(_OPERATOR, "create-client", client.id, details={"name": name})
        return f"client_id      {client.id}" + (f"\nclient_secret  {secret}   (shown this once)" if secret else "")

    return _run(settings, create)


def rotate_keys(settings: Settings) -> int:
    """Replace the keys that sign access tokens."""

    async def rotate() -> str:
        async with database.transaction():
            await SigningKeys(Secret(settings)).replace_all()
            await audit.record(_OPERATOR, "rotate-keys")
        return "Access tokens are signed with a new key. Running API processes follow within a minute."

    return _run(settings, rotate)


def _run(settings: Settings, command: Callable[[], Awaitable[str]]) -> int:
    async def inside() -> str:
        if not settings.database_url:
            await migrating.migrate(settings)
        await database.connect(settings)
        try:
            await migrating.require_current()
            return await command()
        finally:
            await database.disconnect()

    logs.set_up(settings)
    wrong = (NotPossible, passwords.WeakPassword, clients.BadRedirect, migrating.SchemaError, BaseORMException, OSError)
    try:
        print(asyncio.run(inside()))
    except wrong as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        logs.flush()
    return 0


def _address(email: str) -> str:
    try:
        return accounts.email_of(email)
    except accounts.NotAnEmail:
        raise NotPossible(f"{email!r} is no e-mail address.") from None


async def _shop(slug: str) -> Shop:
    shop = await Shop.get_or_none(slug=slug)
    if shop is None:
        raise NotPossible(f"There is no shop {slug!r}. `GET /v1/shops` with the operator key lists them.")
    return shop


def _password(*, typed: bool) -> str:
    if not typed:
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass(f"Password, {passwords.SHORTEST} characters or more: ")
    if password != getpass.getpass("The same again: "):
        raise NotPossible("The two passwords differ; nothing was changed.")
    return password


async def _own(shop: Shop, person: Person) -> None:
    member = await Member.get_or_none(shop_id=shop.id, person_id=person.id)
    if member is None:
        await members.add(shop.id, person.id, "owner")
    else:
        await members.change_role(shop, member.id, "owner")
