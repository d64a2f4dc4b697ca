"""The bytes of a patch raster around its pixels, which are the same in every patch of a kind but for its place.

A hundred and twenty by hundred and twenty pixels make a file of 58 kB, of which all but 408 bytes are the pixels as
they are in memory, and of those 408 only sixteen, the tie-point, differ between the patches of a UTM zone. Writing is
therefore one copy and reading one comparison, at the speed of the file system, where a decoder takes fifteen to sixty
times as long. The 408 bytes are not made up here: they are taken from what rasterio writes, and tried against it.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.io import MemoryFile

from gee_s1ben.dataset.crs import rasterio_crs
from gee_s1ben.dataset.tiff import STRIP_ROWS, TIE_POINT, float_bands, read_tags
from gee_s1ben.domain.grid import Grid

_XY = struct.Struct("<2d")


@dataclass(frozen=True, slots=True)
class PatchForm:
    """A kind of patch raster: one float32 band, uncompressed, north up, of one CRS, pixel size and size."""

    crs: str
    """CRS of the grids."""
    scale: tuple[float, float]
    """Width and (negative) height of a pixel."""
    shape: tuple[int, int]
    """(rows, columns)."""
    strip_rows: int
    """Rows of a strip."""
    before: bytes
    """The file up to the tie-point."""
    after: bytes
    """The file between the tie-point and the first pixel."""

    tie_point: int = field(init=False)
    """Where x and y of the corner of the first pixel stand, as little-endian doubles."""
    header: int = field(init=False)
    """Bytes before the first pixel."""
    size: int = field(init=False)
    """Bytes of the whole file."""

    def __post_init__(self) -> None:
        header = len(self.before) + _XY.size + len(self.after)
        object.__setattr__(self, "tie_point", len(self.before))
        object.__setattr__(self, "header", header)
        object.__setattr__(self, "size", header + 4 * self.shape[0] * self.shape[1])

    def fits(self, data: bytes | bytearray) -> bool:
        """Whether a file is of this form: every byte but the tie-point and the pixels is its."""
        return len(data) == self.size and self.fits_header(data)

    def fits_header(self, data: bytes | bytearray) -> bool:
        """Whether the beginning of a file is of this form."""
        return (
            data.startswith(self.before)
            and data[self.tie_point + _XY.size : self.header] == self.after
            and all(map(math.isfinite, _XY.unpack_from(data, self.tie_point)))
        )

    def grid(self, data: bytes | bytearray) -> Grid:
        """Grid of a file of this form, of which the header is enough."""
        x, y = _XY.unpack_from(data, self.tie_point)
        return Grid(self.crs, (self.scale[0], 0.0, x, 0.0, self.scale[1], y), self.shape[1], self.shape[0])

    def pixels(self, data: bytes | bytearray) -> npt.NDArray[np.float32]:
        """Pixels of a file of this form, (rows, columns); they share its memory."""
        return np.frombuffer(data, np.float32, offset=self.header).reshape(self.shape)

    def strip_starts(self, pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """First pixel of each strip, sharing the memory of the pixels.

        GDAL looks there whether a strip may be 0 throughout. It puts such a one at the end of the file, so a patch in
        which one of these is 0 is not of this form.
        """
        return pixels[:: self.strip_rows, 0]

    def head(self, x: float, y: float) -> bytes:
        """Return all that stands before the pixels of a file whose first pixel's corner is given."""
        return self.before + _XY.pack(x, y) + self.after

    def blank(self) -> bytes:
        """Return a file of this form with its corner at the origin and every pixel 0, to be filled in."""
        return self.head(0, 0) + bytes(self.size - self.header)


def form_of_grid(grid: Grid) -> PatchForm | None:
    """Return the form that rasterio writes for a grid; None if it has none, and rasterio itself has to write.

    It is taken from one file of rasterio's and must give another one byte for byte.
    """
    a, b, _, d, e, _ = grid.transform
    # GDAL writes a matrix for these, and nothing at all for one that is the identity.
    if b or d or a <= 0 or e >= 0 or (a, e) == (1, -1):
        return None
    return _form_by_rasterio(grid.crs, a, e, grid.width, grid.height)


def form_of_file(data: bytes | bytearray, grid: Grid) -> PatchForm | None:
    """Return the form of a file whose grid is known; None if its pixels do not simply follow its header."""
    tags = read_tags(data)
    found = None if tags is None else float_bands(tags)
    if tags is None or found is None:
        return None
    first, bands, height, width = found
    a, b, x, d, e, y = grid.transform
    tie = tags.get(TIE_POINT)
    if (
        (bands, height, width) != (1, *grid.shape)
        or first + 4 * height * width != len(data)
        or b or d
        or tie is None
        or tie.values.tolist() != [0, 0, 0, x, y, 0]
        or tie.offset + tie.values.nbytes > first
    ):  # fmt: skip
        return None
    place = tie.offset + 3 * 8
    strip_rows = int(tags[STRIP_ROWS].values[0].item()) if STRIP_ROWS in tags else height
    head = bytes(data[:first])
    return PatchForm(grid.crs, (a, e), grid.shape, strip_rows, head[:place], head[place + _XY.size :])


def rasterio_bytes(array: npt.NDArray[np.float32], grid: Grid) -> bytes:
    """Return the file that rasterio writes by default: float32, one band, uncompressed, no nodata tag, pixel areas.

    Raises
    ------
    RasterError
        The grid's CRS is unknown.
    """
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            width=grid.width,
            height=grid.height,
            count=1,
            dtype="float32",
            crs=rasterio_crs(grid.crs),
            transform=rasterio.Affine(*grid.transform),
        ) as file:
            file.write(array, 1)
        return bytes(memory.getbuffer())


@lru_cache(maxsize=64)
def _form_by_rasterio(crs: str, a: float, e: float, width: int, height: int) -> PatchForm | None:
    samples = []
    for x, y, seed in ((500_010.5, 4_200_000.25, 1), (-20.125, 7.0, 2)):
        grid = Grid(crs, (a, 0.0, x, 0.0, e, y), width, height)
        array = np.random.default_rng(seed).uniform(-30, -1, grid.shape).astype(np.float32)
        samples.append((grid, array, rasterio_bytes(array, grid)))
    form = form_of_file(samples[0][2], samples[0][0])
    if form is None:
        return None
    grid, array, expected = samples[1]
    return form if form.head(grid.transform[2], grid.transform[5]) + array.tobytes() == expected else None
