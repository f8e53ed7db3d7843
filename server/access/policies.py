"""Who may call what. Every operation of the API names one of these policies."""

import msgspec

from server.access.principal import Kind, Principal
from server.shops.roles import ROLES, Role, rank

_READS = ("GET", "HEAD")


class Policy(msgspec.Struct, frozen=True):
    """The kinds of credential that may call; none at all means that nobody has to say who they are.

    `reading` and `writing`: the least role of a person, for GET and for other methods. `in_shop`: the call is about one
    shop, which a person of several has to name.
    """

    name: str
    kinds: frozenset[Kind]
    reading: Role = "analyst"
    writing: Role = "manager"
    in_shop: bool = True

    @property
    def public(self) -> bool:
        """Whether the call takes no credential."""
        return not self.kinds

    @property
    def names_shop(self) -> bool:
        """Whether the header Vitrina-Shop may have to say which shop is meant."""
        return self.in_shop and not self.kinds.isdisjoint({"member", "operator"})

    def role_for(self, method: str) -> Role:
        """The least role that a person needs."""
        return self.reading if method in _READS else self.writing


PUBLIC = Policy("public", frozenset())
STOREFRONT = Policy("storefront", frozenset({"publishable", "secret", "member"}))
SHOP = Policy("shop", frozenset({"secret", "member"}))
# keys and the shop itself: of persons, its owners
OWNED = Policy("owner", frozenset({"secret", "operator", "member"}), reading="owner", writing="owner")
# who works for the shop and what they did is no matter of keys, which programs hold
PEOPLE = Policy("people", frozenset({"operator", "member"}), reading="owner", writing="owner")
SHOPS = Policy("shops", frozenset({"secret", "operator", "member"}), writing="owner", in_shop=False)
OPENING = Policy("opening", frozenset({"operator", "member"}), writing="owner", in_shop=False)

_NAMES = {
    "publishable": "a publishable key (vpk_…)",
    "secret": "a secret key (vsk_…)",
    "operator": "the operator key",
    "member": "an access token",
}
_NEVER_IN_BROWSERS = frozenset({"secret", "operator"})


def refusal(policy: Policy, principal: Principal, origin: str, method: str = "GET", shop_id: str = "") -> str | None:
    """Why this caller may not, or None. `origin` is the page that a browser names, else empty."""
    if principal.kind not in policy.kinds:
        wanted = " or ".join(_NAMES[kind] for kind in sorted(policy.kinds))
        return f"This call needs {wanted}; it came with {_NAMES[principal.kind]}."
    if principal.kind == "member":
        return _refusal_of_person(policy, principal, method, shop_id)
    if not origin:
        return None
    if principal.kind in _NEVER_IN_BROWSERS:
        return (
            f"This request carries an Origin header, so it comes from a browser, where {_NAMES[principal.kind]} must "
            "never be. Use a publishable key there, and revoke this one if a page contains it."
        )
    if principal.origins and origin not in principal.origins:
        return f"This key does not work on pages of {origin}. Add that origin to the key, or use the right key."
    return None


def _refusal_of_person(policy: Policy, principal: Principal, method: str, shop_id: str) -> str | None:
    needed = policy.role_for(method)
    held = principal.rank_in(shop_id) if policy.in_shop else principal.scope_rank
    if held >= rank(needed):
        return None
    if principal.scope_rank < rank(needed):
        return f"The token's scope does not reach this far. Sign in again and ask for what {_called(needed)} may do."
    return f"This needs the role of {_called(needed)} in the shop. An owner of the shop can give it to you."


def _called(role: Role) -> str:
    return " or ".join(f"{'an' if one[0] in 'ao' else 'a'} {one}" for one in ROLES[ROLES.index(role) :])
