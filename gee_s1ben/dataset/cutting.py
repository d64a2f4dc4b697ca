"""A raster on disk into patches, by one worker or several."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path

from gee_s1ben.dataset.batch import CutReport, PatchBatch
from gee_s1ben.dataset.layout import PatchRecord
from gee_s1ben.dataset.raster import open_raster
from gee_s1ben.dataset.validity import FillRule
from gee_s1ben.dataset.writer import PatchWriter
from gee_s1ben.domain.grid import Grid

_NO_FILLING = FillRule()


def cut_raster(
    path: Path,
    grid: Grid,
    polarisations: Sequence[str],
    records: Iterable[PatchRecord],
    writer: PatchWriter,
    *,
    fill: FillRule = _NO_FILLING,
    workers: int = 1,
    checksums: bool = True,
    sha256: str | None = None,
    named: bool = True,
) -> CutReport:
    """Cut a raster on disk into patches and write them.

    The patches appear when all of them are ready, or none of them does. Memory holds a row of patches a worker. Workers
    are threads: what they do, reading, copying, writing and checksums, leaves the interpreter free.

    Parameters
    ----------
    path : Path
        A GeoTIFF.
    grid : Grid
        Grid that it must have.
    polarisations : sequence of str
        Its bands, in order.
    records : iterable of PatchRecord
        The patches.
    writer : PatchWriter
        Where to.
    fill : FillRule
        What becomes of a patch with pixels without data.
    workers : int
        How many at a time.
    checksums : bool
        Whether to compute the SHA-256 of each file.
    sha256 : str, optional
        Checksum that the raster must have.
    named : bool
        Whether the raster must name its bands.

    Returns
    -------
    CutReport
        What became of every patch, by row and column.

    Raises
    ------
    RasterError
        The raster is broken or not the one wanted, or a patch does not lie on its pixels.
    StorageError
        The disk is full, read-only or failing.
    """
    ordered = sorted(records, key=lambda record: (record.row, record.col))
    rows = [list(group) for _, group in groupby(ordered, key=lambda record: record.row)]
    share = max(1, -(-len(rows) // max(1, workers)))
    parts = [rows[start : start + share] for start in range(0, len(rows), share)]

    report = CutReport()
    with ExitStack() as stack:
        raster = stack.enter_context(open_raster(path, grid, polarisations, sha256=sha256, named=named))
        # A batch puts its patches into place when it is left: here, after all workers have done their part.
        batches = [stack.enter_context(writer.batch(checksums=checksums)) for _ in parts]

        def work(part: Sequence[Sequence[PatchRecord]], batch: PatchBatch) -> CutReport:
            done = CutReport()
            for row in part:
                top, left, height, width = _block(row, grid)
                bands = raster.block(top, left, height, width)
                done.add(batch.cut(row, bands, grid.window(left, top, width, height), fill))
            return done

        if len(parts) < 2:
            outcomes: Iterator[CutReport] = map(work, parts, batches)
        else:  # left before the batches are, so that all work has ended
            outcomes = stack.enter_context(ThreadPoolExecutor(len(parts))).map(work, parts, batches)
        for done in outcomes:
            report.add(done)
    return report


def usable_cores() -> int:
    """Return how many processors this process may use: of a cluster's task, those that it was given."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _block(some: Sequence[PatchRecord], grid: Grid) -> tuple[int, int, int, int]:
    """First row and column, height and width of the block that patches of a row need, as far as the raster has it."""
    west, east = some[0], some[-1]
    (left, top), (right, bottom) = (
        grid.colrow(*record.grid.xy(*corner))
        for record, corner in ((west, (0, 0)), (east, (east.grid.width, east.grid.height)))
    )
    col, row = min(max(round(left), 0), grid.width - 1), min(max(round(top), 0), grid.height - 1)
    return row, col, max(1, min(round(bottom), grid.height) - row), max(1, min(round(right), grid.width) - col)
