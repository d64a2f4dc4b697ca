"""What an evaluation may cost: Earth Engine refuses what is too much, and so does the embedded service.

The numbers are this service's own; the sentences are Earth Engine's.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from gee_s1ben.engine.features import Feature
from gee_s1ben.engine.values import Image
from gee_s1ben.errors import EngineError

MAX_CHARACTERS: Final = 10_000_000
"""Of one string."""
MAX_ELEMENTS: Final = 1_000_000
"""Of one list or dictionary."""
MAX_NESTED: Final = 2_000_000
"""Of a list with all that its members hold, each counted as often as it is held."""
MAX_DEPTH: Final = 500
"""Lists in lists."""
MAX_BANDS: Final = 5_000
"""Of an image that is only looked at; what is computed may have fewer."""
MAX_TOTAL: Final = 10_000_000
"""Elements of all lists of one evaluation, those that were given up included."""
MAX_CALLS: Final = 200_000
"""Of a user's functions in one evaluation; they take some ten seconds."""
MAX_PAIRS: Final = 4_000_000
"""Of elements that are compared or matched in one step, each with each."""
MAX_SECONDS: Final = 300.0
"""Earth Engine's own limit for an interactive request."""

TOO_LARGE: Final = "Computed value is too large."
OUT_OF_MEMORY: Final = "User memory limit exceeded."
TIMED_OUT: Final = "Computation timed out."

_CHARACTERS_PER_ELEMENT: Final = 32
"""By which the strings in a list count: one that is held a thousand times is written a thousand times."""
_NESTED: Final = frozenset({list, tuple, dict, Feature, Image})


class Budget:
    """What one evaluation has used of its limits."""

    def __init__(self) -> None:
        self._total = self._calls = 0
        self._until = time.monotonic() + MAX_SECONDS

    def count_call(self) -> None:
        """Count a call of a user's function.

        Raises
        ------
        EngineError
            The evaluation makes too many.
        """
        self._calls += 1
        if self._calls > MAX_CALLS:
            raise EngineError(TIMED_OUT)

    def take(self, value: Any) -> Any:
        """Return a computed value, once it is known to be within the limits.

        Raises
        ------
        EngineError
            It is not, or the evaluation as a whole takes too much.
        """
        if time.monotonic() > self._until:
            raise EngineError(TIMED_OUT)
        kind = type(value)
        if kind is str:
            check_characters(len(value))
            self._total += len(value) // 8
        elif kind in _NESTED:
            self._total += _checked_size(value)
        if self._total > MAX_TOTAL:
            raise EngineError(OUT_OF_MEMORY)
        return value


def check_elements(count: float) -> None:
    """Refuse a list before it is made.

    Raises
    ------
    EngineError
        It would have more than a million elements, or not a number of them.
    """
    if not count <= MAX_ELEMENTS:
        raise EngineError(OUT_OF_MEMORY)


def check_pairs(count: int) -> None:
    """Refuse to compare too many elements, each with each.

    Raises
    ------
    EngineError
        There are more than four million pairs.
    """
    if count > MAX_PAIRS:
        raise EngineError(TIMED_OUT)


def check_characters(count: float) -> None:
    """Refuse a string before it is made.

    Raises
    ------
    EngineError
        It would have more than ten million characters.
    """
    if not count <= MAX_CHARACTERS:
        raise EngineError(TOO_LARGE)


def _checked_size(value: Any) -> int:
    """Number of elements of a value itself; what its members hold is walked through level by level."""
    if isinstance(value, Image) and len(value.bands) > MAX_BANDS:
        raise EngineError(TOO_LARGE)
    own = len(_members(value))
    check_elements(own)
    known: dict[int, tuple[int, int]] = {}
    """Elements and depth of what was walked through: what is held twice is walked through once."""
    stack = [(value, False)]
    while stack:
        item, walked = stack.pop()
        if id(item) in known:
            continue
        members = _members(item)
        kinds = {*map(type, members)}
        below = [] if _NESTED.isdisjoint(kinds) else [one for one in members if type(one) in _NESTED]
        if not walked and below:
            stack.append((item, True))
            stack += [(one, False) for one in below if id(one) not in known]
            continue
        inside = [known[id(one)] for one in below]
        size = len(members) + _characters(item, members, kinds) // _CHARACTERS_PER_ELEMENT
        size, depth = size + sum(one[0] for one in inside), 1 + max((one[1] for one in inside), default=0)
        if size > MAX_NESTED or depth > MAX_DEPTH:
            raise EngineError(TOO_LARGE)
        known[id(item)] = size, depth
    return own


def _characters(value: Any, members: Any, kinds: set[type]) -> int:
    """Count the characters of a value's own strings and keys."""
    keys = sum(map(len, value)) if isinstance(value, Mapping) else 0
    return keys + (sum(len(one) for one in members if type(one) is str) if str in kinds else 0)


def _members(value: Any) -> Any:
    if isinstance(value, Feature | Image):
        value = value.properties
    return value.values() if isinstance(value, Mapping) else value
