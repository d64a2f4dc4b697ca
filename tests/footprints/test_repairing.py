"""Footprints whose rings are damaged: repaired, or the tile's outline in their place, whatever file they come from."""

import numpy as np
import pytest
import shapely
from sentinel2_metadata import PRODUCT, product_xml, write_safe

from gee_s1ben.domain.naming import S2ProductName
from gee_s1ben.footprints import Refusal, TileRow, collect, write_tiles
from gee_s1ben.footprints.earth_engine import read_image
from gee_s1ben.footprints.outline import repaired, tile_outline

PACIFIC = "S2A_MSIL1C_20210123T220421_N0500_R029_T01KAB_20230521T234122"
SQUARE = shapely.box(12.6, 48, 13, 48.4)
# ring of (longitude, latitude), the area that it stands for, whether that must be said
RINGS = {
    "touches itself": (
        [(12.6, 48), (13, 48), (13, 48.4), (12.8, 48.2), (12.6, 48.4), (12.6, 48.3), (12.8, 48.2), (12.6, 48.1)],
        shapely.union_all([
            shapely.Polygon([(12.6, 48), (13, 48), (13, 48.4), (12.8, 48.2), (12.6, 48.1)]),
            shapely.Polygon([(12.8, 48.2), (12.6, 48.4), (12.6, 48.3)]),
        ]),
        True,
    ),
    "crosses itself": (
        [(12.6, 48), (13, 48.4), (13, 48), (12.6, 48.4)],
        shapely.MultiPolygon([
            shapely.Polygon([(12.6, 48), (12.8, 48.2), (12.6, 48.4)]),
            shapely.Polygon([(13, 48), (12.8, 48.2), (13, 48.4)]),
        ]),
        True,
    ),
    "goes out and back": (
        [(12.6, 48), (13, 48), (13, 48.2), (13.1, 48.2), (13, 48.2), (13, 48.4), (12.6, 48.4)], SQUARE, True
    ),
    "runs twice": ([*SQUARE.exterior.coords[:-1], *SQUARE.exterior.coords[:-1]], SQUARE, True),
    "repeats vertices": ([(12.6, 48), (13, 48), (13, 48), (13, 48.4), (12.6, 48.4), (12.6, 48.4)], SQUARE, False),
    "runs clockwise": (list(SQUARE.exterior.coords[:-1]), SQUARE, False),
    "runs counter-clockwise": (list(SQUARE.exterior.coords[:-1][::-1]), SQUARE, False),
    "is a line": ([(12.6, 48), (13, 48.4), (12.8, 48.2)], None, True),
    "is a point": ([(12.6, 48)] * 4, None, True),
}  # fmt: skip
CLOSED = {name: ([*ring, ring[0]], area, said) for name, (ring, area, said) in RINGS.items()}
CASES = CLOSED | {f"{name}, not closed": case for name, case in RINGS.items()}


def of_safe(ring, folder):
    text = " ".join(f"{lat} {lon}" for lon, lat in ring)
    return collect([str(write_safe(folder, product=product_xml(ring=text)))])


def of_seed(ring, folder):
    text = ",".join(f"{lon} {lat}" for lon, lat in ring)
    record = {"product_name": f"{PRODUCT}.SAFE", "footprint": f"POLYGON(({text}))", "EPSG": b"32633"}
    record["coordinate"] = np.array([300000.0, 5400000.0, 409800.0, 5290200.0])
    np.save(folder / "tiles.npy", np.array({"tile_info": {"33UUP": {"uuid": record}}}, dtype=object), allow_pickle=True)
    return collect([str(folder / "tiles.npy")])


def of_table(ring, folder):
    # A table that another program made: its WKB is written by hand, since shapely would close the ring.
    head = np.array([1], "u1").tobytes() + np.array([3, 1, len(ring)], "<u4").tobytes()
    path = folder / "tiles.parquet"
    write_tiles([TileRow.of_product(S2ProductName.parse(PRODUCT), "here")], path)
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    for name, value in (("measured", True), ("geometry", head + np.array(ring, "<f8").tobytes())):
        table = table.set_column(table.column_names.index(name), name, pa.array([value]))
    pq.write_table(table, path)
    return collect([str(path)])


def of_earth_engine(ring, folder):
    image = {"PRODUCT_ID": PRODUCT, "GRANULE_ID": "", "MGRS_TILE": "33UUP"}
    image["system:footprint"] = {"type": "LinearRing", "coordinates": [list(point) for point in ring]}
    return collect([], None, [read_image(image, "COPERNICUS/S2_HARMONIZED")])


