"""Recognises whatever a request shows: an API key or an access token."""

from server.access.keys import Keyring
from server.access.oauth.tokens import Tokens
from server.access.principal import Principal


class Credentials:
    """One per process. Tokens are told from keys by their two dots."""

    def __init__(self, keyring: Keyring, tokens: Tokens) -> None:
        self._keyring = keyring
        self._tokens = tokens

    def remembered(self, raw: str) -> Principal | None:
        """The holder of `raw` if that was found less than a second ago; never waits."""
        return self._tokens.remembered(raw) if "." in raw else self._keyring.remembered(raw)

    async def authenticate(self, raw: str) -> Principal | None:
        """The holder, or None for what is malformed, unknown, expired or revoked."""
        return await (self._tokens.authenticate(raw) if "." in raw else self._keyring.authenticate(raw))

    def forget(self) -> None:
        """Drop all that is remembered: keys or members changed."""
        self._keyring.forget()
        self._tokens.forget()

    async def keep_last_use(self) -> None:
        """Write down when keys were last used."""
        await self._keyring.keep_last_use()
