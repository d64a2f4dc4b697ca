"""Which tiles see an area: against known places, against a search through the whole grid, and the laws of a cover."""

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gee_s1ben.domain.mgrs import tile_corners
from gee_s1ben.domain.tile import PatchBlock, tile_grid
from gee_s1ben.errors import InputError
from gee_s1ben.footprints.outline import tile_outline
from gee_s1ben.footprints.squares import TiledArea, patches_of_tile, tiles_touching
from gee_s1ben.footprints.unpickling import load_object


@pytest.mark.parametrize(
    ("lon", "lat", "tile"),
    [
        (1.44, 43.60, "31TCJ"),  # Toulouse
        (2.3522, 48.8566, "31UDQ"),  # Paris
        (13.405, 52.52, "33UUU"),  # Berlin
        (11.575, 48.137, "32UPU"),  # Munich
        (5.32, 60.39, "32VKN"),  # Bergen lies in the wide zone 32
        (15.65, 78.22, "33XWG"),  # Longyearbyen in the wide zone 33
        (-74.0, 40.71, "18TWL"),  # New York
        (-157.86, 21.31, "04QFJ"),  # Honolulu
        (151.21, -33.87, "56HLH"),  # Sydney
        (18.42, -33.92, "34HBH"),  # Cape Town
        (85.32, 27.70, "45RUL"),  # Kathmandu
        (-103.004715, 31.96212, "13SFR"),  # south of 32° N in a square that is named by its larger, northern part
        (77.5, 23.9, "43QGG"),  # a square that 24° N cuts above its centre
    ],
)
def test_known_places(lon, lat, tile):
    assert tile in tiles_touching(shapely.Point(lon, lat))


@pytest.mark.parametrize(
    ("lon", "lat", "tiles"),
    [
        (0.342, 44.63, ("30TYQ",)),  # east of Greenwich, where the grid has no 31TBK
        (22.4886, 77.7858, ("33XXG",)),  # Edgeøya, in the wide zone 35, which has no tile there
        (6.029, 44.732, ("31TGK",)),  # Gap
        (6.0265, 51.6456, ("31UFT", "31UGT")),  # Kleve, where two tiles overlap
        (18.451, 44.577, ("33TYK",)),  # near Sarajevo
        (21.05, 45.09, ("34TDQ", "34TDR", "34TEQ", "34TER")),  # where four meet
        (0.0, -82.9, None),  # beyond 80° S
        (179.99, 65.5, None),
        (-179.99, 65.5, None),
    ],
)
def test_a_place_gets_the_tiles_that_see_it_and_no_others(lon, lat, tiles):
    found = tiles_touching(shapely.Point(lon, lat))
    assert found == tuple(sorted(searched([(lon, lat)])[0]))
    assert tiles is None or found == tiles
    assert found


def searched(points):
    """Search the whole grid, zone by zone, for the tiles whose 109.8 km hold each point."""
    lon, lat = np.array(points).T
    found = [set() for _ in points]
    for zone in range(1, 61):
        near = np.flatnonzero(np.abs((lon - (6 * zone - 183) + 180) % 360 - 180) < 60)
        x, y = pyproj.Transformer.from_crs(4326, 32600 + zone, always_xy=True).transform(lon[near], lat[near])
        names, corners = zip(*tile_corners(zone).items(), strict=True)
        west, north = np.array(corners).T
        right, down = x[:, None] - west, north - y[:, None]
        for point, tile in np.argwhere((right >= 0) & (right <= 109_800) & (down >= 0) & (down <= 109_800)):
            found[near[point]].add(names[tile])
    return found


def test_a_thousand_places_on_land_get_the_tiles_that_see_them_both_ways():
    rng = np.random.default_rng(20170613)
    # Rectangles within continents: Europe, Svalbard, Asia, Chukotka, Africa, both Americas, Australia, Antarctica.
    land = [(0, 44, 30, 55), (14, 78, 22, 80), (60, 25, 110, 70), (175, 65, 187, 68), (10, -25, 32, 25),
            (-120, 32, -80, 65), (-65, -30, -50, 0), (118, -30, 145, -20), (-90, -83.5, 120, -72)]  # fmt: skip
    boxes = np.array(land)[np.arange(1000) % len(land)]
    lon, lat = rng.uniform(boxes[:, :2], boxes[:, 2:]).T
    lon[::5] = np.round(lon[::5] / 6) * 6 + rng.normal(0, 0.2, 200)  # at zone edges
    lon = (lon + 180) % 360 - 180
    expected = searched(np.column_stack([lon, lat]))
    for point, tiles in zip(zip(lon, lat, strict=True), expected, strict=True):
        assert set(tiles_touching(shapely.Point(point))) == tiles, point
    assert all(expected)


