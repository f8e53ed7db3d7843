"""Measures one size in a process of its own, so that its memory is its own."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection

from benchmarks.scale.repeating import real, repeated
from benchmarks.scale.stages import Measured, measure
from server.processes import describe_exit


class SizeError(RuntimeError):
    """A size could not be measured; the message says why."""


def in_child(size: int, most_events: int, tell: Callable[[str], None]) -> Measured:
    """Measure a catalog of `size` products. `tell` hears of every stage. Raises SizeError."""
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_measure, args=(theirs, size, most_events), daemon=True)
    child.start()
    theirs.close()
    try:
        while isinstance(told := mine.recv(), str):
            tell(told)
    except EOFError:
        child.join()
        raise SizeError(f"{size:,} products: {describe_exit(child.exitcode or 0)}") from None
    child.join()
    return told


def _measure(parent: Connection, size: int, most_events: int) -> None:
    catalog = repeated(real(), size, most_events)
    parent.send(f"{len(catalog.past):,} events")
    parent.send(measure(catalog, parent.send))
