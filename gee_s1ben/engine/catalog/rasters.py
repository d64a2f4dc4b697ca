"""Rasters on their way into the catalog: read whole, checked, rewritten as Cloud-Optimized GeoTIFFs."""

from __future__ import annotations

import re
import warnings
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
import rasterio.shutil
from affine import Affine
from rasterio.enums import MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from gee_s1ben.domain.grid import Grid, Transform
from gee_s1ben.engine.catalog.identifiers import check_band_names
from gee_s1ben.engine.catalog.properties import BandHint
from gee_s1ben.errors import RasterError, StorageError

BLOCK_PX = 512
_DATA_TYPES = {"float32": "float", "float64": "double"} | {
    name: name for name in ("int8", "uint8", "int16", "uint16", "int32", "uint32")
}
_CLOUD_OPTIMIZED = {
    "driver": "COG", "COMPRESS": "ZSTD", "LEVEL": "1", "PREDICTOR": "YES", "BLOCKSIZE": str(BLOCK_PX),
    "OVERVIEWS": "NONE", "BIGTIFF": "IF_SAFER", "NUM_THREADS": "ALL_CPUS",
}  # fmt: skip
"""Earth Engine's pyramid is not imitated, and speckle does not compress: speed counts, not the last percent."""


@dataclass(frozen=True, slots=True)
class SourceBand:
    """A band of a raster that is to be added."""

    name: str
    """The name that it gets."""
    path: Path
    """The raster."""
    index: int
    """Number in the raster, from 1."""
    grid: Grid
    """The raster's own grid."""
    data_type: str
    """As Earth Engine says it."""


@dataclass(frozen=True, slots=True)
class WrittenBand:
    """A band rewritten as a Cloud-Optimized GeoTIFF."""

    source: SourceBand
    """What it was made from."""
    path: Path
    """The new file."""
    dtype: str
    """numpy's name of the type."""
    nodata: float | None
    """Value of masked pixels."""
    valid: Grid | None
    """The smallest window that holds all valid pixels; None where there are none."""
    crc32: int
    """Of the pixels, row by row."""


def survey(
    rasters: Sequence[Path], band_names: Sequence[str] | None, hints: Sequence[BandHint]
) -> tuple[SourceBand, ...]:
    """Find the bands of an image in its rasters, and name them.

    Parameters
    ----------
    rasters : sequence of Path
        GeoTIFFs, all bands in one or one a band.
    band_names : sequence of str or None
        Names in the order of the rasters; otherwise they are the bands' descriptions, else what the properties say
        where the number of bands agrees, else the end of the file's name (``VV.tif``, ``scene_VV.tif``).
    hints : sequence of BandHint
        What the properties say.

    Returns
    -------
    tuple of SourceBand
        In the order of the rasters.

    Raises
    ------
    RasterError
        A raster is no GeoTIFF, or has no georeference, no CRS, or a type that Earth Engine has not.
    CatalogError
        No band, or two of one name.
    """
    found: list[tuple[Path, int, Grid, str, str | None]] = []
    for path in rasters:
        with _open(path) as dataset:
            grid = _grid_of(dataset, path)
            for index, (dtype, description) in enumerate(zip(dataset.dtypes, dataset.descriptions, strict=True), 1):
                if dtype not in _DATA_TYPES:
                    raise RasterError(
                        f"{path}: band {index} is {dtype}; floats and integers up to 32 bits can be added"
                    )
                # A band without a description in a file of its own is named by the file.
                tail = re.split(r"[_.]", path.stem)[-1] if dataset.count == 1 else None
                found.append((path, index, grid, dtype, description or tail))
    names = _names([entry[4] for entry in found], len(rasters), band_names, hints)
    precisions = {hint.name: hint.data_type for hint in hints}
    return tuple(
        SourceBand(name, path, index, grid, _data_type(dtype, precisions.get(name)))
        for name, (path, index, grid, dtype, _) in zip(names, found, strict=True)
    )


def write_band(source: SourceBand, folder: Path) -> WrittenBand:
    """Decode a band to its last pixel and write it as a Cloud-Optimized GeoTIFF, in bounded memory.

    Valid pixels keep their bits. Pixels masked in the raster, and in floating-point bands those that are not finite,
    become NaN. The new file is read back and compared.

    Parameters
    ----------
    source : SourceBand
        The band.
    folder : Path
        Where ``<name>.tif`` is written.

    Raises
    ------
    RasterError
        The raster is truncated or damaged.
    StorageError
        The new file cannot be written, or does not read back as written.
    """
    target, plain = folder / f"{source.name}.tif", folder / f"{source.name}.plain.tif"
    with _open(source.path) as dataset:
        dtype = dataset.dtypes[source.index - 1]
        floating = np.dtype(dtype).kind == "f"
        nodata = np.nan if floating else dataset.nodatavals[source.index - 1]
        if not floating and MaskFlags.per_dataset in dataset.mask_flag_enums[source.index - 1]:
            raise RasterError(
                f"{source.path}: a mask beside integer pixels is not kept; export it with a no-data value"
            )
        profile = {
            "driver": "GTiff", "dtype": dtype, "count": 1, "width": source.grid.width, "height": source.grid.height,
            "crs": dataset.crs, "transform": dataset.transform, "nodata": nodata, "BIGTIFF": "IF_SAFER",
            "tiled": True, "blockxsize": BLOCK_PX, "blockysize": BLOCK_PX,
        }  # fmt: skip
        extent = _Extent()
        checksum = 0
        try:
            with rasterio.open(plain, "w", **profile) as writer:
                for row, values in _strips(dataset, source, nodata):
                    extent.include(row, np.isfinite(values) if floating else values != nodata)
                    checksum = zlib.crc32(values.data, checksum)
                    _write(writer, values, row)
                writer.set_band_description(1, source.name)
            rasterio.shutil.copy(plain, target, **_CLOUD_OPTIMIZED)
            plain.unlink()
            with rasterio.open(target, driver="GTiff") as written:
                again = 0
                for row in range(0, source.grid.height, BLOCK_PX):
                    again = zlib.crc32(written.read(1, window=_rows(source.grid, row)).data, again)
        except RasterError:
            raise
        except (RasterioError, OSError) as error:
            raise StorageError(f"cannot write {target}: {_line(error)}; check the space and the permissions") from error
    if again != checksum:
        raise StorageError(f"{target} does not read back as written: the disk is full or failing")
    return WrittenBand(source, target, dtype, nodata, extent.of(source.grid), checksum)


