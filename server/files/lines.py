"""The lines of a text file with their numbers, blank ones left out: for JSON lines."""

from collections.abc import Iterator

from server.files.opening import Opened


def read(opened: Opened) -> Iterator[tuple[int, str]]:
    """(line number from 1, text without its line end)."""
    with opened.text() as stream:
        for number, line in enumerate(stream, 1):
            text = line.strip("\r\n\t \0\ufeff")
            if text:
                yield number, text
