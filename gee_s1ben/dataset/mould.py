"""Files of patches, several neighbours at a time: headers that stand ready, and pixels that are copied in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from gee_s1ben.dataset.form import PatchForm, form_of_grid
from gee_s1ben.dataset.validity import Pixels, plain_rows
from gee_s1ben.domain.grid import Grid

NEIGHBOURS = 8
"""Patches that are filled together: to call numpy takes as long as to copy one, and these stay in a core's cache."""

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
        self._kind = _kind(patch)
        self._polarisations = tuple(polarisations)
        self._form = form_of_grid(patch)
        self._bands: list[_Band] = []
        self._files: list[Rasters] = [[] for _ in range(NEIGHBOURS)]
        if self._form is not None:
            self._bands = [_Band(name, self._form) for name in sorted(polarisations)]
            self._files = [[(file_end(band.name), band.files[place]) for band in self._bands]
                           for place in range(NEIGHBOURS)]  # fmt: skip

    def fits(self, patch: Grid, polarisations: Sequence[str]) -> bool:
        """Whether a patch is of this kind."""
        return _kind(patch) == self._kind and tuple(polarisations) == self._polarisations

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
            The files of each patch, good until the next call; none for a patch that is not plainly valid, or that
            rasterio itself has to write.
        """
        if self._form is None:
            return [[] for _ in patches]
        count, good = len(patches), [True] * len(patches)
        for band in self._bands:
            band.copy(bands[band.name][rows, cols], count)
            good = [one and other for one, other in zip(good, band.plain(count), strict=True)]
            for patch, file in zip(patches, band.files, strict=False):
                self._form.place(file, patch.transform[2], patch.transform[5])
        return [files if plain else [] for files, plain in zip(self._files, good, strict=False)]


class _Band:
    """Files of one polarisation, one after the other in memory."""

    def __init__(self, name: str, form: PatchForm) -> None:
        height, width = form.shape
        data = bytearray(form.blank() * NEIGHBOURS)
        self.name = name
        self.files = [memoryview(data)[start : start + form.size] for start in range(0, len(data), form.size)]
        self._pixels: Pixels = np.ndarray(
            (NEIGHBOURS, height, width), np.float32, data, form.header, (form.size, 4 * width, 4)
        )
        self._bits: npt.NDArray[np.int32] = np.ndarray(
            (NEIGHBOURS, height * width), np.int32, data, form.header, (form.size, 4)
        )
        self._starts = self._pixels[:, :: form.strip_rows, 0]

    def copy(self, raster: Pixels, count: int) -> None:
        """Copy the pixels of neighbours, (rows, all their columns)."""
        height, width = raster.shape
        np.copyto(self._pixels[:count], raster.reshape(height, count, width // count).transpose(1, 0, 2))

    def plain(self, count: int) -> list[bool]:
        """Whether each is valid throughout, and GDAL would write no strip of it elsewhere than in its place."""
        valid = plain_rows(self._bits[:count])
        some_zero = not self._starts[:count].all()
        if some_zero:
            valid = [one and bool(starts.all()) for one, starts in zip(valid, self._starts, strict=False)]
        return valid


def file_end(polarisation: str) -> str:
    """What the name of a raster has after its patch's."""
    return f"_{polarisation}.tif"


def _kind(patch: Grid) -> tuple[float, float, float, float, int, int, str]:
    a, b, _, d, e, _ = patch.transform
    return a, b, d, e, patch.width, patch.height, patch.crs
