"""What stands on disk against the manifest and what was expected."""

from __future__ import annotations

import hashlib
import heapq
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from gee_s1ben.dataset.atomic import PARTIAL_PREFIX
from gee_s1ben.dataset.geotiff import same_grid
from gee_s1ben.dataset.layout import Layout, raster_name
from gee_s1ben.dataset.manifest import PROVENANCE, manifest_path, read_manifest
from gee_s1ben.dataset.manifest_index import ManifestIndex
from gee_s1ben.dataset.patch_reader import PatchReader
from gee_s1ben.dataset.sampling import sample
from gee_s1ben.dataset.stored import open_dataset
from gee_s1ben.dataset.validity import Pixels, implausible
from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.naming import S1PatchName
from gee_s1ben.domain.tile import PATCH_PX, tile_grid
from gee_s1ben.errors import InputError, NamingError, RasterError
from gee_s1ben.storage.files import read_patch
from gee_s1ben.storage.geotiff import MOST_PATCH_PX
from gee_s1ben.storage.json_text import parse_json

_RASTER = re.compile(r"_([A-Z]{2})\.tif$")


@dataclass(frozen=True, slots=True)
class ExpectedPatch:
    """A patch that must be there, and how."""

    name: S1PatchName
    """Its name."""
    grid: Grid | None
    """Its exact grid; None if it is not known."""
    polarisations: tuple[str, ...] = ("VV", "VH")
    """Its rasters."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be."""

    what: str
    """The patch, or the path relative to the dataset's root."""
    reason: str
    """What is wrong with it."""


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """Outcome of a verification."""

    checked: int
    """Patches expected."""
    missing: tuple[Finding, ...]
    """Expected, and their folder is not there."""
    wrong: tuple[Finding, ...]
    """There, but not right."""
    extra: tuple[Finding, ...]
    """On disk, but in no manifest."""

    @property
    def right(self) -> int:
        """Patches that are there and right."""
        return self.checked - len(self.missing) - len(self.wrong)

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not (self.missing or self.wrong or self.extra)


def verify_dataset(
    root: Path, expected: Iterable[ExpectedPatch], layout: Layout, *, strays: bool = True
) -> VerificationReport:
    """Read every expected patch again, whole, and compare it with the manifest and with what was asked for.

    A patch is right if its folder holds exactly its files, their SHA-256 are the manifest's, and each raster decodes
    to finite float32 on the exact grid, which can be backscatter. One patch is held at a time; memory grows with the
    names expected only, so a large dataset is best verified a target at a time.

    Parameters
    ----------
    root : Path
        The dataset.
    expected : iterable of ExpectedPatch
        What must be there; one given twice counts once.
    layout : Layout
        Where patches lie.
    strays : bool
        Whether to look, over the whole dataset, for files that no manifest names.

    Returns
    -------
    VerificationReport
        At most one finding for each patch, the first; in order of path.

    Raises
    ------
    InputError
        The manifest or the dataset's record is broken.
    """
    wanted = {f"{layout.folder(patch.name)}/": patch for patch in expected}
    return _verify(root, (wanted[folder] for folder in sorted(wanted)), layout, strays=strays)


def _verify(root: Path, expected: Iterable[ExpectedPatch], layout: Layout, *, strays: bool) -> VerificationReport:
    """Verify patches that come in the order of their paths, each once."""
    checked = 0
    missing: list[Finding] = []
    wrong: list[Finding] = []
    reader, fill_db = PatchReader(), _fill_db(root)
    with _index(root) as manifest:
        for patch in expected:
            checked += 1
            folder = layout.folder(patch.name)
            if not (root / folder).is_dir():
                missing.append(Finding(str(patch.name), "its folder is not there"))
                continue
            reason = _check_patch(root / folder, patch, layout, manifest.digests(folder), reader, fill_db)
            if reason is not None:
                wrong.append(Finding(str(patch.name), reason))
    extra = tuple(find_strays(root, layout)) if strays else ()
    return VerificationReport(checked, tuple(missing), tuple(wrong), extra)


def _index(root: Path) -> AbstractContextManager[ManifestIndex]:
    path = manifest_path(root)
    return ManifestIndex.open(root) if path.exists() else nullcontext(ManifestIndex(b"", path))


def verify_stored(root: Path, sample_count: int | None = None, seed: int = 0) -> VerificationReport:
    """Verify a dataset against its own manifest, without the plan that it was made by.

    The grid of a patch is checked where its name tells it: patches of 120 pixels in a tile of Sentinel-2. One patch is
    held at a time, and the names of one folder.

    Parameters
    ----------
    root : Path
        The dataset.
    sample_count : int or None
        How many patches to look at, drawn at random; all of them, and what no manifest names, if None.
    seed : int
        The same seed draws the same patches.

    Returns
    -------
    VerificationReport
        See :func:`verify_dataset`.

    Raises
    ------
    InputError
        There is no dataset or no manifest, or the manifest is broken.
    """
    layout = open_dataset(root).layout
    if not manifest_path(root).exists():
        raise InputError(f"{root} has no manifest ({manifest_path(root)}): there is nothing to verify it against")
    expected = sample(_expected(root, layout), sample_count, seed)
    return _verify(root, expected, layout, strays=sample_count is None)


