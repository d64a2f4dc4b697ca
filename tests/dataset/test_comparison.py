"""Comparing with the published dataset: shifts and biases put in are found, and real patches equal themselves."""

import csv
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rasterio
import small_dataset
from hypothesis import given
from hypothesis import strategies as st

from gee_s1ben.dataset.alignment import LEAST_PX, SEARCH_PX, find_shift
from gee_s1ben.dataset.comparison import compare_bands, compare_dataset
from gee_s1ben.errors import InputError, RasterError

seeds = st.integers(0, 2**32 - 1)
within = st.integers(1 - SEARCH_PX, SEARCH_PX - 1)


def noise(seed, size, smooth):
    """White noise, smoothed by a box."""
    values = np.random.default_rng(seed).normal(size=(size + smooth - 1, size + smooth - 1))
    return np.lib.stride_tricks.sliding_window_view(values, (smooth, smooth)).mean(axis=(2, 3))


def band_limited(seed, size, limit, cols, rows):
    """Noise without frequencies above ``limit`` per pixel, and the same moved exactly, by turning its phases."""
    spectrum = np.fft.fft2(np.random.default_rng(seed).normal(size=(size, size)))
    y, x = np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None, :]
    spectrum[(np.abs(y) > limit) | (np.abs(x) > limit)] = 0
    moved = spectrum * np.exp(-2j * np.pi * (y * rows + x * cols))
    return np.fft.ifft2(spectrum).real, np.fft.ifft2(moved).real


def middle(values, size=120):
    start = (values.shape[0] - size) // 2
    return values[start : start + size, start : start + size].astype(np.float32)


@given(seed=seeds, smooth=st.integers(1, 5), cols=within, rows=within, bias=st.floats(-20, 20), gain=st.floats(0.2, 5))
def test_a_whole_shift_is_found_whatever_the_bias_and_the_gain(seed, smooth, cols, rows, bias, gain):
    scene = 3 * noise(seed, 140, smooth)
    theirs = scene[10:130, 10:130].astype(np.float32)
    ours = (gain * scene[10 - rows : 130 - rows, 10 - cols : 130 - cols] + bias).astype(np.float32)
    shift = find_shift([ours], [theirs])
    assert shift is not None
    assert (shift.cols, shift.rows) == pytest.approx((cols, rows), abs=0.01)
    assert shift.peak == pytest.approx(1, abs=1e-3)


@given(seed=seeds, cols=st.floats(-5.4, 5.4), rows=st.floats(-5.4, 5.4))
def test_a_part_of_a_pixel_is_found_to_a_few_hundredths(seed, cols, rows):
    still, moved = band_limited(seed, 200, 0.3, cols, rows)
    shift = find_shift([middle(moved)], [middle(still)])
    assert shift is not None
    assert (shift.cols, shift.rows) == pytest.approx((cols, rows), abs=0.03)


@given(seed=seeds, cols=st.floats(-4.5, 4.5), rows=st.floats(-4.5, 4.5))
def test_a_shift_is_found_under_independent_noise_and_a_filter(seed, cols, rows):
    still, moved = band_limited(seed, 200, 0.2, cols, rows)
    still, moved = still / still.std(), moved / moved.std()
    other = noise(seed + 1, 200, 1)
    smoothed = noise(seed + 2, 200, 1) + np.lib.stride_tricks.sliding_window_view(
        np.pad(moved, 1, mode="wrap"), (3, 3)
    ).mean(axis=(2, 3))
    shift = find_shift([middle(smoothed)], [middle(still + other)])
    assert shift is not None
    assert (shift.cols, shift.rows) == pytest.approx((cols, rows), abs=0.35)  # noise as strong as the picture


