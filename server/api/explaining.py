"""Turns what msgspec found wrong into the field's JSON pointer and plain words that say what to send instead."""

import re
from collections.abc import Iterable
from typing import Any

from msgspec import inspect

from server.api.problems import InvalidField

_WHERE = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>(?:key in )?\$.*)`)?$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_MISSING = re.compile(r"Object missing required field `(.+)`")
_UNKNOWN = re.compile(r"Object contains unknown field `(.+)`")


def explain(error: Exception, expected: Any) -> InvalidField:
    """The pointer and the plain words for a validation error of a value that should have been an `expected`."""
    found = _WHERE.match(str(error))
    what, path = (found["what"], found["path"] or "$") if found else (str(error), "$")
    steps = [name or index for name, index in _STEP.findall(path)]
    node = _node(inspect.type_info(expected), steps)
    if missing := _MISSING.match(what):
        node = _node(node, [missing[1]])
        return InvalidField(_pointer([*steps, missing[1]]), f"`{missing[1]}` is missing. Send {describe(node)}.")
    if unknown := _UNKNOWN.match(what):
        return InvalidField(_pointer([*steps, unknown[1]]), f"`{unknown[1]}` is not known here. Leave it out.")
    name = f"`{steps[-1]}`" if steps and not steps[-1].isdigit() and steps[-1] != "..." else "This"
    if node is None or not what.startswith(("Expected ", "Invalid enum", "Number out of range")):
        return InvalidField(_pointer(steps), f"{name} is not valid: {what}.")
    return InvalidField(_pointer(steps), f"{name} must be {describe(node)}.")


def _pointer(steps: Iterable[str]) -> str:
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def _node(node: inspect.Type | None, steps: Iterable[str]) -> inspect.Type | None:
    """The type at the end of `steps`, as far as it is known."""
    for step in steps:
        node = _step(node, step)
    return node


def _step(node: inspect.Type | None, step: str) -> inspect.Type | None:
    node = _bare(node)
    if isinstance(node, inspect.UnionType):
        found = (_step(one, step) for one in node.types)
        return next((one for one in found if one is not None), None)
    if isinstance(node, inspect.StructType | inspect.TypedDictType | inspect.DataclassType):
        return next((field.type for field in node.fields if field.encode_name == step), None)
    if isinstance(node, inspect.ListType | inspect.VarTupleType | inspect.SetType | inspect.FrozenSetType):
        return node.item_type
    if isinstance(node, inspect.DictType):
        return node.value_type
    return None


def _bare(node: inspect.Type | None) -> inspect.Type | None:
    while isinstance(node, inspect.Metadata):
        node = node.type
    return node


def describe(node: inspect.Type | None) -> str:
    """What fits, in words: "a whole number from 1 to 100"."""
    node = _bare(node)
    match node:
        case inspect.UnionType():
            words = [describe(one) for one in node.types]
            return " or ".join(words)
        case inspect.NoneType():
            return "null"
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return "a whole number" + _range(node.ge, node.le, node.gt, node.lt)
        case inspect.FloatType():
            return "a number" + _range(node.ge, node.le, node.gt, node.lt)
        case inspect.StrType():
            return "text" + _length(node.min_length, node.max_length, "characters") + _form(node.pattern)
        case inspect.LiteralType():
            return "one of " + ", ".join(f"`{value}`" for value in node.values)
        case inspect.EnumType():
            return "one of " + ", ".join(f"`{one.value}`" for one in node.cls)
        case inspect.DateTimeType():
            return "a time such as `2026-03-01T12:00:00Z` (RFC 3339)"
        case inspect.ListType() | inspect.VarTupleType() | inspect.SetType() | inspect.FrozenSetType():
            return "a list" + _length(node.min_length, node.max_length, "entries") + _of(node.item_type)
        case inspect.StructType() | inspect.DictType() | inspect.TypedDictType() | inspect.DataclassType():
            return "an object"
        case _:
            return "a value of another kind"


def _of(item: inspect.Type) -> str:
    return "" if isinstance(_bare(item), inspect.AnyType) else f", each {describe(item)}"


def _form(pattern: str | None) -> str:
    return f" that matches {pattern}" if pattern else ""


def _range(ge: float | None, le: float | None, gt: float | None, lt: float | None) -> str:
    if ge is not None and le is not None:
        return f" from {ge:g} to {le:g}"
    bounds = [("of at least", ge), ("of at most", le), ("greater than", gt), ("less than", lt)]
    words = [f"{word} {bound:g}" for word, bound in bounds if bound is not None]
    return " " + " and ".join(words) if words else ""


def _length(least: int | None, most: int | None, unit: str) -> str:
    if least and most is not None:
        return f" of {least} to {most} {unit}"
    if most is not None:
        return f" of at most {most} {unit}"
    return f" of at least {least} {unit}" if least else ""
