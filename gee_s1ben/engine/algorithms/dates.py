"""Dates and ranges of dates."""

from __future__ import annotations

import calendar
import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from gee_s1ben.engine.dates import UNBOUNDED_MILLIS, Date, DateRange, parse_date, parse_range, time_zone
from gee_s1ben.engine.features import select
from gee_s1ben.engine.registry import algorithm
from gee_s1ben.engine.values import Image
from gee_s1ben.errors import EngineError

_YEAR_MS: Final = 31_556_952_000
"""The mean year of the Gregorian calendar, 365.2425 days."""
_UNIT_MS: Final = {
    "year": _YEAR_MS,
    "month": _YEAR_MS / 12,
    "week": 7 * 86_400_000,
    "day": 86_400_000,
    "hour": 3_600_000,
    "minute": 60_000,
    "second": 1000,
}
_ENDLESS: Final = DateRange(Date(-UNBOUNDED_MILLIS), Date(UNBOUNDED_MILLIS))


@algorithm("Date")
def date(value: Any, timeZone: str | None = None) -> Date:
    """Make a date of milliseconds or of an ISO 8601 string."""
    return parse_date(value, timeZone)


@algorithm("Image.date")
def image_date(image: Image) -> Date | None:
    """Return when an image was taken."""
    value = select(image, "system:time_start")
    return None if value is None else parse_date(value)


@algorithm("Date.fromYMD")
def from_ymd(year: int, month: int, day: int, timeZone: str | None = None) -> Date:
    """Make a date of year, month and day."""
    return _made("Date.fromYMD", lambda: datetime(year, month, day, tzinfo=time_zone(timeZone)))


@algorithm("Date.millis")
def millis(date: Date) -> int:
    """Return the milliseconds since 1970-01-01T00:00:00Z."""
    return date.millis


@algorithm("Date.advance")
def advance(date: Date, delta: float, unit: str, timeZone: str | None = None) -> Date:
    """Go forward by units: years to days in the calendar, smaller ones (and fractions) by their mean length."""
    name = _unit("Date.advance", unit)
    whole = math.trunc(delta)
    moment = date.moment(time_zone(timeZone))
    if name in {"year", "month"}:
        moment = _made("Date.advance", lambda: _months_later(moment, whole * (12 if name == "year" else 1))).moment()
    elif name in {"week", "day"}:
        moment = moment + timedelta(days=whole * (7 if name == "week" else 1))
    else:
        return Date(date.millis + round(delta * _UNIT_MS[name]))
    return Date(Date.of(moment).millis + round((delta - whole) * _UNIT_MS[name]))


@algorithm("Date.difference")
def difference(date: Date, start: Date, unit: str) -> float:
    """Return how many units lie between two dates, by the unit's mean length."""
    return (date.millis - start.millis) / _UNIT_MS[_unit("Date.difference", unit)]


@algorithm("Date.unitRatio")
def unit_ratio(numerator: str, denominator: str) -> float:
    """Return how many of one unit make another, by their mean lengths."""
    return _UNIT_MS[_unit("Date.unitRatio", numerator)] / _UNIT_MS[_unit("Date.unitRatio", denominator)]


@algorithm("Date.get")
def get(date: Date, unit: str, timeZone: str | None = None) -> int:
    """Return a unit of the date: the month from 1, the week by ISO 8601."""
    moment = date.moment(time_zone(timeZone))
    name = _unit("Date.get", unit)
    return moment.isocalendar().week if name == "week" else int(getattr(moment, name))


@algorithm("Date.getRelative")
def get_relative(date: Date, unit: str, inUnit: str, timeZone: str | None = None) -> int:
    """Return how many whole units have passed in a larger unit."""
    small, large = _unit("Date.getRelative", unit), _unit("Date.getRelative", inUnit)
    moment = date.moment(time_zone(timeZone))
    start = _start(moment, large)
    if small == "month":
        return (moment.year - start.year) * 12 + moment.month - start.month
    return int((moment - start) / timedelta(milliseconds=_UNIT_MS[small]))


@algorithm("Date.getRange")
def get_range(date: Date, unit: str, timeZone: str | None = None) -> DateRange:
    """Return the unit of the calendar that the date lies in."""
    name = _unit("Date.getRange", unit)
    start = Date.of(_start(date.moment(time_zone(timeZone)), name))
    return DateRange(start, advance(start, 1, name, timeZone))


@algorithm("Date.getFraction")
def get_fraction(date: Date, unit: str, timeZone: str | None = None) -> float:
    """Return how much of the unit of the calendar has passed."""
    span = get_range(date, unit, timeZone)
    return (date.millis - span.start.millis) / (span.end.millis - span.start.millis)


@algorithm("Date.format")
def format_date(date: Date, format: str | None = None, timeZone: str | None = None) -> str:  # noqa: A002
    """Write the date by a pattern of Joda-Time, by default as ISO 8601 with milliseconds."""
    moment = date.moment(time_zone(timeZone))
    pattern = "yyyy-MM-dd'T'HH:mm:ss.SSS" if format is None else format
    return _PIECES.sub(lambda piece: _written(piece.group(), moment), pattern)


