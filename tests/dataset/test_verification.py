from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from gee_s1ben.dataset.layout import PatchRecord, layout
from gee_s1ben.dataset.manifest import PatchRow, manifest_path, read_patches
from gee_s1ben.dataset.manifest_index import ManifestIndex
from gee_s1ben.dataset.patch_reader import PatchReader
from gee_s1ben.dataset.recording import record_target
from gee_s1ben.dataset.verification import ExpectedPatch, Finding, find_strays, verify_dataset
from gee_s1ben.dataset.writer import PatchWriter
from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.naming import S1PatchName
from gee_s1ben.domain.tile import Target
from gee_s1ben.errors import InputError, RasterError

SCENE = "S1A_IW_GRDH_1SDV_20170613T165043_20170613T165108_017018_01C579_7EEC"
GRID = Grid("EPSG:32633", (10.0, 0.0, 300000.0, 0.0, -10.0, 5400000.0), 240, 120)
TARGET = Target("33UUP", GRID, datetime(2017, 6, 13, 10, 10, 31, tzinfo=UTC))
NAMES = [S1PatchName("S1A_IW_GRDH_1SDV_20170613T165043", "33UUP", col, 0) for col in (0, 1)]
EXPECTED = [ExpectedPatch(name, TARGET.patch_grid(name.col, name.row)) for name in NAMES]


@pytest.fixture(params=["v1", "v2"])
def chosen(request):
    return layout(request.param)


@pytest.fixture
def dataset(tmp_path, chosen):
    random = np.random.default_rng(3)
    writer = PatchWriter(tmp_path, chosen)
    files, rows = [], []
    for name in NAMES:
        grid = TARGET.patch_grid(name.col, name.row)
        record = PatchRecord(
            name, grid, SCENE, (SCENE,), "s2", datetime(2017, 6, 13, 16, 50, 43, tzinfo=UTC), TARGET.key, name.col, 0
        )
        bands = {item: random.normal(-12, 3, grid.shape).astype(np.float32) for item in ("VV", "VH")}
        files += writer.write(record, bands)
        rows.append(PatchRow(str(name), "s2", TARGET.key, name.col, 0, SCENE, "S1A_017018", 146, "ascending", 6.67))
    writer.flush()
    record_target(tmp_path, TARGET.key, files, rows, [])
    return tmp_path


def folder_of(root, chosen, index=1):
    return root / chosen.folder(NAMES[index])


def raster_of(root, chosen, polarisation="VH"):
    return folder_of(root, chosen) / f"{NAMES[1]}_{polarisation}.tif"


def admit(root):
    """Make the manifest anew from what is on disk, so that only the content can betray it."""
    lines = {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and "provenance" not in path.parts
    }
    manifest_path(root).write_text("".join(f"{digest}  {path}\n" for path, digest in sorted(lines.items())))


def test_a_good_dataset(dataset, chosen):
    report = verify_dataset(dataset, iter(EXPECTED), chosen)
    assert report.ok
    assert (report.checked, report.right) == (2, 2)


def rewrite(path, **changes):
    with rasterio.open(path) as file:
        profile, array = file.profile, file.read(1)
    array = changes.pop("array", lambda a: a)(array)
    tags = changes.pop("tags", {})
    profile.update(height=array.shape[0], width=array.shape[1], **changes)
    with rasterio.open(path, "w", **profile) as file:
        file.write(array, 1)
        file.update_tags(**tags)


def with_nan(array):
    array[5, 7] = np.nan
    return array


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"transform": rasterio.Affine(10, 0, 301205, 0, -10, 5400000)}, "lies on"),
        ({"transform": rasterio.Affine(10, 0, 301200.001, 0, -10, 5400000)}, "lies on"),
        ({"crs": "EPSG:32632"}, "lies on"),
        ({"array": lambda a: a[:, :119]}, "lies on"),
        ({"array": with_nan}, "NaN"),
        ({"dtype": "float64"}, "float64"),
        ({"nodata": -9999}, "nodata"),
        ({"count": 2}, "bands"),
        ({"tags": {"AREA_OR_POINT": "Point"}}, "AREA_OR_POINT"),
        ({"driver": "PNG", "dtype": "uint8", "array": lambda a: a.astype("uint8")}, "unreadable"),
    ],
)
def test_wrong_rasters_are_found_even_with_a_matching_checksum(dataset, chosen, change, reason):
    rewrite(raster_of(dataset, chosen), **change)
    for sidecar in dataset.rglob("*.aux.xml"):
        sidecar.unlink()
    admit(dataset)
    report = verify_dataset(dataset, EXPECTED, chosen)
    assert (len(report.wrong), len(report.missing), len(report.extra), report.right) == (1, 0, 0, 1)
    assert report.wrong[0].what == str(NAMES[1])
    assert reason in report.wrong[0].reason