@given(seed=seeds, cols=within, rows=within)
def test_looking_from_the_other_side_turns_the_shift_round(seed, cols, rows):
    scene = noise(seed, 140, 2)
    one = scene[10:130, 10:130].astype(np.float32)
    other = scene[10 - rows : 130 - rows, 10 - cols : 130 - cols].astype(np.float32)
    there, back = find_shift([other], [one]), find_shift([one], [other])
    assert there is not None
    assert back is not None
    assert (there.cols, there.rows) == pytest.approx((-back.cols, -back.rows), abs=0.01)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (np.full((120, 120), -12, np.float32), noise(1, 120, 1).astype(np.float32)),
        (noise(1, 120, 1).astype(np.float32), np.zeros((120, 120), np.float32)),
        (noise(1, LEAST_PX - 1, 1).astype(np.float32), noise(1, LEAST_PX - 1, 1).astype(np.float32)),
        (noise(1, 160, 1)[20:140, 20:140].astype(np.float32), noise(1, 160, 1)[20:140, 30:150].astype(np.float32)),
    ],
    ids=["flat", "theirs flat", "too small", "too far"],
)
def test_what_cannot_be_aligned_is_not_said_to_be(ours, theirs):
    shift = find_shift([ours], [theirs])
    assert shift is None or shift.peak < 0.2


@given(seed=seeds, bias=st.floats(-15, 15), scale=st.floats(0.1, 3))
def test_correlation_bias_and_difference_are_numpys(seed, bias, scale):
    theirs = noise(seed, 48, 2).astype(np.float32)
    ours = (theirs + scale * noise(seed + 1, 48, 1) + bias).astype(np.float32)
    bands, _ = compare_bands({"VV": ours}, {"VV": theirs})
    apart = ours.astype(np.float64) - theirs
    assert bands["VV"].correlation == pytest.approx(np.corrcoef(ours.ravel(), theirs.ravel())[0, 1], abs=1e-6)
    assert bands["VV"].bias_db == pytest.approx(apart.mean(), abs=1e-9)
    assert bands["VV"].rms_db == pytest.approx(np.sqrt((apart**2).mean()), rel=1e-9)


def published_like(small, root, layout, change=lambda _name, array: array):
    """The published dataset: the same patches, in either layout, with 17-row strips as published."""
    for name in small.pixels:
        scene = name.rpartition("_33U")[0]
        folder = f"BigEarthNet-S1/{scene}/{name}" if layout == "v2" else f"BigEarthNet-S1-v1.0/{name}"
        for polarisation, array in small.pixels[name].items():
            path = small.root / small.folders[name] / f"{name}_{polarisation}.tif"
            with rasterio.open(path) as file:
                west, north = file.transform.c, file.transform.f
            target = root / folder / path.name
            small_dataset.raster(target, change(name, array), "EPSG:32633", west, north, blockysize=17)


