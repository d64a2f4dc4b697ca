"""Computing values and pixels, and checking that the answer is what was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ee
import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import CRSError

from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.plural import plural
from gee_s1ben.errors import RasterError
from gee_s1ben.session.failures import readable
from gee_s1ben.session.pacing import Pacer
from gee_s1ben.session.retrying import UnusableAnswerError, asked
from gee_s1ben.storage.geotiff import GDAL_ERRORS, open_geotiff_bytes

Image = ee.Image
"""An image of the client, for those who hand one on without looking inside."""


def compute_value(value: ee.ComputedObject, what: str = "computing a value") -> Any:
    """Evaluate an object of the client and return its plain value.

    Raises
    ------
    ServiceError
        The service refuses, fails or does not answer.
    """
    return asked(value.getInfo, what)


def compute_geotiff(
    image: ee.Image,
    grid: Grid,
    bands: Sequence[str],
    what: str = "computing pixels",
    dtype: str = "float32",
    pacer: Pacer | None = None,
    *,
    unmasked: bool = False,
) -> bytes:
    """Compute the pixels of an image on exactly this grid, as a GeoTIFF that has been decoded and checked.

    Parameters
    ----------
    image, grid, bands, dtype
        Whose pixels, where, of which bands, of which type.
    what : str
        What is being done, for the user.
    pacer : Pacer, optional
        How many requests may be in flight.
    unmasked : bool
        No pixel of the image is masked, and none is exactly zero: zeros at the end of the answer are what is missing of
        it. A pixel answer has no checksum that would tell.

    Raises
    ------
    ServiceError
        The service refuses, fails, or answers something else than this grid and these bands.
    """

    def ask() -> bytes:
        content = ee.data.computePixels(
            {
                "expression": image,
                "fileFormat": "GEO_TIFF",
                "grid": grid.to_pixel_grid(),
                "bandIds": list(bands),
            }
        )
        if not isinstance(content, bytes):
            raise UnusableAnswerError(f"{type(content).__name__} instead of a file")
        try:
            pixels = decode_geotiff(content, grid, bands, dtype)
        except RasterError as error:
            raise UnusableAnswerError(str(error)) from error
        if unmasked and not pixels[bands[-1]][-1].any() and any(band.any() for band in pixels.values()):
            raise UnusableAnswerError("its end is zeros")
        return content

    return asked(ask, what, pacer=pacer)


def compute_pixels(
    image: ee.Image, grid: Grid, bands: Sequence[str], what: str = "computing pixels", dtype: str = "float32"
) -> dict[str, NDArray[Any]]:
    """Compute the pixels of an image on exactly this grid: band name → array (rows, columns).

    Raises
    ------
    ServiceError
        The service refuses, fails, or answers something else than this grid and these bands.
    """
    return decode_geotiff(compute_geotiff(image, grid, bands, what, dtype), grid, bands, dtype)


def decode_geotiff(content: bytes, grid: Grid, bands: Sequence[str], dtype: str = "float32") -> dict[str, NDArray[Any]]:
    """Decode a whole GeoTIFF: band name → array (rows, columns).

    Raises
    ------
    RasterError
        Unreadable, truncated, on another grid, of another type, or with other bands.
    """
    try:
        with open_geotiff_bytes(content, "the answer") as file:
            _check(file, grid, bands, dtype)
            values = file.read()
    except (CRSError, *GDAL_ERRORS) as error:
        raise RasterError(f"not a whole GeoTIFF ({len(content)} bytes): {readable(error)}") from error
    return dict(zip(bands, np.ascontiguousarray(values), strict=True))


def serialized(value: ee.ComputedObject) -> str:
    """Return the graph as JSON, as it is sent."""
    return str(value.serialize(for_cloud_api=True))


def _check(file: Any, grid: Grid, bands: Sequence[str], dtype: str) -> None:
    if (file.height, file.width) != grid.shape:
        raise RasterError(f"{file.width}×{file.height} pixels instead of {grid.width}×{grid.height}")
    if file.crs != CRS.from_user_input(grid.crs):
        raise RasterError(f"coordinate reference system {file.crs} instead of {grid.crs}")
    transform = tuple(file.transform)[:6]
    spacing = max(abs(coefficient) for coefficient in (*grid.transform[:2], *grid.transform[3:5]))
    # A millionth of a pixel over the whole width; GeoTIFF stores doubles, so this is only about rounding.
    tolerances = [spacing * 1e-6 * part for part in (1 / grid.width, 1 / grid.height, 1) * 2]
    if any(abs(have - want) > most for have, want, most in zip(transform, grid.transform, tolerances, strict=True)):
        raise RasterError(f"transform {transform} instead of {grid.transform}")
    if file.count != len(bands):
        raise RasterError(f"{plural(file.count, 'band')} instead of {len(bands)} ({', '.join(bands)})")
    if any(file.descriptions) and list(file.descriptions) != list(bands):
        raise RasterError(f"bands {file.descriptions} instead of {tuple(bands)}")
    if set(file.dtypes) != {dtype}:
        raise RasterError(f"pixels of type {', '.join(sorted(set(file.dtypes)))} instead of {dtype}")
