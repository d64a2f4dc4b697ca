"""Filters by property, by date and by place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

import shapely

from gee_s1ben.engine.coercion import ErrorMargin
from gee_s1ben.engine.dates import Date, DateRange
from gee_s1ben.engine.features import Element, element_geometry, select
from gee_s1ben.engine.filters import (
    All,
    AnyOf,
    Comparison,
    Filter,
    MaxDifference,
    Not,
    Predicate,
    Spatial,
    comparable,
    is_number,
    operand,
)
from gee_s1ben.engine.geometry import TOLERANCE_M, Geometry
from gee_s1ben.engine.geometry_operations import distance_m, within_distance
from gee_s1ben.engine.registry import algorithm
from gee_s1ben.errors import EngineError

TIME_START: Final = "system:time_start"


def _comparison(*names: str, test: Callable[[Any, Any], bool]) -> None:
    @algorithm(*names)
    def compare(
        leftField: str | None = None, rightValue: Any = None, rightField: str | None = None, leftValue: Any = None
    ) -> Filter:
        left, right = operand(leftField, leftValue, "left"), operand(rightField, rightValue, "right")
        return Comparison(left, right, test)


def _spatial(name: str, relation: Callable[..., Any], *, is_local: bool = True, holds_within: bool = False) -> None:
    @algorithm(name)
    def relate(
        leftField: str | None = None,
        rightValue: Any = None,
        rightField: str | None = None,
        leftValue: Any = None,
        maxError: ErrorMargin | None = None,
    ) -> Filter:
        tolerance_m = maxError.metres if maxError is not None and maxError.metres > 0 else TOLERANCE_M

        def test(left: Geometry, right: Geometry) -> bool:
            return bool(relation(left.shape(tolerance_m=tolerance_m), right.shape(tolerance_m=tolerance_m)))

        left, right = operand(leftField, leftValue, "left"), operand(rightField, rightValue, "right")
        return Spatial(left, right, test, is_local=is_local, holds_within=holds_within)


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, bool) != isinstance(right, bool):
        return is_number(left) != is_number(right) and left == right
    return left is not None and bool(left == right)


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Only numbers among themselves and strings among themselves have an order."""

    def compare(left: Any, right: Any) -> bool:
        comparable_kinds = (is_number(left) and is_number(right)) or (isinstance(left, str) and isinstance(right, str))
        return comparable_kinds and test(left, right)

    return compare


