"""Reading a dataset as streams: the manifest is searched on disk, and nothing damaged passes."""

import csv
import hashlib
import json
import os
from pathlib import PurePosixPath

import pytest
import small_dataset
from hypothesis import given
from hypothesis import strategies as st

from gee_s1ben.dataset.carried_facts import CarriedReader
from gee_s1ben.dataset.contents import CheckedReader, Contents
from gee_s1ben.dataset.manifest_index import ManifestIndex
from gee_s1ben.errors import InputError, RasterError

NAMES = st.text("abAB-_.0", min_size=1, max_size=4).filter(lambda text: text not in (".", ".."))
PATHS = st.lists(NAMES, min_size=2, max_size=4).map("/".join)


@given(paths=st.sets(PATHS, max_size=30), folders=st.sets(PATHS, max_size=5))
def test_the_manifest_is_searched_as_a_dictionary_would_be(tmp_path_factory, paths, folders):
    digest = {path: hashlib.sha256(path.encode()).hexdigest() for path in paths}
    text = "".join(f"{digest[path]}  {path}\n" for path in sorted(paths)).encode()
    index = ManifestIndex(text, "manifest")
    for folder in folders | {path.rpartition("/")[0] for path in paths}:
        expected = {path[len(folder) + 1 :]: digest[path] for path in paths if path.startswith(f"{folder}/")}
        assert index.digests(PurePosixPath(folder)) == expected


def test_a_patch_is_read_with_its_grid_and_checksums(tmp_path):
    small = small_dataset.make(tmp_path, "v1")
    contents = Contents.open(tmp_path)
    with ManifestIndex.open(tmp_path) as manifest:
        reader = CheckedReader(contents, manifest)
        for row in contents.rows():
            patch = reader.read(row)
            assert str(patch.folder) == small.folders[row.name]
            assert patch.grid.xy(0, 0) == (small_dataset.WEST + 1200 * row.col, small_dataset.NORTH - 1200 * row.row)
            for name, array in patch.bands.items():
                path = tmp_path / patch.folder / f"{row.name}_{name}.tif"
                assert array.tobytes() == small.pixels[row.name][name].tobytes()
                assert patch.digests[name] == hashlib.sha256(path.read_bytes()).hexdigest()
                assert patch.sizes[name] == path.stat().st_size


def test_a_patch_that_two_products_share_comes_once(tmp_path):
    targets = ("33UUP_20170613T101031", "33UUP_20170616T101031", "33UVP_20170613T101031")
    small = small_dataset.make(tmp_path, columns=2, rows=1, size=8, targets=targets)
    assert len(small.rows) == 6
    assert [row.name for row in Contents.open(tmp_path).rows()] == list(small.pixels)
    assert len(small.pixels) == 4


def damage_bit(path):
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (damage_bit, "differs from its checksum"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "differs from its checksum"),
        (lambda path: path.unlink(), "cannot be read"),
    ],
)
def test_a_damaged_patch_is_refused(tmp_path, damage, what):
    small = small_dataset.make(tmp_path)
    name = small.rows[1][0]
    damage(tmp_path / small.folders[name] / f"{name}_VH.tif")
    contents = Contents.open(tmp_path)
    with ManifestIndex.open(tmp_path) as manifest:
        reader = CheckedReader(contents, manifest)
        first, second, *_ = contents.rows()
        reader.read(first)
        with pytest.raises(RasterError, match=what) as raised:
            reader.read(second)
    assert name in str(raised.value)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"layout": "v3", "radar": {"polarisations": ["VV"]}}', "[" * 100_000])
def test_a_broken_record_is_one_clear_line(tmp_path, text):
    small_dataset.make(tmp_path, columns=1, rows=1)
    (tmp_path / "provenance" / "dataset.json").write_text(text)
    with pytest.raises(InputError) as raised:
        Contents.open(tmp_path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "names", ["VVVH", ["../VV"], ["VV", "VV"], ["VV"] * 1000, [1], [["VV"]], [], None, ["\x1b[1mVV"]]
)
def test_polarisations_of_a_record_are_checked(tmp_path, names):
    small_dataset.make(tmp_path, columns=1, rows=1)
    path = tmp_path / "provenance" / "dataset.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "radar": {**record["radar"], "polarisations": names}}))
    with pytest.raises(InputError) as raised:
        Contents.open(tmp_path)
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("col", "9" * 400),
        ("filled_px", "9" * 400),
        ("dt_hours", "nan"),
        ("dt_hours", "1e999"),
        ("incidence_angle", "-inf"),
        ("orbit_direction", "\x1b[31mup"),
        ("orbit_direction", ""),
    ],
)
def test_odd_cells_of_the_table_are_refused(tmp_path, column, cell):
    small_dataset.make(tmp_path, columns=1, rows=1)
    path = tmp_path / "provenance" / "patches.csv"
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    column = "direction" if column == "orbit_direction" and column not in header else column
    if column not in header:
        header.append(column)
        rows = [[*row, "0"] for row in rows]
    rows[0][header.index(column)] = cell
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    with pytest.raises(InputError, match=r"patches\.csv, line 2") as raised:
        list(Contents.open(tmp_path).rows())
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 400


def test_a_folder_without_a_dataset_says_so(tmp_path):
    with pytest.raises(InputError, match="holds no dataset"):
        Contents.open(tmp_path)


def test_a_pipe_in_the_place_of_a_table_is_refused(tmp_path):
    small_dataset.make(tmp_path, columns=1, rows=1, labels=True)
    (tmp_path / "metadata.parquet").unlink()
    os.mkfifo(tmp_path / "metadata.parquet")
    with pytest.raises(InputError, match=r"metadata\.parquet cannot be read: it is a named pipe"):
        CarriedReader(tmp_path).of("S1A_x", "S2A_x")
