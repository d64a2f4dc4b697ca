"""The map of what was matched: one HTML file that needs nothing but a browser.

Tiles, footprints of slices, passes by relative orbit, and the pass of every patch; drawn on a canvas by a script in the
page. It fetches nothing: its own content policy forbids it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.resources import files

Point = tuple[float, float]
"""Longitude and latitude in degrees."""


@dataclass(frozen=True, slots=True)
class SliceView:
    """A scene as part of a pass."""

    name: str
    """Its ``system:index``."""
    ring: tuple[Point, ...]
    """Closed; longitudes run on across the antimeridian."""


@dataclass(frozen=True, slots=True)
class MapPass:
    """A pass over one or more tiles."""

    key: str
    """``S1A_017022``."""
    relative_orbit: int
    orbit_direction: str
    acquired: str
    """ISO 8601, UTC."""
    slices: tuple[SliceView, ...]
    colour: str
    """That of its relative orbit, ``#0072B2``."""


@dataclass(frozen=True, slots=True)
class MapGroup:
    """Patches of a tile that are served alike."""

    of_pass: int
    """Index into the map's passes."""
    slice: int
    """Which slice they are named after."""
    sources: tuple[int, ...]
    """Which slices they show."""
    patches: int


@dataclass(frozen=True, slots=True)
class MapTile:
    """A target and what became of its patches."""

    key: str
    """``33UUP_20170613T101031``."""
    title: str
    """The product, or what else it is known by."""
    acquired: str
    """ISO 8601, UTC."""
    coverage: float
    """Share of the wanted area that the passes cover."""
    first: tuple[int, int]
    """Column and row of the north-western patch of the block."""
    size: tuple[int, int]
    """Columns and rows of the block."""
    mesh: tuple[tuple[Point, ...], ...]
    """Places of the block at equal steps, row by row from the north-west; at least two by two."""
    groups: tuple[MapGroup, ...]
    absent: tuple[tuple[str, int], ...]
    """Reasons, and how many patches each."""
    runs: tuple[int, ...]
    """Row, column, length, index, again and again: from 0 of ``groups``, from −1 downwards of ``absent``."""
    candidates: tuple[int, ...]
    """Passes that touch the tile, indices into the map's passes, nearest in time first."""


@dataclass(frozen=True, slots=True)
class MapView:
    """All that the map shows."""

    title: str
    notice: str
    """Said at the top where it is not empty, such as that scenes are simulated."""
    tiles: tuple[MapTile, ...]
    passes: tuple[MapPass, ...]
    stage: str = "planned"
    """``planned`` by footprints, or ``made``."""


def match_map(view: MapView) -> str:
    """Return the page."""
    data = json.dumps(asdict(view), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # Names come from files and services; inside a script only this character could end it.
    page = (files("gee_s1ben.quality") / "pages" / "match_map.html").read_text(encoding="utf-8")
    return page.replace('"{{data}}"', data.replace("<", "\\u003c"), 1)
