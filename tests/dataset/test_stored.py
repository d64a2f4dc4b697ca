"""Reading a dataset back: patches, arrays, table, statistics, differences, verification."""

from __future__ import annotations

import itertools
import json
import pickle
import shutil
from datetime import UTC, datetime

import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import gee_s1ben
from gee_s1ben.dataset.difference import diff_datasets
from gee_s1ben.dataset.layout import PatchRecord, layout
from gee_s1ben.dataset.layout_tables import write_tables
from gee_s1ben.dataset.manifest import PATCH_ROWS, PatchRow
from gee_s1ben.dataset.recording import record_target
from gee_s1ben.dataset.sampling import sample
from gee_s1ben.dataset.statistics import Accumulator, band_statistics
from gee_s1ben.dataset.stored import open_dataset
from gee_s1ben.dataset.verification import verify_stored
from gee_s1ben.dataset.writer import PatchWriter
from gee_s1ben.domain.naming import S1PatchName
from gee_s1ben.domain.tile import tile_grid
from gee_s1ben.errors import InputError, RasterError

SCENES = ("S1B_IW_GRDH_1SDV_20170612T165809", "S1A_IW_GRDH_1SDV_20170613T165043")
CELLS = list(itertools.product((0, 10), (5, 90)))
NAMES = [
    f"{SCENES[place % 2]}_{tile}_{col}_{row}" for tile in ("33UUP", "29UPU") for place, (col, row) in enumerate(CELLS)
]


def make(root, version="v2", seed=0, names=NAMES):
    """A dataset of two tiles in two UTM zones and two scenes; return the pixels by name."""
    random = np.random.default_rng(seed)
    writer = PatchWriter(root, layout(version))
    pixels, files, rows = {}, {}, {}
    for text in names:
        name = S1PatchName.parse(text)
        key = f"{name.tile}_20170613T101031"
        grid = tile_grid(name.tile).window(120 * name.col, 120 * name.row, 120, 120)
        pixels[text] = {band: random.normal(-12, 4, (120, 120)).astype(np.float32) for band in ("VH", "VV")}
        record = PatchRecord(
            name, grid, name.scene, (name.scene,), "S2", datetime(2017, 6, 13, tzinfo=UTC), key, name.col, name.row
        )
        files.setdefault(key, []).extend(writer.write(record, pixels[text]))
        row = PatchRow(text, f"S2_{name.col}", key, name.col, name.row, name.scene, "S1A_1", 22, "ascending", 6.75)
        rows.setdefault(key, []).append(row)
    for key in files:
        record_target(root, key, files[key], rows[key], [])
    return pixels


@pytest.fixture(params=["v1", "v2"])
def made(request, tmp_path):
    pixels = make(tmp_path / "a", request.param)
    return open_dataset(tmp_path / "a"), pixels


def test_patches_and_arrays(made):
    dataset, pixels = made
    names = sorted(NAMES, key=lambda name: (name[:32], name))
    assert [str(patch.name) for patch in dataset] == list(dataset.names()) == list(dataset.arrays) == names
    assert len(dataset) == len(dataset.arrays) == len(NAMES)
    for name, bands in dataset.arrays.items():
        assert list(bands) == ["VH", "VV"]
        for band, array in bands.items():
            np.testing.assert_array_equal(array, pixels[name][band])
    places = {name: (name[33:38], int(name.split("_")[-1]), int(name.split("_")[-2])) for name in NAMES}
    assert [row.name for row in dataset.records()] == sorted(NAMES, key=places.__getitem__)
    for unknown in ("S1A_IW_GRDH_1SDV_20170613T165043_33UUP_1_1", "../../etc", ""):
        assert unknown not in dataset.arrays
        with pytest.raises(KeyError):
            dataset[unknown]


def test_it_can_be_sent_to_another_process(made):
    dataset, pixels = made
    dataset.arrays[NAMES[0]]
    copy = pickle.loads(pickle.dumps(dataset))  # noqa: S301
    assert copy == dataset
    np.testing.assert_array_equal(copy.arrays[NAMES[1]]["VV"], pixels[NAMES[1]]["VV"])


def test_the_package_opens_it(tmp_path):
    make(tmp_path, names=NAMES[:1])
    assert len(gee_s1ben.open_dataset(tmp_path)) == len(gee_s1ben.open_dataset(str(tmp_path / "BigEarthNet-S1"))) == 1


def test_other_roots(tmp_path):
    make(tmp_path / "a", "v1")
    (tmp_path / "a" / "BigEarthNet-S1-v1.0").rename(tmp_path / "Example")
    assert len(open_dataset(tmp_path / "Example")) == len(NAMES)
    for path, reason in ((tmp_path, "neither"), (tmp_path / "nowhere", "no folder")):
        with pytest.raises(InputError, match=reason):
            open_dataset(path)
    make(tmp_path / "b", "v1", names=NAMES[:1])
    make(tmp_path / "b", "v2", names=NAMES[:1])
    with pytest.raises(InputError, match="two datasets"):
        open_dataset(tmp_path / "b")
    (tmp_path / "c/BigEarthNet-S1/x/y").mkdir(parents=True)
    with pytest.raises(InputError, match="not a patch"):
        list(open_dataset(tmp_path / "c"))


