"""The filter strings of ``listAssets`` and ``listImages``: comparisons joined by ``AND``.

``startTime >= "2017-06-01T00:00:00Z" AND properties.orbitProperties_pass = "ASCENDING" AND intersects("{…GeoJSON…}")``
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from gee_s1ben.engine.dates import parse_date
from gee_s1ben.engine.geometry import Geometry
from gee_s1ben.errors import EngineError

AssetFilter = Callable[[Mapping[str, Any]], bool]

_COMPARISON: Final = re.compile(
    r"(?P<field>startTime|endTime|properties\.[\w:.-]+)\s*(?P<operator>>=|<=|!=|=|<|>)\s*(?P<value>\"[^\"]*\"|'[^']*'|[^\s\"']+)"
)
_INTERSECTS: Final = re.compile(r"intersects\(\s*\"(?P<geometry>[^\"]*)\"\s*\)")
_AND: Final = re.compile(r"\s*\bAND\b\s*")
_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}


def parse_filter(text: str) -> AssetFilter:
    """Return the condition that a filter string states.

    Raises
    ------
    EngineError
        It cannot be read.
    """
    conditions: list[AssetFilter] = []
    position = len(text) - len(text.lstrip())
    while position < len(text):
        if match := _COMPARISON.match(text, position):
            conditions.append(_comparison(match["field"], match["operator"], match["value"]))
        elif match := _INTERSECTS.match(text, position):
            conditions.append(_intersection(match["geometry"]))
        else:
            raise EngineError(f"Invalid filter: cannot read '{text[position : position + 60]}'.")
        joint = _AND.match(text, match.end())
        position = joint.end() if joint else match.end()
        if not joint and text[position:].strip():
            raise EngineError(f"Invalid filter: expected AND before '{text[position : position + 60].strip()}'.")
        if not joint:
            break
    return lambda asset: all(condition(asset) for condition in conditions)


def _comparison(field: str, name: str, literal: str) -> AssetFilter:
    compare = _OPERATORS[name]
    quoted = literal[0] in "\"'"
    text = literal[1:-1] if quoted else literal
    if field in ("startTime", "endTime"):
        wanted = parse_date(text).millis
        return lambda asset: field in asset and compare(parse_date(asset[field]).millis, wanted)
    value: Any = text if quoted else _number(text)
    key = field.removeprefix("properties.")

    def test(asset: Mapping[str, Any]) -> bool:
        actual = asset.get("properties", {}).get(key)
        if isinstance(actual, str) != isinstance(value, str) or actual is None:
            return False
        return compare(actual, value)

    return test


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _intersection(geojson: str) -> AssetFilter:
    try:
        wanted = Geometry.from_geojson(json.loads(geojson.replace("'", '"')))
    except (ValueError, AttributeError) as error:
        raise EngineError("Invalid filter: intersects() needs a GeoJSON geometry.") from error
    return lambda asset: (
        "geometry" in asset and bool(Geometry.from_geojson(asset["geometry"]).shape().intersects(wanted.shape()))
    )