def test_a_truncated_raster_is_found_even_with_a_matching_checksum(dataset, chosen):
    path = raster_of(dataset, chosen)
    path.write_bytes(path.read_bytes()[:-100])
    admit(dataset)
    (finding,) = verify_dataset(dataset, EXPECTED, chosen).wrong
    assert "truncated" in finding.reason


def flip_a_bit(root, chosen):
    data = bytearray(raster_of(root, chosen).read_bytes())
    data[30_000] ^= 1
    raster_of(root, chosen).write_bytes(data)


def zero_the_tail(root, chosen):
    data = raster_of(root, chosen).read_bytes()
    raster_of(root, chosen).write_bytes(data[:-4096] + bytes(4096))


def swap_polarisations(root, chosen):
    vv, vh = raster_of(root, chosen, "VV"), raster_of(root, chosen, "VH")
    first, second = vv.read_bytes(), vh.read_bytes()
    vv.write_bytes(second)
    vh.write_bytes(first)


def swap_patches(root, chosen):
    other = folder_of(root, chosen, 0) / f"{NAMES[0]}_VH.tif"
    raster_of(root, chosen).write_bytes(other.read_bytes())


@pytest.mark.parametrize("damage", [flip_a_bit, zero_the_tail, swap_polarisations, swap_patches])
def test_damage_that_decodes_is_found_by_checksum(dataset, chosen, damage):
    damage(dataset, chosen)
    report = verify_dataset(dataset, EXPECTED, chosen)
    (finding,) = report.wrong
    assert finding.what == str(NAMES[1])
    assert "checksum" in finding.reason
    assert report.right == 1


