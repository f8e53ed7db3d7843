"""What a shop sells, and the vectors its content was turned into."""

from typing import Any

from tortoise import fields

from server.shops.tenancy import Tenant


class Item(Tenant):
    """A product as sold.

    Variants of one product share `group_id`; an item without variants is its own group.
    `content_hash` covers what encoders read, `row_hash` every field: equal hashes mean there is nothing to do.
    """

    id = fields.BigIntField(primary_key=True)
    shop: Any = fields.ForeignKeyField("vitrina.Shop", related_name="items", on_delete=fields.CASCADE)
    item_id = fields.CharField(max_length=128)
    group_id = fields.CharField(max_length=128)
    title = fields.CharField(max_length=1000)
    description = fields.TextField(db_default="")
    url = fields.CharField(max_length=2048, db_default="")
    image_url = fields.CharField(max_length=2048, db_default="")
    additional_image_urls: Any = fields.JSONField(db_default="[]")
    price = fields.FloatField(null=True)
    sale_price = fields.FloatField(null=True)
    currency = fields.CharField(max_length=3, db_default="")
    availability = fields.CharField(max_length=16, db_default="in_stock")
    brand = fields.CharField(max_length=256, db_default="")
    categories: Any = fields.JSONField(db_default="[]")
    tags: Any = fields.JSONField(db_default="[]")
    attributes: Any = fields.JSONField(db_default="{}")
    links: Any = fields.JSONField(db_default="{}")
    content_hash = fields.CharField(max_length=32)
    row_hash = fields.CharField(max_length=32)
    created_at = fields.DatetimeField(auto_now_add=True)
    updated_at = fields.DatetimeField(auto_now=True)

    class Meta:
        table = "items"
        unique_together = (("shop_id", "item_id"),)
        indexes = (("shop_id", "group_id"), ("shop_id", "updated_at"))


class Encoding(Tenant):
    """One vector of one content by one encoder.

    `vector` is float16, little endian. Items with the same content share it. The content of images is their addresses;
    `source` then tells which bytes were behind these when they were encoded.
    """

    id = fields.BigIntField(primary_key=True)
    shop: Any = fields.ForeignKeyField("vitrina.Shop", related_name="encodings", on_delete=fields.CASCADE)
    encoder = fields.CharField(max_length=64)
    content_hash = fields.CharField(max_length=32)
    source = fields.CharField(max_length=32, db_default="")
    vector = fields.BinaryField()

    class Meta:
        table = "encodings"
        unique_together = (("shop_id", "encoder", "content_hash"),)
