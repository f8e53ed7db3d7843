"""Whether somebody runs this installation. One that others reach serves nothing before `vitrina-server create-owner`:
what nobody owns, the first stranger to find it could take.

In embedded mode whoever started it is at the machine and has the operator key, so it needs nobody else.
"""

from server.access.people.accounts import installation_has_owner
from server.settings import Settings


class Ownership:
    """One per process. `is_settled`: known to need no look any more, for an owner does not go away."""

    def __init__(self, settings: Settings) -> None:
        self.is_settled = settings.is_embedded

    async def settle(self) -> bool:
        """Whether there is an owner, or need not be."""
        self.is_settled = self.is_settled or await installation_has_owner()
        return self.is_settled
