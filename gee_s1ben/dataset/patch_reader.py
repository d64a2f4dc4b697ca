"""Patch rasters read back at a fixed offset, after their header was compared; with a decoder where that fails."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gee_s1ben.dataset.form import PatchForm, form_of_file
from gee_s1ben.dataset.geotiff import read_patch_tif
from gee_s1ben.domain.grid import Grid
from gee_s1ben.errors import RasterError
from gee_s1ben.storage.files import read_regular
from gee_s1ben.storage.geotiff import MOST_PATCH_PX

_MOST_FORMS = 64
_READ_AHEAD = 4096


class PatchReader:
    """Reads patch rasters, fast where many are of one kind.

    The first file of a kind is read through rasterio, checked, and what surrounds its pixels is kept; the next ones
    only have to have the same bytes there. Ours and the published ones both have. Every other file goes through
    rasterio. Threads may share it.
    """

    def __init__(self) -> None:
        self._forms: tuple[PatchForm, ...] = ()  # replaced, never changed, so that threads need no lock

    def read(self, path: Path | str) -> tuple[npt.NDArray[np.float32], Grid]:
        """Read a patch raster whole.

        Returns
        -------
        ndarray of float32, shape (rows, columns)
            Backscatter in dB.
        Grid
            Its grid.

        Raises
        ------
        RasterError
            The file is unreadable or truncated, or not one float32 band without a nodata tag and with pixel areas.
        """
        data = self._load(path)
        form = self._form(data)
        return self._learn(data, path) if form is None else (form.pixels(data), form.grid(data))

    def array(self, path: Path | str) -> npt.NDArray[np.float32]:
        """Read the pixels of a patch raster; see :meth:`read`."""
        data = self._load(path)
        form = self._form(data)
        return self._learn(data, path)[0] if form is None else form.pixels(data)

    def decode(
        self, data: bytes | bytearray, path: Path | str, most_px: int = MOST_PATCH_PX
    ) -> tuple[npt.NDArray[np.float32], Grid]:
        """Like :meth:`read`, where the bytes of the file have been read already; the pixels share their memory."""
        form = self._form(data)
        return self._learn(data, path, most_px) if form is None else (form.pixels(data), form.grid(data))

    def grid(self, path: Path | str) -> Grid:
        """Read the grid of a patch raster, of a known kind from its header alone."""
        try:
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # to open a pipe would wait for it
            with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123
                start, size = file.read(_READ_AHEAD), os.fstat(file.fileno()).st_size
        except OSError as error:
            raise _unreadable(path, error) from error
        for form in self._forms:
            if size == form.size and form.header <= len(start) and form.fits_header(start):
                return form.grid(start)
        return self.read(path)[1]

    def _load(self, path: Path | str) -> bytearray:
        try:
            return read_regular(path)
        except OSError as error:
            raise _unreadable(path, error) from error

    def _form(self, data: bytes | bytearray) -> PatchForm | None:
        forms = self._forms
        for place, form in enumerate(forms):
            if form.fits(data):
                if place:
                    self._forms = (form, *forms[:place], *forms[place + 1 :])
                return form
        return None

    def _learn(
        self, data: bytes | bytearray, path: Path | str, most_px: int = MOST_PATCH_PX
    ) -> tuple[npt.NDArray[np.float32], Grid]:
        array, grid = read_patch_tif(Path(path), most_px)
        form = form_of_file(data, grid)
        # What the decoder makes of the file decides; the shortcut is kept only if it gives the same.
        if form is not None and form.fits(data) and form.pixels(data).tobytes() == array.tobytes():
            self._forms = (form, *self._forms[: _MOST_FORMS - 1])
        return array, grid


def _unreadable(path: Path | str, error: OSError) -> RasterError:
    return RasterError(f"{path}: unreadable or truncated ({error.strerror or error})")