def test_frame(made):
    dataset, _ = made
    write_tables(dataset.root, dataset.layout.version)
    frame = dataset.frame()
    assert list(frame["name"]) == list(dataset.names())
    assert set(frame["dt_hours"]) == {6.75}
    assert set(frame["split"]) == {"train"}
    assert {column.name for column in PATCH_ROWS.columns} <= set(frame.columns)
    assert not {"s2_patch", "pass_key", "direction"} & set(frame.columns)
    assert frame.crs.to_epsg() == 4326
    for _, row in frame.iterrows():
        grid = tile_grid(row["tile"]).window(120 * row["col"], 120 * row["row"], 120, 120)
        assert row["crs"] == grid.crs
        back = pyproj.Transformer.from_crs(4326, grid.crs, always_xy=True).transform
        found = shapely.transform(row.geometry, back, interleaved=False).bounds
        np.testing.assert_allclose(found, grid.bounds, atol=1e-3)


@pytest.mark.shared_data
def test_the_published_dataset_opens(shared_data):
    dataset = open_dataset(shared_data / "bigearthnet")
    ((name, bands),) = dataset.arrays.items()
    assert name == "S1A_IW_GRDH_1SDV_20170613T165043_33UUP_70_48"
    for band, array in bands.items():
        with rasterio.open(dataset[name].path(band)) as file:
            np.testing.assert_array_equal(array, file.read(1))


# Statistics.


@given(
    st.lists(
        hnp.arrays(np.float32, hnp.array_shapes(max_dims=2, max_side=6), elements=st.floats(-90, 40, width=32)),
        min_size=1,
    ),
    st.floats(-90, 40),
    st.sampled_from([1.0, 1e-3]),
)
def test_statistics_against_numpy(parts, offset, scale):
    parts = [(part * np.float32(scale) + np.float32(offset)).astype(np.float32) for part in parts]
    whole = np.concatenate([part.ravel() for part in parts]).astype(np.float64)
    one, left, right = Accumulator(True), Accumulator(True), Accumulator(True)
    for place, part in enumerate(parts):
        one.add(part)
        (left if place % 2 else right).add(part)
    left.merge(right)
    for found in (one.result([0, 30, 50, 100]), left.result([0, 30, 50, 100])):
        assert found.pixels == whole.size
        np.testing.assert_allclose([found.mean, found.std], [whole.mean(), whole.std()], rtol=1e-9, atol=1e-9)
        assert (found.min, found.max) == (whole.min(), whole.max())
        for at, value in found.percentiles:
            low, high = np.percentile(np.clip(whole, -100, 100), at, method="lower"), whole.max()
            assert value == pytest.approx(min(low, high), abs=0.0101)


def test_statistics_stay_exact_where_sums_of_squares_do_not():
    """A hundred million pixels far from zero, by joining one accumulator with itself."""
    values = (np.random.default_rng(0).normal(0, 1e-3, 10000) - 90).astype(np.float32)
    found = Accumulator()
    found.add(values)
    for _ in range(13):
        found.merge(found.__class__(False, found.pixels, 0, found.mean, found.squares, found.min, found.max))
    result = found.result()
    assert result.pixels == 10000 * 2**13
    assert result.std == pytest.approx(values.astype(np.float64).std(), rel=1e-9)


def test_statistics_of_a_dataset(made):
    dataset, pixels = made
    found = band_statistics(dataset.read(patch) for patch in dataset)
    assert list(found) == ["VH", "VV"]
    for band, one in found.items():
        whole = np.stack([pixels[name][band] for name in NAMES]).astype(np.float64)
        assert one.pixels == whole.size
        assert (one.mean, one.std) == pytest.approx((whole.mean(), whole.std()), rel=1e-12)
    with pytest.raises(InputError, match="percentiles"):
        band_statistics([], [101])
    odd = np.array([np.nan, 1, 3, np.inf], np.float32)
    assert band_statistics([{"VV": odd}])["VV"].as_dict() == {
        "pixels": 2, "mean": 2.0, "std": 1.0, "min": 1.0, "max": 3.0, "percentiles": {}, "invalid": 2,
    }  # fmt: skip


# Differences.


def found_in(a, b, **options):
    return {
        one.patch: [difference.what for difference in one.differences]
        for one in diff_datasets(open_dataset(a), open_dataset(b), **options)
        if one.differences
    }


def test_the_same_dataset_in_two_layouts(tmp_path):
    make(tmp_path / "a", "v1")
    make(tmp_path / "b", "v2")
    compared = list(diff_datasets(open_dataset(tmp_path / "a"), open_dataset(tmp_path / "b")))
    assert [one.patch for one in compared] == list(open_dataset(tmp_path / "a").names())
    assert not any(one.differences for one in compared)


