"""Tiles and footprints between degrees and metres."""

import pyproj
import pytest
import shapely

from gee_s1ben.domain.tile import tile_grid
from gee_s1ben.errors import InputError
from gee_s1ben.footprints.outline import checked_footprint, cut_at_antimeridian, tile_outline, within_tile

PACIFIC = "01KAB"  # its raster crosses the antimeridian
UUP = shapely.Polygon([(12.281, 48.721), (13.773, 48.746), (13.796, 47.759), (12.332, 47.734)])


@pytest.mark.parametrize("tile", ["33UUP", "35WPN", "31UGR", "56HLH", PACIFIC])
def test_an_outline_has_the_area_of_its_raster(tile):
    # the geodesic area of the outline against 109.8 km squared, with UTM's scale of 0.9996 to 1.001 squared
    area = abs(pyproj.Geod(ellps="WGS84").geometry_area_perimeter(tile_outline(tile))[0])
    assert area == pytest.approx(109_800**2, rel=0.003)


def test_an_outline_across_the_antimeridian_is_cut_there():
    outline = tile_outline(PACIFIC)
    assert outline.geom_type == "MultiPolygon"
    west, _, east, _ = outline.bounds
    assert (west, east) == (-180, 180)
    assert all(part.bounds[2] - part.bounds[0] < 2 for part in outline.geoms)


def test_a_footprint_whose_longitudes_jump_is_the_same_as_one_whose_run_on():
    grid = tile_grid(PACIFIC)
    back = pyproj.Transformer.from_crs(grid.crs, 4326, always_xy=True)
    west, south, east, north = grid.bounds
    corners = [back.transform(x, y) for x, y in [(west, north), (east, north), (east, south), (west, south)]]
    assert {lon > 0 for lon, _ in corners} == {True, False}
    jumping, _ = checked_footprint(PACIFIC, shapely.Polygon(corners))
    running, _ = checked_footprint(PACIFIC, shapely.Polygon([(lon % 360, lat) for lon, lat in corners]))
    assert jumping.equals(running)
    assert shapely.area(jumping.symmetric_difference(tile_outline(PACIFIC))) < 1e-2


def test_a_footprint_in_its_tile_is_kept_as_it_is():
    footprint, remark = checked_footprint("33UUP", UUP)
    assert footprint.equals(UUP)
    assert remark == ""


@pytest.mark.parametrize(
    ("tile", "footprint", "reason"),
    [
        ("33UVP", UUP, "disagree"),
        ("56HLH", UUP, "disagree"),
        ("33UUP", shapely.affinity.translate(UUP, 0, 0.1), "11 km"),
        ("33UUP", shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), "disagree"),
        ("33UUP", shapely.Polygon([(12.4, 48), (float("inf"), 48.5), (13.4, 48)]), "not a number"),
    ],
)
def test_a_footprint_that_is_not_of_the_tile_is_refused(tile, footprint, reason):
    with pytest.raises(InputError, match=reason):
        checked_footprint(tile, footprint)


def test_the_part_of_a_wide_footprint_in_a_tile():
    wide = shapely.box(10, 45, 12.5, 50)
    part, remark = within_tile("33UUP", wide)
    assert remark == ""
    assert 0 < part.area < tile_outline("33UUP").area / 4
    assert tile_outline("33UUP").buffer(1e-9).covers(part)
    with pytest.raises(InputError, match="does not touch"):
        within_tile("33UXP", wide)


def test_cutting_keeps_the_area():
    for area in (shapely.box(170, 0, 200, 10), shapely.box(-200, 0, -170, 10), shapely.box(-190, 0, 190, 1)):
        cut = cut_at_antimeridian(area)
        assert cut.bounds[0] >= -180
        assert cut.bounds[2] <= 180
        assert cut.area == pytest.approx(min(area.area, 360))
