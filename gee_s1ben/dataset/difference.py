"""Two datasets, patch by patch."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gee_s1ben.dataset.geotiff import same_grid
from gee_s1ben.dataset.stored import Dataset, StoredPatch
from gee_s1ben.domain.plural import plural
from gee_s1ben.errors import RasterError
from gee_s1ben.storage.files import read_patch
from gee_s1ben.storage.json_text import parse_json


@dataclass(frozen=True, slots=True)
class Difference:
    """Something in which two datasets differ."""

    patch: str
    """Name of the patch."""
    what: str
    """What differs, in words."""
    pixels: int = 0
    """How many pixels differ, of a band whose pixels do."""
    max_db: float = 0.0
    """By how many dB at most; infinite where one has a number and the other has not."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A patch that was looked at."""

    patch: str
    """Its name."""
    differences: tuple[Difference, ...]
    """In what the datasets differ there."""
    only_in: Literal["a", "b"] | None = None
    """The only dataset that has it; None where both do, and it was compared."""


def diff_datasets(a: Dataset, b: Dataset, *, tolerance_db: float = 0.0, metadata: bool = True) -> Iterator[Compared]:
    """Compare two datasets patch by patch, by name, in any layout; memory holds one patch of each.

    Files that encode the same pixels on the same grid in other bytes do not differ.

    Parameters
    ----------
    a, b : Dataset
        The datasets.
    tolerance_db : float
        Pixels that differ by no more count as equal.
    metadata : bool
        Whether to compare the metadata JSON of patches that have one in both.

    Yields
    ------
    Compared
        Every patch of either, by scene and name.

    Raises
    ------
    InputError
        A folder is not named as a patch.
    """
    first = ((patch.key, 0, patch) for patch in a.patches())
    second = ((patch.key, 1, patch) for patch in b.patches())
    merged = heapq.merge(first, second, key=lambda entry: entry[:2])
    for (_, name), group in groupby(merged, key=lambda entry: entry[0]):
        found = {side: patch for _, side, patch in group}
        if len(found) == 2:
            yield Compared(name, tuple(_differences(a, found[0], b, found[1], tolerance_db, metadata)))
        else:
            root = (a if 0 in found else b).root
            yield Compared(name, (Difference(name, f"only in {root}"),), "a" if 0 in found else "b")


def _differences(
    a: Dataset, one: StoredPatch, b: Dataset, other: StoredPatch, tolerance_db: float, metadata: bool
) -> Iterator[Difference]:
    name = str(one.name)
    for band in sorted(set(one.polarisations) ^ set(other.polarisations)):
        yield Difference(name, f"{band} only in {(a if band in one.polarisations else b).root}")
    for band in sorted(set(one.polarisations) & set(other.polarisations)):
        try:
            found = _band_difference(a, one.path(band), b, other.path(band), tolerance_db)
        except (RasterError, OSError) as error:
            yield Difference(name, " ".join(str(error).split()))
            continue
        if isinstance(found, str):
            yield Difference(name, f"{band}: {found}")
        elif found[0]:
            count, largest = found
            differ = "differs" if count == 1 else "differ"
            yield Difference(
                name,
                f"{band}: {plural(count, 'pixel')} {differ}, by at most {largest:.6g} dB",
                count,
                largest,
            )
    if metadata:
        yield from (Difference(name, what) for what in _metadata_differences(one, other))


def _band_difference(a: Dataset, one: Path, b: Dataset, other: Path, tolerance_db: float) -> tuple[int, float] | str:
    """Pixels that differ and by how much at most, or in what the rasters cannot be compared."""
    data, other_data = read_patch(one), read_patch(other)
    if data == other_data:
        return 0, 0.0
    pixels, grid = a.reader.decode(data, one)
    other_pixels, other_grid = b.reader.decode(other_data, other)
    if not same_grid(grid, other_grid):
        return f"on {grid} in {a.root}, on {other_grid} in {b.root}"
    with np.errstate(invalid="ignore"):
        apart = np.abs(pixels.astype(np.float64) - other_pixels)
    equal = (apart <= tolerance_db) | (pixels == other_pixels) | (np.isnan(pixels) & np.isnan(other_pixels))
    if equal.all():
        return 0, 0.0
    return int((~equal).sum()), float(np.nan_to_num(apart[~equal], nan=np.inf).max())


def _metadata_differences(one: StoredPatch, other: StoredPatch) -> Iterator[str]:
    paths = [patch.folder / f"{patch.name}_labels_metadata.json" for patch in (one, other)]
    if not all(path.exists() for path in paths):
        return
    texts: list[Any] = []
    for path in paths:
        try:
            texts.append(parse_json(read_patch(path)))
        except (ValueError, OSError, RasterError, RecursionError) as error:
            yield f"{path}: unreadable ({error})"
            return
    if not all(isinstance(text, dict) for text in texts):
        yield "a metadata JSON is not an object"
        return
    keys = sorted(key for key in texts[0] | texts[1] if texts[0].get(key) != texts[1].get(key))
    if keys:
        yield f"metadata differ in {', '.join(map(str, keys))}"
