"""Files of patches, several neighbours at a time: headers that stand ready, and pixels that are copied in between."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from gee_s1ben.dataset.form import PatchForm, form_of_grid
from gee_s1ben.dataset.validity import Pixels, plainly_plausible_each
from gee_s1ben.domain.grid import Grid

NEIGHBOURS = 16
"""Patches that are filled together: to call numpy takes as long as to copy one; with more, little is gained."""

_LINE_PX = 16
"""Pixels in a line of a processor's cache, of 64 bytes."""

Rasters = list[tuple[str, memoryview]]
"""The end of a file's name, such as ``_VV.tif``, and its content; sorted."""


class Mould:
    """Files of one form for each polarisation of up to :data:`NEIGHBOURS` patches, filled again and again.

    Parameters
    ----------
    patch : Grid
        Grid of a patch of the kind.
    polarisations : sequence of str
        Bands.
    """

    def __init__(self, patch: Grid, polarisations: Sequence[str]) -> None:
        self._kind = _kind(patch, polarisations)
        self._bands: list[_Band] = []
        self._files: list[Rasters] = []
        form = form_of_grid(patch)
        if form is not None:
            self._bands = [_Band(name, form) for name in sorted(polarisations)]
            files = [[(file_end(band.name), file) for file in band.files] for band in self._bands]
            self._files = [list(rasters) for rasters in zip(*files, strict=True)]

    def fits(self, patch: Grid, polarisations: Sequence[str]) -> bool:
        """Whether a patch is of this kind."""
        return _kind(patch, polarisations) == self._kind

    def fill(self, patches: Sequence[Grid], bands: Mapping[str, Pixels], rows: slice, cols: slice) -> list[Rasters]:
        """Fill files with patches that lie side by side.

        Parameters
        ----------
        patches : sequence of Grid
            From west to east, without a gap, at most :data:`NEIGHBOURS`.
        bands : mapping of str to ndarray of float32
            A raster, by polarisation.
        rows, cols : slice
            Where in the raster they lie, all together.

        Returns
        -------
        list of list of (str, memoryview)
            The files of each patch, good until the next call; none for a patch that is not plainly valid and
            plausible, or that rasterio itself has to write.
        """
        if not self._bands:
            return [[] for _ in patches]
        corners = [(patch.transform[2], patch.transform[5]) for patch in patches]
        good = [band.fill(bands[band.name][rows, cols], corners) for band in self._bands]
        return [files if all(plain) else [] for files, *plain in zip(self._files, *good, strict=False)]


class Moulds:
    """Moulds that nobody uses at the moment, for all threads: to make one takes as long as to write a dozen files."""

    def __init__(self) -> None:
        self._idle: list[Mould] = []

    def take(self, patch: Grid, polarisations: Sequence[str]) -> Mould:
        """Return one for patches of a kind."""
        with contextlib.suppress(IndexError):
            while not (mould := self._idle.pop()).fits(patch, polarisations):
                pass
            return mould
        return Mould(patch, polarisations)

    def give(self, mould: Mould) -> None:
        """Let others use it."""
        self._idle.append(mould)


class _Band:
    """Files of one polarisation, one after the other in memory."""

    def __init__(self, name: str, form: PatchForm) -> None:
        height, width = form.shape
        data = bytearray(form.blank() * NEIGHBOURS)
        self.name = name
        self.files = [memoryview(data)[start : start + form.size] for start in range(0, len(data), form.size)]
        self._corners: npt.NDArray[np.float64] = np.ndarray(
            (NEIGHBOURS, 2), "<f8", data, form.tie_point, (form.size, 8)
        )
        # A row of a patch as one thing of so many bytes: numpy moves it whole, with less ado than its numbers.
        self._row = np.dtype((np.void, 4 * width))
        self._rows: npt.NDArray[np.void] = np.ndarray(
            (NEIGHBOURS, height), self._row, data, form.header, (form.size, 4 * width)
        )
        self._pixels: Pixels = np.ndarray((NEIGHBOURS, height * width), np.float32, data, form.header, (form.size, 4))
        self._starts = self._pixels[:, :: form.strip_rows * width]

    def fill(self, raster: Pixels, corners: Sequence[tuple[float, float]]) -> list[bool]:
        """Copy the pixels of neighbours, (rows, all their columns), and write down where they lie.

        Returns
        -------
        list of bool
            Whether each is valid throughout and plausible, and GDAL would write no strip of it elsewhere than in its
            place.
        """
        if raster.strides[1] != raster.itemsize:
            raster = np.ascontiguousarray(raster)
        count = len(corners)
        # Touched row by row first, one pixel a line of the cache: memory is read ahead along the rows, but not along
        # the columns of patches that the copy follows. It saves a third of the time.
        np.maximum.reduce(raster.view(np.int32)[:, ::_LINE_PX], axis=0)
        self._rows[:count] = raster.view(self._row).T
        self._corners[:count] = corners
        valid, starts = plainly_plausible_each(self._pixels[:count]), self._starts[:count]
        if starts.all():
            return valid
        inside: list[bool] = np.logical_and.reduce(starts, axis=1).tolist()
        return [all(both) for both in zip(valid, inside, strict=True)]


def file_end(polarisation: str) -> str:
    """What the name of a raster has after its patch's."""
    return f"_{polarisation}.tif"


def _kind(patch: Grid, polarisations: Sequence[str]) -> tuple[object, ...]:
    a, b, _, d, e, _ = patch.transform
    return a, b, d, e, patch.width, patch.height, patch.crs, *polarisations
