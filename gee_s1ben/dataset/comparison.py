"""Our patches against the published ones: correlation, bias in dB, shift in pixels."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from gee_s1ben.dataset.alignment import Shift, find_shift
from gee_s1ben.dataset.atomic import atomic_write
from gee_s1ben.dataset.comparison_table import comparison_table
from gee_s1ben.dataset.contents import CheckedReader, Contents
from gee_s1ben.dataset.geotiff import same_grid
from gee_s1ben.dataset.manifest import PatchRow
from gee_s1ben.dataset.manifest_index import ManifestIndex
from gee_s1ben.dataset.published_patches import Pixels, Published
from gee_s1ben.domain.naming import S1PatchName
from gee_s1ben.errors import InputError, RasterError

Advance = Callable[[int], object]
"""Told how many more patches are done."""


@dataclass(frozen=True, slots=True)
class BandDifference:
    """One polarisation of ours against the same of theirs."""

    correlation: float | None
    """Pearson's, of decibels; None where one of them is flat."""
    bias_db: float
    """Mean of ours less mean of theirs."""
    rms_db: float
    """Root of the mean squared difference."""


@dataclass(frozen=True, slots=True)
class PatchComparison:
    """A patch of ours against a published one."""

    name: str
    """Ours."""
    published: str
    """Theirs."""
    bands: Mapping[str, BandDifference]
    """By polarisation."""
    shift: Shift | None
    """Where ours lies against theirs; None where that cannot be told."""

    @property
    def same_scene(self) -> bool:
        """Whether both are of one scene, and so of one moment."""
        return self.name == self.published


@dataclass(frozen=True, slots=True)
class Spread:
    """How a number is spread over the patches."""

    median: float
    low: float
    """5th percentile."""
    high: float
    """95th percentile."""

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """Return the spread of finite values; None where there are none."""
        found = np.asarray(values, dtype=np.float64)
        found = found[np.isfinite(found)]
        if not found.size:
            return None
        low, median, high = np.percentile(found, [5, 50, 95])
        return cls(float(median), float(low), float(high))


@dataclass(slots=True)
class Comparison:
    """What a comparison came to. Spreads are over patches of the same scene only."""

    report: Path
    """The table, a row a patch."""
    same_scene: int = 0
    """Patches of the same scene as the published one."""
    other_scene: int = 0
    """Patches for which the published dataset chose another scene."""
    unmatched: int = 0
    """Patches without a published counterpart on disk."""
    failures: list[tuple[str, str]] = field(default_factory=list)
    """Published patches that cannot be compared, and why."""
    numbers: dict[str, array[float]] = field(default_factory=dict)
    """Every number of the table, by its column."""

    def spread(self, column: str) -> Spread | None:
        """Spread of a column of the table, such as ``vv_bias_db``, ``shift_cols`` or ``shift_px``."""
        return Spread.of(self.numbers.get(column, array("d")))


def compare_bands(
    ours: Mapping[str, Pixels], theirs: Mapping[str, Pixels]
) -> tuple[Mapping[str, BandDifference], Shift | None]:
    """Compare the pixels of two patches on one grid.

    Parameters
    ----------
    ours, theirs : mapping of str to ndarray of float32, shape (rows, columns)
        Finite decibels by polarisation, the same ones in both.
    """
    names = sorted(ours)
    shift = find_shift([ours[name] for name in names], [theirs[name] for name in names])
    return {name: _difference(ours[name], theirs[name]) for name in names}, shift


def _difference(ours: Pixels, theirs: Pixels) -> BandDifference:
    a, b = ours.astype(np.float64), theirs.astype(np.float64)
    apart = a - b
    deviations = float(a.std() * b.std())
    covariance = float(np.mean((a - a.mean()) * (b - b.mean())))
    correlation = min(max(covariance / deviations, -1.0), 1.0) if deviations > 0 else None
    return BandDifference(correlation, float(apart.mean()), float(np.sqrt(np.mean(apart**2))))


