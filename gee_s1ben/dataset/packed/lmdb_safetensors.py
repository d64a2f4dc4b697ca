"""LMDB of safetensors, as rico-hdl writes it and ConfigILM reads it.

The key is the patch's name; the value is a safetensors file with one (rows, columns) tensor a polarisation, named
``VH`` and ``VV``, without metadata. What is known of the patches stands in a table beside the database, because
ConfigILM takes every key for a patch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gee_s1ben.dataset.atomic import atomic_write, storage_errors
from gee_s1ben.dataset.contents import ReadPatch
from gee_s1ben.dataset.packed.forms import PackFormat, PackPlan, PackWriter, library
from gee_s1ben.dataset.packed.webdataset_tar import STAMP, read_stamp
from gee_s1ben.dataset.patch_facts import COLUMNS, arrow_fields, known_facts
from gee_s1ben.errors import InputError, StorageError

TABLE = "patches.parquet"
"""What is known of each patch, a row a patch."""

_SCHEMA = pa.schema(arrow_fields(COLUMNS))
_PART = ".facts-"
_PAGE = 4096
_SPARE = 64 * 2**20


class LmdbWriter:
    """Writes a block in one transaction, which stands or does not."""

    def __init__(self, folder: Path, plan: PackPlan) -> None:
        self._folder, self._plan = folder, plan
        self._lmdb = library("lmdb")
        self._save = library("safetensors.numpy").save
        # An upper limit, not a size: a value takes whole pages of its own, a key a part of one.
        pages = -(-(plan.patch_bytes + 1024) // _PAGE) + 1
        self._environment = self._lmdb.open(str(folder), map_size=2 * plan.patches * pages * _PAGE + _SPARE)

    @property
    def done(self) -> int:
        """Patches that stand."""
        return int(self._environment.stat()["entries"])

    def append(self, patches: Sequence[ReadPatch]) -> None:
        """Write a transaction, and before it the part of the table that it needs."""
        part = self._folder / f"{_PART}{self.done // self._plan.block:06d}.parquet"
        with atomic_write(part) as temporary:
            pq.write_table(pa.Table.from_pylist([known_facts(patch) for patch in patches], _SCHEMA), temporary)
        try:
            with self._environment.begin(write=True) as transaction:
                for patch in patches:
                    tensors = {name: np.ascontiguousarray(patch.bands[name]) for name in self._plan.polarisations}
                    if not transaction.put(patch.row.name.encode(), self._save(tensors), overwrite=False):
                        raise InputError(f"patch {patch.row.name} comes twice; run 'gee-s1ben verify'")
        except self._lmdb.Error as error:
            raise StorageError(f"cannot write {self._folder}: the disk is full or failing ({error})") from error

    def finish(self) -> None:
        """Close the database and say what it is."""
        self._environment.sync(True)
        self._environment.close()
        self._join_parts()
        with atomic_write(self._folder / STAMP) as temporary:
            temporary.write_text(json.dumps(dict(self._plan.stamp), indent=2, ensure_ascii=False) + "\n", "utf-8")

    def _join_parts(self) -> None:
        """Make one table of the parts; a killed job may have done it, and not removed them all."""
        parts = sorted(self._folder.glob(f"{_PART}*.parquet"))
        if not (self._folder / TABLE).exists():
            with (
                atomic_write(self._folder / TABLE) as temporary,
                pq.ParquetWriter(temporary, _SCHEMA, compression="zstd") as table,
            ):
                for part in parts:
                    table.write_table(pq.read_table(part, schema=_SCHEMA))
        for part in parts:
            part.unlink()

    def abandon(self) -> None:
        """Close the database."""
        with storage_errors(self._folder):
            self._environment.close()


def _open(folder: Path, plan: PackPlan) -> PackWriter:
    return LmdbWriter(folder, plan)


def _read_stamp(folder: Path) -> Mapping[str, Any] | None:
    stamp = read_stamp(folder)
    return stamp if stamp is not None and stamp.get("format") == "lmdb" else None


FORMAT = PackFormat("lmdb", ("lmdb", "safetensors.numpy"), 512, _open, _read_stamp)
"""LMDB, 512 patches in a transaction, as rico-hdl has it."""
