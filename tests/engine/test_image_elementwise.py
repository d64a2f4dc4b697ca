"""Elementwise algorithms, masks, bands and composites against numpy."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_image import call, image, pixels

from gee_s1ben.domain.grid import Grid
from gee_s1ben.engine.features import collection_of
from gee_s1ben.engine.values import WGS84_ONE_DEGREE
from gee_s1ben.errors import EngineError

GRID = Grid("EPSG:32633", (10.0, 0.0, 300000.0, 0.0, -10.0, 5400000.0), 6, 5)
OTHER = Grid("EPSG:32633", (10.0, 0.0, 300004.0, 0.0, -10.0, 5400000.0), 6, 5)


def numbers(seed: int, low: float = -3.0, high: float = 3.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.uniform(low, high, GRID.shape).round(1)
    values[rng.random(GRID.shape) < 0.2] = np.nan
    return values


def over(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.where(b == 0, 0.0, a / np.where(b == 0, 1.0, b))


BINARY = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": over,
    "min": np.minimum,
    "max": np.maximum,
    "eq": np.equal,
    "neq": np.not_equal,
    "gt": np.greater,
    "gte": np.greater_equal,
    "lt": np.less,
    "lte": np.less_equal,
    "and": np.logical_and,
    "or": np.logical_or,
    "hypot": np.hypot,
}
UNARY = {"abs": np.abs, "exp": np.exp, "floor": np.floor, "ceil": np.ceil, "not": lambda x: x == 0, "sin": np.sin}
POSITIVE = {"sqrt": np.sqrt, "log": np.log, "log10": np.log10}


@pytest.mark.parametrize("name", BINARY)
def test_binary_operations_take_the_least_of_both_masks(name: str) -> None:
    a, b = numbers(1), numbers(2).round()
    got = pixels(call(f"Image.{name}", image(GRID, VV=a), image(GRID, VV=b)), GRID)["VV"]
    want = np.where(np.isnan(a) | np.isnan(b), np.nan, BINARY[name](a, b))
    np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.mark.parametrize("name", [*UNARY, *POSITIVE])
def test_unary_operations(name: str) -> None:
    a = numbers(1, 0.1) if name in POSITIVE else numbers(1)
    got = pixels(call(f"Image.{name}", image(GRID, VV=a)), GRID)["VV"]
    want = np.where(np.isnan(a), np.nan, {**UNARY, **POSITIVE}[name](a))
    np.testing.assert_allclose(got, want, rtol=1e-12)


def test_bands_match_by_name_then_by_place_and_one_band_spreads() -> None:
    a, b, c, d = (numbers(i) for i in range(4))
    left, right = image(GRID, VV=a, VH=b), image(GRID, VH=c, VV=d)
    got = pixels(call("Image.subtract", left, right), GRID)
    np.testing.assert_array_equal(got["VV"], a - d)
    np.testing.assert_array_equal(got["VH"], b - c)
    placed = pixels(call("Image.subtract", left, image(GRID, x=c, y=d)), GRID)
    np.testing.assert_array_equal(placed["VV"], a - c)
    spread = pixels(call("Image.subtract", call("Image.constant", 10), left), GRID)
    assert list(spread) == ["VV", "VH"]
    np.testing.assert_array_equal(spread["VH"], 10 - b)
    with pytest.raises(EngineError, match="same number of bands"):
        call("Image.add", left, image(GRID, x=a, y=b, z=c))
    with pytest.raises(EngineError, match="applied to an Image with no bands"):
        call("Image.add", left, left.with_bands([]))


def test_constants_fold_and_lie_everywhere() -> None:
    half = call("Image.divide", call("Image.constant", 1), call("Image.constant", 2))
    assert pixels(half, GRID)["constant"].tolist() == np.full(GRID.shape, 0.5).tolist()
    assert call("Image.projection", half) == WGS84_ONE_DEGREE
    several = call("Image.constant", [1, 2.5])
    assert several.names == ("constant_0", "constant_1")


def test_select_by_name_pattern_and_index() -> None:
    source = image(GRID, VV=numbers(1), VH=numbers(2), angle=numbers(3))
    assert call("Image.select", source, ["V."]).names == ("VV", "VH")
    assert call("Image.select", source, [2, "VV"]).names == ("angle", "VV")
    assert call("Image.select", source, ["VH"], ["b"]).names == ("b",)
    with pytest.raises(
        EngineError,
        match=r"^Image.select: Band pattern 'HH' did not match any bands. Available bands: \[VV, VH, angle\]$",
    ):
        call("Image.select", source, ["HH"])
    with pytest.raises(EngineError, match="Duplicate"):
        call("Image.select", source, ["VV", "V."])
    with pytest.raises(EngineError, match="2 bands to 1 new"):
        call("Image.select", source, ["V."], ["one"])


def test_add_bands_renames_a_clash() -> None:
    one, two = image(GRID, VV=numbers(1)), image(GRID, VV=numbers(2), VH=numbers(3))
    assert call("Image.addBands", one, two).names == ("VV", "VV_1", "VH")
    replaced = call("Image.addBands", one, two, None, True)
    np.testing.assert_array_equal(pixels(replaced, GRID)["VV"], numbers(2))


def test_where_needs_test_and_value_unmasked() -> None:
    a, test, b = numbers(1), numbers(2).round(), numbers(3)
    got = pixels(call("Image.where", image(GRID, VV=a), image(GRID, t=test), image(GRID, v=b)), GRID)["VV"]
    chosen = ~np.isnan(test) & ~np.isnan(b) & (test != 0) & ~np.isnan(a)
    np.testing.assert_array_equal(got, np.where(chosen, b, a))


def test_masks_multiply_and_unmask_fills() -> None:
    a, m = numbers(1), numbers(2).round()
    masked = call("Image.updateMask", image(GRID, VV=a), image(GRID, m=m))
    want = np.where(~np.isnan(m) & (m > 0), a, np.nan)  # negative mask values count as 0
    np.testing.assert_array_equal(pixels(masked, GRID)["VV"], want)
    filled = call("Image.unmask", masked, call("Image.constant", -9999), False)
    np.testing.assert_array_equal(pixels(filled, GRID)["VV"], np.where(np.isnan(want), -9999.0, want))
    shown = pixels(call("Image.mask", masked), GRID)["VV"]
    np.testing.assert_array_equal(shown > 0, ~np.isnan(want))
    far = GRID.window(100, 100, 2, 2)
    assert (pixels(filled, far)["VV"] == -9999.0).all()
    with pytest.raises(EngineError, match="sameFootprint"):
        call("Image.unmask", masked)


def test_partial_masks_multiply() -> None:
    half = call("Image.updateMask", call("Image.constant", 7), call("Image.constant", 0.5))
    quarter = call("Image.updateMask", half, call("Image.constant", 0.5))
    assert pixels(call("Image.mask", quarter), GRID)["constant"][0, 0] == 0.25


@pytest.mark.parametrize(
    ("name", "expect"),
    [("toFloat", np.float32(0.1)), ("toInt", 0.0), ("toByte", 255.0), ("toInt8", -128.0), ("toUint16", 65535.0)],
)
def test_casts_round_truncate_and_clamp(name: str, expect: float) -> None:
    start = {"toFloat": 0.1, "toInt": -0.9, "toByte": 1000.5, "toInt8": -1e6, "toUint16": 1e9}[name]
    cast = call(f"Image.{name}", call("Image.constant", start))
    assert pixels(cast, GRID)["constant"][0, 0] == expect


def test_reduce_over_bands_skips_masked() -> None:
    a, b, c = numbers(1), numbers(2), numbers(3)
    stack = np.stack([a, b, c])
    source = image(GRID, a=a, b=b, c=c)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy on pixels where all are NaN
        want = {"mean": np.nanmean(stack, 0), "max": np.nanmax(stack, 0), "variance": np.nanvar(stack, 0)}
    for name, expected in want.items():
        got = pixels(call("Image.reduce", source, call(f"Reducer.{name}")), GRID)[name]
        np.testing.assert_allclose(got, expected, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=4))
def test_the_last_unmasked_image_is_on_top(seeds: list[int]) -> None:
    layers = [numbers(seed) for seed in seeds]
    mosaic = call("ImageCollection.mosaic", collection_of(image(GRID, VV=layer) for layer in layers))
    want = np.full(GRID.shape, np.nan)
    for layer in layers:
        want = np.where(np.isnan(layer), want, layer)
    np.testing.assert_array_equal(pixels(mosaic, GRID)["VV"], want)


def test_a_mosaic_of_different_pixels_has_none_of_its_own() -> None:
    same = collection_of([image(GRID, VV=numbers(1)), image(GRID, VV=numbers(2))])
    mixed = collection_of([image(GRID, VV=numbers(1)), image(OTHER, VV=numbers(2))])
    assert call("Image.projection", call("ImageCollection.mosaic", same)) != WGS84_ONE_DEGREE
    assert call("Image.projection", call("ImageCollection.mosaic", mixed)) == WGS84_ONE_DEGREE


def test_collections_reduce_band_by_band() -> None:
    a, b = numbers(1), numbers(2)
    images = collection_of([image(GRID, VV=a), image(GRID, VV=b)])
    got = pixels(call("ImageCollection.reduce", images, call("Reducer.max")), GRID)["VV_max"]
    np.testing.assert_array_equal(got, np.fmax(a, b))
    plain = pixels(call("reduce.mean", images), GRID)["VV"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_allclose(plain, np.nanmean(np.stack([a, b]), 0), atol=1e-12)
