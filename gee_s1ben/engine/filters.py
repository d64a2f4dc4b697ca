"""Filters: conditions on one element, or on a pair of elements in a join."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import shapely

from gee_s1ben.engine.dates import Date
from gee_s1ben.engine.features import Element, as_geometry, select
from gee_s1ben.engine.geodesy import LONLAT
from gee_s1ben.engine.geometry import Geometry
from gee_s1ben.engine.limits import check_pairs
from gee_s1ben.errors import EngineError

Candidates: TypeAlias = list[npt.NDArray[np.int64]]
"""For each element of a primary collection, the sorted places of those of the secondary that may match."""


class Filter(ABC):
    """A condition; most are no distance, and have to be asked of every pair."""

    __slots__ = ()

    @abstractmethod
    def passes(self, left: Element, right: Element) -> bool:
        """Whether a pair passes; to filter a collection, both are the same element."""

    def measure(self, left: Element, right: Element) -> float | None:  # noqa: ARG002 - for filters that are distances
        """Return how far the pair is apart, for filters that are distances."""
        return None

    def candidates(
        self,
        lefts: Sequence[Element],  # noqa: ARG002 - for filters that can tell
        rights: Sequence[Element],  # noqa: ARG002
    ) -> Candidates | None:
        """Return which pairs may pass, found at once; ``None`` where every pair has to be asked."""
        return None


@dataclass(frozen=True, slots=True)
class Operand:
    """One side of a comparison: a field of the element, or a value."""

    field: str | None
    value: Any

    def of(self, element: Element) -> Any:
        """Return the value for an element."""
        return self.value if self.field is None else comparable(select(element, self.field))


def operand(field: str | None, value: Any, side: str) -> Operand:
    """Make an operand of a filter's arguments.

    Raises
    ------
    EngineError
        Both a field and a value are given.
    """
    if field is not None and value is not None:
        raise EngineError(f"Only one of '{side}Field' and '{side}Value' may be given.")
    return Operand(field, comparable(value))


def comparable(value: Any) -> Any:
    """Return what comparisons take: dates count as milliseconds."""
    return value.millis if isinstance(value, Date) else value


@dataclass(frozen=True, slots=True)
class Comparison(Filter):
    """A test of two values."""

    left: Operand
    right: Operand
    test: Callable[[Any, Any], bool]

    def passes(self, left: Element, right: Element) -> bool:
        """Whether the test says yes."""
        return self.test(self.left.of(left), self.right.of(right))


@dataclass(frozen=True, slots=True)
class MaxDifference(Comparison):
    """Two numbers (or dates, in milliseconds) no farther apart than a limit."""

    limit: float

    def measure(self, left: Element, right: Element) -> float | None:
        """Return the difference."""
        first, second = self.left.of(left), self.right.of(right)
        return abs(first - second) if is_number(first) and is_number(second) else None

    def candidates(self, lefts: Sequence[Element], rights: Sequence[Element]) -> Candidates | None:
        """Look the interval up in the sorted values."""
        if self.left.field is None or self.right.field is None:
            return None
        values = _numbers(self.right.of(element) for element in rights)
        order = np.argsort(values, kind="stable")
        ranked = values[order]
        wanted = _numbers(self.left.of(element) for element in lefts)
        # One step of rounding wider: the test itself decides.
        first = np.searchsorted(ranked, np.nextafter(wanted - self.limit, -np.inf), "left")
        last = np.searchsorted(ranked, np.nextafter(wanted + self.limit, np.inf), "right")
        return [np.sort(order[start:stop]) for start, stop in zip(first, last, strict=True)]


@dataclass(frozen=True, slots=True)
class Spatial(Filter):
    """A relation of two geometries."""

    left: Operand
    right: Operand
    test: Callable[[Geometry, Geometry], bool]
    distance: Callable[[Geometry, Geometry], float] | None = None
    is_local: bool = True
    """Only geometries whose boxes meet can pass."""
    holds_within: bool = False
    """What has a point in a rectangle passes."""

    def passes(self, left: Element, right: Element) -> bool:
        """Whether the relation holds; nothing relates to an element without a geometry."""
        first, second = as_geometry(self.left.of(left)), as_geometry(self.right.of(right))
        if first is None or second is None or (self.is_local and not _boxes_meet(first, second)):
            return False
        if self.holds_within and (_reaches_into(first, second) or _reaches_into(second, first)):
            return True
        return self.test(first, second)

    def measure(self, left: Element, right: Element) -> float | None:
        """Return the distance, where the relation is about one."""
        first, second = as_geometry(self.left.of(left)), as_geometry(self.right.of(right))
        return None if self.distance is None or first is None or second is None else self.distance(first, second)

    def candidates(self, lefts: Sequence[Element], rights: Sequence[Element]) -> Candidates | None:
        """Look the boxes up in a tree."""
        if not self.is_local or self.left.field is None or self.right.field is None:
            return None
        tree = shapely.STRtree(_boxes(as_geometry(self.right.of(element)) for element in rights))
        boxes = _boxes(as_geometry(self.left.of(element)) for element in lefts)
        return [np.sort(tree.query(box)) for box in boxes]


@dataclass(frozen=True, slots=True)
class All(Filter):
    """Every filter passes."""

    filters: tuple[Filter, ...]

    def passes(self, left: Element, right: Element) -> bool:
        """Whether all pass."""
        return all(part.passes(left, right) for part in self.filters)

    def measure(self, left: Element, right: Element) -> float | None:
        """Return the measure of the first filter that has one."""
        return _first_measure(self.filters, left, right)

    def candidates(self, lefts: Sequence[Element], rights: Sequence[Element]) -> Candidates | None:
        """Return what all leave over."""
        found: Candidates | None = None
        for part in self.filters:
            narrowed = part.candidates(lefts, rights)
            if narrowed is None:
                continue
            found = (
                narrowed
                if found is None
                else [np.intersect1d(a, b, assume_unique=True) for a, b in zip(found, narrowed, strict=True)]
            )
        return found


@dataclass(frozen=True, slots=True)
class AnyOf(Filter):
    """At least one filter passes."""

    filters: tuple[Filter, ...]

    def passes(self, left: Element, right: Element) -> bool:
        """Whether one passes."""
        return any(part.passes(left, right) for part in self.filters)

    def measure(self, left: Element, right: Element) -> float | None:
        """Return the measure of the first filter that has one."""
        return _first_measure(self.filters, left, right)

    def candidates(self, lefts: Sequence[Element], rights: Sequence[Element]) -> Candidates | None:
        """Return what any leaves over, where all can tell."""
        narrowed = [part.candidates(lefts, rights) for part in self.filters]
        known = [candidates for candidates in narrowed if candidates is not None]
        if not known or len(known) < len(narrowed):
            return None
        return [np.unique(np.concatenate(parts)) for parts in zip(*known, strict=True)]


@dataclass(frozen=True, slots=True)
class Not(Filter):
    """The filter does not pass."""

    filter: Filter

    def passes(self, left: Element, right: Element) -> bool:
        """Whether it fails."""
        return not self.filter.passes(left, right)


@dataclass(frozen=True, slots=True)
class Predicate(Filter):
    """A test of the (left) element itself."""

    test: Callable[[Element], bool]

    def passes(self, left: Element, right: Element) -> bool:  # noqa: ARG002 - the pair is one element
        """Whether the test says yes."""
        return self.test(left)


def is_number(value: Any) -> bool:
    """Whether a value is a number that can be subtracted (a truth value is not)."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def matching(condition: Filter, lefts: Sequence[Element], rights: Sequence[Element]) -> list[list[int]]:
    """Return for each element of ``lefts`` the places of the elements of ``rights`` that match, in order."""
    candidates = condition.candidates(lefts, rights)
    if candidates is None:
        everything = np.arange(len(rights))
        candidates = [everything] * len(lefts)
    check_pairs(sum(map(len, candidates)))
    return [
        [int(place) for place in places if condition.passes(left, rights[place])]
        for left, places in zip(lefts, candidates, strict=True)
    ]


