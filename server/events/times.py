"""Times as files have them, as Unix milliseconds: RFC 3339, "2011-12-09 12:50:00" in the shop's time zone, Unix."""

import re
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from server.files.opening import Unreadable

_EXPECTED = "a time such as 2026-03-01T12:00:00Z, 2026-03-01 12:00:00, or Unix seconds or milliseconds"
_WRITTEN = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?\s?(?:Z|z|UTC|[+-]\d\d:?\d\d)?)?")
_UNIX = re.compile(r"\d{9,19}(?:\.\d+)?", re.ASCII)


class Clock:
    """Reads times; those without an offset are in its time zone.

    Raises:
        Unreadable: there is no such time zone.

    """

    def __init__(self, zone: str) -> None:
        self._zone: tzinfo = UTC
        if zone and zone.upper() != "UTC":
            try:
                self._zone = ZoneInfo(zone)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                raise Unreadable(f"There is no time zone “{zone}”. Name one such as Europe/Berlin or UTC.") from None
        self._text, self._milliseconds = "", 0

    def milliseconds(self, text: str) -> int:
        """Unix milliseconds. Raises ValueError with the words for what was expected."""
        if text != self._text:  # the lines of an order have one time
            self._milliseconds = self._read(text)
            self._text = text
        return self._milliseconds

    def _read(self, text: str) -> int:
        if _UNIX.fullmatch(text):
            number = float(text)
            for limit, factor in ((1e11, 1000.0), (1e14, 1.0), (1e17, 1e-3), (1e20, 1e-6)):
                if number < limit:
                    return int(number * factor)
        if not _WRITTEN.fullmatch(text):
            raise ValueError(_EXPECTED)
        plain = text.replace(" UTC", "Z").replace("UTC", "Z").replace("z", "Z").replace(",", ".").replace(" Z", "Z")
        plain = re.sub(r"(\.\d{6})\d+", r"\1", re.sub(r"(\d) ([+-])", r"\1\2", plain))
        try:
            moment = datetime.fromisoformat(plain)
        except ValueError:
            raise ValueError(_EXPECTED) from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self._zone)
        number = round(moment.timestamp() * 1000)
        if number < 0:
            raise ValueError("a time after 1970")
        return number
