"""Resampling against a loop that transforms every pixel centre exactly."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
from memory_image import call, image, pixels

from gee_s1ben.domain.grid import Grid
from gee_s1ben.engine.values import Projection
from gee_s1ben.errors import EngineError

SOURCE = Grid("EPSG:32633", (10.0, 0.0, 300003.25, 0.0, -10.0, 5400007.5), 120, 110)
TARGETS = {
    "same zone, unaligned": Grid("EPSG:32633", (10.0, 0.0, 300060.0, 0.0, -10.0, 5399980.0), 90, 80),
    "neighbouring zone": Grid("EPSG:32632", (10.0, 0.0, 740500.0, 0.0, -10.0, 5402800.0), 200, 180),
    "degrees": Grid("EPSG:4326", (1e-4, 0.0, 12.28, 0.0, -1e-4, 48.722), 190, 110),
    "coarser": Grid("EPSG:32633", (30.0, 0.0, 300000.0, 0.0, -30.0, 5400000.0), 30, 30),
}


def scene(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.gamma(4.4, 1 / 4.4, SOURCE.shape)
    values[40:44, 50:60] = np.nan
    return values


def places(target: Grid) -> tuple[np.ndarray, np.ndarray]:
    to_source = pyproj.Transformer.from_crs(target.crs, SOURCE.crs, always_xy=True)
    cols, rows = np.meshgrid(np.arange(target.width) + 0.5, np.arange(target.height) + 0.5)
    a, b, c, d, e, f = target.transform
    x, y = to_source.transform(a * cols + b * rows + c, d * cols + e * rows + f)
    a, _, c, _, e, f = SOURCE.transform
    return (x - c) / a, (y - f) / e


def nearest(values: np.ndarray, target: Grid) -> np.ndarray:
    cols, rows = (np.floor(p).astype(int) for p in places(target))
    inside = (cols >= 0) & (cols < SOURCE.width) & (rows >= 0) & (rows < SOURCE.height)
    result = np.full(target.shape, np.nan)
    result[inside] = values[rows[inside], cols[inside]]
    return result


def bilinear(values: np.ndarray, target: Grid) -> np.ndarray:
    """Valid where all four taps are."""
    padded = np.pad(values, 2, constant_values=np.nan)
    cols, rows = (p - 0.5 + 2 for p in places(target))
    result = np.full(target.shape, np.nan)
    inside = (cols >= 0) & (cols < SOURCE.width + 3) & (rows >= 0) & (rows < SOURCE.height + 3)
    c, r = cols[inside].astype(int), rows[inside].astype(int)
    s, t = cols[inside] - c, rows[inside] - r
    result[inside] = (
        padded[r, c] * (1 - s) * (1 - t)
        + padded[r, c + 1] * s * (1 - t)
        + padded[r + 1, c] * (1 - s) * t
        + padded[r + 1, c + 1] * s * t
    )
    return result


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_nearest_is_the_default(target: Grid) -> None:
    got = pixels(image(SOURCE, VV=scene()), target)["VV"]
    want = nearest(scene(), target)
    assert np.isfinite(want).mean() > 0.2
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_bilinear_is_four_taps_that_are_all_valid(target: Grid) -> None:
    got = pixels(call("Image.resample", image(SOURCE, VV=scene())), target)["VV"]
    want = bilinear(scene(), target)
    assert np.isfinite(want).mean() > 0.2
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    np.testing.assert_allclose(got, want, atol=1e-4)


def test_pixels_on_their_own_lattice_are_untouched() -> None:
    window = SOURCE.window(7, 5, 60, 50)
    values = scene()
    for asked in (image(SOURCE, VV=values), call("Image.resample", image(SOURCE, VV=values))):
        np.testing.assert_array_equal(pixels(asked, window)["VV"], values[5:55, 7:67])


def test_a_mask_without_weight_masks_nothing() -> None:
    """A target pixel on the centre of a source pixel takes nothing from a masked neighbour, not even its NaN."""
    values = np.ones((4, 4))
    values[:, 3] = np.nan
    grid = Grid("EPSG:32633", (10.0, 0.0, 300000.0, 0.0, -10.0, 5400000.0), 4, 4)
    # Coarser pixels whose centres fall on centres of the source.
    target = Grid("EPSG:32633", (30.0, 0.0, 299980.0 + 30, 0.0, -30.0, 5400000.0), 1, 1)
    assert pixels(call("Image.resample", image(grid, VV=values)), target)["VV"].tolist() == [[1.0]]


def test_reproject_decides_which_pixels_a_neighbourhood_sees() -> None:
    values = scene()
    target = TARGETS["neighbouring zone"]
    mean = call("Image.reduceNeighborhood", image(SOURCE, VV=values), call("Reducer.mean"), call("Kernel.square", 1))
    native = Projection(SOURCE.crs, SOURCE.transform)
    pinned = pixels(call("Image.reproject", mean, native), target)["VV_mean"]
    loose = pixels(mean, target)["VV_mean"]
    # Pinned: the mean over native pixels, then nearest. Loose: nearest first, then the mean over output pixels.
    own = pixels(mean, SOURCE)["VV_mean"]
    np.testing.assert_array_equal(pinned, nearest(own, target))
    assert np.nanmax(np.abs(pinned - loose)) > 0.01


def test_projections_are_told_apart() -> None:
    one = image(SOURCE, VV=scene())
    other = call("Image.rename", image(TARGETS["neighbouring zone"], VV=np.zeros((180, 200))), ["VH"])
    assert call("Image.projection", one) == Projection(SOURCE.crs, SOURCE.transform)
    with pytest.raises(EngineError, match="different projections"):
        call("Image.projection", call("Image.addBands", one, other))


def test_at_scale_keeps_the_origin_and_points_north() -> None:
    projection = call("Projection.atScale", Projection(SOURCE.crs, SOURCE.transform), 30.0)
    assert projection.transform == (30.0, 0.0, 300003.25, 0.0, -30.0, 5400007.5)
    assert call("Projection.nominalScale", projection) == 30.0


@pytest.mark.parametrize("transform", [[1, 2, 3], [0, 0, 0, 0, 0, 0], ["a", 0, 0, 0, 1, 0]])
def test_a_transform_is_six_numbers_with_an_area(transform: list) -> None:
    with pytest.raises(EngineError, match="transform"):
        call("Projection", "EPSG:32633", transform)
