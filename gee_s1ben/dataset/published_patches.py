"""The published BigEarthNet-S1 on disk, for those who hold it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from gee_s1ben.dataset.geotiff import same_grid
from gee_s1ben.dataset.layout import Layout, layout, raster_name
from gee_s1ben.dataset.patch_reader import PatchReader
from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.naming import S1PatchName
from gee_s1ben.errors import InputError, RasterError

Pixels = npt.NDArray[np.float32]

_METADATA = "metadata.parquet"


class Published:
    """A published dataset on disk, version 1 or 2, whole or in part."""

    def __init__(self, path: Path) -> None:
        self._tops = _tops(path)
        self._reader = PatchReader()
        self._table = next(
            (folder / _METADATA for folder in (path, path.parent) if (folder / _METADATA).is_file()), None
        )

    def folder(self, name: S1PatchName) -> Path | None:
        """Folder of a patch; None where it is not there."""
        for top, form in self._tops:
            folder = top / form.folder(name).relative_to(form.top)
            if folder.is_dir():
                return folder
        return None

    def partners(self, s2_patches: Iterable[str]) -> Mapping[str, str]:
        """Names of the published Sentinel-1 patches of Sentinel-2 patches, of those that its table has."""
        if self._table is None:
            return {}
        wanted = pa.array(list(s2_patches))
        try:
            table = pads.dataset(self._table).to_table(
                columns=["patch_id", "s2v1_name", "s1_name"],
                filter=pc.field("patch_id").isin(wanted) | pc.field("s2v1_name").isin(wanted),
            )
        except (pa.ArrowException, OSError, KeyError) as error:
            raise InputError(f"{self._table} is not BigEarthNet's: {' '.join(str(error).split())[:150]}") from error
        rows = table.to_pylist()
        return {row["s2v1_name"]: row["s1_name"] for row in rows} | {row["patch_id"]: row["s1_name"] for row in rows}

    def read(self, folder: Path, name: S1PatchName, polarisations: Iterable[str]) -> tuple[dict[str, Pixels], Grid]:
        """Read the pixels and the grid of a patch.

        Raises
        ------
        RasterError
            A raster is missing, unreadable, holds NaN, or differs from the others in its grid.
        """
        bands: dict[str, Pixels] = {}
        grid: Grid | None = None
        for polarisation in polarisations:
            path = folder / raster_name(name, polarisation)
            bands[polarisation], found = self._reader.read(path)
            if not np.isfinite(bands[polarisation]).all():
                raise RasterError(f"{path} holds NaN or infinity")
            if grid is not None and not same_grid(grid, found):
                raise RasterError(f"{path} lies on another grid than the patch's other rasters")
            grid = found
        if grid is None:
            raise RasterError(f"{folder} holds no raster to compare")
        return bands, grid


def _tops(path: Path) -> list[tuple[Path, Layout]]:
    forms = (layout("v2"), layout("v1"))
    tops = [(path / form.top, form) for form in forms] + [(path, form) for form in forms if path.name == form.top]
    found = [(top, form) for top, form in tops if top.is_dir()]
    if not found:
        wanted = " nor ".join(form.top for form in forms)
        raise InputError(f"{path} is no BigEarthNet-S1: neither {wanted} is there")
    return found
