"""How well the rule "the scene nearest in time that fully contains the patch" explains what was published.

The selection of BigEarthNet-S1 was never published, and neither are the scenes' footprints in its tables. But patches
that were cut from a scene lie in it, and scenes are convex: the hull of a scene's patches in a product is a part of the
scene for certain. So wherever a patch lies in the hull of another scene, the rule is put to the test::

    python benchmarks/published_rule.py

First in the plainest form, independent of this package's code: a case is a patch and a scene of its product that is
nearer in time than its own; it contradicts the rule if the patch's centre lies within the hull of the centres of that
scene's patches. Then with the package's own selection, given those hulls as footprints.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

from gee_s1ben.domain.scene import Scene
from gee_s1ben.domain.tile import PATCH_PX, Target, tile_grid
from gee_s1ben.pipeline.assignment import assign
from gee_s1ben.pipeline.selection import Rules
from gee_s1ben.published import Choice, choice, pairs

SLICE_S = 25
SAME_PASS_S = 600
"""Scenes of a platform over one tile that are no farther apart were seen in one flight."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What came out, of one product or of all."""

    cases: int = 0
    """Pairs of a patch and a nearer scene whose extent is known."""
    contradictions: int = 0
    """Cases in which the patch lies within that scene."""
    patches: int = 0
    chosen: int = 0
    """Patches that the package's selection gives the published scene."""
    tested: int = 0
    """Patches that lie in the extent of more scenes than their own."""
    tested_chosen: int = 0
    """Of these, those that get the published scene."""
    nearest_deep: int = 0
    """Patches that get another scene although they lie more than a patch within its extent."""
    across: int = 0
    """Patches taken from a farther pass that lie in a nearer one, across two of its slices."""

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(Counts)))


def count(found: Choice) -> Counts:
    """Put the rule to the test on one product."""
    acquired = found.product.acquired
    away = [abs((scene.acquired - acquired).total_seconds()) for scene in found.scenes]
    row, col = np.nonzero(found.index >= 0)
    own = found.index[row, col]
    plain = _plainest(found, away, row, col, own)
    target = Target(str(found.product.tile), tile_grid(str(found.product.tile)), acquired, found.product,
                    cells=tuple(zip(col.tolist(), row.tolist(), strict=True)))  # fmt: skip
    hulls = [_hull(target, col[own == number], row[own == number]) for number in range(len(found.scenes))]
    squares = _squares(target, col, row)
    scenes = [_scene(found, number, hull, target) for number, hull in enumerate(hulls)]
    # Each slice by itself, as the makers had them.
    result = assign(target, scenes, Rules((), window_days=12, join_slices=False))
    got = np.full(found.index.shape, -1)
    for group in result.groups:
        c, r = np.array(group.cells).T
        got[r, c] = int(group.scene.rsplit("_", 1)[1])
    right = got[row, col] == own
    shapely.prepare(hulls)
    within = np.stack([shapely.covers(hull, squares) for hull in hulls])
    tested = within.sum(axis=0) > 1
    depth = np.array([shapely.distance(shapely.boundary(hulls[one]), square) if one >= 0 else 0.0
                      for one, square in zip(got[row, col][~right], squares[~right], strict=True)])  # fmt: skip
    return plain + Counts(
        patches=len(own), chosen=int(right.sum()), tested=int(tested.sum()), tested_chosen=int((tested & right).sum()),
        nearest_deep=int((depth > PATCH_PX * 10).sum()), across=_across(found, away, hulls, squares, own),
    )  # fmt: skip


def _plainest(
    found: Choice, away: list[float], row: NDArray[np.intp], col: NDArray[np.intp], own: NDArray[np.int16]
) -> Counts:
    cases = contradictions = 0
    for number in range(len(found.scenes)):
        hull = shapely.convex_hull(shapely.multipoints(np.column_stack([col, row])[own == number].astype(float)))
        if not hull.area:
            continue
        farther = np.array(away)[own] > away[number]
        cases += int(farther.sum())
        inside = shapely.contains_properly(hull, shapely.points(col[farther], row[farther]))
        contradictions += int(inside.sum())
    return Counts(cases, contradictions)


def _across(
    found: Choice,
    away: list[float],
    hulls: list[shapely.Geometry],
    squares: NDArray[np.object_],
    own: NDArray[np.int16],
) -> int:
    """Count patches that lie across two slices of a nearer pass and in neither."""
    across = np.zeros(len(own), dtype=bool)
    for number, scene in enumerate(found.scenes):
        for other, follower in enumerate(found.scenes):
            gap = (follower.acquired - scene.acquired).total_seconds()
            if scene.platform != follower.platform or not 0 < gap < 2 * SLICE_S:
                continue
            both = shapely.convex_hull(shapely.union_all([hulls[number], hulls[other]]))
            inside = shapely.covers(both, squares)
            alone = shapely.covers(hulls[number], squares) | shapely.covers(hulls[other], squares)
            nearer = np.array(away)[own] > max(away[number], away[other]) + SAME_PASS_S
            across |= inside & ~alone & nearer
    return int(across.sum())


def _squares(target: Target, col: NDArray[np.intp], row: NDArray[np.intp]) -> NDArray[np.object_]:
    west, top, side = target.grid.transform[2], target.grid.transform[5], PATCH_PX * 10
    return shapely.box(west + side * col, top - side * (row + 1), west + side * (col + 1), top - side * row)


def _hull(target: Target, col: NDArray[np.intp], row: NDArray[np.intp]) -> shapely.Geometry:
    return shapely.convex_hull(shapely.union_all(_squares(target, col, row)))


def _scene(found: Choice, number: int, hull: shapely.Geometry, target: Target) -> Scene:
    """A scene as large as its patches prove it to be."""
    published = found.scenes[number]
    x, y = shapely.get_coordinates(shapely.segmentize(hull, PATCH_PX * 10)).T
    lon, lat = pyproj.Transformer.from_crs(target.grid.crs, "EPSG:4326", always_xy=True).transform(x, y)
    return Scene(
        f"published/scene_{number}", f"scene_{number}", published.acquired, published.platform,
        number + 1, 1, "ascending", (),
        tuple(zip(lon.tolist(), lat.tolist(), strict=True)),
    )  # fmt: skip


def products() -> Iterator[Choice]:
    """Yield what was published for each product."""
    for product in pairs().products:
        found = choice(str(product.tile), product.acquired)
        if found is not None:
            yield found


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the counts here as well")
    arguments = parser.parse_args()
    begin = time.perf_counter()
    total = sum((count(found) for found in products()), Counts())
    wrong = total.tested - total.tested_chosen
    print(f"cases {total.cases:,}, of which {total.contradictions:,} contradict the rule "
          f"({total.contradictions / total.cases:.3%})")  # fmt: skip
    print(f"patches {total.patches:,}: our selection gives {total.chosen:,} the published scene "
          f"({total.chosen / total.patches:.3%})")  # fmt: skip
    print(f"  of these lie in more than one scene's extent {total.tested:,}: {total.tested_chosen:,} get the published "
          f"one ({total.tested_chosen / total.tested:.2%}), {wrong:,} another, {total.nearest_deep:,} of these more "
          "than a patch within it")  # fmt: skip
    print(f"patches across two slices of a nearer pass, taken from a farther one: {total.across:,}")
    print(f"{time.perf_counter() - begin:.1f} s")
    if arguments.json:
        arguments.json.write_text(json.dumps(asdict(total), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
