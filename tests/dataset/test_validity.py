from __future__ import annotations

import re

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gee_s1ben.dataset.validity import (
    FillRule,
    implausible,
    nearest_valid,
    plainly_plausible_each,
    plainly_valid,
    plainly_valid_each,
    without_data,
)
from gee_s1ben.errors import RasterError


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_nearest_valid_against_brute_force(valid):
    if not valid.any():
        valid.flat[0] = True
    rows, cols = nearest_valid(valid)
    assert valid[rows, cols].all()
    places = np.argwhere(valid)
    for row, col in np.ndindex(valid.shape):
        squared = ((places - (row, col)) ** 2).sum(axis=1).min()
        assert (rows[row, col] - row) ** 2 + (cols[row, col] - col) ** 2 == squared


odd = st.sampled_from(
    [np.nan, -np.nan, 1000.0, -1000.0, np.inf, -np.inf, 0.0, -0.0, -9999.0, 1e30, -1e30, 999.0, 1001.0, -1001.0, 1e-40]
)


@given(hnp.arrays(np.float32, (5, 7), elements=st.one_of(st.floats(-60, 40, width=32), odd.map(np.float32))))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_quick_look_knows_every_bad_pixel(pixels):
    valid = np.abs(pixels) <= 1000  # which no NaN is
    assert plainly_valid(pixels) == valid.all()
    np.testing.assert_array_equal(plainly_valid_each(pixels), valid.all(axis=1))


def test_numbers_that_stand_for_no_data():
    pixels = np.array([[-12, np.nan, np.inf], [-np.inf, -9999, -1000]], np.float32)
    np.testing.assert_array_equal(without_data(pixels), [[False, True, True], [True, True, False]])
    with pytest.raises(RasterError, match="1001 dB"):
        without_data(np.array([[-12, 1001]], np.float32))


# What cannot be backscatter.

SIDE = 40


def speckled(mean_db=-10.5, seed=0):
    return (mean_db + 10 * np.log10(np.random.default_rng(seed).gamma(4.4, 1 / 4.4, (SIDE, SIDE)))).astype(np.float32)


def changed(pixels, where, value):
    pixels = pixels.copy()
    pixels[where] = value
    return pixels


VV, VH = speckled(), speckled(-17, 1)
TOWN = speckled(0)
CORNER = (slice(0, 1), slice(0, 3))
IMPLAUSIBLE = {
    "zeros in both": (
        {"VV": changed(VV, CORNER, 0), "VH": changed(VH, CORNER, 0)},
        "3 of 1600 pixels are 0.000 dB",
    ),
    "negative zeros": ({"VV": changed(VV, CORNER, -0.0), "VH": changed(VH, CORNER, -0.0)}, "0.000 dB in all"),
    "zeros that were interpolated": (
        {"VV": changed(VV, CORNER, [4e-16, -4e-16, 0]), "VH": changed(VH, CORNER, [0, 9e-16, -1e-9])},
        "3 of 1600 pixels are 0.000 dB",
    ),
    "zeros in one": ({"VV": VV, "VH": changed(VH, slice(0, 4), 0)}, "160 of 1600 pixels of VH are 0.000 dB"),
    "three zeros in one": ({"VV": changed(VV, CORNER, 0), "VH": VH}, "3 of 1600 pixels of VV are 0.000 dB"),
    "a hole in a town in steps of 0.01": (
        {"VV": changed(TOWN.round(2), slice(0, 1), 0), "VH": VH.round(2)},
        "pixels of VV are 0.000 dB",
    ),
    "all zero": ({"VV": np.zeros_like(VV)}, "0.000 dB"),
    "linear power": ({"VV": 10 ** (VV / 10), "VH": 10 ** (VH / 10)}, "linear power"),
    "scaled": ({"VV": VV * 10, "VH": VH}, "VV is -1.* dB in the mean"),
    "dark": ({"VV": VV, "VH": VH - 25}, "VH is -4.* dB in the mean"),
    "bright": ({"VV": VV + 25}, "VV is 1.* dB in the mean"),
    "constant": ({"VV": VV, "VH": np.full_like(VV, -12.5)}, "all pixels of VH are -12.5 dB"),
}
PLAUSIBLE = {
    "land": {"VV": VV, "VH": VH},
    "calm water": {"VV": speckled(-25), "VH": speckled(-35)},
    "a town": {"VV": speckled(4), "VH": speckled(-4)},
    "a town in steps of 0.01": {"VV": TOWN.round(2), "VH": speckled(-4, 1).round(2)},
    "a town in steps of 0.5": {"VV": (TOWN * 2).round() / 2, "VH": (speckled(-4, 1) * 2).round() / 2},
    "a ship": {"VV": changed(VV, (3, 3), 35), "VH": changed(VH, (3, 3), 20)},
    "two zeros": {"VV": changed(VV, (0, slice(0, 2)), 0), "VH": changed(VH, (0, slice(0, 2)), 0)},
    "a bright band": {"VV": np.abs(speckled(2)) + 0.1, "VH": VH},
    "one pixel": {"VV": np.array([[-12.0]], np.float32)},
}


