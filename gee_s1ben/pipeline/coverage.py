"""What was matched and what was not, tile by tile and patch by patch, for people and for machines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any, Literal

from gee_s1ben.config import Config
from gee_s1ben.domain.plural import percent, plural
from gee_s1ben.pipeline.assignment import Cell
from gee_s1ben.pipeline.exclusion import LeftOut
from gee_s1ben.pipeline.match import TargetMatch
from gee_s1ben.pipeline.patch_names import s2_names


@dataclass(frozen=True, slots=True)
class Uncovered:
    """Patches that no pass serves, for one reason."""

    reason: str
    cells: tuple[Cell, ...]
    names: tuple[str, ...]
    """Names of the Sentinel-2 patches, in the same order."""


@dataclass(frozen=True, slots=True)
class TileCoverage:
    """What became of one target."""

    target: str
    title: str
    """Its product, where there is one."""
    wanted: int
    served: int
    coverage: float
    """Share of the wanted area that the passes cover together, slices joined."""
    passes: tuple[dict[str, Any], ...]
    """Those that serve, the nearest first, with the number of patches of each."""
    uncovered: tuple[Uncovered, ...]
    left_out: tuple[LeftOut, ...] = ()
    """Scenes that serve nothing because they cannot be used, or because a newer processing of them does."""
    excluded: Mapping[str, int] = field(default_factory=dict)
    """Rule → how many scenes it excluded, where a patch is uncovered."""


Stage = Literal["planned", "made"]
"""``planned`` by footprints, before pixels are known; ``made`` when the dataset stands."""


def tile_coverage(config: Config, matched: TargetMatch) -> TileCoverage:
    """Say what became of a target's patches."""
    target, assignment = matched.target, matched.assignment
    counts: defaultdict[str, int] = defaultdict(int)
    for group in assignment.groups:
        counts[group.pass_key] += len(group.cells)
    passes = {one.key: one for one in assignment.passes}
    served = sum(counts.values())
    return TileCoverage(
        target=target.key,
        title=str(target.product) if target.product else target.name,
        wanted=served + sum(len(group.cells) for group in assignment.absent),
        served=served,
        coverage=assignment.coverage,
        passes=tuple(
            {
                "pass": key,
                "relative_orbit": one.relative_orbit,
                "orbit_direction": one.orbit_direction,
                "dt_hours": round((one.acquired - target.acquired).total_seconds() / 3600, 3),
                "patches": counts[key],
            }
            for key, one in passes.items()
        ),
        uncovered=tuple(
            Uncovered(group.reason, group.cells, tuple(s2_names(config, target, group.cells)))
            for group in assignment.absent
        ),
        left_out=matched.left_out,
        excluded=matched.excluded,
    )


def coverage_data(tiles: Sequence[TileCoverage], stage: Stage = "planned") -> dict[str, Any]:
    """Return the report for machines; every uncovered patch is named."""
    return {
        "stage": stage,
        "tiles": len(tiles),
        "patches": sum(tile.wanted for tile in tiles),
        "served": sum(tile.served for tile in tiles),
        "tiles_without_a_patch": [tile.target for tile in tiles if not tile.served],
        "by_tile": [
            {
                "target": tile.target,
                "product": tile.title,
                "patches": tile.wanted,
                "served": tile.served,
                "coverage": round(tile.coverage, 6),
                "passes": list(tile.passes),
                "uncovered": [
                    {"reason": group.reason, "patches": len(group.cells), "names": list(group.names)}
                    for group in tile.uncovered
                ],
                "left_out": [asdict(scene) for scene in tile.left_out],
                "excluded": dict(tile.excluded),
            }
            for tile in tiles
        ],
    }


def coverage_lines(tiles: Sequence[TileCoverage], stage: Stage = "planned") -> Iterator[str]:
    """Yield the report for people; patches are named by column and row: ``60_48``, or ``60-63_48``."""
    wanted, served = sum(tile.wanted for tile in tiles), sum(tile.served for tile in tiles)
    bare = [tile for tile in tiles if not tile.served]
    part = [tile for tile in tiles if 0 < tile.served < tile.wanted]
    yield f"{served} of {plural(wanted, 'patch')} of {plural(len(tiles), 'tile')} {stage}"
    yield f"tiles {stage} whole: {len(tiles) - len(bare) - len(part)}, in part: {len(part)}, not at all: {len(bare)}"
    for tile in tiles:
        yield ""
        yield f"{tile.target}  {tile.title}"
        share = percent(tile.coverage, 1)
        yield f"  {tile.served} of {plural(tile.wanted, 'patch')}; passes cover {share} of what is wanted"
        for one in tile.passes:
            yield (
                f"  {one['pass']}  orbit {one['relative_orbit']} {one['orbit_direction']}, {one['dt_hours']:+.1f} h: "
                f"{plural(one['patches'], 'patch')}"
            )
        for group in tile.uncovered:
            yield f"  uncovered, {len(group.cells)}: {group.reason}"
            yield from _wrapped(_runs(group.cells))
        for scene in tile.left_out:
            yield f"  left out: {scene.reason}"


def _runs(cells: Iterable[Cell]) -> Iterator[str]:
    """Yield patches by column and row, neighbours in a row together."""
    for row, in_row in groupby(sorted(cells, key=lambda cell: cell[::-1]), key=lambda cell: cell[1]):
        columns = [col for col, _ in in_row]
        for _, run in groupby(enumerate(columns), key=lambda pair: pair[1] - pair[0]):
            found = [col for _, col in run]
            yield f"{found[0]}-{found[-1]}_{row}" if len(found) > 1 else f"{found[0]}_{row}"


def _wrapped(words: Iterable[str], width: int = 116) -> Iterator[str]:
    line = "   "
    for word in words:
        if len(line) + len(word) >= width:
            yield line
            line = "   "
        line += f" {word}"
    yield line
