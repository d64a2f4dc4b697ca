"""A dataset on disk, opened for reading: its patches, their pixels, and a table of them with geometries."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gee_s1ben.dataset.atomic import PARTIAL_PREFIX
from gee_s1ben.dataset.layout import Layout, LayoutV1, LayoutV2
from gee_s1ben.dataset.manifest import PatchRow, read_patches
from gee_s1ben.dataset.patch_reader import PatchReader
from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.naming import S1PatchName
from gee_s1ben.errors import InputError, NamingError, RasterError

if TYPE_CHECKING:
    import geopandas

Bands = dict[str, npt.NDArray[np.float32]]
"""Backscatter in dB by polarisation, each (rows, columns)."""

_RASTER = re.compile(r"_([A-Z]{2})\.tif$")


@dataclass(frozen=True, slots=True)
class StoredPatch:
    """A patch on disk."""

    name: S1PatchName
    """Its name."""
    folder: Path
    """Where it lies."""
    polarisations: tuple[str, ...]
    """Its rasters, sorted."""

    @property
    def key(self) -> tuple[str, str]:
        """Order of patches in a dataset: by scene, then by name."""
        return self.name.scene, str(self.name)

    def path(self, polarisation: str) -> Path:
        """Path of one of its rasters."""
        return self.folder / f"{self.name}_{polarisation}.tif"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset on disk; see :func:`open_dataset`.

    Nothing of it is held in memory. It can be handed to other threads and processes.
    """

    root: Path
    """Its folder."""
    layout: Layout
    """Where its patches lie."""
    reader: PatchReader = field(default_factory=PatchReader, repr=False, compare=False)
    """Reads its rasters."""

    def __iter__(self) -> Iterator[StoredPatch]:
        """Yield all patches by scene and name."""
        return self.patches()

    def patches(self) -> Iterator[StoredPatch]:
        """Yield all patches by scene and name, as they stand on disk.

        Raises
        ------
        InputError
            A folder among the patches is not named as one.
        """
        for folder in self._folders():
            try:
                name = S1PatchName.parse(folder.name)
            except NamingError as error:
                raise InputError(f"{folder} is not a patch: {error}") from error
            yield self._patch(name, folder)

    def names(self) -> Iterator[str]:
        """Yield the names of all patches by scene and name."""
        return (folder.name for folder in self._folders())

    def __len__(self) -> int:
        """Count the patches; their folders are listed each time."""
        return sum(1 for _ in self._folders())

    def __getitem__(self, name: str) -> StoredPatch:
        """Find a patch by its name.

        Raises
        ------
        KeyError
            The dataset does not have it.
        """
        try:
            parsed = S1PatchName.parse(name)
        except NamingError:
            raise KeyError(name) from None
        folder = self.root / self.layout.folder(parsed)
        if not folder.is_dir():
            raise KeyError(name)
        return self._patch(parsed, folder)

    @property
    def arrays(self) -> Mapping[str, Bands]:
        """Pixels of a patch by its name, then by polarisation; read when they are asked for."""
        return PatchArrays(self)

    def read(self, patch: StoredPatch) -> Bands:
        """Read the pixels of a patch: dB by polarisation, each (rows, columns).

        Raises
        ------
        RasterError
            A raster is unreadable, truncated or not a patch raster.
        """
        return {name: self.reader.array(patch.path(name)) for name in patch.polarisations}

    def grid(self, patch: StoredPatch) -> Grid:
        """Read the grid of a patch.

        Raises
        ------
        RasterError
            It has no raster, or its raster is unreadable or not a patch raster.
        """
        if not patch.polarisations:
            raise RasterError(f"{patch.folder} holds no raster")
        return self.reader.grid(patch.path(patch.polarisations[0]))

    def records(self) -> Iterator[PatchRow]:
        """Yield what is known of how each patch was made, by target, row and column; nothing for datasets of others.

        Raises
        ------
        InputError
            The table is broken.
        """
        return read_patches(self.root)

    def frame(self) -> geopandas.GeoDataFrame:
        """Make a table of all patches with their geometries; see :func:`~gee_s1ben.dataset.frame.patch_frame`."""
        from gee_s1ben.dataset.frame import patch_frame  # geopandas takes a second to load

        return patch_frame(self)

    def _patch(self, name: S1PatchName, folder: Path) -> StoredPatch:
        with os.scandir(folder) as entries:
            found = [match[1] for entry in entries if (match := _RASTER.search(entry.name))]
        return StoredPatch(name, folder, tuple(sorted(found)))

    def _folders(self) -> Iterator[Path]:
        """Folders of all patches, by scene and name."""
        top = self.root / self.layout.top
        if self.layout.version == "v1":
            yield from (top / name for name in sorted(_subfolders(top), key=_by_scene))
        else:
            for scene in sorted(_subfolders(top)):
                yield from (top / scene / name for name in sorted(_subfolders(top / scene)))


class PatchArrays(Mapping[str, Bands]):
    """Pixels of a dataset's patches by name; each is read from disk when it is asked for."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def __getitem__(self, name: str) -> Bands:
        return self._dataset.read(self._dataset[name])

    def __iter__(self) -> Iterator[str]:
        return self._dataset.names()

    def __len__(self) -> int:
        return len(self._dataset)


def open_dataset(path: Path | str) -> Dataset:
    """Open a dataset of this package, or a published BigEarthNet-S1, for reading.

    Parameters
    ----------
    path : Path or str
        Its root, which holds ``BigEarthNet-S1`` or ``BigEarthNet-S1-v1.0``; or a folder of patch folders.

    Returns
    -------
    Dataset
        Whether each patch is right is not looked at; ``gee-s1ben verify`` does.

    Raises
    ------
    InputError
        There is no such folder, or it holds no patches or those of both layouts.

    Examples
    --------
    >>> dataset = gee_s1ben.open_dataset("out/BigEarthNet")  # doctest: +SKIP
    >>> dataset.arrays["S1A_IW_GRDH_1SDV_20170613T165043_33UUP_70_48"]["VV"].mean()  # doctest: +SKIP
    >>> dataset.frame().explore("dt_hours")  # doctest: +SKIP
    """
    root = Path(path)
    if not root.is_dir():
        raise InputError(f"there is no folder {root}")
    found: list[Layout] = [form for form in (LayoutV1(), LayoutV2()) if (root / form.top).is_dir()]
    if len(found) > 1:
        tops = " and ".join(form.top for form in found)
        raise InputError(f"{root} holds {tops}: two datasets; move one of them elsewhere")
    if found:
        return Dataset(root, found[0])
    root = root.resolve()
    if root.name == LayoutV2().top:
        return Dataset(root.parent, LayoutV2())
    first = next(islice(_subfolders(root), 1), None)
    if first is not None and _is_patch(first):
        return Dataset(root.parent, LayoutV1(top=root.name))
    raise InputError(f"{path} holds no dataset: there is neither {LayoutV2().top} nor {LayoutV1().top} in it")


def _subfolders(folder: Path) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir() and not entry.name.startswith(PARTIAL_PREFIX):
                yield entry.name


def _by_scene(name: str) -> tuple[str, str]:
    """Order by scene and name; a name ends in ``_<tile>_<column>_<row>``."""
    return name.rsplit("_", 3)[0], name


def _is_patch(name: str) -> bool:
    try:
        S1PatchName.parse(name)
    except NamingError:
        return False
    return True
