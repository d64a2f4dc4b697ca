"""``image:computePixels``: from an expression and a pixel grid to the bytes of a raster."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import rasterio
from rasterio.errors import CRSError, RasterioError
from rasterio.io import MemoryFile
from rasterio.transform import Affine

from gee_s1ben.domain.grid import Grid
from gee_s1ben.engine.pixels import BandPixels, common_type, compute_pixels
from gee_s1ben.engine.registry import lookup
from gee_s1ben.engine.values import Image
from gee_s1ben.errors import EngineError, InputError

MAX_BYTES: Final = 50_331_648
MAX_SIDE_PX: Final = 32_768
MAX_BANDS: Final = 1024


def compute(image: Any, request: Mapping[str, Any]) -> tuple[bytes, str]:
    """Return an image's pixels as a file, and the file's media type.

    Parameters
    ----------
    image : Image
        What the request's expression evaluates to.
    request : mapping
        The JSON of a ``ComputePixelsRequest``.

    Raises
    ------
    EngineError
        The request asks for too much, or for something that the service does not have.
    """
    if not isinstance(image, Image):
        raise EngineError("The expression of computePixels does not evaluate to an Image.")
    if request.get("visualizationOptions"):
        raise EngineError("computePixels: visualizationOptions are not implemented by the embedded service.")
    encode, media_type = _encoder(request.get("fileFormat"))
    band_ids = request.get("bandIds")
    if band_ids:
        image = lookup("Image.select").function(image, list(band_ids))
    if not image.bands:
        raise EngineError("computePixels: the image has no bands.")
    grid = _grid(request.get("grid"), image)
    _check_size(image, grid)
    return encode(compute_pixels(image, grid), grid), media_type


def as_npy(bands: Sequence[BandPixels], grid: Grid) -> bytes:
    """Return a structured array of shape (height, width) with a field for each band; masked pixels are 0."""
    array = np.zeros(grid.shape, dtype=[(band.name, band.values.dtype) for band in bands])
    for band in bands:
        np.copyto(array[band.name], band.values, where=band.mask > 0)
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def as_geotiff(bands: Sequence[BandPixels], grid: Grid) -> bytes:
    """Return an uncompressed GeoTIFF on the exact grid, bands named; masked pixels are 0.

    Raises
    ------
    EngineError
        The bands differ in type, or the grid's CRS cannot be written.
    """
    kind = common_type([band.values.dtype for band in bands])
    profile = {
        "driver": "GTiff",
        "width": grid.width,
        "height": grid.height,
        "count": len(bands),
        "dtype": kind,
        "crs": grid.crs,
        "transform": Affine(*grid.transform),
        "interleave": "band",
    }
    try:
        with rasterio.Env(GDAL_NUM_THREADS=1), MemoryFile() as memory:
            with memory.open(**profile) as file:
                for number, band in enumerate(bands, start=1):
                    file.write(np.where(band.mask > 0, band.values, band.values.dtype.type(0)), number)
                    file.set_band_description(number, band.name)
            return bytes(memory.getbuffer())
    except (CRSError, RasterioError) as error:
        raise EngineError(f"computePixels: the raster cannot be written as GeoTIFF: {error}.") from error


def _encoder(file_format: Any) -> tuple[Any, str]:
    match file_format:
        case "GEO_TIFF":
            return as_geotiff, "image/tiff"
        case "NPY":
            return as_npy, "application/octet-stream"
    raise EngineError(
        f"computePixels: fileFormat '{str(file_format)[:40]}' is not implemented by the embedded service; "
        "ask for GEO_TIFF, NPY or NUMPY_NDARRAY.",
    )


def _grid(requested: Any, image: Image) -> Grid:
    """Read a ``PixelGrid``; without one, the pixels of the first band are meant."""
    if not requested:
        band = image.bands[0]
        if band.dimensions is None:
            raise EngineError("computePixels: the image has no grid of its own; give one as 'grid'.")
        return Grid(band.projection.crs, band.projection.transform, *band.dimensions)
    try:
        affine, dimensions = requested["affineTransform"], requested["dimensions"]
        crs = str(requested["crsWkt"] if "crsWkt" in requested else requested["crsCode"])
        names = ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")
        a, b, c, d, e, f = (float(affine.get(name, 0)) for name in names)
        width, height = int(dimensions["width"]), int(dimensions["height"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EngineError(
            "computePixels: 'grid' needs crsCode or crsWkt, affineTransform and dimensions with width and height."
        ) from error
    try:
        return Grid(crs, (a, b, c, d, e, f), width, height)
    except InputError as error:
        raise EngineError(f"computePixels: {error}") from error


def _check_size(image: Image, grid: Grid) -> None:
    if max(grid.width, grid.height) > MAX_SIDE_PX:
        raise EngineError(
            f"Pixel grid dimensions ({grid.width}x{grid.height}) must be less than or equal to {MAX_SIDE_PX}."
        )
    if len(image.bands) > MAX_BANDS:
        raise EngineError(f"Number of bands ({len(image.bands)}) must be less than or equal to {MAX_BANDS}.")
    size = grid.width * grid.height * sum(np.dtype(band.pixel_type.dtype).itemsize for band in image.bands)
    if size > MAX_BYTES:
        raise EngineError(f"Total request size ({size} bytes) must be less than or equal to {MAX_BYTES} bytes.")
