"""Dates and ranges of dates, as milliseconds since 1970-01-01T00:00:00Z."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from math import isfinite
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gee_s1ben.errors import EngineError

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
UNBOUNDED_MILLIS: Final = 2**62


@dataclass(frozen=True, slots=True, order=True)
class Date:
    """A moment."""

    millis: int
    """Milliseconds since the epoch, UTC."""

    @classmethod
    def of(cls, moment: datetime) -> Date:
        """Take over a datetime that knows its zone."""
        return cls((moment - EPOCH) // timedelta(milliseconds=1))

    def moment(self, zone: tzinfo = UTC) -> datetime:
        """Return the moment as a datetime in a zone."""
        try:
            return (EPOCH + timedelta(milliseconds=self.millis)).astimezone(zone)
        except (OverflowError, ValueError) as error:
            raise EngineError(f"Date: {self.millis} milliseconds lie outside of the calendar.") from error


@dataclass(frozen=True, slots=True)
class DateRange:
    """From one moment (inclusive) to another (exclusive)."""

    start: Date
    end: Date

    def contains(self, date: Date) -> bool:
        """Whether a moment lies in the range."""
        return self.start.millis <= date.millis < self.end.millis

    @property
    def is_empty(self) -> bool:
        """Whether no moment lies in it."""
        return self.end.millis <= self.start.millis


def time_zone(name: str | None) -> tzinfo:
    """Return the zone of a name such as ``Europe/Berlin``; UTC where none is given."""
    if name is None:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise EngineError(f"Date: Invalid time zone '{name[:40]}'.") from error


def parse_date(value: Any, zone: str | None = None) -> Date:
    """Read what Earth Engine accepts as a date: one, milliseconds, or an ISO 8601 string.

    Raises
    ------
    EngineError
        It is none of these.
    """
    match value:
        case Date():
            return value
        case DateRange(start):
            return start
        case bool():
            pass
        case (int() | float() as millis) | {"type": "Date", "value": int() | float() as millis} if isfinite(millis):
            return Date(int(millis))
        case str():
            return _parse_iso(value, zone)
    raise EngineError(f"Date: Cannot parse '{str(value)[:80]}' as a date.")


def parse_range(start: Any, end: Any = None, zone: str | None = None) -> DateRange:
    """Read a range; without an end it is one millisecond long."""
    if isinstance(start, DateRange) and end is None:
        return start
    first = parse_date(start, zone)
    return DateRange(first, Date(first.millis + 1) if end is None else parse_date(end, zone))


def _parse_iso(text: str, zone: str | None) -> Date:
    trimmed = text.strip()
    # Earth Engine also reads a year, or a year and a month.
    padded = trimmed + {4: "-01-01", 7: "-01"}.get(len(trimmed), "")
    try:
        moment = datetime.fromisoformat(padded)
    except ValueError as error:
        raise EngineError(f"Date: Bad date/time '{text[:80]}'.") from error
    return Date.of(moment if moment.tzinfo else moment.replace(tzinfo=time_zone(zone)))