@pytest.mark.parametrize("name", IMPLAUSIBLE)
def test_what_cannot_be_backscatter_is_absent_with_a_reason(name):
    bands, words = IMPLAUSIBLE[name]
    bands = {band: pixels.astype(np.float32) for band, pixels in bands.items()}
    reason = implausible(bands)
    assert re.search(words, reason)
    assert FillRule("none").apply(bands) == reason


@pytest.mark.parametrize("name", PLAUSIBLE)
def test_what_can_be_backscatter_is_taken(name):
    assert implausible(PLAUSIBLE[name]) is None
    assert FillRule("none").apply(PLAUSIBLE[name])[1] == 0


def test_filled_pixels_are_not_judged():
    """By a fill of 0 dB a patch has zeros, and by one of -100 dB a mean below -40; neither makes it implausible."""
    lacking = changed(np.zeros((SIDE, SIDE), bool), slice(0, 18), True)
    bands = {"VV": changed(VV, lacking, np.nan), "VH": changed(VH, lacking, -9999)}
    for fill in (0.0, -100.0):
        filled, count = FillRule(fill).apply(bands)
        assert count == lacking.sum()
        assert (filled["VV"][lacking] == fill).all()
    assert "0.000 dB" in FillRule(-25.0).apply(
        {name: changed(pixels, (30, slice(9)), 0) for name, pixels in bands.items()}
    )


@given(st.integers(0, 2**32 - 1))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_quick_look_passes_nothing_that_the_check_refuses(seed):
    """Speckle of any level, some pixels of which are zero, alike, or no backscatter at all."""
    rng = np.random.default_rng(seed)
    pixels = rng.normal(rng.uniform(-45, 15, (6, 1)), rng.choice([0, 0.1, 5, 30], (6, 1)), (6, 70)).astype(np.float32)
    for row in pixels:
        row[: rng.integers(0, 5)] = rng.choice(
            [0.0, -0.0, 1e-7, -1e-7, -12.0, np.nan, np.inf, -np.inf, -9999.0, 1001.0, -1001.0]
        )
    quick = plainly_plausible_each(pixels)
    for row, passed in zip(pixels, quick, strict=True):
        if passed:
            assert plainly_valid(row[None])
            assert implausible({"VV": row[None]}) is None


def test_the_quick_look_passes_what_is_usual():
    usual = [speckled(mean, seed).ravel() for seed, mean in enumerate((-25, -17, -10.5, -3, 2))]
    assert all(plainly_plausible_each(np.array(usual)))
    assert all(plainly_plausible_each(np.array([pixels - 25 for pixels in usual[2:]])))


@pytest.mark.shared_data
def test_real_pixels_are_plausible(shared_data):
    """Published patches, an export of Earth Engine and a chip of floods, cut into pieces of every place."""
    rasters = [*shared_data.glob("bigearthnet/BigEarthNet-S1/*/*/*.tif"), *shared_data.glob("s1_grd/*/V*.tif")]
    rasters += shared_data.glob("sen1floods11/*S1Hand.tif")
    assert len(rasters) >= 5
    for path in rasters:
        with rasterio.open(path) as file:
            for pixels in file.read().astype(np.float32):
                for row, col in np.ndindex(pixels.shape[0] // 60, pixels.shape[1] // 60):
                    piece = pixels[60 * row : 60 * row + 60, 60 * col : 60 * col + 60]
                    assert implausible({"VV": piece[np.isfinite(piece)]}) is None, path
