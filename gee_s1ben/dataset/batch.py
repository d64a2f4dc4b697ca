"""Many patches at once: made ready in a folder beside the dataset, then renamed into place together."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import numpy as np

from gee_s1ben.dataset.atomic import storage_errors
from gee_s1ben.dataset.geotiff import encode_patch_tif
from gee_s1ben.dataset.layout import Layout, PatchRecord
from gee_s1ben.dataset.mould import NEIGHBOURS, Mould, Moulds, file_end
from gee_s1ben.dataset.validity import FillRule, Pixels
from gee_s1ben.domain.grid import Grid, Transform
from gee_s1ben.errors import InputError, RasterError

_POLARISATION = re.compile(r"[A-Z]{2}")
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_OFF_GRID_PX = 1e-6
_NO_FILLING = FillRule()

Data = bytes | memoryview
"""A file's content."""


class Publisher(Protocol):
    """What a batch needs of the writer it belongs to."""

    root: Path
    layout: Layout
    moulds: Moulds

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
        self._stage = Path()
        self._stage_fd = -1
        self._parents: dict[str, tuple[str, list[str]]] = {}
        self._names: set[str] = set()
        self._mould: Mould | None = None
        self._checked: Set[str] = frozenset()

    def __enter__(self) -> Self:
        self._stage = self._writer.new_partial()
        with storage_errors(self._writer.root):
            self._stage.mkdir()
            self._stage_fd = os.open(self._stage, os.O_RDONLY | os.O_DIRECTORY)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                with storage_errors(self._writer.root):
                    for parent, (folder, names) in self._parents.items():
                        self._writer.publish(self._stage / folder, parent, names)
        finally:
            if self._mould is not None:
                self._writer.moulds.give(self._mould)
            os.close(self._stage_fd)
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
        files = []
        for polarisation in sorted(bands):
            try:
                files.append((file_end(polarisation), encode_patch_tif(bands[polarisation], record.grid)))
            except RasterError as error:
                raise RasterError(f"patch {record.name}, {polarisation}: {error}") from error
        with storage_errors(self._writer.root):
            return self._write([(record, files)])

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
        with storage_errors(self._writer.root):
            for some, rows, cols in _side_by_side(records, grid):
                if self._mould is None or not self._mould.fits(some[0].grid, tuple(bands)):
                    self._mould = self._writer.moulds.take(some[0].grid, tuple(bands))
                width = some[0].grid.width
                filled = self._mould.fill([record.grid for record in some], bands, rows, cols)
                if all(filled):
                    report.files += self._write(zip(some, filled, strict=True))
                    report.written += some
                    continue
                for left, record, files in zip(range(cols.start, cols.stop, width), some, filled, strict=True):
                    if files:
                        report.files += self._write([(record, files)])
                        report.written.append(record)
                    else:
                        self._cut_carefully(record, bands, rows, slice(left, left + width), fill, report)
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
            files = [(file_end(name), encode_patch_tif(filled[name], record.grid)) for name in sorted(filled)]
        except RasterError as error:
            raise RasterError(f"patch {record.name}: {error}") from error
        if count:
            report.filled[str(record.name)] = count
        report.files += self._write([(record, files)])
        report.written.append(record)

    def _write(self, patches: Iterable[tuple[PatchRecord, Iterable[tuple[str, Data]]]]) -> list[tuple[str, str]]:
        """Write the folders of patches under the stage; return path to be and SHA-256 of each file.

        Rasters are given by the end of their names, sorted.
        """
        layout, stage = self._writer.layout, self._stage_fd
        folders: list[str] = []
        files: list[tuple[str, str, Data]] = []
        # Paths are text, and from the stage: a Path a file would cost as much as opening it, and so would a long way.
        for record, rasters in patches:
            name = str(record.name)
            if name in self._names:
                raise InputError(f"patch {name} comes twice")
            self._names.add(name)
            parent = layout.parent(record.name)
            staged, names = self._parents.get(parent) or self._new_parent(parent)
            names.append(name)
            folder, target = f"{staged}/{name}", f"{parent}/{name}"
            folders.append(folder)
            contents: Iterable[tuple[str, Data]] = [(f"{name}{end}", data) for end, data in rasters]
            if companions := layout.companions(record):
                contents = sorted([*contents, *companions.items()])
            files += [(f"{folder}/{file}", f"{target}/{file}", data) for file, data in contents]
        # The system is called for all of them in one go: each file goes through the processor's caches and throws out
        # what Python needs, so that what it does between two calls takes longer than here above.
        for folder in folders:
            os.mkdir(folder, dir_fd=stage)
        for path, _, data in files:
            descriptor = os.open(path, _NEW_FILE, 0o666, dir_fd=stage)
            try:
                done = os.write(descriptor, data)
                while done < len(data):  # a disk that is filling up takes less at first and says why after
                    done += os.write(descriptor, data[done:])
            finally:
                os.close(descriptor)
        return [(path, sha256(data).hexdigest() if self._checksums else "") for _, path, data in files]

    def _new_parent(self, parent: str) -> tuple[str, list[str]]:
        staged = self._parents[parent] = str(len(self._parents)), []
        os.mkdir(staged[0], dir_fd=self._stage_fd)
        return staged

    def _check_bands(self, what: object, bands: Mapping[str, Pixels]) -> None:
        if not bands:
            raise InputError(f"{what}: there is no band to write")
        for polarisation in bands:
            if not _POLARISATION.fullmatch(polarisation):
                raise InputError(f"{what}: {polarisation[:40]!r} is not a polarisation such as VV")


def _side_by_side(records: Iterable[PatchRecord], grid: Grid) -> Iterator[tuple[list[PatchRecord], slice, slice]]:
    """Put neighbours of one kind together, from west to east; with the rows and columns of all of them in a raster."""
    some: list[PatchRecord] = []
    kind: tuple[object, ...] = ()
    beside: Transform = grid.transform
    top = left = right = height = 0
    for record in records:
        patch = record.grid
        a, b, x, d, e, y = transform = patch.transform
        width = patch.width
        if (
            not some
            or transform != beside
            or len(some) == NEIGHBOURS
            or right + width > grid.width
            or (width, patch.height, patch.crs) != kind
        ):
            if some:
                yield some, slice(top, top + height), slice(left, right)
            some, height, kind = [], patch.height, (width, patch.height, patch.crs)
            top, left = _place(record, grid)
            right = left
        some.append(record)
        right += width
        beside = a, b, x + a * width, d, e, y + d * width
    if some:
        yield some, slice(top, top + height), slice(left, right)


def _place(record: PatchRecord, grid: Grid) -> tuple[int, int]:
    """First row and column of a patch in a raster."""
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
    return top, left
