"""Dictionaries, whose keys have their natural order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gee_s1ben.engine.coercion import coerce
from gee_s1ben.engine.limits import check_pairs
from gee_s1ben.engine.patterns import pattern_of
from gee_s1ben.engine.registry import algorithm
from gee_s1ben.errors import EngineError


@algorithm("Dictionary")
def dictionary(input: Any = None) -> dict[str, Any]:  # noqa: A002 - the signature's name
    """Make a dictionary of one, of an element's properties, or of keys and values in turn."""
    if isinstance(input, list):
        if len(input) % 2:
            raise EngineError("Dictionary: A list of keys and values has an odd length.")
        return {str(key): value for key, value in zip(input[::2], input[1::2], strict=True)}
    return {} if input is None else dict(coerce(input, "Dictionary", None, "Dictionary, argument 'input'"))


@algorithm("Dictionary.fromLists")
def from_lists(keys: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    """Make a dictionary of keys and values."""
    if len(keys) != len(values):
        raise EngineError(f"Dictionary.fromLists: {len(keys)} keys, but {len(values)} values.")
    return dict(zip(keys, values, strict=True))


@algorithm("Dictionary.get")
def get(dictionary: Mapping[str, Any], key: str, defaultValue: Any = None) -> Any:
    """Return the value of a key."""
    value = dictionary.get(key)
    if value is None and defaultValue is not None:
        return defaultValue
    if key not in dictionary:
        raise EngineError(f"Dictionary.get: Dictionary does not contain key: '{key}'.")
    return value


def _typed(name: str, type_: str) -> None:
    @algorithm(name)
    def get_typed(dictionary: Mapping[str, Any], key: str) -> Any:
        if key not in dictionary:
            raise EngineError(f"{name}: Dictionary does not contain key: '{key}'.")
        value = dictionary[key]
        return None if value is None else coerce(value, type_, None, f"{name}, key '{key}'")


_typed("Dictionary.getNumber", "Number")
_typed("Dictionary.getString", "String")
_typed("Dictionary.getArray", "List")
_typed("Dictionary.getGeometry", "Geometry")


@algorithm("Dictionary.set")
def set_value(dictionary: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """Set the value of a key."""
    return {**dictionary, key: value}


@algorithm("Dictionary.keys")
def keys(dictionary: Mapping[str, Any]) -> list[str]:
    """Return the keys, sorted."""
    return sorted(dictionary)


@algorithm("Dictionary.values")
def values(dictionary: Mapping[str, Any], keys: Sequence[str] | None = None) -> list[Any]:
    """Return the values of some keys, or of all in the order of the keys."""
    return [get(dictionary, key) for key in (sorted(dictionary) if keys is None else keys)]


@algorithm("Dictionary.size")
def size(dictionary: Mapping[str, Any]) -> int:
    """Count the keys."""
    return len(dictionary)


@algorithm("Dictionary.contains")
def contains(dictionary: Mapping[str, Any], key: str) -> bool:
    """Whether there is a key."""
    return key in dictionary


@algorithm("Dictionary.combine")
def combine(first: Mapping[str, Any], second: Mapping[str, Any], overwrite: bool = True) -> dict[str, Any]:
    """Merge two dictionaries; the second wins, unless it may not overwrite. Nulls are dropped."""
    merged = {**first, **second} if overwrite else {**second, **first}
    return {key: value for key, value in merged.items() if value is not None}


@algorithm("Dictionary.select")
def select(dictionary: Mapping[str, Any], selectors: Sequence[str], ignoreMissing: bool = False) -> dict[str, Any]:
    """Keep the keys that a name or a regular expression selects."""
    chosen = _selected("Dictionary.select", dictionary, selectors, ignoreMissing)
    return {key: value for key, value in dictionary.items() if key in chosen}


@algorithm("Dictionary.remove")
def remove(dictionary: Mapping[str, Any], selectors: Sequence[str], ignoreMissing: bool = False) -> dict[str, Any]:
    """Drop the keys that a name or a regular expression selects."""
    chosen = _selected("Dictionary.remove", dictionary, selectors, ignoreMissing)
    return {key: value for key, value in dictionary.items() if key not in chosen}


@algorithm("Dictionary.rename")
def rename(
    dictionary: Mapping[str, Any], from_: Sequence[str], to: Sequence[str], overwrite: bool = False
) -> dict[str, Any]:
    """Give keys other names."""
    if len(from_) != len(to):
        raise EngineError("Dictionary.rename: 'from' and 'to' differ in length.")
    renamed_from = {*from_}
    renamed = {new: get(dictionary, old) for old, new in zip(from_, to, strict=True)}
    rest = {key: value for key, value in dictionary.items() if key not in renamed_from}
    clash = sorted(rest.keys() & renamed.keys())
    if clash and not overwrite:
        raise EngineError(f"Dictionary.rename: Dictionary already contains key '{clash[0]}'.")
    return {**rest, **renamed}


@algorithm("Dictionary.map")
def map_values(dictionary: Mapping[str, Any], baseAlgorithm: Callable[[str, Any], Any]) -> dict[str, Any]:
    """Apply a function to every key and value; where it returns null, the key is dropped."""
    results = {key: baseAlgorithm(key, dictionary[key]) for key in sorted(dictionary)}
    return {key: value for key, value in results.items() if value is not None}


def _selected(name: str, dictionary: Mapping[str, Any], selectors: Sequence[str], ignore_missing: bool) -> set[str]:
    chosen: set[str] = set()
    check_pairs(len(dictionary) * sum(selector not in dictionary for selector in selectors))
    for selector in selectors:
        found = {selector} & dictionary.keys() or _matching(name, dictionary, selector)
        if not found and not ignore_missing:
            raise EngineError(f"{name}: Selector '{selector}' does not match any key.")
        chosen |= found
    return chosen


def _matching(name: str, dictionary: Mapping[str, Any], selector: str) -> set[str]:
    pattern = pattern_of(f"{name}: Invalid selector", selector)
    return {key for key in dictionary if pattern.fullmatch(key)}
