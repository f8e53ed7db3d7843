"""What members may do: an owner everything, a manager all but keys, members and the shop itself, an analyst reads."""

from typing import Literal

Role = Literal["owner", "manager", "analyst"]

ROLES: tuple[Role, ...] = ("analyst", "manager", "owner")  # each may do what those before it may


def rank(role: str) -> int:
    """1 to 3; 0 for what is no role."""
    return ROLES.index(role) + 1 if role in ROLES else 0
