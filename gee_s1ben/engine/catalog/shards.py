"""Exports in several files: ``<name>-<row>-<column>.tif``, into which Earth Engine splits a large image.

Row and column are the place of a file's first pixel in the whole image. Source: Earth Engine's guide "Exporting
images", "Large file exports".
"""

from __future__ import annotations

import re
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window

from gee_s1ben.errors import RasterError
from gee_s1ben.storage.geotiff import MOST_SCENE_PX, open_geotiff

_SHARD = re.compile(r"(?P<name>.+)-(?P<row>[0-9]{10})-(?P<col>[0-9]{10})(?P<ending>\.tiff?)", re.IGNORECASE)
_TIFF = (".tif", ".tiff")
_PLACE_PX = 0.01
"""How far a file may lie from where its name says."""
_MOST_OPEN = 64
"""Files that are open at a time; systems allow a process about a thousand."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One file of an export."""

    path: Path
    """A GeoTIFF."""
    row: int
    """Row of its first pixel in the whole image."""
    col: int
    """Column of its first pixel in the whole image."""


@dataclass(frozen=True, slots=True)
class ShardedRaster:
    """The files that make one raster."""

    name: str
    """What their names begin with."""
    shards: tuple[Shard, ...]
    """In order of row, then of column; at least two, each at a place of its own, with none missing between them."""

    def __post_init__(self) -> None:
        places = {(shard.row, shard.col): shard for shard in self.shards}
        if len(places) < len(self.shards):
            twice = next(shard for shard in self.shards if places[shard.row, shard.col] is not shard)
            raise RasterError(
                f"{twice.path} is given twice: {twice.path.name} of two folders are one part of {self.name}"
            )
        rows, cols = sorted({0, *(row for row, _ in places)}), sorted({0, *(col for _, col in places)})
        wanted = [(row, col) for row in rows for col in cols]
        missing = next((place for place in wanted if place not in places), None)
        if missing is None and len(wanted) > 1:
            return
        first = self.shards[0].path
        ending = first.suffix
        what = "every file but one" if missing is None else f"{self.name}-{missing[0]:010d}-{missing[1]:010d}{ending}"
        raise RasterError(
            f"{first.parent}: {what} of the export {self.name} is missing: give all of its files; if Earth Engine left "
            f"out empty ones (skipEmptyTiles), export again without that"
        )

    def __str__(self) -> str:
        first = self.shards[0].path
        return str(first.with_name(f"{self.name}-*{first.suffix}"))

    @property
    def stem(self) -> str:
        """What names the band where the files have one each, as a path has."""
        return self.name


def open_raster(path: Path | ShardedRaster) -> Any:
    """Open a GeoTIFF, or the files of an export as one; to be closed by the caller.

    Raises
    ------
    RasterError
        It is no readable GeoTIFF, or the files do not fit together.
    """
    with warnings.catch_warnings():
        # Said as an error by who asks for the grid; not where threads open files, which share the filters of warnings.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return ShardedDataset(path) if isinstance(path, ShardedRaster) else open_geotiff(path)


def expand(rasters: Iterable[Path]) -> tuple[list[Path], list[str]]:
    """Find all files that are meant: those in a folder, and the other parts of an export of which one is given.

    Returns
    -------
    paths : list of Path
        In the order given, each once.
    notes : list of str
        What was taken that was not named, a line each.

    Raises
    ------
    RasterError
        A folder holds no GeoTIFF, or cannot be read.
    """
    given = list(rasters)
    found: dict[Path, None] = {}
    notes = []
    for path in given:
        if path.is_dir():
            inside = _tiffs(path)
            if not inside:
                raise RasterError(f"{path} is a folder without a GeoTIFF (.tif)")
            notes.append(f"{path}: {len(inside)} GeoTIFFs are read")
            found.update(dict.fromkeys(inside))
        elif (part := _SHARD.fullmatch(path.name)) and path.is_file():
            beside = [
                other
                for other in _tiffs(path.parent)
                if (of := _SHARD.fullmatch(other.name)) and of["name"] == part["name"]
            ]
            more = [other for other in beside if other not in found and other not in given]
            if more:
                notes.append(f"{path} is a part of an export: {len(more)} more beside it are read ({more[0].name} …)")
            found.update(dict.fromkeys([path, *more]))
        else:
            found[path] = None
    return list(found), notes


def gather(paths: Sequence[Path]) -> list[Path | ShardedRaster]:
    """Put the files of each export together; other rasters stay as they are.

    Raises
    ------
    RasterError
        A file of an export is missing, or is there twice.
    """
    groups: dict[str, list[Shard]] = {}
    whole: dict[str, Path] = {}
    for path in paths:
        if part := _SHARD.fullmatch(path.name):
            groups.setdefault(part["name"], []).append(Shard(path, int(part["row"]), int(part["col"])))
            whole.setdefault(part["name"], path)
        else:
            # A path has a separator, or is a file beside which no export of that name lies.
            whole[f"/{path}"] = path
    return [
        ShardedRaster(name, tuple(sorted(groups[name], key=lambda shard: (shard.row, shard.col))))
        if name in groups
        else path
        for name, path in whole.items()
    ]


