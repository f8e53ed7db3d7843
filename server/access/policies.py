"""What each kind of caller may do. Every operation of the API names one of these policies."""

import msgspec

from server.access.principal import Kind, Principal


class Policy(msgspec.Struct, frozen=True):
    """The kinds of key that may call; none at all means that nobody has to say who they are."""

    name: str
    kinds: frozenset[Kind]

    @property
    def public(self) -> bool:
        """Whether the call takes no credential."""
        return not self.kinds


PUBLIC = Policy("public", frozenset())
STOREFRONT = Policy("storefront", frozenset({"publishable", "secret"}))
SHOP = Policy("shop", frozenset({"secret"}))
OPERATOR = Policy("operator", frozenset({"operator"}))
SHOP_OR_OPERATOR = Policy("shop or operator", frozenset({"secret", "operator"}))

_NAMES = {"publishable": "a publishable key (vpk_…)", "secret": "a secret key (vsk_…)", "operator": "the operator key"}


def refusal(policy: Policy, principal: Principal, origin: str) -> str | None:
    """Why this caller may not, or None. `origin` is the page that a browser names, else empty."""
    if principal.kind not in policy.kinds:
        wanted = " or ".join(_NAMES[kind] for kind in sorted(policy.kinds))
        return f"This call needs {wanted}; it came with {_NAMES[principal.kind]}."
    if not origin:
        return None
    if principal.kind != "publishable":
        return (
            f"This request carries an Origin header, so it comes from a browser, where {_NAMES[principal.kind]} must "
            "never be. Use a publishable key there, and revoke this one if a page contains it."
        )
    if principal.origins and origin not in principal.origins:
        return f"This key does not work on pages of {origin}. Add that origin to the key, or use the right key."
    return None
