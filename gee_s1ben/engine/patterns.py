"""Regular expressions of an expression's author, matched in linear time by RE2.

Python's own engine tries every way to match, and takes longer than anybody waits for ``(a+)+$`` on thirty letters.
What cannot be matched in linear time, references back to a group and looking around, RE2 refuses.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any, Final

import re2

from gee_s1ben.engine.limits import TIMED_OUT, TOO_LARGE, check_characters, check_elements
from gee_s1ben.errors import EngineError

_LONGEST: Final = 10_000
_MOST_MATCHES: Final = 20_000
"""In one string; each takes RE2's wrapper some ten microseconds."""
_MOST_SECONDS: Final = 5.0
"""For the matches in one string: each is linear, and all of them together are not."""
_MOST_GROUPS: Final = 100
"""In one pattern; what RE2 needs to find them grows with their number."""
_GROUP: Final = re.compile(r"\$(\d)")


def pattern_of(where: str, regex: str, *, ignore_case: bool = False) -> Any:
    """Compile a pattern; the result has ``search``, ``fullmatch`` and ``finditer``, as Python's has.

    Raises
    ------
    EngineError
        RE2 does not accept it; ``where`` says whose it is.
    """
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = not ignore_case
    try:
        if len(regex) > _LONGEST:
            raise re2.error(f"it has {len(regex)} characters")  # noqa: TRY301 - one sentence for all
        pattern = re2.compile(regex, options)
        if pattern.groups > _MOST_GROUPS:
            raise re2.error(f"it has {pattern.groups} groups")  # noqa: TRY301
    except (re2.error, UnicodeError) as error:
        reason = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error)
        raise EngineError(f"{where} '{regex[:60]}': {reason}.") from error
    return pattern


def matches(pattern: Any, text: str) -> Iterator[Any]:
    """Yield the matches from left to right.

    Raises
    ------
    EngineError
        There are more than twenty thousand, or to find them takes too long.
    """
    until = time.monotonic() + _MOST_SECONDS
    for count, match in enumerate(pattern.finditer(text), start=1):
        if count > _MOST_MATCHES:
            raise EngineError(TOO_LARGE)
        if time.monotonic() > until:
            raise EngineError(TIMED_OUT)
        yield match


def split(pattern: Any, text: str) -> list[str]:
    """Return the text between matches, and the groups of the matches between its parts."""
    parts, place = [], 0
    for match in matches(pattern, text):
        parts += [text[place : match.start()], *match.groups()]
        check_elements(len(parts))
        place = match.end()
    return [*parts, text[place:]]


def replaced(pattern: Any, text: str, replacement: str, *, all_of_them: bool) -> str:
    """Replace the first match or all; ``$1`` in the replacement is the first group.

    Raises
    ------
    EngineError
        The replacement names a group that is not there, or the result is too large.
    """
    parts: list[str] = []
    place = size = 0
    pieces = _GROUP.split(replacement)  # text, number of a group, text, …
    numbers = [int(number) for number in pieces[1::2]]
    for match in matches(pattern, text):
        groups = {number: match.group(number) or "" for number in {*numbers}}
        pieces[1::2] = [groups[number] for number in numbers]
        size += sum(map(len, pieces))
        check_characters(size)
        parts += [text[place : match.start()], *pieces]
        check_elements(len(parts))
        place = match.end()
        if not all_of_them:
            break
    parts.append(text[place:])
    check_characters(sum(map(len, parts)))
    return "".join(parts)