def _textual(test: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    return lambda left, right: isinstance(left, str) and isinstance(right, str) and test(left, right)


def _member(container: Any, item: Any) -> bool:
    return isinstance(container, list | tuple) and any(_same(comparable(entry), item) for entry in container)


def _in_range(left: Any, right: Any) -> bool:
    return isinstance(left, DateRange) and is_number(right) and left.start.millis <= right < left.end.millis


_comparison("Filter.eq", "Filter.equals", test=_same)
_comparison("Filter.neq", "Filter.notEquals", test=lambda left, right: not _same(left, right))
_comparison("Filter.lt", "Filter.lessThan", test=_ordered(lambda left, right: left < right))
_comparison("Filter.lte", "Filter.lessThanOrEquals", test=_ordered(lambda left, right: left <= right))
_comparison("Filter.gt", "Filter.greaterThan", test=_ordered(lambda left, right: left > right))
_comparison("Filter.gte", "Filter.greaterThanOrEquals", test=_ordered(lambda left, right: left >= right))
_comparison("Filter.stringContains", test=_textual(lambda left, right: right in left))
_comparison("Filter.stringStartsWith", test=_textual(str.startswith))
_comparison("Filter.stringEndsWith", test=_textual(str.endswith))
_comparison("Filter.listContains", test=_member)
_comparison("Filter.inList", test=lambda left, right: _member(right, left))
_comparison("Filter.dateRangeContains", test=_in_range)

_spatial("Filter.intersects", shapely.intersects, holds_within=True)
_spatial("Filter.disjoint", shapely.disjoint, is_local=False)
_spatial("Filter.contains", shapely.contains)
_spatial("Filter.isContained", shapely.within)


@algorithm("Filter.withinDistance")
def near(
    distance: float,
    leftField: str | None = None,
    rightValue: Any = None,
    rightField: str | None = None,
    leftValue: Any = None,
    maxError: ErrorMargin | None = None,  # noqa: ARG001 - shapes are exact to the default margin
) -> Filter:
    """Pass geometries no farther apart than so many metres; the distance is the join's measure."""
    left, right = operand(leftField, leftValue, "left"), operand(rightField, rightValue, "right")
    return Spatial(left, right, lambda a, b: within_distance(a, b, distance), distance_m, is_local=False)


@algorithm("Filter.maxDifference")
def max_difference(
    difference: float,
    leftField: str | None = None,
    rightValue: Any = None,
    rightField: str | None = None,
    leftValue: Any = None,
) -> Filter:
    """Pass numbers (dates: milliseconds) no farther apart than that; the difference is the join's measure."""

    def test(left: Any, right: Any) -> bool:
        return is_number(left) and is_number(right) and abs(left - right) <= difference

    left, right = operand(leftField, leftValue, "left"), operand(rightField, rightValue, "right")
    return MaxDifference(left, right, test, difference)


@algorithm("Filter.rangeContains")
def range_contains(field: str, minValue: Any, maxValue: Any) -> Filter:
    """Pass elements whose property lies between two values, both included."""
    low, high = comparable(minValue), comparable(maxValue)
    at_least, at_most = _ordered(lambda a, b: a >= b), _ordered(lambda a, b: a <= b)

    def test(element: Element) -> bool:
        value = comparable(select(element, field))
        return at_least(value, low) and at_most(value, high)

    return Predicate(test)


@algorithm("Filter.calendarRange")
def calendar_range(start: int, end: int | None = None, field: str = "day_of_year") -> Filter:
    """Pass elements whose time lies in a part of every year, month, week or day, both ends included."""
    if field not in _CALENDAR_FIELDS:
        raise EngineError(f"Filter.calendarRange: Unknown field '{field}'. Options are: {', '.join(_CALENDAR_FIELDS)}.")
    last = start if end is None else end
    read = _CALENDAR_FIELDS[field]

    def test(element: Element) -> bool:
        millis = comparable(select(element, TIME_START))
        if not is_number(millis):
            return False
        value = read(Date(int(millis)).moment())
        return start <= value <= last if start <= last else (value >= start or value <= last)

    return Predicate(test)


@algorithm("Filter.dayOfYear")
def day_of_year(start: int, end: int) -> Filter:
    """Pass elements of these days of every year."""
    return calendar_range(start, end)


@algorithm("Filter.notNull")
def not_null(properties: Sequence[str]) -> Filter:
    """Pass elements that have all of these properties."""
    return Predicate(lambda element: all(select(element, name) is not None for name in properties))


@algorithm("Filter.hasGeometry")
def has_geometry() -> Filter:
    """Pass elements that are somewhere."""
    return Predicate(lambda element: element_geometry(element) is not None)


@algorithm("Filter.always")
def always() -> Filter:
    """Pass everything."""
    return All(())


@algorithm("Filter.never")
def never() -> Filter:
    """Pass nothing."""
    return AnyOf(())


@algorithm("Filter.and")
def both(filters: Sequence[Filter]) -> Filter:
    """Pass what passes all filters."""
    return All(tuple(filters))


@algorithm("Filter.or")
def either(filters: Sequence[Filter]) -> Filter:
    """Pass what passes any filter."""
    return AnyOf(tuple(filters))


@algorithm("Filter.not")
def inverse(filter: Filter) -> Filter:  # noqa: A002 - the signature's name
    """Pass what the filter does not."""
    return Not(filter)


_CALENDAR_FIELDS: Final[dict[str, Callable[[datetime], int]]] = {
    "year": lambda moment: moment.year,
    "month": lambda moment: moment.month,
    "hour": lambda moment: moment.hour,
    "minute": lambda moment: moment.minute,
    "day_of_year": lambda moment: moment.timetuple().tm_yday,
    "day_of_month": lambda moment: moment.day,
    "day_of_week": lambda moment: moment.isoweekday(),
}
