"""The secret of this installation: what private keys in the database are encrypted with and cookies are signed with.

It lies in `secret.key` in the data folder, apart from the database, so that a copy of the database alone opens nothing.
"""

import hmac
import os
import secrets
from hashlib import sha256
from pathlib import Path

from server.settings import Settings

_BYTES = 32


class Secret:
    """The installation's secret, and what is derived from it."""

    def __init__(self, settings: Settings) -> None:
        self._bytes = bytes.fromhex(keep(settings.folder / "secret.key", secrets.token_hex(_BYTES)))

    def key(self, purpose: str) -> bytes:
        """32 bytes for one purpose; those of another purpose tell nothing about them."""
        return hmac.digest(self._bytes, purpose.encode(), "sha256")

    def mark(self, purpose: str, text: str) -> str:
        """A mark of `text` that only this installation can make, in hex."""
        return hmac.new(self.key(purpose), text.encode(), sha256).hexdigest()

    def marked(self, purpose: str, text: str, mark: str) -> bool:
        """Whether `mark` is the one of `text`; takes the same time whatever it is."""
        return hmac.compare_digest(self.mark(purpose, text).encode(), mark.encode())


def keep(path: Path, fresh: str) -> str:
    """What stands in the file at `path`, readable by its owner only; `fresh` becomes that where there is none.

    Of several processes that start at once, one writes and all read the same.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f".{path.name}-{os.getpid()}-{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(fresh + "\n")
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another process of the same start was faster; what it wrote counts
        finally:
            draft.unlink()
    return path.read_text(encoding="ascii").strip()