class _Extent:
    """The rows and columns seen with a valid pixel."""

    def __init__(self) -> None:
        self.rows: tuple[int, int] | None = None
        self.cols: tuple[int, int] = (0, 0)

    def include(self, first_row: int, valid: npt.NDArray[np.bool_]) -> None:
        rows, cols = np.flatnonzero(valid.any(axis=1)), np.flatnonzero(valid.any(axis=0))
        if not len(rows):
            return
        top, bottom, left, right = first_row + rows[0], first_row + rows[-1] + 1, cols[0], cols[-1] + 1
        if self.rows is not None:
            top, left, right = self.rows[0], min(left, self.cols[0]), max(right, self.cols[1])
        self.rows, self.cols = (int(top), int(bottom)), (int(left), int(right))

    def of(self, grid: Grid) -> Grid | None:
        if self.rows is None:
            return None
        return grid.window(self.cols[0], self.rows[0], self.cols[1] - self.cols[0], self.rows[1] - self.rows[0])


def _open(path: Path) -> Any:
    if not path.is_file():
        raise RasterError(f"{path} does not exist or is no file")
    try:
        with warnings.catch_warnings():
            # Said as an error by those who need the georeference.
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            # Only GeoTIFF: other drivers follow references to other files and hosts.
            return rasterio.open(path, driver="GTiff")
    except RasterioError as error:
        raise RasterError(f"{path} is not a readable GeoTIFF: {_line(error)}") from error


def _grid_of(dataset: Any, path: Path) -> Grid:
    if dataset.crs is None:
        raise RasterError(f"{path} has no coordinate reference system: export it with one")
    if dataset.transform == Affine.identity():
        raise RasterError(f"{path} is not georeferenced: it has no transform")
    a, b, c, d, e, f = tuple(dataset.transform)[:6]
    transform: Transform = (a, b, c, d, e, f)
    epsg = dataset.crs.to_epsg(confidence_threshold=100)
    crs = f"EPSG:{epsg}" if epsg else dataset.crs.to_wkt(version="WKT2_2019")
    return Grid(crs, transform, dataset.width, dataset.height)


def _names(own: Sequence[str | None], files: int, given: Sequence[str] | None, hints: Sequence[BandHint]) -> list[str]:
    if given is not None:
        if len(given) != len(own):
            raise RasterError(f"{len(given)} band names are given for {len(own)} bands")
        return check_band_names(list(given))
    told = [hint.name for hint in hints]
    if all(own) and not (files == len(own) == len(told) == 1):
        return check_band_names([str(name) for name in own])
    if files == 1 and len(told) == len(own):
        return check_band_names(told)
    if all(own):
        return check_band_names([str(name) for name in own])
    raise RasterError(
        f"the names of {len(own)} bands are unknown: their descriptions are empty and the properties name "
        f"{len(told)}; give the names"
    )


def _data_type(dtype: str, told: str | None) -> str:
    # Exports are often narrowed to float32, while Earth Engine goes on computing in double.
    return "double" if dtype == "float32" and told == "double" else _DATA_TYPES[dtype]


def _strips(dataset: Any, source: SourceBand, nodata: float | None) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    flags = dataset.mask_flag_enums[source.index - 1]
    declared = dataset.nodatavals[source.index - 1]
    masked = MaskFlags.all_valid not in flags and not (declared is not None and np.isnan(declared))
    floating = nodata is not None and np.isnan(nodata)
    for row in range(0, source.grid.height, BLOCK_PX):
        window = _rows(source.grid, row)
        try:
            values = dataset.read(source.index, window=window)
            if floating and masked:
                values[dataset.read_masks(source.index, window=window) == 0] = np.nan
        except (RasterioError, OSError) as error:
            raise RasterError(
                f"{source.path} cannot be decoded from row {row} on, it is truncated or damaged: {_line(error)}"
            ) from error
        if floating:
            # One bit pattern for all masked pixels, so that equal scenes are equal files.
            values[~np.isfinite(values)] = np.nan
        yield row, values


def _rows(grid: Grid, row: int) -> Window:
    return Window(0, row, grid.width, min(BLOCK_PX, grid.height - row))


def _write(writer: Any, values: npt.NDArray[Any], row: int) -> None:
    writer.write(values, 1, window=Window(0, row, values.shape[1], values.shape[0]))


def _line(error: BaseException) -> str:
    """First line of what GDAL said; the cause says more than rasterio's own sentence."""
    return (
        str(error.__cause__ or error).strip().splitlines()[0] if str(error.__cause__ or error).strip() else "no reason"
    )