def compare_dataset(root: Path, published: Path, report: Path, *, advance: Advance | None = None) -> Comparison:
    """Compare a dataset with the published one, patch by patch, and write a table of the outcome.

    A patch is compared with the published one of its name: the same scene, tile and place. Where the published dataset
    chose another scene for the Sentinel-2 patch, as its ``metadata.parquet`` tells, it is compared with that one and
    marked so.

    Parameters
    ----------
    root : Path
        Our dataset.
    published : Path
        The folder that holds ``BigEarthNet-S1`` or ``BigEarthNet-S1-v1.0``, or one of these itself.
    report : Path
        The table to write, ``.csv`` or ``.parquet``.
    advance : callable or None
        Told of every patch.

    Raises
    ------
    InputError
        One of the datasets is not there or broken, or they have no patch in common.
    RasterError
        A patch of ours is damaged.
    StorageError
        The disk is full, read-only or failing.
    """
    contents, theirs = Contents.open(root), Published(published)
    outcome = Comparison(report)
    with ManifestIndex.open(root) as manifest, atomic_write(report) as temporary:
        reader = CheckedReader(contents, manifest)
        with comparison_table(temporary, report.suffix, contents.polarisations) as table:
            for one in _compared(contents, theirs, reader, outcome, advance):
                row = _cells(one)
                table.write(row)
                _count(outcome, one, row)
        if not outcome.same_scene + outcome.other_scene + len(outcome.failures):
            raise InputError(f"{published} has none of the {outcome.unmatched} patches of {root}")
    return outcome


def _compared(
    contents: Contents, theirs: Published, reader: CheckedReader, outcome: Comparison, advance: Advance | None
) -> Iterator[PatchComparison]:
    for _, group in groupby(contents.rows(), key=lambda row: row.target):
        rows = list(group)
        partners = theirs.partners(row.s2_patch for row in rows)
        for row in rows:
            try:
                one = _compare(contents, theirs, reader, row, partners.get(row.s2_patch))
            except _NotComparableError as error:
                outcome.failures.append((row.name, str(error)))
            else:
                if one is None:
                    outcome.unmatched += 1
                else:
                    yield one
            if advance is not None:
                advance(1)


class _NotComparableError(Exception):
    """A published patch is there and cannot be compared."""


def _compare(
    contents: Contents, theirs: Published, reader: CheckedReader, row: PatchRow, partner: str | None
) -> PatchComparison | None:
    for text in dict.fromkeys((row.name, partner or row.name)):
        name = S1PatchName.parse(text)
        folder = theirs.folder(name)
        if folder is None:
            continue
        ours = reader.read(row)
        try:
            bands, grid = theirs.read(folder, name, contents.polarisations)
        except RasterError as error:
            raise _NotComparableError(str(error)) from error
        if not same_grid(ours.grid, grid):
            raise _NotComparableError(f"published {name} lies on another grid: {grid}, not {ours.grid}")
        differences, shift = compare_bands(ours.bands, bands)
        return PatchComparison(row.name, text, differences, shift)
    return None


def _cells(one: PatchComparison) -> dict[str, Any]:
    cells: dict[str, Any] = {"name": one.name, "published": one.published, "same_scene": one.same_scene}
    for name, found in one.bands.items():
        cells[f"{name.lower()}_correlation"] = found.correlation
        cells[f"{name.lower()}_bias_db"] = found.bias_db
        cells[f"{name.lower()}_rms_db"] = found.rms_db
    shift = one.shift
    cells["shift_cols"] = None if shift is None else shift.cols
    cells["shift_rows"] = None if shift is None else shift.rows
    cells["shift_px"] = None if shift is None else float(np.hypot(shift.cols, shift.rows))
    cells["shift_peak"] = None if shift is None else shift.peak
    return cells


def _count(outcome: Comparison, one: PatchComparison, row: Mapping[str, Any]) -> None:
    if not one.same_scene:
        outcome.other_scene += 1
        return
    outcome.same_scene += 1
    for column, value in row.items():
        if isinstance(value, float):
            outcome.numbers.setdefault(column, array("d")).append(value)
