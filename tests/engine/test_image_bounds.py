"""Clipping, and the pixels of an image cut to bounds, through the client and against shapely and arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely

ID = "COPERNICUS/S1_GRD/A_first"
"""64 × 64 pixels of 100 m from (400000, 5500000) in EPSG:32633."""
GRID = {
    "crsCode": "EPSG:32633",
    "affineTransform": {"scaleX": 100, "translateX": 400_000, "scaleY": -100, "translateY": 5_500_000},
    "dimensions": {"width": 64, "height": 64},
}


def band(image: Any) -> dict[str, Any]:
    return image.getInfo()["bands"][0]


def box(ee: Any, west: float, south: float, east: float, north: float) -> Any:
    return ee.Geometry.Rectangle([west, south, east, north], "EPSG:32633", False)


def test_pixels_whose_centres_are_outside_are_masked(client: Any) -> None:
    ee = client
    ring = [[401_020, 5_499_000], [405_000, 5_498_730], [403_010, 5_494_480], [400_110, 5_496_060]]
    clipped = ee.Image(ID).clip(ee.Geometry.Polygon([ring], "EPSG:32633", False))
    mask = ee.data.computePixels({"expression": clipped.mask(), "fileFormat": "NUMPY_NDARRAY", "grid": GRID})["VV"]
    x, y = np.meshgrid(400_050 + 100 * np.arange(64), 5_499_950 - 100 * np.arange(64))
    inside = shapely.contains_xy(shapely.Polygon(ring), x, y)
    assert 0 < inside.sum() < inside.size
    np.testing.assert_array_equal(mask, inside)
    values = ee.data.computePixels({"expression": clipped, "fileFormat": "NUMPY_NDARRAY", "grid": GRID})["VV"]
    rows, cols = np.mgrid[0:64, 0:64]
    np.testing.assert_array_equal(values, np.where(inside, np.float32(-10 + rows / 100 + cols / 1000), 0))
    assert clipped.geometry().getInfo()["coordinates"][0][:4] == [list(map(float, point)) for point in ring]


def test_a_clip_by_a_feature_and_by_nothing(client: Any) -> None:
    ee = client
    area = box(ee, 400_000, 5_499_000, 401_000, 5_500_000)
    clipped = ee.Image(ID).clip(ee.Feature(area)).mask()
    mask = ee.data.computePixels({"expression": clipped, "fileFormat": "NUMPY_NDARRAY", "grid": GRID})["VV"]
    assert (mask[:10, :10] == 1).all()
    assert mask.sum() == 100


@pytest.mark.parametrize(
    ("options", "size", "transform"),
    [
        ({}, [11, 8], [100, 0, 400_300, 0, -100, 5_499_700]),
        ({"scale": 50}, [20, 16], [50, 0, 400_350, 0, -50, 5_499_700]),
        ({"scale": 300}, [4, 3], [300, 0, 400_300, 0, -300, 5_499_700]),
        ({"width": 10, "height": 40}, [10, 40], [100, 0, 400_350, 0, -20, 5_499_700]),
        ({"maxDimension": 100}, [100, 80], [10, 0, 400_350, 0, -10, 5_499_700]),
    ],
)
def test_bounds_become_whole_pixels(client: Any, options: dict[str, Any], size: list[int], transform: list) -> None:
    """The box reaches from 3.5 to 13.5 columns, and from 3 to 11 rows of the image's pixels."""
    ee = client
    area = box(ee, 400_350, 5_498_900, 401_350, 5_499_700)
    cut = ee.ApiFunction.apply_("Image.clipToBoundsAndScale", {"input": ee.Image(ID), "geometry": area, **options})
    found = band(cut)
    assert found["dimensions"] == size
    np.testing.assert_allclose(found["crs_transform"], transform, rtol=0, atol=1e-6)


def test_without_a_geometry_the_image_is_scaled(client: Any) -> None:
    ee = client
    cut = ee.ApiFunction.apply_("Image.clipToBoundsAndScale", {"input": ee.Image(ID), "scale": 200})
    found = band(cut)
    assert (found["dimensions"], found["crs_transform"]) == ([32, 32], [200, 0, 400_000, 0, -200, 5_500_000])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 5}, "both width and height"),
        ({"scale": 5, "maxDimension": 5}, "at most one"),
        ({"input": 1}, "unbounded"),
        ({"width": 0, "height": 5}, "empty"),
    ],
)
def test_bounds_that_make_no_sense(client: Any, options: dict[str, Any], message: str) -> None:
    ee = client
    image = ee.Image(options.pop("input", ID))
    with pytest.raises(ee.EEException, match=message):
        ee.ApiFunction.apply_("Image.clipToBoundsAndScale", {"input": image, **options}).getInfo()


def test_coordinates_in_pixels_of_a_projection(client: Any) -> None:
    ee = client
    rectangle = ee.Geometry.Rectangle([2, 3, 5, 7], ee.Image(ID).select(0).projection(), False)
    ring = np.array(rectangle.getInfo()["coordinates"][0])
    assert (ring.min(axis=0).tolist(), ring.max(axis=0).tolist()) == ([400_200, 5_499_300], [400_500, 5_499_700])
    plain = ee.Geometry.Point([400_000, 5_500_000], ee.Projection("EPSG:32633"))
    assert plain.getInfo()["coordinates"] == [400_000, 5_500_000]
