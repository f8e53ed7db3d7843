"""What shoppers did. One row per item of an event, so that histories and baskets are read without unpacking."""

from typing import Any

from tortoise import fields

from server.shops.tenancy import Tenant


class Event(Tenant):
    """One item of one event.

    An event without items is one row with `item_id` null. `time_ms`: Unix milliseconds, UTC. `source`: of events from
    pages a mark of the sender's address, which nobody can trace back after a day; see `server.events.voices`.
    """

    id = fields.BigIntField(primary_key=True)
    shop: Any = fields.ForeignKeyField("vitrina.Shop", related_name="events", on_delete=fields.CASCADE)
    event_id = fields.CharField(max_length=128)
    position = fields.SmallIntField()
    type = fields.CharField(max_length=32)
    time_ms = fields.BigIntField()
    shopper_id = fields.CharField(max_length=128, null=True)
    session_id = fields.CharField(max_length=128, null=True)
    item_id = fields.CharField(max_length=128, null=True)
    quantity = fields.FloatField(null=True)
    price = fields.FloatField(null=True)
    currency = fields.CharField(max_length=3, null=True)
    value = fields.FloatField(null=True)
    transaction_id = fields.CharField(max_length=128, null=True)
    search_term = fields.CharField(max_length=256, null=True)
    placement = fields.CharField(max_length=128, null=True)
    recommendation_id = fields.CharField(max_length=64, null=True)
    extra: Any = fields.JSONField(null=True)
    source = fields.BigIntField(null=True)

    class Meta:
        table = "events"
        unique_together = (("shop_id", "event_id", "position"),)
        indexes = (("shop_id", "time_ms"), ("shop_id", "shopper_id", "time_ms"), ("shop_id", "session_id", "time_ms"))


class Erasure(Tenant):
    """A shopper or a session that was erased.

    `mark`: who, see `server.events.erasures`. `erased_ms`: Unix milliseconds.
    """

    mark = fields.CharField(max_length=64, primary_key=True)
    shop: Any = fields.ForeignKeyField("vitrina.Shop", related_name="erasures", on_delete=fields.CASCADE)
    erased_ms = fields.BigIntField()

    class Meta:
        table = "erasures"
        indexes = (("shop_id", "erased_ms"),)


class Merger(Tenant):
    """A shopper's id was given up for another one of the shop, both kept as marks."""

    mark = fields.CharField(max_length=64, primary_key=True)
    shop: Any = fields.ForeignKeyField("vitrina.Shop", related_name="mergers", on_delete=fields.CASCADE)
    into_mark = fields.CharField(max_length=64)

    class Meta:
        table = "mergers"
        indexes = (("shop_id", "into_mark"),)