def _expected(root: Path, layout: Layout) -> Iterator[ExpectedPatch]:
    """Patches of a manifest."""
    inside = (path for path, _ in read_manifest(root) if path.startswith(f"{layout.top}/"))
    for folder, paths in groupby(inside, key=lambda path: path.rpartition("/")[0]):
        name = S1PatchName.parse(folder.rpartition("/")[2])
        rasters = (_RASTER.search(path) for path in paths)
        yield ExpectedPatch(name, _grid_by_name(name), tuple(found[1] for found in rasters if found))


def _grid_by_name(name: S1PatchName) -> Grid | None:
    try:
        tile = tile_grid(name.tile)
    except NamingError:
        return None
    return tile.window(name.col * PATCH_PX, name.row * PATCH_PX, PATCH_PX, PATCH_PX)


def find_strays(root: Path, layout: Layout) -> Iterator[Finding]:
    """Yield what lies under the layout's folder and is not in the manifest, in order of path.

    Disk and manifest are read side by side; memory holds the names that stand in one folder: in layout v2 the patches
    of a scene, in layout v1 all.
    """
    on_disk = ((path, 0) for path in _walk(root, layout.top))
    in_manifest = ((path, 1) for path, _ in read_manifest(root))
    for path, group in groupby(heapq.merge(on_disk, in_manifest), key=lambda entry: entry[0]):
        if {source for _, source in group} == {0}:
            yield Finding(path, "not in the manifest")


def _check_patch(
    folder: Path,
    patch: ExpectedPatch,
    layout: Layout,
    digests: dict[str, str],
    reader: PatchReader,
    fill_db: float | None,
) -> str | None:
    """First thing wrong with a patch folder, or None."""
    wanted = set(layout.files(patch.name, patch.polarisations))
    found = {entry.name for entry in folder.iterdir()}
    if found != wanted:
        lacking, surplus = sorted(wanted - found), sorted(found - wanted)
        return "; ".join(
            [f"{name} is not there" for name in lacking] + [f"{name!a} does not belong there" for name in surplus]
        )
    contents: dict[str, bytearray] = {}
    bands: dict[str, Pixels] = {}
    most_px = MOST_PATCH_PX if patch.grid is None else patch.grid.width * patch.grid.height
    for name in sorted(wanted):
        if name not in digests:
            return f"{name} is not in the manifest"
        try:
            contents[name] = data = read_patch(folder / name)
        except OSError as error:
            return f"{name} cannot be read: {error.strerror or error}"
        except RasterError as error:
            return str(error)
        if hashlib.sha256(data).hexdigest() != digests[name]:
            return f"{name} differs from its checksum in the manifest"
    for polarisation in patch.polarisations:
        name = raster_name(patch.name, polarisation)
        try:
            array, grid = reader.decode(contents[name], folder / name, most_px)
        except RasterError as error:
            return str(error)
        if patch.grid is not None and not same_grid(grid, patch.grid):
            return f"{name} lies on {grid}, not on {patch.grid}"
        if not np.isfinite(array).all():
            return f"{name} holds NaN or infinity"
        bands[polarisation] = array
    return _implausible(bands, fill_db)


def _implausible(bands: Mapping[str, Pixels], fill_db: float | None) -> str | None:
    """Say why a patch is no backscatter, judged by the pixels that were not filled with a number."""
    if fill_db is not None:
        filled = np.logical_or.reduce([pixels == np.float32(fill_db) for pixels in bands.values()])
        bands = {name: pixels[~filled] for name, pixels in bands.items()}
    return implausible(bands)


def _fill_db(root: Path) -> float | None:
    """Number that pixels without data were given, as a dataset of ours says; None if they were given none."""
    path = root / PROVENANCE / "dataset.json"
    try:
        record = parse_json(read_patch(path))
        if not isinstance(record, dict):
            raise ValueError(f"it is a {type(record).__name__}")  # noqa: TRY004, TRY301 - one sentence for all
    except FileNotFoundError:
        return None  # published ones have no record
    except (OSError, ValueError, RecursionError, RasterError) as error:
        raise InputError(f"{path} is broken ({' '.join(str(error).split())[:200]}); make the dataset again") from error
    fill = record.get("fill")
    return float(fill) if isinstance(fill, int | float) else None


def _walk(root: Path, folder: str) -> Iterator[str]:
    """Paths of all files under a folder, relative to the root, in the order of their text."""
    try:
        with os.scandir(root / folder) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    except FileNotFoundError:
        return
    # "a-b" comes before "a/b" in the order of text, so a folder counts with its slash.
    for name, is_folder in sorted(found, key=lambda item: item[0] + "/" * item[1]):
        path = f"{folder}/{name}"
        if name.startswith(PARTIAL_PREFIX):
            continue
        if is_folder:
            yield from _walk(root, path)
        else:
            yield path
