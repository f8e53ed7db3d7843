"""What a program may be allowed: a scope is the most it can do, the person's role in a shop the most they can."""

READ, WRITE, ADMIN = "read", "write", "admin"
SCOPES = (READ, WRITE, ADMIN)  # each opens what the role of the same place in ROLES may do
DEFAULT = READ
MEANINGS = {
    READ: "See the shop's products, figures, rules and tasks",
    WRITE: "Change products, rules and experiments, and start tasks",
    ADMIN: "Manage keys, members and the shop itself",
}


def rank(scope: str) -> int:
    """As `server.shops.roles.rank`: the rank of the highest scope in a list separated by spaces."""
    return max((SCOPES.index(one) + 1 for one in scope.split() if one in SCOPES), default=0)


def in_order(scope: str) -> str:
    """The known scopes of a list, each once."""
    wanted = scope.split()
    return " ".join(one for one in SCOPES if one in wanted)
