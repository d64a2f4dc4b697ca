"""Many patches at once: made ready in a folder beside the dataset, then renamed into place together."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import numpy as np

from gee_s1ben.dataset.atomic import storage_errors
from gee_s1ben.dataset.form import form_of_grid
from gee_s1ben.dataset.geotiff import encode_patch_tif
from gee_s1ben.dataset.layout import Layout, PatchRecord
from gee_s1ben.dataset.validity import FillRule, Pixels, plainly_valid
from gee_s1ben.domain.grid import Grid
from gee_s1ben.errors import InputError, RasterError

_POLARISATION = re.compile(r"[A-Z]{2}")
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_OFF_GRID_PX = 1e-6
_NO_FILLING = FillRule()


class Publisher(Protocol):
    """What a batch needs of the writer it belongs to."""

    root: Path
    layout: Layout

    def new_partial(self) -> Path:
        """Return a path for something unfinished."""
        ...

    def publish(self, staged: Path, parent: str, names: list[str]) -> None:
        """Put patch folders into place."""
        ...


@dataclass(slots=True)
class CutReport:
    """What became of patches that were cut from a raster."""

    files: list[tuple[str, str]] = field(default_factory=list)
    """Path relative to the root and SHA-256 (empty without checksums) of each file written."""
    written: list[PatchRecord] = field(default_factory=list)
    """The patches written."""
    absent: list[tuple[PatchRecord, str]] = field(default_factory=list)
    """The patches that may not be written, and why."""
    filled: dict[str, int] = field(default_factory=dict)
    """Pixels without data that the fill rule gave a number, by name of patch."""

    def add(self, other: CutReport) -> None:
        """Take in what became of others."""
        self.files += other.files
        self.written += other.written
        self.absent += other.absent
        self.filled |= other.filled


class PatchBatch:
    """Patches that appear in the dataset together; made by :meth:`~gee_s1ben.dataset.writer.PatchWriter.batch`."""

    def __init__(self, writer: Publisher, *, checksums: bool = True) -> None:
        self._writer = writer
        self._checksums = checksums
        self._stage = ""
        self._parents: dict[str, tuple[str, list[str]]] = {}
        self._names: set[str] = set()
        self._mould: _Mould | None = None
        self._checked: Set[str] = frozenset()

    def __enter__(self) -> Self:
        stage = self._writer.new_partial()
        with storage_errors(self._writer.root):
            stage.mkdir()
        self._stage = str(stage)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                with storage_errors(self._writer.root):
                    for parent, (folder, names) in self._parents.items():
                        self._writer.publish(Path(folder), parent, names)
        finally:
            shutil.rmtree(self._stage, ignore_errors=True)

    def add(self, record: PatchRecord, bands: Mapping[str, Pixels]) -> list[tuple[str, str]]:
        """Write one patch from arrays of its own.

        Returns
        -------
        list of (str, str)
            Path relative to the root (with ``/``) and SHA-256 of each file, sorted by path.

        Raises
        ------
        RasterError
            A band is not float32, has another size than the grid, or a pixel without a number.
        InputError
            There is no band, one is not named as a polarisation, or the batch has the patch already.
        StorageError
            The disk is full, read-only or failing.
        """
        self._check_bands(record.name, bands)
        files = {}
        for polarisation, pixels in bands.items():
            try:
                files[polarisation] = encode_patch_tif(pixels, record.grid)
            except RasterError as error:
                raise RasterError(f"patch {record.name}, {polarisation}: {error}") from error
        with storage_errors(self._writer.root):
            return self._write(record, files)

    def cut(
        self,
        records: Iterable[PatchRecord],
        bands: Mapping[str, Pixels],
        grid: Grid,
        fill: FillRule = _NO_FILLING,
    ) -> CutReport:
        """Cut patches from a raster and write them.

        Parameters
        ----------
        records : iterable of PatchRecord
            The patches, each wholly inside the raster and on its pixels.
        bands : mapping of str to ndarray of float32, shape (rows, columns)
            The raster, backscatter in dB by polarisation.
        grid : Grid
            The raster's grid.
        fill : FillRule
            What becomes of a patch with pixels without data.

        Raises
        ------
        RasterError
            A band is not float32 or not of the grid's size, or holds a number that no radar measures; or a patch
            does not lie on the raster's pixels.
        InputError
            There is no band, one is not named as a polarisation, or the batch has a patch already.
        StorageError
            The disk is full, read-only or failing.
        """
        if bands.keys() != self._checked:
            self._check_bands("the raster", bands)
            self._checked = frozenset(bands)
        for polarisation, pixels in bands.items():
            if pixels.shape != grid.shape or pixels.dtype != np.float32:
                raise RasterError(
                    f"band {polarisation} of the raster must be float32 of {grid.height}×{grid.width} pixels, not "
                    f"{pixels.dtype} of shape {pixels.shape}"
                )
        report = CutReport()
        with storage_errors(self._writer.root), np.errstate(over="ignore", invalid="ignore"):
            for record in records:
                if self._mould is None or not self._mould.fits(record.grid, bands):
                    self._mould = _Mould(record.grid, bands)
                rows, cols = _window(record, grid)
                if self._mould.fill(record.grid, bands, rows, cols):
                    report.files += self._write(record, self._mould.files)
                    report.written.append(record)
                else:
                    self._cut_carefully(record, bands, rows, cols, fill, report)
        return report

    def _cut_carefully(
        self,
        record: PatchRecord,
        bands: Mapping[str, Pixels],
        rows: slice,
        cols: slice,
        fill: FillRule,
        report: CutReport,
    ) -> None:
        cut = {name: np.ascontiguousarray(pixels[rows, cols]) for name, pixels in bands.items()}
        try:
            outcome = fill.apply(cut)
            if isinstance(outcome, str):
                report.absent.append((record, outcome))
                return
            filled, count = outcome
            files = {name: encode_patch_tif(pixels, record.grid) for name, pixels in filled.items()}
        except RasterError as error:
            raise RasterError(f"patch {record.name}: {error}") from error
        if count:
            report.filled[str(record.name)] = count
        report.files += self._write(record, files)
        report.written.append(record)

    def _write(self, record: PatchRecord, rasters: Mapping[str, bytes | bytearray]) -> list[tuple[str, str]]:
        """Write the folder of a patch under the stage; the rasters are given by polarisation."""
        name, parent = str(record.name), self._writer.layout.parent(record.name)
        if name in self._names:
            raise InputError(f"patch {name} comes twice")
        self._names.add(name)
        if parent not in self._parents:
            self._parents[parent] = f"{self._stage}/{len(self._parents)}", []
            os.mkdir(self._parents[parent][0])  # noqa: PTH102  as text, see below
        staged, names = self._parents[parent]
        names.append(name)
        folder = f"{staged}/{name}"
        os.mkdir(folder)  # noqa: PTH102  a Path a file would cost as much as opening it
        files: list[tuple[str, bytes | bytearray]] = [(f"{name}_{band}.tif", data) for band, data in rasters.items()]
        files += self._writer.layout.companions(record).items()
        files.sort()
        written = []
        for file, data in files:
            descriptor = os.open(f"{folder}/{file}", _NEW_FILE, 0o666)
            try:
                done = os.write(descriptor, data)
                while done < len(data):  # a disk that is filling up takes less at first and says why after
                    done += os.write(descriptor, data[done:])
            finally:
                os.close(descriptor)
            written.append((f"{parent}/{name}/{file}", sha256(data).hexdigest() if self._checksums else ""))
        return written

    def _check_bands(self, what: object, bands: Mapping[str, Pixels]) -> None:
        if not bands:
            raise InputError(f"{what}: there is no band to write")
        for polarisation in bands:
            if not _POLARISATION.fullmatch(polarisation):
                raise InputError(f"{what}: {polarisation[:40]!r} is not a polarisation such as VV")


class _Mould:
    """Files of one form, one for each polarisation, to be filled with patch after patch."""

    def __init__(self, patch: Grid, bands: Mapping[str, Pixels]) -> None:
        form = form_of_grid(patch)
        self._form = form
        self._kind = (*patch.transform[:2], *patch.transform[3:5], patch.width, patch.height, patch.crs)
        self.files: dict[str, bytearray] = {} if form is None else {name: form.blank() for name in bands}
        self._bands: list[tuple[str, bytearray, Pixels, Pixels, Pixels]] = []
        if form is not None:
            for name, data in self.files.items():
                inside = form.pixels(data)
                # Looked over quickest in rows of some hundreds of pixels, whatever a row of the patch has.
                lines = inside.reshape(-1, 4 * patch.width) if patch.height % 4 == 0 else inside
                self._bands.append((name, data, inside, lines, form.strip_starts(inside)))

    def fits(self, patch: Grid, bands: Mapping[str, Pixels]) -> bool:
        """Whether a patch is of this kind."""
        a, b, _, d, e, _ = patch.transform
        return (a, b, d, e, patch.width, patch.height, patch.crs) == self._kind and len(bands) == len(
            self.files or bands
        )

    def fill(self, patch: Grid, bands: Mapping[str, Pixels], rows: slice, cols: slice) -> bool:
        """Fill the files with a patch; False if it is not plainly valid, or of no form."""
        if self._form is None:
            return False
        x, y = patch.transform[2], patch.transform[5]
        for name, data, inside, lines, starts in self._bands:
            np.copyto(inside, bands[name][rows, cols])
            if not plainly_valid(lines) or 0.0 in starts.tolist():
                return False
            self._form.place(data, x, y)
        return True


def _window(record: PatchRecord, grid: Grid) -> tuple[slice, slice]:
    """Rows and columns of a patch in a raster."""
    patch = record.grid
    a, b, x, d, e, y = patch.transform
    if (a, b, d, e, patch.crs) != (*grid.transform[:2], *grid.transform[3:5], grid.crs):
        raise RasterError(f"patch {record.name} has another CRS or pixel than the raster it is to be cut from")
    col, row = grid.colrow(x, y)
    left, top = round(col), round(row)
    if abs(col - left) > _OFF_GRID_PX or abs(row - top) > _OFF_GRID_PX:
        raise RasterError(
            f"patch {record.name} lies {col - left:+.3g} columns and {row - top:+.3g} rows off the raster's pixels"
        )
    if left < 0 or top < 0 or left + patch.width > grid.width or top + patch.height > grid.height:
        raise RasterError(f"patch {record.name} lies outside the raster it is to be cut from")
    return slice(top, top + patch.height), slice(left, left + patch.width)
