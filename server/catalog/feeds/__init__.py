"""The formats that catalogs come in: one file per format.

Each module has `sniff(head)` (how surely the file is of this format, 0 to 1) and `rows(opened, head, options)`, which
yields every item, withdrawn item and problem of the file in order. `REGISTRY` is in the order of preference.
"""

REGISTRY: dict[str, str] = {
    "shopify": "server.catalog.feeds.shopify",
    "woocommerce": "server.catalog.feeds.woocommerce",
    "magento": "server.catalog.feeds.magento",
    "google": "server.catalog.feeds.google",
    "jsonl": "server.catalog.feeds.jsonl",
    "csv": "server.catalog.feeds.table",
}
