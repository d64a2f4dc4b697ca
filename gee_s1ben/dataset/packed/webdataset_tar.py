"""WebDataset: tars of samples, each a patch as one ``.npy`` a polarisation and a ``.json``."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gee_s1ben.dataset.atomic import atomic_write, sweep_partial
from gee_s1ben.dataset.contents import ReadPatch
from gee_s1ben.dataset.packed.forms import PackFormat, PackPlan, PackWriter, library, row_metadata

STAMP = "pack.json"
"""What a pack says of itself."""


class TarWriter:
    """Writes whole tars; what a killed job had of one is written again."""

    def __init__(self, folder: Path, plan: PackPlan) -> None:
        self._folder, self._plan = folder, plan
        self._library = library("webdataset")
        sweep_partial(folder)
        tars = sum(1 for number in range(-(-plan.patches // plan.block)) if self._path(number).exists())
        self._done = min(tars * plan.block, plan.patches)

    @property
    def done(self) -> int:
        """Patches that stand."""
        return self._done

    def append(self, patches: Sequence[ReadPatch]) -> None:
        """Write a tar."""
        with (
            atomic_write(self._path(self._done // self._plan.block)) as temporary,
            temporary.open("wb") as file,
            # Encoded already, and with nothing of this machine or moment: the same patches give the same bytes.
            self._library.TarWriter(file, encoder=False, mtime=0, user="", group="", mode=0o644) as tar,
        ):
            for patch in patches:
                tar.write(_sample(patch))
        self._done += len(patches)

    def finish(self) -> None:
        """Say what the pack is."""
        with atomic_write(self._folder / STAMP) as temporary:
            temporary.write_text(json.dumps(dict(self._plan.stamp), indent=2, ensure_ascii=False) + "\n", "utf-8")

    def abandon(self) -> None:
        """Nothing is open."""

    def _path(self, number: int) -> Path:
        return self._folder / f"patches-{number:06d}.tar"


def _sample(patch: ReadPatch) -> dict[str, Any]:
    arrays = {f"{polarisation.lower()}.npy": _npy(array) for polarisation, array in patch.bands.items()}
    text = json.dumps(row_metadata(patch), ensure_ascii=False)
    return {"__key__": patch.row.name, **arrays, "json": text.encode()}


def _npy(array: npt.NDArray[np.float32]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def _open(folder: Path, plan: PackPlan) -> PackWriter:
    return TarWriter(folder, plan)


def read_stamp(folder: Path) -> Mapping[str, Any] | None:
    """Read :data:`STAMP`; None where there is none."""
    try:
        value = json.loads((folder / STAMP).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _read_stamp(folder: Path) -> Mapping[str, Any] | None:
    stamp = read_stamp(folder)
    return stamp if stamp is not None and stamp.get("format") == "webdataset" else None


FORMAT = PackFormat("webdataset", ("webdataset",), 1024, _open, _read_stamp)
"""WebDataset, 1024 patches of 115 kB in a tar."""
