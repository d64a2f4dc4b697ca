"""Patch rasters: float32 GeoTIFFs with the pixels and georeferencing of the published ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from gee_s1ben.dataset.atomic import storage_errors
from gee_s1ben.dataset.crs import crs_text, same_crs
from gee_s1ben.dataset.form import form_of_grid, rasterio_bytes
from gee_s1ben.dataset.validity import plainly_valid, without_data
from gee_s1ben.domain.grid import Grid
from gee_s1ben.errors import InputError, RasterError
from gee_s1ben.storage.geotiff import GDAL_ERRORS, MOST_PATCH_PX, gdal_reason, open_geotiff


def encode_patch_tif(array: npt.NDArray[np.float32], grid: Grid) -> bytes:
    """Encode one band as a GeoTIFF: float32, uncompressed, no nodata tag, ``AREA_OR_POINT=Area``.

    The same array and grid give the same bytes, which are those that rasterio writes by default.

    Parameters
    ----------
    array : ndarray of float32, shape (height, width)
        Backscatter in dB.
    grid : Grid
        Exact grid of the array.

    Returns
    -------
    bytes
        The file.

    Raises
    ------
    RasterError
        The array is not float32, not of the grid's size, or holds NaN, infinity or a stand-in for no data. Loaders
        read patches as integers, where NaN becomes 0 dB.
    """
    check_shape(array, grid)
    plain = np.ascontiguousarray(array)
    if not plainly_valid(plain):
        check_valid(plain)
    form = form_of_grid(grid)
    if form is None or not form.strip_starts(plain).all():
        return rasterio_bytes(plain, grid)
    return b"".join((form.head(grid.transform[2], grid.transform[5]), plain.data))


def check_shape(array: npt.NDArray[np.float32], grid: Grid) -> None:
    """Refuse an array that is not float32 or not of the grid's size.

    Raises
    ------
    RasterError
        It is not.
    """
    if array.dtype != np.float32 or array.shape != grid.shape:
        raise RasterError(
            f"a patch must be float32 of {grid.height}×{grid.width} pixels, not {array.dtype} of shape {array.shape}"
        )


def check_valid(array: npt.NDArray[np.float32]) -> None:
    """Refuse an array with pixels that are not backscatter.

    Raises
    ------
    RasterError
        One holds NaN, infinity, a stand-in for no data, or a number that no radar measures.
    """
    wrong = int(np.count_nonzero(~np.isfinite(array)))
    if wrong:
        raise RasterError(f"a patch must have a number in every pixel, but {wrong} of {array.size} are NaN or infinite")
    if without_data(array).any():
        raise RasterError(f"a patch must have data in every pixel, but one holds {float(array.min()):g} dB")


def write_patch_tif(path: Path, array: npt.NDArray[np.float32], grid: Grid) -> bytes:
    """Write one band as a GeoTIFF and return the bytes written; see :func:`encode_patch_tif`.

    The file is not flushed to disk: a patch becomes valid with its folder.

    Raises
    ------
    RasterError
        The array may not become a patch.
    StorageError
        The disk is full, read-only or failing.
    """
    data = encode_patch_tif(array, grid)
    with storage_errors(path):
        path.write_bytes(data)
    return data


def read_patch_tif(path: Path, most_px: int = MOST_PATCH_PX) -> tuple[npt.NDArray[np.float32], Grid]:
    """Read a patch raster whole and check its form.

    Parameters
    ----------
    path : Path
        The file.
    most_px : int
        The most pixels that it may declare; of one with more none is decoded.

    Returns
    -------
    ndarray of float32, shape (height, width)
        Backscatter in dB.
    Grid
        Its grid, with an authority code as CRS where it has one.

    Raises
    ------
    RasterError
        The file is unreadable or truncated, or not one float32 band without a nodata tag and with pixel areas.
    """
    try:
        with open_geotiff(path, most_px=most_px) as file:
            form = {
                "bands": (file.count, 1),
                "data type": (file.dtypes[0], "float32"),
                "nodata tag": (file.nodata, None),
                "AREA_OR_POINT": (file.tags().get("AREA_OR_POINT"), "Area"),
            }
            if file.crs is None:
                raise RasterError(f"{path}: no coordinate reference system")
            grid = Grid(crs_text(file.crs), tuple(file.transform)[:6], file.width, file.height)
            for what, (found, wanted) in form.items():
                if found != wanted:
                    raise RasterError(f"{path}: {what} is {found}, not {wanted}")
            return file.read(1), grid
    except (InputError, *GDAL_ERRORS) as error:
        if isinstance(error, RasterError):
            raise
        raise RasterError(f"{path}: unreadable or truncated ({gdal_reason(error)})") from error


def same_grid(found: Grid, wanted: Grid) -> bool:
    """Whether two grids are one: size, CRS, and transform to the micrometre."""
    return (
        found.shape == wanted.shape
        and same_crs(found.crs, wanted.crs)
        and bool(np.allclose(found.transform, wanted.transform, rtol=0, atol=1e-6))
    )
