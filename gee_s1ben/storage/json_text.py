"""Read JSON that somebody hands in: no numbers beyond what JSON and Earth Engine know."""

from __future__ import annotations

import json
import math
from typing import Any, Final

MAX_DIGITS: Final = 20
"""Of a whole number, its sign included: 64 bits."""


def parse_json(text: str | bytes | bytearray) -> Any:
    """Parse JSON.

    Raises
    ------
    ValueError
        It is none, or holds a number that is none in JSON (``1e400``, ``NaN``, ``Infinity``) or has too many digits.
    RecursionError
        It is nested too deeply.
    """
    return json.loads(text, parse_float=_finite, parse_constant=_finite, parse_int=_whole)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is no finite number")
    return number


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number of {len(text)} digits is not one of Earth Engine's")
    return int(text)
