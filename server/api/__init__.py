"""HTTP in, HTTP out: one file per resource. They parse, ask and answer; they decide nothing.

`RESOURCES` is the registry: each module has `OPERATIONS`. The first ones are the calls that pages make, because a
request is compared with the routes in this order.
"""

RESOURCES = (
    "recommendations",
    "recommendations_html",
    "events",
    "search",
    "item_batches",
    "items",
    "imports",
    "tasks",
    "models",
    "shoppers",
    "keys",
    "shops",
    "members",
    "audit",
    "oauth",
    "widget",
    "builder",
    "operations",
    "docs",
)
