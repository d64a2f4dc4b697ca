"""The seed's dictionaries, real and hostile."""

import io
import os
import pickle
import struct
from collections import defaultdict

import numpy as np
import pyproj
import pytest
import shapely

from gee_s1ben.footprints import collect
from gee_s1ben.footprints.seed import read_links


def npy(pickled):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
    return file.getvalue() + pickled


def record(**changes):
    usual = {
        "product_name": "S2A_MSIL1C_20170613T101031_N0205_R022_T33UUP_20170613T101608.SAFE",
        "footprint": "POLYGON((12.281 48.721,13.773 48.746,13.796 47.759,12.332 47.734,12.281 48.721))",
        "EPSG": b"32633",
        "coordinate": np.array([300000.0, 5400000.0, 409800.0, 5290200.0]),
        "cloud_coverage": np.float64(0.5),
    }
    return {**usual, **changes}


def write(path, tiles):
    nested = defaultdict(defaultdict)
    for tile, records in tiles.items():
        nested["tile_info"][tile] = defaultdict(None, {f"uuid-{index}": one for index, one in enumerate(records)})
    # as the seed wrote its own, under the names of numpy 1
    pickled = pickle.dumps(np.array(nested, dtype=object), protocol=2)
    path.write_bytes(npy(pickled.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")))
    return str(path)


def test_a_record_that_agrees_with_itself_is_a_row(tmp_path):
    collected = collect([write(tmp_path / "tiles.npy", {"33UUP": [record()]})])
    assert collected.refused == ()
    assert [row.key for row in collected.rows] == ["33UUP_20170613T101031"]
    assert collected.rows[0].measured


def test_a_dictionary_saved_with_the_numpy_of_today_is_read(tmp_path):
    nested = {"tile_info": {"33UUP": {"uuid": record()}}}
    np.save(tmp_path / "tiles.npy", np.array(nested, dtype=object), allow_pickle=True)
    collected = collect([str(tmp_path / "tiles.npy")])
    assert (collected.refused, [row.key for row in collected.rows]) == ((), ["33UUP_20170613T101031"])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"product_name": record()["product_name"].replace("33UUP", "33UVP")}, "disagree"),
        ({"product_name": "../x"}, "not a Sentinel-2 product"),
        ({"product_name": 7}, "missing"),
        ({"footprint": "POLYGON((0 0,1 0,1 1,0 0))"}, "disagree"),
        ({"footprint": "DROP TABLE"}, "no WKT"),
        ({"EPSG": b"32632"}, "disagree"),
        ({"EPSG": None}, "disagree"),
        ({"coordinate": np.array([300010.0, 5400000.0, 409810.0, 5290200.0])}, "disagree"),
        ({"coordinate": np.zeros(1000)}, "disagree"),
        ({"coordinate": "x"}, "disagree"),
    ],
)
def test_a_record_that_disagrees_is_refused_and_the_others_go_on(tmp_path, changes, reason):
    collected = collect([write(tmp_path / "tiles.npy", {"33UUP": [record(**changes), record()]})])
    assert len(collected.rows) == 1
    assert len(collected.refused) == 1
    assert reason in collected.refused[0].reason
    assert "uuid-0" in collected.refused[0].source


class Harm:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_calls_the_system_is_refused_and_calls_nothing(tmp_path, protocol):
    harm = tmp_path / "harm"
    path = tmp_path / "tiles.npy"
    path.write_bytes(npy(pickle.dumps(Harm(harm), protocol)))
    collected = collect([str(path)])
    assert "refused" in collected.refused[0].reason
    assert not harm.exists()


DTYPE = b"cnumpy\ndtype\n(S'V2000000000'\ntR"


@pytest.mark.parametrize(
    "pickled",
    [
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"cnumpy\nload\n(S'x'\ntR.",
        b"cnumpy\nndarray\n((I1000000000\nI1000000000\nttR.",  # the class is named but never called
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I1000000000\ntS'b'\ntR.",
        b"cnumpy.core.multiarray\nscalar\n(" + DTYPE + b"S'a'\ntR.",
        b"c_codecs\nencode\n(S'a'\nS'zlib'\ntR.",
        b"\x80\x02]r" + struct.pack("<I", 0x0FFFFFFF) + b".",  # numbers one part as if it were the 268 millionth
        b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b".",
        b"(" * 10_000 + b".",
        b"N.",
        b"",
    ],
)
def test_hostile_and_broken_pickles_are_refused_at_little_cost(tmp_path, pickled):
    path = tmp_path / "tiles.npy"
    path.write_bytes(npy(pickled))
    collected = collect([str(path), "33UUP@2017-06-13"])
    assert len(collected.refused) == 1
    assert len(collected.rows) == 1


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"\x93NUMPY\x02\x00", b"x" * 200, npy(b"")[:60]])
def test_what_is_no_npy_file_is_refused(tmp_path, content):
    path = tmp_path / "tiles.npy"
    path.write_bytes(content)
    assert len(collect([str(path)]).refused) == 1


def test_a_plain_array_is_refused(tmp_path):
    np.save(tmp_path / "tiles.npy", np.zeros(4))
    assert "pickled dictionary" in collect([str(tmp_path / "tiles.npy")]).refused[0].reason


@pytest.mark.shared_data
def test_every_seed_product_gets_its_grid_and_footprint_right(shared_data):
    path = shared_data / "bigearthnet" / "BigEarthNetTileInfo_v2.npy"
    collected = collect([str(path)])
    assert (len(collected.rows), collected.merged, collected.refused) == (125, (), ())
    # numpy's own reader of the same file, as the truth; the file is known
    truth = np.load(path, allow_pickle=True)[()]["tile_info"]
    records = {one["product_name"].removesuffix(".SAFE"): one for found in truth.values() for one in found.values()}
    assert len(records) == 125
    for row in collected.rows:
        record = records[str(row.product)]
        ulx, uly, brx, bry = record["coordinate"]
        assert row.grid.crs == f"EPSG:{record['EPSG'].decode()}"
        assert row.grid.bounds == (ulx, bry, brx, uly)
        assert (row.grid.width, row.grid.height) == (10980, 10980)
        footprint = shapely.from_wkt(record["footprint"])
        assert row.footprint.equals(footprint)
        # the dictionary's corners in degrees against the tile's own, to a millimetre or so
        west, north, east, south = record["GPS_coordinate"]
        back = pyproj.Transformer.from_crs(row.grid.crs, 4326, always_xy=True)
        assert back.transform(ulx, uly) == pytest.approx((west, north), abs=1e-7)
        assert back.transform(brx, bry) == pytest.approx((east, south), abs=1e-7)


@pytest.mark.shared_data
def test_the_seeds_links_are_read(shared_data):
    path = shared_data / "bigearthnet" / "BigEarthNetSen2UUID2Sen1ProdName.npy"
    links = read_links(path)
    assert len(links) == 125
    assert sum(map(len, links.values())) == 666
    assert len({name for names in links.values() for name in names}) == 558
    assert "BigEarthNetTileInfo_v2.npy" in collect([str(path)]).refused[0].reason
