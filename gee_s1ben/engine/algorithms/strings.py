"""Strings. Patterns are regular expressions as RE2 reads them."""

from __future__ import annotations

import json
from typing import Any

from gee_s1ben.engine import patterns
from gee_s1ben.engine.algorithms.numbers import plain
from gee_s1ben.engine.description import describe
from gee_s1ben.engine.expression import whole_number
from gee_s1ben.engine.limits import check_characters, check_elements
from gee_s1ben.engine.patterns import matches, pattern_of, replaced
from gee_s1ben.engine.registry import algorithm
from gee_s1ben.errors import EngineError


@algorithm("String")
def string(input: Any) -> str:  # noqa: A002 - the signature's name
    """Write anything as text."""
    return as_text(input)


@algorithm("String.cat")
def cat(string1: str, string2: str) -> str:
    """Put two strings behind one another."""
    check_characters(len(string1) + len(string2))
    return string1 + string2


@algorithm("String.compareTo")
def compare_to(string1: str, string2: str) -> int:
    """Return -1, 0 or 1, as the first comes before, with or after the second."""
    return (string1 > string2) - (string1 < string2)


@algorithm("String.equals")
def equals(reference: str, target: Any) -> bool:
    """Whether something is the same string."""
    return isinstance(target, str) and reference == target


@algorithm("String.index")
def index(target: str, pattern: str) -> int:
    """Return where a string first occurs, or -1."""
    return target.find(pattern)


@algorithm("String.rindex")
def rindex(target: str, pattern: str) -> int:
    """Return where a string last occurs, or -1."""
    return target.rfind(pattern)


@algorithm("String.length")
def length(string: str) -> int:
    """Count the characters."""
    return len(string)


@algorithm("String.slice")
def slice_string(string: str, start: int, end: int | None = None) -> str:
    """Return a part; negative places count from the end."""
    return string[start:end]


@algorithm("String.toLowerCase")
def to_lower_case(string: str) -> str:
    """Return the string in small letters."""
    return string.lower()


@algorithm("String.toUpperCase")
def to_upper_case(string: str) -> str:
    """Return the string in capital letters."""
    return string.upper()


@algorithm("String.trim")
def trim(string: str) -> str:
    """Return the string without white space around it."""
    return string.strip()


@algorithm("String.match")
def match(input: str, regex: str, flags: str = "") -> list[str]:  # noqa: A002 - the signature's name
    """Return the first match and its groups, or with ``g`` all matches."""
    pattern = _pattern("String.match", regex, flags)
    if "g" in flags:
        return [found.group() for found in matches(pattern, input)]
    found = pattern.search(input)
    return [] if found is None else [found.group(), *(group or "" for group in found.groups())]


@algorithm("String.replace")
def replace(input: str, regex: str, replacement: str, flags: str = "") -> str:  # noqa: A002 - the signature's name
    """Replace the first match, or with ``g`` all; ``$1`` is the first group."""
    try:
        pattern = _pattern("String.replace", regex, flags)
        return replaced(pattern, input, replacement, all_of_them="g" in flags)
    except IndexError as error:
        raise EngineError(f"String.replace: Invalid replacement '{replacement[:40]}'.") from error


@algorithm("String.split")
def split(string: str, regex: str, flags: str = "") -> list[str]:
    """Split at every match; an empty pattern splits into characters."""
    if not regex:
        check_elements(len(string))
        return [*string]
    return patterns.split(_pattern("String.split", regex, flags), string)


@algorithm("String.encodeJSON")
def encode_json(object: Any) -> str:  # noqa: A002 - the signature's name
    """Write a value as JSON."""
    return json.dumps(describe(object), separators=(",", ":"))


@algorithm("String.decodeJSON")
def decode_json(string: str) -> Any:
    """Read a value from JSON."""
    try:
        return json.loads(string, parse_int=whole_number)
    except ValueError as error:
        raise EngineError(f"String.decodeJSON: Invalid JSON: {error}.") from error


def as_text(value: Any) -> str:
    """Write a value as text: strings as they are, numbers the short way, others as JSON."""
    match value:
        case str():
            return value
        case bool():
            return str(value).lower()
        case int() | float():
            return plain(value)
    return encode_json(value)


def _pattern(name: str, regex: str, flags: str) -> Any:
    return pattern_of(f"{name}: Invalid regular expression", regex, ignore_case="i" in flags)
