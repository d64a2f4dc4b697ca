"""Ordering and telling apart values of any kind."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, TypeVar

from gee_s1ben.engine.dates import Date

ItemT = TypeVar("ItemT")


def sort_key(value: Any) -> tuple[int, Any]:
    """Return a key that orders numbers and dates before strings, those before all else, and null last."""
    match value:
        case Date():
            return 0, value.millis
        case bool() | int() | float():
            return 0, value
        case str():
            return 1, value
        case None:
            return 3, 0
        case list():
            return 2, [sort_key(item) for item in value]
    return 2, []


def sorted_by(items: Iterable[ItemT], key: Callable[[ItemT], Any], ascending: bool = True) -> list[ItemT]:
    """Sort by a value of any kind, what is equal in the order it came in; nulls last either way."""
    listed = [(sort_key(key(item)), item) for item in items]
    known = [pair for pair in listed if pair[0][0] != 3]
    known.sort(key=lambda pair: pair[0], reverse=not ascending)
    return [item for _, item in known] + [item for rank, item in listed if rank[0] == 3]


def identity(value: Any) -> Hashable:
    """Return something hashable that is equal for equal values: 1 and 1.0 are, 1 and true are not."""
    match value:
        case bool():
            return ("boolean", value)
        case list() | tuple():
            return tuple(identity(item) for item in value)
        case Mapping():
            return frozenset((key, identity(item)) for key, item in value.items())
    try:
        hash(value)
    except TypeError:
        return id(value)
    return value  # type: ignore[no-any-return]