def test_what_is_missing_and_what_is_too_much(dataset, chosen):
    raster_of(dataset, chosen).unlink()
    (folder_of(dataset, chosen) / "preview.png").write_bytes(b"")
    shutil.rmtree(folder_of(dataset, chosen, 0))
    report = verify_dataset(dataset, EXPECTED, chosen)
    assert report.missing == (Finding(str(NAMES[0]), "its folder is not there"),)
    (finding,) = report.wrong
    assert finding.reason == f"{NAMES[1]}_VH.tif is not there; 'preview.png' does not belong there"
    assert [item.what for item in report.extra] == [str(chosen.folder(NAMES[1]) / "preview.png")]
    assert report.right == 0
    assert not report.ok


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_in_the_place_of_a_file(dataset, chosen):
    """Nobody waits for a writer that never comes."""
    path = raster_of(dataset, chosen)
    PatchReader().read(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(RasterError, match="named pipe"):
        PatchReader().read(path)
    (finding,) = verify_dataset(dataset, iter(EXPECTED), chosen).wrong
    assert "named pipe" in finding.reason
    for table in ("provenance/manifest.sha256", "provenance/patches.csv"):
        (dataset / table).unlink()
        os.mkfifo(dataset / table)
    for read in (lambda: list(read_patches(dataset)), lambda: ManifestIndex.open(dataset).__enter__()):
        with pytest.raises(InputError, match="named pipe"):
            read()


def test_a_patch_that_no_manifest_names(dataset, chosen):
    manifest_path(dataset).unlink()
    report = verify_dataset(dataset, EXPECTED, chosen)
    assert [item.reason for item in report.wrong] == [f"{name}_VH.tif is not in the manifest" for name in NAMES]
    assert len(report.extra) == (6 if chosen.version == "v1" else 4)
    assert verify_dataset(dataset, EXPECTED, chosen, strays=False).extra == ()


def test_one_target_of_a_larger_dataset(dataset, chosen):
    report = verify_dataset(dataset, EXPECTED[1:], chosen)
    assert report.ok
    assert report.checked == 1


def test_an_empty_place(tmp_path, chosen):
    report = verify_dataset(tmp_path, EXPECTED, chosen)
    assert len(report.missing) == 2
    assert not report.ok


parts = st.text("a-0_.", min_size=1, max_size=3).filter(lambda s: s.strip("."))
tree_paths = st.sets(st.tuples(parts, parts, parts).map("/".join), max_size=12)


@given(tree_paths, tree_paths)
def test_strays_are_the_difference_of_two_sets(on_disk, in_manifest):
    """Names are drawn so that a folder's name is often the start of another's."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        top = layout("v2").top
        for path in on_disk:
            (root / top / path).parent.mkdir(parents=True, exist_ok=True)
            (root / top / path).write_bytes(b"")
        record_target(root, "t", [(f"{top}/{path}", "0" * 64) for path in in_manifest], [], [])
        found = [item.what for item in find_strays(root, layout("v2"))]
    assert found == sorted(f"{top}/{path}" for path in on_disk - in_manifest)


# What is whole, and still no patch.


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (lambda a: 10 ** (a / 10), "linear power"),
        (lambda a: a * 10, "in the mean"),
        (lambda a: np.full_like(a, -12), "all pixels"),
        (lambda a: np.where(np.arange(len(a)) < 3, np.float32(0), a), "0.000 dB"),
    ],
)
def test_numbers_that_cannot_be_backscatter_are_found(dataset, chosen, array, reason):
    for polarisation in ("VV", "VH"):
        rewrite(raster_of(dataset, chosen, polarisation), array=array)
    admit(dataset)
    (finding,) = verify_dataset(dataset, EXPECTED, chosen).wrong
    assert reason in finding.reason


def test_pixels_that_were_filled_are_not_judged(dataset, chosen):
    for polarisation in ("VV", "VH"):
        rewrite(
            raster_of(dataset, chosen, polarisation), array=lambda a: np.where(np.arange(len(a)) < 50, np.float32(0), a)
        )
    admit(dataset)
    record = dataset / "provenance" / "dataset.json"
    record.write_text(json.dumps({"fill": 0.0}))
    assert verify_dataset(dataset, EXPECTED, chosen).ok
    record.write_text(json.dumps({"fill": "nearest"}))
    assert len(verify_dataset(dataset, EXPECTED, chosen).wrong) == 1


@pytest.mark.parametrize("kind", ["declares too much", "vrt", "pipe", "too long"])
def test_a_raster_that_is_none_is_a_finding_and_not_decoded(dataset, chosen, kind):
    path = raster_of(dataset, chosen)
    if kind == "declares too much":
        with rasterio.open(path) as file:
            profile = file.profile | {"width": 60_000, "height": 60_000, "tiled": True, "BIGTIFF": "YES"}
        profile |= {"blockxsize": 256, "blockysize": 256, "compress": "deflate", "SPARSE_OK": True}
        with rasterio.open(path, "w", **profile):
            pass
    elif kind == "vrt":
        path.write_text('<VRTDataset rasterXSize="120" rasterYSize="120"></VRTDataset>')
    elif kind == "too long":
        os.truncate(path, 2**40)
    if kind == "pipe":
        path.unlink()
        os.mkfifo(path)
    elif kind != "too long":
        admit(dataset)
    (finding,) = verify_dataset(dataset, EXPECTED, chosen, strays=False).wrong
    expected = {
        "declares too much": "60000×60000 pixels",
        "vrt": "GeoTIFF",
        "pipe": "named pipe",
        "too long": "at most",
    }
    assert expected[kind] in finding.reason


@pytest.mark.parametrize("text", ["{", "[" * 200_000, "[]", '{"fill": 1e400}', '{"fill": ' + "9" * 400 + "}", None])
def test_a_broken_record_is_refused(dataset, chosen, text):
    path = dataset / "provenance" / "dataset.json"
    if text is None:
        os.mkfifo(path)
    else:
        path.write_text(text)
    with pytest.raises(InputError, match=r"dataset\.json is broken"):
        verify_dataset(dataset, EXPECTED, chosen, strays=False)
