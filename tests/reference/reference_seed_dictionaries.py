"""Reader of BigEarthNet-Sen1's ``.npy`` dictionaries that runs nothing a file says."""

from __future__ import annotations

import codecs
import collections
import pickle
from pathlib import Path
from typing import Any

import numpy as np

_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): np._core.multiarray._reconstruct,  # type: ignore[attr-defined]
    ("numpy.core.multiarray", "scalar"): np._core.multiarray.scalar,  # type: ignore[attr-defined]
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): codecs.encode,
    ("collections", "defaultdict"): collections.defaultdict,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"refused global {module}.{name}") from None


def load_dictionary(path: Path) -> Any:
    """Return the object in a 0-d object array of a version 1.0 ``.npy`` file."""
    with path.open("rb") as file:
        assert np.lib.format.read_magic(file) == (1, 0)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        assert (shape, dtype) == ((), np.dtype(object))
        return _Unpickler(file).load()[()]


def tile_records(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Return (MGRS name, record) of every Sentinel-2 product of ``BigEarthNetTileInfo_v2.npy``."""
    tiles = load_dictionary(path)["tile_info"]
    return [(tile, record) for tile, records in tiles.items() for record in records.values()]
