"""Joins: which elements of two collections belong together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from gee_s1ben.engine.features import Collection, Element, Feature, index_of, select, with_property
from gee_s1ben.engine.filters import Filter, matching
from gee_s1ben.engine.ordering import sorted_by
from gee_s1ben.engine.registry import algorithm
from gee_s1ben.errors import EngineError

Match: TypeAlias = tuple[Element, float | None]
"""A matching element, and how far apart the pair is where the condition measures that."""


@dataclass(frozen=True, slots=True)
class Join:
    """What a join makes of an element and its matches, in the order of the secondary collection."""

    results: Callable[[Element, Sequence[Match]], Iterator[Element]]


@algorithm("Join.apply")
def apply(join: Join, primary: Collection, secondary: Collection, condition: Filter) -> Collection:
    """Join two collections."""
    places = matching(condition, primary.elements, secondary.elements)
    joined: list[Element] = []
    for element, found in zip(primary.elements, places, strict=True):
        partners = [secondary.elements[place] for place in found]
        matches = [(partner, condition.measure(element, partner)) for partner in partners]
        joined.extend(join.results(element, matches))
    return primary.with_elements(joined)


@algorithm("Join.simple")
def simple() -> Join:
    """Keep the elements that have a match."""

    def results(element: Element, matches: Sequence[Match]) -> Iterator[Element]:
        if matches:
            yield element

    return Join(results)


@algorithm("Join.inverted")
def inverted() -> Join:
    """Keep the elements that have none."""

    def results(element: Element, matches: Sequence[Match]) -> Iterator[Element]:
        if not matches:
            yield element

    return Join(results)


@algorithm("Join.inner")
def inner(primaryKey: str = "primary", secondaryKey: str = "secondary", measureKey: str | None = None) -> Join:
    """Make a feature of every pair."""

    def results(element: Element, matches: Sequence[Match]) -> Iterator[Element]:
        for partner, measure in matches:
            properties: dict[str, Any] = {
                primaryKey: element,
                secondaryKey: partner,
                "system:index": f"{index_of(element)}_{index_of(partner)}",
            }
            if measureKey is not None and measure is not None:
                properties[measureKey] = measure
            yield Feature().with_properties(properties)

    return Join(results)


@algorithm("Join.saveAll")
def save_all(
    matchesKey: str,
    ordering: str | None = None,
    ascending: bool = True,
    measureKey: str | None = None,
    outer: bool = False,
) -> Join:
    """Save all matches of an element in a property of it."""

    def results(element: Element, matches: Sequence[Match]) -> Iterator[Element]:
        if matches or outer:
            saved = [_measured(match, measureKey) for match in _sorted(matches, ordering, ascending)]
            yield with_property(element, matchesKey, saved)

    return Join(results)


@algorithm("Join.saveFirst")
def save_first(
    matchKey: str,
    ordering: str | None = None,
    ascending: bool = True,
    measureKey: str | None = None,
    outer: bool = False,
) -> Join:
    """Save the first match of an element in a property of it."""

    def results(element: Element, matches: Sequence[Match]) -> Iterator[Element]:
        if matches:
            yield with_property(element, matchKey, _measured(_sorted(matches, ordering, ascending)[0], measureKey))
        elif outer:
            yield element

    return Join(results)


@algorithm("Join.saveBest")
def save_best(matchKey: str, measureKey: str, outer: bool = False) -> Join:
    """Save the match with the smallest measure in a property of the element."""

    def closeness(match: Match) -> float:
        if match[1] is None:
            raise EngineError("Join.saveBest: The join condition has no measure; use withinDistance or maxDifference.")
        return match[1]

    def results(element: Element, matches: Sequence[Match]) -> Iterator[Element]:
        if matches:
            yield with_property(element, matchKey, _measured(min(matches, key=closeness), measureKey))
        elif outer:
            yield element

    return Join(results)


def _sorted(matches: Sequence[Match], ordering: str | None, ascending: bool) -> Sequence[Match]:
    if ordering is None:
        return matches
    return sorted_by(matches, lambda match: select(match[0], ordering), ascending)


def _measured(match: Match, measure_key: str | None) -> Element:
    partner, measure = match
    return partner if measure_key is None or measure is None else with_property(partner, measure_key, measure)
