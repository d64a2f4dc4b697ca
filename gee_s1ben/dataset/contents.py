"""What stands in a dataset on disk, read as streams: memory does not grow with the patches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from gee_s1ben.dataset.carried_facts import CarriedFacts, CarriedReader
from gee_s1ben.dataset.geotiff import same_grid
from gee_s1ben.dataset.layout import Layout, layout, raster_name
from gee_s1ben.dataset.manifest import PROVENANCE, PatchRow, manifest_path, read_patches
from gee_s1ben.dataset.manifest_index import ManifestIndex
from gee_s1ben.dataset.patch_reader import PatchReader
from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.naming import S1PatchName
from gee_s1ben.domain.scene_properties import POLARISATIONS
from gee_s1ben.errors import InputError, RasterError
from gee_s1ben.storage.files import read_patch, read_regular
from gee_s1ben.storage.json_text import parse_json

_MOST_RECORD_BYTES = 64 * 2**20

Bands = Mapping[str, npt.NDArray[np.float32]]
"""Polarisation to decibels, each (rows, columns)."""


@dataclass(frozen=True, slots=True)
class Contents:
    """A dataset that stands on disk."""

    root: Path
    """Its folder."""
    form: Layout
    """How its patches lie."""
    polarisations: tuple[str, ...]
    """Rasters of each patch."""
    record: Mapping[str, Any]
    """``provenance/dataset.json``: what it is and from what it was made."""

    @classmethod
    def open(cls, root: Path) -> Contents:
        """Open a dataset.

        Raises
        ------
        InputError
            There is none, or its record is broken.
        """
        path = root / PROVENANCE / "dataset.json"
        try:
            record = parse_json(read_regular(path, _MOST_RECORD_BYTES))
            form = layout(record["layout"])
            polarisations = _polarisations(record["radar"]["polarisations"])
        except FileNotFoundError:
            raise InputError(f"{root} holds no dataset of this program: {path} is not there") from None
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror or error}") from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError(f"{path} is broken ({_one_line(error)}); make the dataset again") from error
        if not polarisations or not manifest_path(root).exists():
            raise InputError(f"{root}: the dataset is not finished; run 'gee-s1ben run' first")
        return cls(root, form, polarisations, record)

    @property
    def simulated(self) -> bool:
        """Whether no satellite took what it shows."""
        return self.record.get("simulated") is True

    @property
    def filled(self) -> bool:
        """Whether pixels without data may have been filled, so that not every one of them was measured."""
        return bool(self.record.get("fill", "none") != "none")

    def rows(self) -> Iterator[PatchRow]:
        """Yield its patches by target, row and column, each once.

        Two Sentinel-2 products of a tile may share a Sentinel-1 patch; the first of them is given.
        """
        tile, seen = "", set[str]()
        for row in read_patches(self.root):
            # Products of a tile follow each other in the table, so names have to be remembered for one tile only.
            here = row.target.rpartition("_")[0]
            if here != tile:
                tile, seen = here, set()
            if row.name not in seen:
                seen.add(row.name)
                yield row

    def folder(self, row: PatchRow) -> PurePosixPath:
        """Folder of a patch, relative to the root."""
        return self.form.folder(S1PatchName.parse(row.name))


@dataclass(frozen=True, slots=True)
class ReadPatch:
    """A patch as it was read, each file with the checksum that the manifest has for it."""

    row: PatchRow
    """Its line in the table."""
    carried: CarriedFacts
    """What was carried over from BigEarthNet's tables."""
    folder: PurePosixPath
    """Its folder, relative to the root."""
    grid: Grid
    """Its exact grid."""
    bands: Bands
    """Its pixels; they may not be written to."""
    digests: Mapping[str, str]
    """SHA-256 of each raster by polarisation."""
    sizes: Mapping[str, int]
    """Bytes of each raster by polarisation."""


class CheckedReader:
    """Reads patches whole and compares every byte with the manifest, so that no damaged patch passes on."""

    def __init__(self, contents: Contents, manifest: ManifestIndex) -> None:
        self._contents = contents
        self._manifest = manifest
        self._reader = PatchReader()
        self._carried = CarriedReader(contents.root)

    def read(self, row: PatchRow) -> ReadPatch:
        """Read a patch.

        Raises
        ------
        RasterError
            A raster is missing, unreadable, differs from its checksum, or does not lie on the grid of the others.
        """
        contents = self._contents
        name, folder = S1PatchName.parse(row.name), contents.folder(row)
        listed = self._manifest.digests(folder)
        grid: Grid | None = None
        bands: dict[str, npt.NDArray[np.float32]] = {}
        digests: dict[str, str] = {}
        sizes: dict[str, int] = {}
        for polarisation in contents.polarisations:
            file_name = raster_name(name, polarisation)
            path = f"{contents.root}/{folder}/{file_name}"  # pathlib would take as long as the reading
            try:
                data = read_patch(path)
            except OSError as error:
                raise RasterError(
                    f"{path} cannot be read: {error.strerror or error}; run 'gee-s1ben verify'"
                ) from error
            digest = hashlib.sha256(data).hexdigest()
            if listed.get(file_name) != digest:
                raise RasterError(f"{path} differs from its checksum in the manifest; run 'gee-s1ben verify'")
            array, found = self._reader.decode(data, path)
            if grid is not None and found != grid and not same_grid(found, grid):
                raise RasterError(f"{path} lies on another grid than the patch's other rasters; run 'gee-s1ben verify'")
            grid = found
            bands[polarisation], digests[polarisation], sizes[polarisation] = array, digest, len(data)
        assert grid is not None  # noqa: S101  a dataset has at least one polarisation
        carried = self._carried.of(row.name, row.s2_patch)
        return ReadPatch(row, carried, folder, grid, bands, digests, sizes)


def _polarisations(names: Any) -> tuple[str, ...]:
    """Check names that become parts of paths."""
    if not isinstance(names, list) or not all(name in POLARISATIONS for name in names) or len({*names}) != len(names):
        raise ValueError(f"polarisations are {', '.join(POLARISATIONS)}, each once, not {str(names)[:60]!a}")
    return tuple(names)


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
