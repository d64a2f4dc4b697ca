"""From matches to the map's plain values."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gee_s1ben.domain.scene import Pass, Scene, group_passes
from gee_s1ben.domain.tile import Target
from gee_s1ben.pipeline.assignment import PatchGroup
from gee_s1ben.pipeline.coverage import Stage
from gee_s1ben.pipeline.footprints import to_degrees
from gee_s1ben.pipeline.match import TargetMatch
from gee_s1ben.pipeline.selection import by_nearness
from gee_s1ben.quality.colours import orbit_colours
from gee_s1ben.quality.match_map import MapGroup, MapPass, MapTile, MapView, Point, SliceView

_MESH_STEPS = 8
_DECIMALS = 5
"""Of degrees on the map: a metre."""
_NOT_WANTED = np.iinfo(np.int32).min


@dataclass(frozen=True, slots=True)
class _Draft:
    """A target before the passes of all targets are known."""

    target: Target
    coverage: float
    groups: tuple[tuple[str, tuple[str, ...], int], ...]
    """Scene, sources, patches."""
    absent: tuple[tuple[str, int], ...]
    runs: tuple[int, ...]
    passes: tuple[str, ...]
    """First slice of each candidate, nearest in time first."""


@dataclass
class MapBuilder:
    """A map that is being made, target by target."""

    _drafts: list[_Draft] = field(default_factory=list)
    _scenes: dict[str, Scene] = field(default_factory=dict)
    _keys: dict[str, str] = field(default_factory=dict)
    """Scene → key of its pass, as the targets have it."""
    _simulated: int = 0

    def add(self, matched: TargetMatch) -> None:
        """Put a target on the map."""
        assignment = matched.assignment
        passes = by_nearness(group_passes(matched.scenes), matched.target.acquired)
        self._scenes.update({scene.id: scene for scene in matched.scenes})
        self._keys.update({scene.id: one.key for one in passes for scene in one.slices})
        self._simulated += len(matched.simulated)
        self._drafts.append(
            _Draft(
                matched.target,
                assignment.coverage,
                tuple((group.scene, group.sources, len(group.cells)) for group in assignment.groups),
                tuple((group.reason, len(group.cells)) for group in assignment.absent),
                _runs(matched.target, assignment.groups, [group.cells for group in assignment.absent]),
                tuple(one.slices[0].id for one in passes),
            )
        )

    def view(self, title: str, stage: Stage = "planned") -> MapView:
        """Return all that the map shows."""
        passes = group_passes(self._scenes.values())
        colours = self.colours()
        places = {scene.id: number for number, one in enumerate(passes) for scene in one.slices}
        slices = {scene.id: number for one in passes for number, scene in enumerate(one.slices)}
        # Everything stands on one side of 180°, so that footprints lie where their tiles do.
        middle = _corner_longitude(self._drafts[0].target) if self._drafts else 0.0
        notice = "The scenes are SIMULATED: no satellite took them." if self._simulated else ""
        return MapView(
            title,
            notice,
            tuple(_tile(draft, places, slices, middle) for draft in self._drafts),
            tuple(_pass(one, self._keys[one.slices[0].id], middle, colours[one.relative_orbit]) for one in passes),
            stage,
        )

    def colours(self) -> dict[int, str]:
        """Return the colour of every relative orbit on the map."""
        passes = group_passes(self._scenes.values())
        orbits = {scene.id: one.relative_orbit for one in passes for scene in one.slices}
        return orbit_colours([orbits[first] for first in draft.passes] for draft in self._drafts)


def _tile(draft: _Draft, places: dict[str, int], slices: dict[str, int], middle: float) -> MapTile:
    target = draft.target
    return MapTile(
        key=target.key,
        title=str(target.product) if target.product else "",
        acquired=target.acquired.isoformat(),
        coverage=round(draft.coverage, 6),
        first=(target.block.first_col, target.block.first_row),
        size=_size(target),
        mesh=_mesh(target, middle),
        groups=tuple(
            MapGroup(places[scene], slices[scene], tuple(slices[source] for source in sources), patches)
            for scene, sources, patches in draft.groups
        ),
        absent=draft.absent,
        runs=draft.runs,
        candidates=tuple(dict.fromkeys(places[scene] for scene in draft.passes)),
    )


def _pass(one: Pass, key: str, middle: float, colour: str) -> MapPass:
    return MapPass(
        key,
        one.relative_orbit,
        one.orbit_direction,
        one.acquired.isoformat(),
        tuple(SliceView(scene.index, _ring(scene, middle)) for scene in one.slices),
        colour,
    )


def _ring(scene: Scene, middle: float) -> tuple[Point, ...]:
    lon, lat = np.array(scene.footprint, dtype=float).T
    lon = _beside(np.unwrap(lon, period=360.0), middle)
    return tuple((round(x, _DECIMALS), round(y, _DECIMALS)) for x, y in zip(lon.tolist(), lat.tolist(), strict=True))


def _size(target: Target) -> tuple[int, int]:
    block = target.block
    return block.last_col - block.first_col + 1, block.last_row - block.first_row + 1


def _corner_longitude(target: Target) -> float:
    corner = np.array([target.block.first_col]), np.array([target.block.first_row])
    return float(to_degrees(target, *(index * target.patch_px for index in corner))[0][0])


def _beside(lon: NDArray[np.float64], middle: float) -> NDArray[np.float64]:
    """Turn longitudes that run on, all together, to those around a meridian."""
    return np.asarray(lon + 360.0 * np.round((middle - lon.mean()) / 360.0))


def _mesh(target: Target, middle: float) -> tuple[tuple[Point, ...], ...]:
    columns, rows = _size(target)
    col = (target.block.first_col + np.linspace(0, columns, _MESH_STEPS + 1)) * target.patch_px
    row = (target.block.first_row + np.linspace(0, rows, _MESH_STEPS + 1)) * target.patch_px
    lon, lat = to_degrees(target, *np.meshgrid(col, row))
    lon = _beside(lon, middle)
    return tuple(
        tuple((round(x, _DECIMALS), round(y, _DECIMALS)) for x, y in zip(*line, strict=True))
        for line in zip(lon.tolist(), lat.tolist(), strict=True)
    )


def _runs(target: Target, groups: tuple[PatchGroup, ...], absent: list[tuple[tuple[int, int], ...]]) -> tuple[int, ...]:
    """Row, column, length and index of every run of like patches in a row, counted from the block's corner."""
    columns, rows = _size(target)
    lattice = np.full((rows, columns), _NOT_WANTED, dtype=np.int64)
    indexed = [
        *enumerate(group.cells for group in groups),
        *((-1 - number, cells) for number, cells in enumerate(absent)),
    ]
    for index, cells in indexed:
        col, row = np.array(cells).T
        lattice[row - target.block.first_row, col - target.block.first_col] = index
    runs: list[int] = []
    for row, line in enumerate(lattice):
        starts = np.concatenate([[0], np.flatnonzero(np.diff(line)) + 1])
        for start, length in zip(starts.tolist(), np.diff([*starts, columns]).tolist(), strict=True):
            if line[start] != _NOT_WANTED:
                runs += [row, start, length, int(line[start])]
    return tuple(runs)
