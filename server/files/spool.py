"""Values set aside on disk between two passes over a file: written once in order, then read back once in order."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import msgspec

_BUFFER = 1_048_576
_encode = msgspec.msgpack.Encoder().encode


class Spool:
    """A nameless temporary file of values (numbers, texts, bytes, lists) that vanishes when it is closed."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder, buffering=_BUFFER)  # noqa: SIM115 (closed by `__exit__`)
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, value: Any) -> None:
        """Append a value."""
        data = _encode(value)
        self._file.write(len(data).to_bytes(4, "big"))
        self._file.write(data)
        self.count += 1

    def read(self) -> Iterator[Any]:
        """All values from the first to the last. Nothing may be added afterwards."""
        self._file.seek(0)
        decode = msgspec.msgpack.Decoder().decode
        while head := self._file.read(4):
            yield decode(self._file.read(int.from_bytes(head, "big")))
