"""Zarr v3: one array of all patches, a chunk a patch, many chunks in a shard."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gee_s1ben.dataset.atomic import atomic_write
from gee_s1ben.dataset.contents import ReadPatch
from gee_s1ben.dataset.packed.forms import PackFormat, PackPlan, PackWriter, library
from gee_s1ben.dataset.patch_columns import Column, Kind
from gee_s1ben.dataset.patch_facts import COLUMNS, known_facts

PIXELS = "backscatter"
"""Array of float32 decibels, (patch, band, y, x)."""

_DONE = ".done"
_TYPES: Mapping[Kind, tuple[str, Any]] = {
    "text": ("string", ""),
    "texts": ("string", "[]"),
    "whole": ("int32", -1),
    "number": ("float64", float("nan")),
    "flag": ("int8", -1),
}
"""Type of a column's array, and what stands there where the value is not known; texts are a JSON list."""


class ZarrWriter:
    """Writes whole shards; a killed job's last shard is written again."""

    def __init__(self, folder: Path, plan: PackPlan) -> None:
        self._folder, self._plan = folder, plan
        self._mark = folder / _DONE
        zarr = library("zarr")
        if self._mark.exists():
            self._group = zarr.open_group(folder, mode="r+")
            self._done = int(self._mark.read_text("utf-8"))
        else:
            self._group = self._created(zarr)
            self._done = 0
            self._note()

    @property
    def done(self) -> int:
        """Patches that stand."""
        return self._done

    def append(self, patches: Sequence[ReadPatch]) -> None:
        """Write a shard."""
        span = slice(self._done, self._done + len(patches))
        bands = self._plan.polarisations
        block = np.empty((len(patches), len(bands), *self._plan.shape), np.float32)
        for place, patch in enumerate(patches):
            for band, polarisation in enumerate(bands):
                block[place, band] = patch.bands[polarisation]
        self._group[PIXELS][span] = block
        facts = [known_facts(patch) for patch in patches]
        for column in COLUMNS:
            self._group[column.name][span] = _array(column, [each[column.name] for each in facts])
        self._done += len(patches)
        self._note()

    def finish(self) -> None:
        """Remove the mark of the unfinished."""
        self._mark.unlink()

    def abandon(self) -> None:
        """Nothing is open."""

    def _note(self) -> None:
        with atomic_write(self._mark) as temporary:
            temporary.write_text(str(self._done), "utf-8")

    def _created(self, zarr: Any) -> Any:
        plan = self._plan
        count, bands = plan.patches, len(plan.polarisations)
        group = zarr.create_group(self._folder, zarr_format=3, overwrite=True, attributes=dict(plan.stamp))
        group.create_array(
            PIXELS,
            shape=(count, bands, *plan.shape),
            chunks=(1, bands, *plan.shape),
            shards=(plan.block, bands, *plan.shape),
            dtype="float32",
            # Shuffled LZ4 takes a fifth off speckle and costs no time; what deflate or zstd gain on it, they lose.
            compressors=zarr.codecs.BloscCodec(cname="lz4", shuffle="shuffle", clevel=5),
            dimension_names=("patch", "band", "y", "x"),
            attributes={"unit": "dB", "bands": list(plan.polarisations)},
        )
        for column in COLUMNS:
            kind, unknown = _TYPES[column.kind]
            group.create_array(
                column.name,
                shape=(count,),
                chunks=(plan.block,),
                dtype=kind,
                dimension_names=("patch",),
                attributes={"description": column.about} | ({"unknown": str(unknown)} if column.optional else {}),
            )
        return group


def _array(column: Column, values: Sequence[Any]) -> Any:
    kind, unknown = _TYPES[column.kind]
    if column.kind == "texts":
        values = [json.dumps(value, ensure_ascii=False) for value in values]
    values = [unknown if value is None else value for value in values]
    return np.array(values, dtype=np.dtypes.StringDType() if kind == "string" else kind)


def _open(folder: Path, plan: PackPlan) -> PackWriter:
    return ZarrWriter(folder, plan)


def _read_stamp(folder: Path) -> Mapping[str, Any] | None:
    zarr = library("zarr")
    try:
        return dict(zarr.open_group(folder, mode="r").attrs)
    except (FileNotFoundError, ValueError, KeyError):
        return None


FORMAT = PackFormat("zarr", ("zarr",), 256, _open, _read_stamp)
"""Zarr v3, 256 patches of 115 kB in a shard."""
