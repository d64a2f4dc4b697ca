"""Orbits against real products, and plans for places all over the Earth."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import shapely
from pyproj import Transformer
from shapely.geometry import Polygon, box

from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.naming import S2ProductName
from gee_s1ben.domain.tile import PatchBlock, Target
from gee_s1ben.simulation.acquisition import World, plan_slices
from gee_s1ben.simulation.orbits import absolute_orbit, ascending_node


@pytest.mark.shared_data
def test_orbit_numbers_are_those_of_real_products(shared_data: Path) -> None:
    # Names stand in the pickle as they are; unpickling is not needed to see them.
    text = (shared_data / "bigearthnet" / "BigEarthNetSen2UUID2Sen1ProdName.npy").read_bytes()
    names = set(re.findall(rb"S1([AB])_IW_GRDH_1S.._(\d{8}T\d{6})_\d{8}T\d{6}_(\d{6})_", text))
    assert len(names) > 500
    for platform, stamp, orbit in names:
        when = datetime.strptime(stamp.decode(), "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        assert absolute_orbit(platform.decode(), when) == int(orbit)


@pytest.mark.parametrize("platform", ["A", "B"])
def test_an_orbit_begins_at_its_node(platform: str) -> None:
    node = ascending_node(platform, 25_000)
    assert absolute_orbit(platform, datetime.fromtimestamp(node.timestamp() + 1, UTC)) == 25_000
    assert absolute_orbit(platform, datetime.fromtimestamp(node.timestamp() - 1, UTC)) == 24_999
    assert (ascending_node(platform, 25_175) - node).total_seconds() == pytest.approx(12 * 86_400, abs=1e-3)


def own(crs: str, x: float, y: float, when: str, side: float = 10.0) -> Target:
    grid = Grid(crs, (side, 0.0, x, 0.0, -side, y), 1_200, 1_200)
    return Target("own", grid, datetime.fromisoformat(when), block=PatchBlock.whole(grid))


TARGETS = {
    "north": Target.of_product(S2ProductName.parse("S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP")),
    "far north": own("EPSG:32634", 500_000, 7_600_000, "2018-05-01T09:40:00+00:00"),
    "south": own("EPSG:32756", 330_000, 6_250_000, "2019-01-05T23:50:00+00:00"),
    "equator": own("EPSG:32632", 400_000, 3_000, "2020-03-01T09:30:00+00:00"),
    "antimeridian": own("EPSG:32760", 700_000, 8_000_000, "2020-03-01T22:30:00+00:00"),
    "first zone": own("EPSG:32601", 300_000, 5_000_000, "2020-03-01T22:30:00+00:00"),
    "degrees": own("EPSG:4326", 73.3, 30.5, "2020-06-07T05:50:00+00:00", side=1e-4),
    "before S1B": own("EPSG:32633", 400_000, 5_300_000, "2015-08-01T10:10:00+00:00"),
    "after S1B": own("EPSG:32633", 400_000, 5_300_000, "2023-08-01T10:10:00+00:00"),
    "at night": own("EPSG:32633", 400_000, 5_300_000, "2018-08-01T23:59:59+00:00"),
}


@pytest.mark.parametrize("place", TARGETS)
def test_every_patch_of_any_target_is_seen_by_several_passes(place: str) -> None:
    target = TARGETS[place]
    world = World.of(target)
    slices = plan_slices(target, world, 4, 2_000.0, "stamp")
    if "S1B" in place:
        assert {each.name.mission for each in slices} == {"S1A"}
    assert {each.direction for each in slices} == {"ascending", "descending"}
    # A window of six days around the acquisition finds them.
    assert all(abs((each.name.start - target.acquired).total_seconds()) < 6 * 86_400 for each in slices)
    by_orbit: dict[int, list[Polygon]] = {}
    for each in slices:
        assert each.name.relative_orbit is not None
        ring = np.unwrap(np.array(each.footprint), axis=0, period=360)
        to_world = Transformer.from_crs("EPSG:4326", world.crs, always_xy=True)
        area = Polygon(np.column_stack(to_world.transform(ring[:, 0], ring[:, 1])))
        assert area.is_valid
        assert area.exterior.is_ccw
        # The grid holds the footprint with less than two pixels to spare.
        x, y = Transformer.from_crs("EPSG:4326", each.grid.crs, always_xy=True).transform(ring[:, 0], ring[:, 1])
        assert box(*each.grid.bounds).buffer(1).contains(Polygon(np.column_stack([x, y])))
        by_orbit.setdefault(each.name.relative_orbit, []).append(area)
    assert len(by_orbit) == 4, "four different tracks"
    block = box(*world.area)
    shares = [shapely.union_all(areas).intersection(block).area / block.area for areas in by_orbit.values()]
    whole = sum(share > 1 - 1e-5 for share in shares)
    assert whole == 2, "the neighbouring tracks see all of it"
    assert sum(0.3 < share < 0.95 for share in shares) == 2, "the edges of the others cross it"
    nearest = min(slices, key=lambda each: abs(each.name.start - target.acquired))
    pair = [each for each in slices if each.name.absolute_orbit == nearest.name.absolute_orbit]
    assert len(pair) == 2, "the nearest pass has a seam in the area"
    assert len({each.grid.crs for each in slices}) == 2


def test_a_plan_depends_on_its_stamp_only_in_names_and_origins() -> None:
    target = TARGETS["north"]
    world = World.of(target)
    first, again, other = (plan_slices(target, world, 5, 2_000.0, stamp) for stamp in ("a", "a", "b"))
    assert first == again
    assert [each.name.start for each in first] == [each.name.start for each in other]
    assert {each.id for each in first}.isdisjoint(each.id for each in other)


def test_passes_come_in_the_same_order_however_many_are_asked_for() -> None:
    target = TARGETS["north"]
    world = World.of(target)
    most = plan_slices(target, world, 8, 2_000.0, "stamp")
    for passes in range(1, 8):
        fewer = plan_slices(target, world, passes, 2_000.0, "stamp")
        assert fewer == most[: len(fewer)]
    assert len({each.name.absolute_orbit for each in most}) == 8
    assert len({each.name.relative_orbit for each in most}) == 4