class ShardedDataset:
    """The files of an export as one dataset of rasterio, as far as a reader of strips needs one.

    What is not said here (type, CRS, no-data value, descriptions, scales, …) is the first file's, which all share.
    Pixels are read from the files that a window touches.
    """

    def __init__(self, raster: ShardedRaster) -> None:
        self._raster = raster
        self._opened: OrderedDict[Shard, Any] = OrderedDict()
        self._sizes: dict[Shard, tuple[int, int]] = {}
        self._first = open_geotiff(raster.shards[0].path)
        try:
            self.transform: Affine = self._first.transform
            for shard in raster.shards:
                self._check(shard)
            self.width, self.height = self._check_places()
        except BaseException:
            self._first.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for dataset in (self._first, *self._opened.values()):
            dataset.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._first, name)

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of the whole image."""
        return self.height, self.width

    def read(self, index: int, window: Window) -> npt.NDArray[Any]:
        """Pixels of a band in a window of the whole image, (rows, columns)."""
        return self._pasted(window, self._first.dtypes[index - 1], lambda part, inside: part.read(index, window=inside))

    def read_masks(self, index: int, window: Window) -> npt.NDArray[Any]:
        """Mask of a band in a window of the whole image, 0 where there are no data."""
        return self._pasted(window, "uint8", lambda part, inside: part.read_masks(index, window=inside))

    def _pasted(self, window: Window, dtype: str, read: Callable[[Any, Window], Any]) -> npt.NDArray[Any]:
        left, top, width, height = (round(side) for side in window.flatten())
        values = np.empty((height, width), dtype)
        for shard, (rows, cols) in self._sizes.items():
            first_row, last_row = max(top, shard.row), min(top + height, shard.row + rows)
            first_col, last_col = max(left, shard.col), min(left + width, shard.col + cols)
            if first_row >= last_row or first_col >= last_col:
                continue
            inside = Window(first_col - shard.col, first_row - shard.row, last_col - first_col, last_row - first_row)
            place = slice(first_row - top, last_row - top), slice(first_col - left, last_col - left)
            values[place] = read(self._dataset(shard), inside)
        return values

    def _dataset(self, shard: Shard) -> Any:
        if shard not in self._opened:
            if len(self._opened) >= _MOST_OPEN:
                self._opened.popitem(last=False)[1].close()
            self._opened[shard] = open_geotiff(shard.path)
        self._opened.move_to_end(shard)
        return self._opened[shard]

    def _check(self, shard: Shard) -> None:
        first = self._raster.shards[0].path
        with open_geotiff(shard.path) as part:
            for what, mine, others in _facts(part, self._first):
                if mine != others:
                    raise RasterError(
                        f"{shard.path}: {what} {mine}, but {first.name} has {others}: they are not one export"
                    )
            col, row = ~self.transform @ (part.transform.c, part.transform.f)
            if not max(abs(col - shard.col), abs(row - shard.row)) <= _PLACE_PX:
                raise RasterError(
                    f"{shard.path} lies at row {row:.2f}, column {col:.2f} of {first.name}, not where its name says: "
                    f"they are not one export, or were resampled"
                )
            self._sizes[shard] = part.shape

    def _check_places(self) -> tuple[int, int]:
        """Hold the files' sizes against their places, and return width and height of the whole."""
        cols, rows = sorted({shard.col for shard in self._sizes}), sorted({shard.row for shard in self._sizes})
        last = self._sizes[self._raster.shards[-1]]
        width, height = cols[-1] + last[1], rows[-1] + last[0]
        widths = {start: stop - start for start, stop in pairwise([*cols, width])}
        heights = {start: stop - start for start, stop in pairwise([*rows, height])}
        for shard, (tall, wide) in self._sizes.items():
            for size, room, what in ((wide, widths[shard.col], "columns"), (tall, heights[shard.row], "rows")):
                if size != room:
                    fault = "overlaps the next one" if size > room else "leaves a gap to the next one"
                    raise RasterError(
                        f"{shard.path} has {size} {what} where {room} belong, it {fault}: export it again"
                    )
        if width * height > MOST_SCENE_PX:
            raise RasterError(f"{self._raster}: {width}×{height} pixels, where at most {MOST_SCENE_PX} in all are read")
        return width, height


def _facts(one: Any, other: Any) -> Iterator[tuple[str, Any, Any]]:
    """What all files of an export share: its name, and the value in each of two."""
    yield "it has the coordinate reference system", str(one.crs)[:60], str(other.crs)[:60]
    yield "it has pixels of", tuple(one.transform)[:2] + tuple(one.transform)[3:5], (
        tuple(other.transform)[:2] + tuple(other.transform)[3:5]
    )  # fmt: skip
    yield "it has bands of the types", one.dtypes, other.dtypes
    yield "it has the bands", one.descriptions, other.descriptions
    yield "it has the no-data values", str(one.nodatavals), str(other.nodatavals)
    yield "it has the scales and offsets", (one.scales, one.offsets), (other.scales, other.offsets)
    yield "it has the units", one.units, other.units
    yield "it has bands for", one.colorinterp, other.colorinterp


def _tiffs(folder: Path) -> list[Path]:
    try:
        return sorted(
            path
            for path in folder.iterdir()
            if path.suffix.lower() in _TIFF and not path.name.startswith(".") and path.is_file()
        )
    except OSError as error:
        raise RasterError(f"{folder} cannot be read: {error.strerror or error}") from error
