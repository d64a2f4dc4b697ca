"""The leaves of every image: bands in the files of the catalog."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from rasterio.io import DatasetReader
from rasterio.windows import Window

from gee_s1ben.domain.grid import Grid
from gee_s1ben.engine.catalog import BandRecord, ImageRecord
from gee_s1ben.engine.lattice import Lattice
from gee_s1ben.engine.operations import INTEGER_RANGES
from gee_s1ben.engine.sources import StoredSource
from gee_s1ben.engine.values import Band, Image, PixelType, Projection
from gee_s1ben.errors import EngineError, RasterError
from gee_s1ben.storage.geotiff import GDAL_ERRORS, open_geotiff

_OPEN_FILES_A_THREAD = 32


class _Handles(threading.local):
    """Open files of a thread: GDAL's handles must not be shared between threads."""

    def __init__(self) -> None:
        self.open: OrderedDict[Path, DatasetReader] = OrderedDict()

    def get(self, path: Path) -> DatasetReader:
        handle = self.open.pop(path, None)
        if handle is None:
            handle = open_geotiff(path)
            while len(self.open) >= _OPEN_FILES_A_THREAD:
                self.open.popitem(last=False)[1].close()
        self.open[path] = handle
        return handle

    def forget(self, path: Path) -> None:
        handle = self.open.pop(path, None)
        if handle is not None:
            handle.close()


_HANDLES = _Handles()


@lru_cache(maxsize=4096)
def _lattice_of(grid: Grid) -> tuple[Lattice, int, int]:
    return Lattice.of_grid(grid)


@dataclass(frozen=True, slots=True)
class FileBand:
    """A band of a file in the catalog."""

    image_id: str
    record: BandRecord
    modified_ns: int
    """When the file was written: a file that was replaced is another band."""

    @property
    def lattice(self) -> tuple[Lattice, int, int]:
        """Its lattice, and the (column, row) of its first pixel there."""
        return _lattice_of(self.record.grid)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        return self.record.grid.width, self.record.grid.height

    def read(
        self, col: int, row: int, width: int, height: int
    ) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.bool_] | None]:
        """Read a window.

        Returns
        -------
        values : ndarray, shape (height, width)
            As they stand in the file.
        valid : ndarray of bool or None
            False where the pixel is NaN or the file's no-data value; None where all are valid.

        Raises
        ------
        EngineError
            The file is missing, truncated or not what the catalog says.
        """
        path = self.record.path
        try:
            values = _HANDLES.get(path).read(self.record.index, window=Window(col, row, width, height))
        except (RasterError, *GDAL_ERRORS, IndexError) as error:
            _HANDLES.forget(path)
            raise EngineError(
                f"Image.load: Band '{self.record.name}' of image '{self.image_id}' cannot be read: {path.name} is "
                f"missing, truncated or damaged. Add the image to the catalog again with --overwrite."
            ) from error
        invalid = np.isnan(values) if values.dtype.kind == "f" else np.zeros((), bool)
        if self.record.nodata is not None and not np.isnan(self.record.nodata):
            invalid = invalid | (values == self.record.nodata)
        return values, (~invalid if invalid.any() else None)


def load_image(record: ImageRecord) -> Image:
    """Make the image of a scene in the catalog; no pixel is read yet."""
    return Image(
        bands=tuple(_band(record.id, band) for band in record.bands),
        properties=MappingProxyType(dict(record.properties)),
        id=record.id,
    )


def _band(image_id: str, record: BandRecord) -> Band:
    try:
        modified_ns = record.path.stat().st_mtime_ns
    except OSError:
        modified_ns = -1
    return Band(
        name=record.name,
        pixel_type=pixel_type(record.data_type),
        projection=Projection(record.grid.crs, record.grid.transform),
        source=StoredSource(FileBand(image_id, record, modified_ns)),
        dimensions=(record.grid.width, record.grid.height),
    )


def pixel_type(data_type: str) -> PixelType:
    """Return the pixel type of a numpy or Earth Engine type name.

    Raises
    ------
    EngineError
        The name is unknown.
    """
    if data_type in ("float", "float32"):
        return PixelType("float")
    if data_type in ("double", "float64"):
        return PixelType("double")
    if data_type in INTEGER_RANGES:
        low, high = INTEGER_RANGES[data_type]
        return PixelType("int", low, high)
    raise EngineError(f"PixelType: unknown type '{data_type}'")
