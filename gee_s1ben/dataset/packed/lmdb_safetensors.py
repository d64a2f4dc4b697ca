"""LMDB of safetensors, as rico-hdl writes it and ConfigILM reads it.

The key is the patch's name; the value is a safetensors file with one (rows, columns) tensor a polarisation, named
``VH`` and ``VV``, without metadata.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gee_s1ben.dataset.atomic import atomic_write, storage_errors
from gee_s1ben.dataset.contents import ReadPatch
from gee_s1ben.dataset.packed.forms import PackFormat, PackPlan, PackWriter, library
from gee_s1ben.dataset.packed.webdataset_tar import STAMP, read_stamp
from gee_s1ben.errors import InputError, StorageError

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
        """Write a transaction."""
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
        with atomic_write(self._folder / STAMP) as temporary:
            temporary.write_text(json.dumps(dict(self._plan.stamp), indent=2, ensure_ascii=False) + "\n", "utf-8")

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