@pytest.mark.parametrize("reader", [of_safe, of_seed, of_table, of_earth_engine])
@pytest.mark.parametrize("name", CASES)
def test_a_damaged_ring_is_repaired_or_the_outline_stands_for_it(tmp_path, name, reader):
    ring, area, said = CASES[name]
    collected = reader(ring, tmp_path)
    assert collected.refused == ()
    (row,) = collected.rows
    assert row.footprint.is_valid
    assert row.measured is (area is not None)
    expected = tile_outline("33UUP") if area is None else area
    assert shapely.area(shapely.symmetric_difference(row.footprint, expected)) < 1e-9
    assert bool(collected.remarks) is said
    if said:
        (remark,) = collected.remarks
        assert ("repaired" if area is not None else "outline of tile 33UUP") in remark.text
        assert "\n" not in remark.text


def test_holes_stay_and_those_that_stick_out_are_cut():
    hole = shapely.Polygon(SQUARE.exterior, [[(12.7, 48.1), (12.8, 48.1), (12.8, 48.2)]])
    assert repaired(hole, "x") == (hole, "")
    out = shapely.Polygon(SQUARE.exterior, [[(12.9, 48.1), (13.2, 48.1), (13.2, 48.2), (12.9, 48.2)]])
    area, remark = repaired(out, "x")
    assert area.equals(SQUARE.difference(shapely.box(12.9, 48.1, 13.2, 48.2)))
    assert "repaired" in remark


def test_parts_that_overlap_are_joined_and_lines_dropped():
    parts = shapely.MultiPolygon([shapely.box(0, 0, 2, 2), shapely.box(1, 1, 3, 3)])
    area, remark = repaired(parts, "x")
    assert area.area == 7
    assert "repaired" in remark
    mixed = shapely.GeometryCollection([shapely.box(0, 0, 2, 2), shapely.LineString([(0, 0), (5, 5)])])
    area, remark = repaired(mixed, "x")
    assert area.equals(shapely.box(0, 0, 2, 2))
    assert "dropped" in remark


def test_a_ring_that_crosses_itself_at_180_degrees_is_repaired_and_cut_there():
    """A tile whose western half lies in the east: the bow-tie's crossing is on the antimeridian."""
    row = TileRow.of_product(S2ProductName.parse(PACIFIC), "here")
    ring = [(179.9, -16.9), (-179.9, -16.7), (-179.9, -16.9), (179.9, -16.7)]
    seen = row.seen(shapely.Polygon(ring))
    halves = [[(179.9, -16.9), (180, -16.8), (179.9, -16.7)], [(-179.9, -16.9), (-180, -16.8), (-179.9, -16.7)]]
    expected = shapely.MultiPolygon([shapely.Polygon(half) for half in halves])
    assert shapely.area(seen.footprint.symmetric_difference(expected)) < 1e-9
    assert "repaired" in seen.remark


def test_what_lies_in_another_tile_is_refused_whether_or_not_it_was_repaired(tmp_path):
    collected = of_earth_engine([(0, 0), (1, 1), (1, 0), (0, 1)], tmp_path)
    assert collected.rows == ()
    assert isinstance(collected.refused[0], Refusal)
    assert "disagree" in collected.refused[0].reason


def test_the_ring_of_a_product_that_touches_itself_in_a_vertex_of_three(tmp_path):
    """As in a real product of baseline N0500: three vertices a few centimetres from each other, out of order."""
    name = "S2A_MSIL1C_20210123T152641_N0500_R025_T18NWM_20230521T234122"
    ring = (
        "6.104838 -74.00787 6.332093 -74.00748 6.333042 -75.00018 6.321833 -75.00018 6.289793 -74.83688 "
        "6.242212 -74.61401 6.242216 -74.61401 6.242214 -74.61401 6.242372 -74.61398 6.199568 -74.416626 "
        "6.104838 -74.00787"
    )
    folder = tmp_path / f"{name}.SAFE"
    folder.mkdir()
    (folder / "MTD_MSIL1C.xml").write_text(product_xml(uri=f"{name}.SAFE", ring=ring))
    collected = collect([str(folder)])
    (row,) = collected.rows
    assert (collected.refused, row.measured) == ((), True)
    assert "18NWM" in collected.remarks[0].source
    points = np.array(ring.split(), dtype=float).reshape(-1, 2)[:, ::-1]
    assert row.footprint.area == pytest.approx(shapely.Polygon(points).area, rel=1e-6)
