"""Inputs of every kind together."""

import numpy as np
import pyarrow.parquet as pq
import pytest
import shapely
from sentinel2_metadata import PRODUCT, write_safe

from gee_s1ben.errors import InputError
from gee_s1ben.footprints import Refusal, Span, TileRow, collect, write_tiles
from gee_s1ben.footprints.earth_engine import Sentinel2Query, read_image

JUNE = Span.parse("2017-06-01", "2017-06-30")
V2 = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"
RING = [[12.281, 48.721], [13.773, 48.746], [13.796, 47.759], [12.332, 47.734], [12.281, 48.721]]
IMAGE = {
    "PRODUCT_ID": PRODUCT, "GRANULE_ID": "L1C_T33UUP_A010317_20170613T101608", "MGRS_TILE": "33UUP",
    "system:footprint": {"type": "LinearRing", "coordinates": RING},
}  # fmt: skip


def test_the_same_tile_and_time_from_three_inputs_is_one_row_and_said(tmp_path):
    safe = str(write_safe(tmp_path))
    for order in ([V2, safe, "33UUP@2017-06-13T10:10:31Z"], ["33UUP@2017-06-13T10:10:31Z", safe, V2]):
        collected = collect([*order, "33UUP@2017-06-14"])
        assert [row.key for row in collected.rows] == ["33UUP_20170613T101031", "33UUP_20170614T000000"]
        row = collected.rows[0]
        assert row.measured  # the product's own footprint is kept before the tile's outline
        assert row.product is not None
        assert row.source == "; ".join(order)
        assert [(merger.key, merger.sources) for merger in collected.merged] == [(row.key, tuple(order))]


def test_wanted_patches_of_two_tables_are_both_wanted(tmp_path):
    import pandas as pd

    for name, cells in (("a", ["00_01", "05_05"]), ("b", ["05_05", "09_00"])):
        pd.DataFrame({"patch_id": [f"{V2}_{cell}" for cell in cells]}).to_parquet(tmp_path / f"{name}.parquet")
    both = [str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")]
    assert collect(both).rows[0].patches == ((9, 0), (0, 1), (5, 5))
    assert collect([*both, V2]).rows[0].patches is None  # the whole product was asked for as well


def test_a_table_made_before_is_an_input(tmp_path):
    path = tmp_path / "tiles.parquet"
    write_tiles(collect([V2]).rows, path)
    collected = collect([str(path), "33UVP"], JUNE)
    assert [row.tile for row in collected.rows] == ["33UUP", "33UVP"]
    assert collected.rows[0].source == V2


def test_an_empty_name_is_refused_as_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    collected = collect(["", V2])
    (refusal,) = collected.refused
    assert refusal.reason.startswith("'' is no Sentinel-2 image and no MGRS tile: write ")
    assert refusal.reason.endswith("; there is no file of that name, either")


def test_an_input_with_nothing_in_it_is_refused(tmp_path):
    (tmp_path / "names.txt").write_text("# none\n")
    np.save(tmp_path / "tiles.npy", np.array({"tile_info": {}}, dtype=object), allow_pickle=True)
    write_tiles(collect([V2]).rows, tmp_path / "tiles.parquet")
    pq.write_table(pq.read_table(tmp_path / "tiles.parquet").slice(0, 0), tmp_path / "tiles.parquet")
    for name in ("names.txt", "tiles.npy", "tiles.parquet"):
        collected = collect([str(tmp_path / name), V2])
        assert ([refusal.reason for refusal in collected.refused], len(collected.rows)) == (["holds no tile"], 1)


@pytest.mark.parametrize("name", ["x.tif", "nothing.parquet", "folder"])
def test_other_paths_are_refused(tmp_path, name):
    (tmp_path / "x.tif").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    collected = collect([str(tmp_path / name), V2])
    assert len(collected.refused) == 1
    assert len(collected.rows) == 1


def test_a_folder_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    from pathlib import Path

    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    collected = collect([str(tmp_path), V2])
    assert "Permission denied" in collected.refused[0].reason
    assert len(collected.rows) == 1


def test_an_image_of_earth_engine_is_a_row():
    row = read_image(IMAGE, "COPERNICUS/S2_HARMONIZED")
    assert isinstance(row, TileRow)
    assert (row.key, str(row.product), row.measured) == ("33UUP_20170613T101031", PRODUCT, True)
    polygon = {**IMAGE, "system:footprint": {"type": "Polygon", "coordinates": [RING]}}
    assert read_image(polygon, "COPERNICUS/S2_HARMONIZED") == row


def test_an_old_image_of_earth_engine_is_named_with_its_granule():
    old = {
        **IMAGE,
        "PRODUCT_ID": "S2A_OPER_PRD_MSIL1C_PDMC_20160914T193218_R022_V20160831T101022_20160831T101022",
        "GRANULE_ID": "S2A_OPER_MSI_L1C_TL_SGS__20160831T155112_A006228_T33UUP_N02.04",
    }
    row = read_image(old, "COPERNICUS/S2_HARMONIZED")
    assert isinstance(row, TileRow)
    assert row.key == "33UUP_20160831T101022"


@pytest.mark.parametrize(
    "changes",
    [
        {"MGRS_TILE": "33UVP"}, {"PRODUCT_ID": None}, {"PRODUCT_ID": "../x"}, {"system:footprint": None},
        {"system:footprint": {"type": "LinearRing", "coordinates": [[1]]}}, {"system:footprint": "x"},
        {"system:footprint": {"type": "LinearRing", "coordinates": [[0, 0], [1, 0], [1, 1], [0, 0]]}},
    ],
)  # fmt: skip
def test_an_image_that_disagrees_is_refused(changes):
    assert isinstance(read_image({**IMAGE, **changes}, "COPERNICUS/S2_HARMONIZED"), Refusal)


def test_a_query_is_checked_when_it_is_made():
    assert Sentinel2Query(shapely.box(12, 48, 13, 49), JUNE).collection == "COPERNICUS/S2_HARMONIZED"
    with pytest.raises(InputError):
        Sentinel2Query(shapely.Polygon(), JUNE)
    with pytest.raises(InputError):
        Sentinel2Query(shapely.box(12, 48, 13, 49), JUNE, max_cloud_percent=101)