def test_a_tile_that_an_area_only_touches_does_not_see_it():
    grid = tile_grid("33UWP")
    west, south, east, _ = grid.bounds
    back = pyproj.Transformer.from_crs(grid.crs, 4326, always_xy=True)

    def area(*bounds):
        # Its sides are straight in the tile's plane, as nearly as vertices a metre apart can say.
        return shapely.transform(shapely.box(*bounds), lambda xy: np.column_stack(back.transform(*xy.T)))

    inside = area(west + 20_000, south + 20_000, west + 21_000, south + 21_000)
    assert tiles_touching(inside) == ("33UWP",)
    overlapping = area(east - 5_000, south + 20_000, east - 4_000, south + 21_000)
    assert tiles_touching(overlapping) == ("33UWP", "33UXP")
    lines = shapely.LineString(inside.exterior.coords)
    assert tiles_touching(lines) == tiles_touching(shapely.MultiPoint(inside.exterior.coords)) == ("33UWP",)


def cells(tile, area):
    found = patches_of_tile(tile, [TiledArea(area)])
    return found if found is None else set(found)


def test_the_patches_of_an_area_are_those_that_touch_it_by_brute_force():
    hole = [(12.95, 48.21), (12.96, 48.21), (12.955, 48.22)]
    area = shapely.Polygon([(12.9, 48.2), (13.0, 48.21), (12.97, 48.26)], [hole])
    for tile in ("33UUP", "32UQU"):
        grid = tile_grid(tile)
        back = pyproj.Transformer.from_crs(grid.crs, 4326, always_xy=True)
        wanted = list(PatchBlock.whole(grid))
        bounds = np.array([grid.window(col * 120, row * 120, 120, 120).bounds for col, row in wanted])
        patches = shapely.transform(
            shapely.segmentize(shapely.box(*bounds.T), 400),
            lambda xy, back=back: np.column_stack(back.transform(*xy.T)),
        )
        touching = shapely.area(shapely.intersection(patches, area)) > 1e-12
        assert cells(tile, area) == {cell for cell, touched in zip(wanted, touching, strict=True) if touched}
    assert len(cells("33UUP", area)) > 20


@pytest.mark.parametrize("patch_px", [1000, 120])
def test_a_large_area_with_a_hole_gets_the_same_patches_as_one_by_one(patch_px):
    grid, plane = tile_grid("33UUP"), pyproj.Transformer.from_crs(4326, 32633, always_xy=True)
    west, _, _, north = grid.bounds
    star = [(np.sin(turn), np.cos(turn)) for turn in np.arange(0, 20 * np.pi, 0.8 * np.pi)[:5]]
    lon, lat = np.array([(12.9 + 0.8 * x, 48.2 + 0.5 * y) for x, y in star]).T
    area = shapely.make_valid(shapely.Polygon(np.column_stack([lon, lat])), method="structure")
    flat = shapely.transform(shapely.segmentize(area, 0.1), lambda xy: np.column_stack(plane.transform(*xy.T)))
    count = 10980 // patch_px
    rows, cols = (axis.ravel() for axis in np.indices((count, count)))
    side = patch_px * 10
    x, y = west + cols * side, north - rows * side
    overlap = shapely.area(shapely.intersection(flat, shapely.box(x, y - side, x + side, y))) > 2 * 0.01 * side
    found = patches_of_tile("33UUP", [TiledArea(area)], patch_px)
    brute = list(zip(cols[overlap].tolist(), rows[overlap].tolist(), strict=True))
    assert 0 < len(brute) < count**2
    assert list(found) == brute


def test_an_area_drawn_along_patches_gets_these_and_not_their_neighbours():
    grid = tile_grid("56HLH")
    back = pyproj.Transformer.from_crs(grid.crs, 4326, always_xy=True)
    west, south, east, north = grid.window(120 * 40, 120 * 50, 120 * 2, 120 * 3).bounds
    ring = shapely.segmentize(shapely.box(west, south, east, north), 50)
    area = shapely.transform(ring, lambda xy: np.column_stack(back.transform(*xy.T)))
    assert cells("56HLH", area) == {(col, row) for col in (40, 41) for row in (50, 51, 52)}


def test_all_patches_none_and_one():
    assert cells("33UUP", tile_outline("33UUP").buffer(0.1)) is None
    assert cells("33UUP", shapely.Point(20, 48)) == set()
    grid = tile_grid("33UUP")
    back = pyproj.Transformer.from_crs(grid.crs, 4326, always_xy=True)
    assert cells("33UUP", shapely.Point(back.transform(*grid.xy(5 * 120 + 7, 9 * 120 + 100)))) == {(5, 9)}
    # The last 60 pixels of a tile are in no patch.
    assert cells("33UUP", shapely.Point(back.transform(*grid.xy(10_970, 500)))) == set()