def _first_measure(filters: Sequence[Filter], left: Element, right: Element) -> float | None:
    measures = (part.measure(left, right) for part in filters)
    return next((measure for measure in measures if measure is not None), None)


def _numbers(values: Any) -> npt.NDArray[np.float64]:
    """Return values as an array; what is no number is NaN, which sorts last and is near to nothing."""
    return np.array([value if is_number(value) else np.nan for value in values], dtype=np.float64)


def _boxes_meet(left: Geometry, right: Geometry) -> bool:
    west, south, east, north = left.lonlat_box()
    other_west, other_south, other_east, other_north = right.lonlat_box()
    return west <= other_east and other_west <= east and south <= other_north and other_south <= north


def _reaches_into(geometry: Geometry, rectangle: Geometry) -> bool:
    """Whether a vertex of a geometry surely lies in another one, which is a rectangle; said without drawing either."""
    bounds = rectangle.as_rectangle()
    if bounds is None or geometry.crs != LONLAT:
        return False
    west, south, east, north = bounds
    return any(west <= lon <= east and south <= lat <= north for lon, lat in geometry.vertices())


def _boxes(geometries: Any) -> list[shapely.Polygon]:
    """Return a box around each geometry; what is nowhere gets an empty one, which meets nothing."""
    return [shapely.Polygon() if geometry is None else shapely.box(*geometry.lonlat_box()) for geometry in geometries]
