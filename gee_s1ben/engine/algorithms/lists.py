"""Lists."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from gee_s1ben.engine.algorithms.strings import as_text
from gee_s1ben.engine.coercion import coerce
from gee_s1ben.engine.features import ELEMENT_TYPES, Feature
from gee_s1ben.engine.filters import Filter
from gee_s1ben.engine.limits import check_characters, check_elements
from gee_s1ben.engine.ordering import identity, sort_key
from gee_s1ben.engine.registry import algorithm
from gee_s1ben.errors import EngineError

# The signatures call their argument ``list``; the underscore keeps the builtin.


@algorithm("List.size", "List.length")
def size(list_: list[Any]) -> int:
    """Count the elements."""
    return len(list_)


@algorithm("List.get")
def get(list_: list[Any], index: int) -> Any:
    """Return the element at a place; negative places count from the end."""
    return list_[_place("List.get", list_, index)]


def _typed(name: str, type_: str) -> None:
    @algorithm(name)
    def get_typed(list_: list[Any], index: int) -> Any:
        value = list_[_place(name, list_, index)]
        return None if value is None else coerce(value, type_, None, name)


_typed("List.getNumber", "Number")
_typed("List.getString", "String")
_typed("List.getArray", "List")
_typed("List.getGeometry", "Geometry")


@algorithm("List.add")
def add(list_: list[Any], element: Any) -> list[Any]:
    """Append an element."""
    return [*list_, element]


@algorithm("List.cat")
def cat(list_: list[Any], other: list[Any]) -> list[Any]:
    """Put two lists behind one another."""
    check_elements(len(list_) + len(other))
    return [*list_, *other]


@algorithm("List.insert")
def insert(list_: list[Any], index: int, element: Any) -> list[Any]:
    """Insert an element before a place."""
    place = len(list_) if index == len(list_) else _place("List.insert", list_, index)
    return [*list_[:place], element, *list_[place:]]


@algorithm("List.set")
def set_element(list_: list[Any], index: int, element: Any) -> list[Any]:
    """Replace the element at a place."""
    place = _place("List.set", list_, index)
    return [*list_[:place], element, *list_[place + 1 :]]


@algorithm("List.swap")
def swap(list_: list[Any], pos1: int, pos2: int) -> list[Any]:
    """Exchange two elements."""
    one, two = _place("List.swap", list_, pos1), _place("List.swap", list_, pos2)
    swapped = [*list_]
    swapped[one], swapped[two] = list_[two], list_[one]
    return swapped


@algorithm("List.slice")
def slice_list(list_: list[Any], start: int, end: int | None = None, step: int | None = None) -> list[Any]:
    """Return a part; negative places count from the end."""
    if step is not None and step < 1:
        raise EngineError("List.slice: Parameter 'step' must be positive.")
    return list_[start:end:step]


@algorithm("List.splice")
def splice(list_: list[Any], start: int, count: int, other: list[Any] | None = None) -> list[Any]:
    """Replace some elements by those of another list."""
    place = max(len(list_) + start, 0) if start < 0 else start
    return [*list_[:place], *(other or []), *list_[place + max(count, 0) :]]


@algorithm("List.repeat")
def repeat(value: Any, count: int) -> list[Any]:
    """Return a list of the same value."""
    check_elements(count)
    return [value] * count


@algorithm("List.reverse")
def reverse(list_: list[Any]) -> list[Any]:
    """Turn the order around."""
    return list_[::-1]


@algorithm("List.rotate")
def rotate(list_: list[Any], distance: int) -> list[Any]:
    """Move the elements on; what falls out at the end comes in at the front."""
    if not list_:
        return []
    shift = distance % len(list_)
    return [*list_[len(list_) - shift :], *list_[: len(list_) - shift]]


@algorithm("List.sequence")
def sequence(start: float, end: float | None = None, step: float = 1, count: int | None = None) -> list[Any]:
    """Return numbers from a start to an end (inclusive) by a step, or so many of them."""
    if end is None:
        if count is None:
            raise EngineError("List.sequence: At least one of 'end' and 'count' must be given.")
        check_elements(count)
        return [start + i * step for i in range(count)]
    if count is not None:
        check_elements(count)
        return [start + i * (end - start) / (count - 1) for i in range(count)] if count > 1 else [start][:count]
    if step == 0:
        raise EngineError("List.sequence: Parameter 'step' may not be 0.")
    steps = (end - start) / step
    check_elements(steps)
    return [start + i * step for i in range(math.floor(steps + 1e-9) + 1)]


@algorithm("List.flatten")
def flatten(list_: list[Any]) -> list[Any]:
    """Dissolve all lists in the list."""
    flat: list[Any] = []
    for item in list_:
        flat.extend(flatten(item) if isinstance(item, list) else [item])
    return flat


@algorithm("List.sort")
def sort(list_: list[Any], keys: list[Any] | None = None) -> list[Any]:
    """Sort, by other values where these are given."""
    if keys is not None and len(keys) != len(list_):
        raise EngineError("List.sort: 'list' and 'keys' differ in length.")
    pairs = zip(list_ if keys is None else keys, list_, strict=True)
    return [item for _, item in sorted(pairs, key=lambda pair: sort_key(pair[0]))]


@algorithm("List.distinct")
def distinct(list_: list[Any]) -> list[Any]:
    """Drop what has come before."""
    seen: dict[Any, Any] = {}
    for item in list_:
        seen.setdefault(identity(item), item)
    return [*seen.values()]


@algorithm("List.contains")
def contains(list_: list[Any], element: Any) -> bool:
    """Whether an element is in the list."""
    return index_of(list_, element) >= 0


@algorithm("List.containsAll")
def contains_all(list_: list[Any], other: list[Any]) -> bool:
    """Whether all elements of another list are in the list."""
    return {identity(item) for item in other} <= {identity(item) for item in list_}


@algorithm("List.equals")
def equals(list_: list[Any], other: list[Any]) -> bool:
    """Whether two lists hold the same."""
    return identity(list_) == identity(other)


@algorithm("List.frequency")
def frequency(list_: list[Any], element: Any) -> int:
    """Count how often an element occurs."""
    wanted = identity(element)
    return sum(identity(item) == wanted for item in list_)


@algorithm("List.indexOf")
def index_of(list_: list[Any], element: Any) -> int:
    """Return where an element first occurs, or -1."""
    wanted = identity(element)
    return next((place for place, item in enumerate(list_) if identity(item) == wanted), -1)


@algorithm("List.remove")
def remove(list_: list[Any], element: Any) -> list[Any]:
    """Remove the first occurrence of an element."""
    place = index_of(list_, element)
    return list_ if place < 0 else [*list_[:place], *list_[place + 1 :]]


@algorithm("List.removeAll")
def remove_all(list_: list[Any], other: list[Any]) -> list[Any]:
    """Remove everything that is in another list."""
    unwanted = {identity(item) for item in other}
    return [item for item in list_ if identity(item) not in unwanted]


@algorithm("List.replace")
def replace(list_: list[Any], oldval: Any, newval: Any) -> list[Any]:
    """Replace the first occurrence of a value."""
    place = index_of(list_, oldval)
    return list_ if place < 0 else [*list_[:place], newval, *list_[place + 1 :]]


@algorithm("List.replaceAll")
def replace_all(list_: list[Any], oldval: Any, newval: Any) -> list[Any]:
    """Replace all occurrences of a value."""
    unwanted = identity(oldval)
    return [newval if identity(item) == unwanted else item for item in list_]


@algorithm("List.zip")
def zip_lists(list_: list[Any], other: list[Any]) -> list[list[Any]]:
    """Pair the elements of two lists, up to the end of the shorter."""
    return [[*pair] for pair in zip(list_, other, strict=False)]


@algorithm("List.unzip")
def unzip(list_: list[Any]) -> list[list[Any]]:
    """Turn rows into columns, up to the end of the shortest row."""
    if not all(isinstance(row, list) for row in list_):
        raise EngineError("List.unzip: An element of the list is not a list itself.")
    return [[*column] for column in zip(*list_, strict=False)]


@algorithm("List.join")
def join(list_: list[Any], separator: str = "") -> str:
    """Write the elements into one string."""
    parts, size = [], 0
    for item in list_:
        parts.append(as_text(item))
        size += len(parts[-1]) + len(separator)
        check_characters(size)
    return separator.join(parts)


@algorithm("List.map")
def map_list(list_: list[Any], baseAlgorithm: Callable[[Any], Any], dropNulls: bool = False) -> list[Any]:
    """Apply a function to every element."""
    results = [baseAlgorithm(item) for item in list_]
    return [result for result in results if result is not None] if dropNulls else results


@algorithm("List.iterate")
def iterate(list_: list[Any], function: Callable[[Any, Any], Any], first: Any) -> Any:
    """Apply a function to every element and the result so far."""
    result = first
    for item in list_:
        result = function(item, result)
    return result


@algorithm("List.filter")
def filter_list(list_: list[Any], filter: Filter) -> list[Any]:  # noqa: A002 - the signature's name
    """Keep what passes a filter; of values that are no elements, the filter sees the property ``item``."""
    elements: Sequence[Any] = [item if isinstance(item, ELEMENT_TYPES) else _wrapped(item) for item in list_]
    return [item for item, element in zip(list_, elements, strict=True) if filter.passes(element, element)]


def _wrapped(item: Any) -> Feature:
    return Feature().with_properties({"item": item})


def _place(name: str, list_: list[Any], index: int) -> int:
    if not -len(list_) <= index < len(list_):
        if not list_:
            raise EngineError(f"{name}: The list is empty.")
        last = len(list_) - 1
        raise EngineError(
            f"{name}: List index must be between 0 and {last}, or between -{last + 1} and -1. Found: {index}."
        )
    return index % len(list_)