def read_csv(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("ours", ["v1", "v2"])
@pytest.mark.parametrize("theirs", ["v1", "v2"])
def test_a_dataset_equals_itself_in_either_layout(tmp_path, ours, theirs):
    small = small_dataset.make(tmp_path / "ours", ours)
    published_like(small, tmp_path / "theirs", theirs)
    outcome = compare_dataset(small.root, tmp_path / "theirs", tmp_path / "report.csv")
    assert (outcome.same_scene, outcome.other_scene, outcome.unmatched, outcome.failures) == (6, 0, 0, [])
    rows = read_csv(tmp_path / "report.csv")
    assert [row["name"] for row in rows] == [row[0] for row in small.rows]
    for row in rows:
        assert row["published"] == row["name"]
        assert row["same_scene"] == "true"
        assert {row[f"{band}_correlation"] for band in ("vv", "vh")} == {"1.000000"}
        assert {row[f"{band}_{what}"] for band in ("vv", "vh") for what in ("bias_db", "rms_db")} == {"0.000000"}
        assert abs(float(row["shift_px"])) < 0.01


def test_a_bias_and_a_shift_put_in_come_out(tmp_path):
    small = small_dataset.make(tmp_path / "ours")

    def changed(name, array):  # their picture lies two pixels west and one south, so ours two east and one north
        return np.roll(array, (1, -2), axis=(0, 1)) - np.float32(0.5 if name.endswith("0") else 1.5)

    published_like(small, tmp_path / "theirs", "v2", changed)
    outcome = compare_dataset(small.root, tmp_path / "theirs", tmp_path / "report.parquet")
    table = pq.read_table(tmp_path / "report.parquet").to_pylist()
    for row in table:
        assert (row["shift_cols"], row["shift_rows"]) == pytest.approx((2, -1), abs=0.02)
        expected = 0.5 if row["name"].endswith("0") else 1.5
        assert (row["vv_bias_db"], row["vh_bias_db"]) == pytest.approx((expected, expected), abs=1e-5)
    shift, bias = outcome.spread("shift_px"), outcome.spread("vv_bias_db")
    assert shift is not None
    assert shift.median == pytest.approx(5**0.5, abs=0.02)
    assert bias is not None
    assert (bias.median, bias.low, bias.high) == pytest.approx((1, 0.5, 1.5), abs=1e-5)


def test_another_scene_is_found_by_the_published_table_and_kept_apart(tmp_path):
    small = small_dataset.make(tmp_path / "ours", columns=2, rows=1)
    first, second = small.rows
    other = first[0].replace("20170612T165937", "20170614T165937")
    published_like(small, tmp_path / "theirs", "v2")
    shutil.rmtree(tmp_path / "theirs" / "BigEarthNet-S1" / first[0][:32])
    for polarisation in ("VV", "VH"):
        path = tmp_path / "theirs" / "BigEarthNet-S1" / other[:32] / other / f"{other}_{polarisation}.tif"
        small_dataset.raster(
            path, small_dataset.speckled(5, 120), "EPSG:32633", small_dataset.WEST, small_dataset.NORTH
        )
    table = {"patch_id": [first[1], second[1]], "s2v1_name": ["a", "b"], "s1_name": [other, second[0]]}
    pq.write_table(pa.table(table), tmp_path / "theirs" / "metadata.parquet")
    outcome = compare_dataset(small.root, tmp_path / "theirs", tmp_path / "report.csv")
    assert (outcome.same_scene, outcome.other_scene, outcome.unmatched) == (1, 1, 0)
    rows = read_csv(tmp_path / "report.csv")
    assert [(row["published"], row["same_scene"]) for row in rows] == [(other, "false"), (second[0], "true")]
    assert outcome.spread("vv_correlation").low == 1  # the other scene stays out


def test_published_patches_that_cannot_be_compared_are_told(tmp_path):
    small = small_dataset.make(tmp_path / "ours", columns=4, rows=1)
    published_like(small, tmp_path / "theirs", "v2")
    names = [row[0] for row in small.rows]
    paths = [tmp_path / "theirs" / "BigEarthNet-S1" / name[:32] / name / f"{name}_VH.tif" for name in names]
    paths[0].write_bytes(paths[0].read_bytes()[:5000])
    paths[1].unlink()
    for path in (paths[2], paths[2].with_name(f"{names[2]}_VV.tif")):
        small_dataset.raster(path, small_dataset.speckled(1, 120), "EPSG:32633", 0.5, 0)
    outcome = compare_dataset(small.root, tmp_path / "theirs", tmp_path / "report.csv")
    assert outcome.same_scene == 1
    assert [name for name, _ in outcome.failures] == names[:3]
    assert "another grid" in outcome.failures[2][1]
    assert all("\n" not in reason for _, reason in outcome.failures)


def test_patches_of_ours_alone_are_counted(tmp_path):
    small = small_dataset.make(tmp_path / "ours")
    published_like(small, tmp_path / "theirs", "v1")
    shutil.rmtree(tmp_path / "theirs" / "BigEarthNet-S1-v1.0" / small.rows[0][0])
    outcome = compare_dataset(small.root, tmp_path / "theirs" / "BigEarthNet-S1-v1.0", tmp_path / "report.csv")
    assert (outcome.same_scene, outcome.unmatched) == (5, 1)


def test_what_is_not_there_or_has_nothing_in_common_is_refused(tmp_path):
    small = small_dataset.make(tmp_path / "ours")
    with pytest.raises(InputError, match=r"no BigEarthNet-S1: neither .* is there"):
        compare_dataset(small.root, tmp_path, tmp_path / "report.csv")
    (tmp_path / "BigEarthNet-S1").mkdir()
    with pytest.raises(InputError, match="has none of the 6 patches"):
        compare_dataset(small.root, tmp_path, tmp_path / "report.csv")
    published_like(small, tmp_path, "v2")
    with pytest.raises(InputError, match=r"\.csv or a \.parquet"):
        compare_dataset(small.root, tmp_path, tmp_path / "report.txt")
    (tmp_path / "metadata.parquet").write_bytes(b"not a table")
    with pytest.raises(InputError, match="not BigEarthNet's"):
        compare_dataset(small.root, tmp_path, tmp_path / "report.csv")
    assert not (tmp_path / "report.csv").exists()


def test_a_damaged_patch_of_ours_is_refused(tmp_path):
    small = small_dataset.make(tmp_path / "ours")
    published_like(small, tmp_path / "theirs", "v2")
    name = small.rows[0][0]
    (small.root / small.folders[name] / f"{name}_VV.tif").write_bytes(b"")
    with pytest.raises(RasterError, match="checksum"):
        compare_dataset(small.root, tmp_path / "theirs", tmp_path / "report.csv")


@pytest.fixture(scope="module")
def published(shared_data):
    """The one published patch, VV and VH."""
    folder = next((shared_data / "bigearthnet" / "BigEarthNet-S1").glob("*/*"))
    bands = {}
    for name in ("VV", "VH"):
        with rasterio.open(folder / f"{folder.name}_{name}.tif") as file:
            bands[name] = file.read(1)
    return bands


@pytest.mark.shared_data
def test_a_published_patch_equals_itself(published):
    bands, shift = compare_bands(published, published)
    assert (shift.cols, shift.rows) == pytest.approx((0, 0), abs=0.01)
    for found in bands.values():
        assert found.correlation == pytest.approx(1, abs=1e-9)
        assert (found.bias_db, found.rms_db) == (0, 0)


@pytest.mark.shared_data
@pytest.mark.parametrize(("cols", "rows"), [(1, 0), (0, -1), (-3, 5), (4, 4)])
def test_a_shift_of_a_published_patch_is_found(published, cols, rows):
    ours = {name: array[6 - rows : 114 - rows, 6 - cols : 114 - cols] + 1 for name, array in published.items()}
    theirs = {name: array[6:114, 6:114] for name, array in published.items()}
    bands, shift = compare_bands(ours, theirs)
    assert (shift.cols, shift.rows) == pytest.approx((cols, rows), abs=0.01)
    assert shift.peak == pytest.approx(1, abs=1e-3)
    assert bands["VV"].correlation < 0.9  # a pixel away, speckle is another


@pytest.mark.shared_data
@pytest.mark.parametrize(("cols", "rows"), [(0.5, 0), (0.25, -0.5)])
def test_half_a_pixel_of_a_published_patch_is_found_after_resampling(published, cols, rows):
    """Moved by linear interpolation, which smooths, as a bilinear resampling to a grid half a pixel off would do."""

    def moved(array):
        def between(values, part, axis):
            low = int(np.floor(part))
            weight = part - low
            return (1 - weight) * np.roll(values, low, axis) + weight * np.roll(values, low + 1, axis)

        power = between(between(10 ** (array.astype(np.float64) / 10), cols, 1), rows, 0)
        return (10 * np.log10(power)).astype(np.float32)[4:-4, 4:-4]

    ours = {name: moved(array) for name, array in published.items()}
    theirs = {name: array[4:-4, 4:-4] for name, array in published.items()}
    _, shift = compare_bands(ours, theirs)
    assert (shift.cols, shift.rows) == pytest.approx((cols, rows), abs=0.1)


@pytest.mark.shared_data
def test_the_published_patch_is_found_in_its_folder(shared_data, tmp_path, published):
    """A dataset that holds the published patch's pixels, against the published folder with its real metadata table."""
    folder = next((shared_data / "bigearthnet" / "BigEarthNet-S1").glob("*/*"))
    small = small_dataset.make(tmp_path, columns=2, rows=1)
    name, copy = folder.name, f"BigEarthNet-S1/{folder.parent.name}/{folder.name}"
    shutil.copytree(folder, tmp_path / copy)
    row = [name, "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_70_48", *small.rows[0][2:]]
    small_dataset.table(tmp_path / "provenance" / "patches.csv", small_dataset.OLD_HEADER, [*small.rows, row])
    small_dataset.write_manifest(tmp_path)
    outcome = compare_dataset(tmp_path, shared_data / "bigearthnet", tmp_path / "report.csv")
    assert (outcome.same_scene, outcome.other_scene, outcome.unmatched, outcome.failures) == (1, 0, 2, [])
    (line,) = read_csv(tmp_path / "report.csv")
    assert (line["published"], line["vv_bias_db"], line["vh_correlation"]) == (name, "0.000000", "1.000000")