def test_every_kind_of_difference(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    pixels = make(a, "v1")
    make(b, "v1")
    folder = b / "BigEarthNet-S1-v1.0"
    paths = {name: folder / name / f"{name}_VV.tif" for name in NAMES}
    shutil.rmtree(folder / NAMES[0])
    shutil.rmtree(a / "BigEarthNet-S1-v1.0" / NAMES[1])
    paths[NAMES[2]].unlink()
    changed = pixels[NAMES[3]]["VV"].copy()
    changed[3, 4:7] += 0.5
    with rasterio.open(paths[NAMES[3]], "r+") as file:
        file.write(changed, 1)
    with rasterio.open(paths[NAMES[4]], "r+") as file:
        file.transform = rasterio.Affine(10, 0, 0, 0, -10, 0)
    paths[NAMES[5]].write_bytes(paths[NAMES[5]].read_bytes()[:5000])
    metadata = folder / NAMES[6] / f"{NAMES[6]}_labels_metadata.json"
    metadata.write_text(json.dumps(json.loads(metadata.read_text()) | {"labels": ["Pastures"], "new": 1}))
    with rasterio.open(paths[NAMES[7]]) as file:
        profile, array = file.profile | {"compress": "deflate"}, file.read()
    paths[NAMES[7]].unlink()
    with rasterio.open(paths[NAMES[7]], "w", **profile) as file:
        file.write(array)

    found = found_in(a, b)
    assert found.pop(NAMES[0]) == [f"only in {a}"]
    assert found.pop(NAMES[1]) == [f"only in {b}"]
    assert found.pop(NAMES[2]) == [f"VV only in {a}"]
    largest = np.abs(changed.astype(float) - pixels[NAMES[3]]["VV"]).max()
    assert found.pop(NAMES[3]) == [f"VV: 3 pixels differ, by at most {largest:.6g} dB"]
    assert found.pop(NAMES[4])[0].startswith("VV: on Grid")
    assert "truncated" in found.pop(NAMES[5])[0]
    assert found.pop(NAMES[6]) == ["metadata differ in labels, new"]
    assert found == {}
    assert NAMES[3] not in found_in(a, b, tolerance_db=0.6)
    assert NAMES[6] not in found_in(a, b, metadata=False)


# Verification without a plan.


def test_verification_of_what_stands(made):
    dataset, _ = made
    assert verify_stored(dataset.root).ok
    assert verify_stored(dataset.root).checked == len(NAMES)
    assert verify_stored(dataset.root, sample_count=3).checked == 3


@pytest.mark.parametrize("damage", ["flip", "gone", "raster gone", "stray", "elsewhere"])
def test_damage_is_found(made, damage):
    dataset, _ = made
    patch = dataset[NAMES[2]]
    raster = patch.path("VH")
    match damage:
        case "flip":
            data = bytearray(raster.read_bytes())
            data[-5] ^= 1
            raster.write_bytes(data)
        case "gone":
            shutil.rmtree(patch.folder)
        case "raster gone":
            raster.unlink()
        case "stray":
            (dataset.root / dataset.layout.top / "stray.txt").write_text("")
        case "elsewhere":
            other = dataset[NAMES[0]].path("VH")
            data = other.read_bytes()
            raster.write_bytes(data)
            manifest = dataset.root / "provenance" / "manifest.sha256"
            digests = {line[66:]: line[:64] for line in manifest.read_text().splitlines()}
            swapped = digests[str(other.relative_to(dataset.root))]
            old = digests[str(raster.relative_to(dataset.root))]
            manifest.write_text(manifest.read_text().replace(old, swapped))
    report = verify_stored(dataset.root)
    findings = [*report.missing, *report.wrong, *report.extra]
    assert len(findings) == 1
    assert findings[0].what == (f"{dataset.layout.top}/stray.txt" if damage == "stray" else NAMES[2])


def test_nothing_to_verify_against(tmp_path):
    (tmp_path / "BigEarthNet-S1").mkdir()
    with pytest.raises(InputError, match="no manifest"):
        verify_stored(tmp_path)


def test_broken_patches_say_so(made):
    dataset, _ = made
    dataset[NAMES[0]].path("VV").write_bytes(b"II*\0")
    with pytest.raises(RasterError, match=r"VV\.tif"):
        dataset.arrays[NAMES[0]]


# Samples.


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 5))
def test_samples(size, count, seed):
    drawn = list(sample(iter(range(size)), count, seed))
    assert drawn == sorted(set(drawn)) == list(sample(range(size), count, seed))
    assert len(drawn) == min(size, count)
    assert list(sample(range(size), None)) == list(range(size))


def test_samples_are_even():
    hits = np.bincount([item for seed in range(3000) for item in sample(range(12), 3, seed)], minlength=12)
    assert abs(hits - 750).max() < 5 * np.sqrt(750)
