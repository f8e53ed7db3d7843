"""What the sender of a file may say about it."""

from typing import Any, Literal

import msgspec

Format = Literal["auto", "shopify", "woocommerce", "google", "jsonl", "csv"]
FORMATS: tuple[Format, ...] = ("auto", "shopify", "woocommerce", "google", "jsonl", "csv")


class Constant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value that all rows share, in place of a column."""

    value: str | int | float | bool


Mapping = dict[str, str | Constant]


class ImportOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to read and apply one file. The names are those of `POST /v1/imports`."""

    format: Format = "auto"
    mode: Literal["upsert", "replace"] = "upsert"
    kind: Literal["items", "events"] = "items"
    mapping: Mapping = {}
    currency: str = ""
    locale: str = ""
    timezone: str = ""
    allow_shrink: bool = False

    @classmethod
    def of(cls, params: dict[str, Any]) -> "ImportOptions":
        """From a task's parameters; what is empty there keeps its default.

        Raises:
            msgspec.ValidationError: a value does not fit.

        """
        given = {name: params[name] for name in cls.__struct_fields__ if params.get(name) not in (None, "")}
        return msgspec.convert(given, cls)