@algorithm("DateRange")
def date_range(start: Any, end: Any = None, timeZone: str | None = None) -> DateRange:
    """Make a range of two dates; without an end it is one millisecond long."""
    return parse_range(start, end, timeZone)


@algorithm("DateRange.unbounded")
def unbounded() -> DateRange:
    """Return the range of all dates."""
    return _ENDLESS


@algorithm("DateRange.start")
def start(dateRange: DateRange) -> Date:
    """Return the start, which is in the range."""
    return dateRange.start


@algorithm("DateRange.end")
def end(dateRange: DateRange) -> Date:
    """Return the end, which is not in the range."""
    return dateRange.end


@algorithm("DateRange.isEmpty")
def is_empty(dateRange: DateRange) -> bool:
    """Whether no date is in the range."""
    return dateRange.is_empty


@algorithm("DateRange.isUnbounded")
def is_unbounded(dateRange: DateRange) -> bool:
    """Whether all dates are in the range."""
    return dateRange == _ENDLESS


@algorithm("DateRange.contains")
def contains(dateRange: DateRange, other: Any) -> bool:
    """Whether a date or a range lies within the range."""
    if isinstance(other, DateRange):
        return dateRange.start <= other.start and other.end <= dateRange.end
    return dateRange.contains(parse_date(other))


@algorithm("DateRange.intersects")
def intersects(dateRange: DateRange, other: DateRange) -> bool:
    """Whether two ranges share a date."""
    return not intersection(dateRange, other).is_empty


@algorithm("DateRange.intersection")
def intersection(dateRange: DateRange, other: DateRange) -> DateRange:
    """Return what is in both ranges."""
    return DateRange(max(dateRange.start, other.start), min(dateRange.end, other.end))


@algorithm("DateRange.union")
def union(dateRange: DateRange, other: DateRange) -> DateRange:
    """Return the range from the earlier start to the later end."""
    return DateRange(min(dateRange.start, other.start), max(dateRange.end, other.end))


def _unit(name: str, unit: str) -> str:
    singular = unit.removesuffix("s")
    if singular not in _UNIT_MS:
        raise EngineError(f"{name}: Unknown unit '{unit[:40]}'. Options are: {', '.join(_UNIT_MS)}.")
    return singular


def _made(name: str, make: Callable[[], datetime]) -> Date:
    try:
        return Date.of(make())
    except (ValueError, OverflowError) as error:
        raise EngineError(f"{name}: {error}.") from error


def _months_later(moment: datetime, months: int) -> datetime:
    """Return the same day in another month, or that month's last."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, calendar.monthrange(year, month + 1)[1]))


def _start(moment: datetime, unit: str) -> datetime:
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    match unit:
        case "year":
            return midnight.replace(month=1, day=1)
        case "month":
            return midnight.replace(day=1)
        case "week":
            return midnight - timedelta(days=midnight.weekday())
        case "day":
            return midnight
        case "hour":
            return midnight.replace(hour=moment.hour)
        case "minute":
            return midnight.replace(hour=moment.hour, minute=moment.minute)
    return moment.replace(microsecond=0)


_PIECES: Final = re.compile(r"'(?:[^']|'')*'|([a-zA-Z])\1*")


def _written(piece: str, moment: datetime) -> str:
    """Write one piece of a pattern: a quoted text, or a field of as many digits as it has letters."""
    if piece.startswith("'"):
        return piece[1:-1].replace("''", "'") or "'"
    letter, width = piece[0], len(piece)
    if letter in "yYu":
        return f"{moment.year % 100:02d}" if width == 2 else f"{moment.year:0{width}d}"
    if letter in "ME" and width >= 3:
        names = (calendar.month_name, calendar.month_abbr) if letter == "M" else (calendar.day_name, calendar.day_abbr)
        return names[width == 3][moment.month if letter == "M" else moment.weekday()]
    if letter == "S":
        return f"{moment.microsecond:06d}".ljust(width, "0")[:width]
    if letter == "Z":
        offset = f"{moment:%z}"
        return offset if width == 1 else f"{offset[:3]}:{offset[3:]}"
    if letter == "a":
        return f"{moment:%p}"
    if letter in _FIELDS:
        return f"{_FIELDS[letter](moment):0{width}d}"
    raise EngineError(f"Date.format: Illegal pattern component: {piece}.")


_FIELDS: Final[dict[str, Callable[[datetime], int]]] = {
    "M": lambda moment: moment.month,
    "d": lambda moment: moment.day,
    "D": lambda moment: moment.timetuple().tm_yday,
    "H": lambda moment: moment.hour,
    "h": lambda moment: (moment.hour - 1) % 12 + 1,
    "m": lambda moment: moment.minute,
    "s": lambda moment: moment.second,
    "w": lambda moment: moment.isocalendar().week,
    "e": lambda moment: moment.isoweekday(),
}