def contains(tile, lon, lat):
    grid = tile_grid(tile)
    x, y = pyproj.Transformer.from_crs(4326, grid.crs, always_xy=True).transform(lon, lat)
    west, south, east, north = grid.bounds
    return west - 1 <= x <= east + 1 and south - 1 <= y <= north + 1


@given(st.floats(-180, 180), st.floats(-82, 83.5))
@example(4.0, 63.95)  # zone 32 in band V, where its parallels leave the square's band
@example(10.0, 72.03)
@example(4.0, 55.97)
@example(3.0, 60.0)
@example(180.0, 0.0)
@example(-180.0, 83.5)
@settings(max_examples=150, deadline=None)
def test_every_place_is_in_the_tiles_that_it_touches(lon, lat):
    tiles = tiles_touching(shapely.Point(lon, lat))
    assert tiles
    assert all(contains(tile, lon, lat) for tile in tiles)


@pytest.mark.parametrize(
    "area",
    [
        shapely.box(5, 47, 7, 49),
        shapely.box(2, 55, 13, 65),
        shapely.box(8, 71, 12, 73),
        shapely.box(-1, -1, 1, 1),
        shapely.Polygon([(10, 50), (14, 51), (12, 54)]),
        shapely.Polygon([(0, 40), (4, 40), (4, 44), (0, 44)], [[(0.5, 40.5), (3.5, 40.5), (3.5, 43.5), (0.5, 43.5)]]),
        shapely.LineString([(10, 50), (14, 51)]),
    ],
)
def test_the_tiles_cover_the_area_and_each_touches_it(area):
    outlines = [tile_outline(tile) for tile in tiles_touching(area)]
    covered = shapely.union_all(outlines).buffer(1e-4)  # about 10 m, for sides that are drawn with vertices
    assert covered.covers(area)
    assert all(outline.intersects(area) for outline in outlines)


def test_a_tile_is_not_listed_twice_under_two_bands():
    tiles = tiles_touching(shapely.box(12, 47, 15, 49))  # 48° N cuts the squares of 33UUP's row
    corners = [(*tile_grid(tile).xy(0, 0), tile_grid(tile).crs) for tile in tiles]
    assert len(set(corners)) == len(corners)
    assert "33UUP" in tiles
    assert "33TUP" not in tiles


def test_both_ways_across_the_antimeridian_are_one_area():
    running_on = shapely.box(179.5, -17, 180.5, -16)
    cut = shapely.MultiPolygon([shapely.box(179.5, -17, 180, -16), shapely.box(-180, -17, -179.5, -16)])
    behind = shapely.box(-180.5, -17, -179.5, -16)
    tiles = tiles_touching(running_on)
    assert {tile[:2] for tile in tiles} == {"01", "60"}
    assert tiles_touching(cut) == tiles == tiles_touching(behind)


@pytest.mark.parametrize(
    ("area", "reason"),
    [
        (shapely.Polygon(), "empty"),
        (shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), "Self-intersection"),
        (shapely.box(10, 83, 11, 84.7), "84.70° N"),
        (shapely.box(10, -84, 11, -79), "84.00° S"),
        (shapely.Point(2.5, 84.62), "no tile"),
        (shapely.Point(500000, 5400000), "degrees"),
        (shapely.Polygon([(179, 10), (-179, 10), (-179, 11), (179, 11)]), "antimeridian"),
        (shapely.Point(float("nan"), 1), "not a number|empty"),
        (shapely.box(-100, -60, 70, 60), "more than"),
    ],
)
def test_areas_that_cannot_be_used_say_why(area, reason):
    with pytest.raises(InputError, match=reason):
        tiles_touching(area)


@pytest.mark.shared_data
def test_the_seeds_tiles_are_named_by_their_middles(shared_data):
    tiles = load_object(shared_data / "bigearthnet" / "BigEarthNetTileInfo_v2.npy")["tile_info"]
    assert len(tiles) == 56
    for tile, records in tiles.items():
        record = next(iter(records.values()))
        back = pyproj.Transformer.from_crs(int(record["EPSG"]), 4326, always_xy=True)
        ulx, uly, *_ = record["coordinate"]
        zone = int(tile[:2])
        steps = [5e3, 20e3, 50e3, 80e3, 95e3]
        places = [back.transform(ulx + dx, uly - dy) for dx in steps for dy in steps]
        inside = [place for place in places if 6 * zone - 186 < place[0] < 6 * zone - 180]
        assert inside
        assert all(tile in tiles_touching(shapely.Point(place)) for place in inside)
