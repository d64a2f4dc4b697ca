"""Patches onto the disk, each folder whole or absent."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gee_s1ben.dataset.atomic import PARTIAL_PREFIX, storage_errors, sweep_partial, sync
from gee_s1ben.dataset.geotiff import encode_patch_tif
from gee_s1ben.dataset.layout import Layout, PatchRecord, raster_name
from gee_s1ben.dataset.manifest import PROVENANCE
from gee_s1ben.domain.naming import S1PatchName
from gee_s1ben.errors import InputError, RasterError

_POLARISATION = re.compile(r"[A-Z]{2}")


class PatchWriter:
    """Writes patch folders under a dataset's root.

    A folder is made ready under a ``.partial-`` name in the root and then renamed into place, so that a kill at any
    instruction leaves each patch whole or absent; what it leaves unfinished is removed when the next writer is made.
    One writer at a time may work on a root. Files are not flushed one by one: call :meth:`flush` before recording
    them as done.

    Parameters
    ----------
    root : Path
        The dataset; made if it does not exist.
    layout : Layout
        Where a patch lies and what lies beside it.

    Raises
    ------
    StorageError
        The root cannot be made or swept.
    """

    def __init__(self, root: Path, layout: Layout) -> None:
        self.root = root
        self.layout = layout
        self._serial = itertools.count()
        self._touched: set[Path] = set()
        with storage_errors(root):
            root.mkdir(parents=True, exist_ok=True)
        self.swept = sweep_partial(root) + sweep_partial(root / PROVENANCE)

    def write(self, record: PatchRecord, bands: Mapping[str, npt.NDArray[np.float32]]) -> list[tuple[str, str]]:
        """Write one patch, replacing what stands in its place.

        Parameters
        ----------
        record : PatchRecord
            Name, grid and sources.
        bands : mapping of str to ndarray of float32, shape (height, width)
            Backscatter in dB by polarisation.

        Returns
        -------
        list of (str, str)
            Path relative to the root (with ``/``) and SHA-256 of each file, sorted by path.

        Raises
        ------
        RasterError
            A band is not float32, has another size than the grid, or a pixel without a number.
        InputError
            There is no band, or one is not named as a polarisation.
        StorageError
            The disk is full, read-only or failing; the patch is then absent, or as it was.
        """
        files = self._encode(record, bands)
        relative = self.layout.folder(record.name)
        folder = self.root / relative
        partial = self._partial()
        with storage_errors(folder):
            try:
                partial.mkdir()
                for name, data in files.items():
                    (partial / name).write_bytes(data)
                folder.parent.mkdir(parents=True, exist_ok=True)
                self._replace(partial, folder)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise
        self._touched.add(folder.parent)
        return [(str(relative / name), hashlib.sha256(data).hexdigest()) for name, data in sorted(files.items())]

    def remove(self, name: S1PatchName) -> bool:
        """Remove a patch, whole; return whether it was there.

        Raises
        ------
        StorageError
            The disk is read-only or failing.
        """
        folder = self.root / self.layout.folder(name)
        with storage_errors(folder):
            if not folder.exists():
                return False
            partial = self._partial()
            folder.rename(partial)
            shutil.rmtree(partial)
        return True

    def flush(self) -> None:
        """Flush all that was written to disk, so that what is recorded next cannot outlive it.

        Raises
        ------
        StorageError
            The disk is failing.
        """
        with storage_errors(self.root):
            # One call for thousands of files, where flushing each would take longer than writing them.
            if hasattr(os, "sync"):
                os.sync()
            for folder in sorted(self._touched):
                sync(folder)
            sync(self.root)
        self._touched.clear()

    def _encode(self, record: PatchRecord, bands: Mapping[str, npt.NDArray[np.float32]]) -> dict[str, bytes]:
        if not bands:
            raise InputError(f"patch {record.name} has no band to write")
        files = dict(self.layout.companions(record))
        for polarisation, array in bands.items():
            if not _POLARISATION.fullmatch(polarisation):
                raise InputError(f"patch {record.name}: {polarisation!r} is not a polarisation such as VV")
            try:
                files[raster_name(record.name, polarisation)] = encode_patch_tif(array, record.grid)
            except RasterError as error:
                raise RasterError(f"patch {record.name}, {polarisation}: {error}") from error
        return files

    def _partial(self) -> Path:
        return self.root / f"{PARTIAL_PREFIX}{os.getpid()}-{next(self._serial)}"

    def _replace(self, partial: Path, folder: Path) -> None:
        if folder.exists():
            # A folder cannot be renamed onto a full one; between the two renames the patch is absent, never mixed.
            old = self._partial()
            folder.rename(old)
            partial.rename(folder)
            shutil.rmtree(old)
        else:
            partial.rename(folder)
