"""What senders add to events and Vitrina does not keep: the address and the browser of whoever was at the page."""

import re
from collections.abc import Mapping
from typing import Any, cast

_NAME = re.compile(
    r"(?:(?:client|remote|user|source)_?)?ip(?:_?(?:v[46]|addr|address|override))?|remote_?addr(?:ess)?|"
    r"x_?forwarded_?for|(?:http_?)?user_?agent(?:_?data)?|ua|browser_?fingerprint",
    re.IGNORECASE,
)


def without_traces(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields without those that hold an address or a browser's name, however deep they lie."""
    return {name: _cleaned(value) for name, value in fields.items() if not _NAME.fullmatch(name.replace("-", "_"))}


def _cleaned(value: Any) -> Any:
    if isinstance(value, dict):
        return without_traces(cast("dict[str, Any]", value))
    if isinstance(value, list):
        return [_cleaned(one) for one in cast("list[Any]", value)]
    return value
