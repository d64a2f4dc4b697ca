"""Patches onto the disk, each folder whole or absent."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gee_s1ben.dataset.atomic import PARTIAL_PREFIX, storage_errors, sweep_partial, sync, sync_file_system
from gee_s1ben.dataset.batch import PatchBatch
from gee_s1ben.dataset.layout import Layout, PatchRecord
from gee_s1ben.dataset.manifest import PROVENANCE
from gee_s1ben.dataset.mould import Moulds
from gee_s1ben.domain.naming import S1PatchName
from gee_s1ben.domain.shard import Shard

_MOST_TURNS = 1000
"""How often a patch is put aside that another writer puts into place at the same time."""


class PatchWriter:
    """Writes patch folders under a dataset's root.

    Patches are made ready in a folder with a ``.partial-`` name in the root and then renamed into place, so that a
    kill at any instruction leaves each patch whole or absent; what it leaves unfinished is removed when the next
    writer is made. Files are not flushed one by one: call :meth:`flush` before recording them as done.

    One writer without a shard may work on a root at a time; or any number with different shards of the same count,
    in as many threads, processes or machines.

    Parameters
    ----------
    root : Path
        The dataset; made if it does not exist.
    layout : Layout
        Where a patch lies and what lies beside it.
    shard : Shard or None
        Which part of the work is this writer's; it then removes only what the same shard left unfinished.

    Raises
    ------
    StorageError
        The root cannot be made or swept.
    """

    def __init__(self, root: Path, layout: Layout, shard: Shard | None = None) -> None:
        self.root = root
        self.layout = layout
        self.moulds = Moulds()
        self._prefix = PARTIAL_PREFIX if shard is None else f"{PARTIAL_PREFIX}shard-{shard.index}-of-{shard.count}-"
        self._serial = 0
        self._touched: set[str] = set()
        with storage_errors(root):
            root.mkdir(parents=True, exist_ok=True)
        self.swept = sweep_partial(root, self._prefix)
        if shard is None:
            self.swept += sweep_partial(root / PROVENANCE)

    def batch(self, *, checksums: bool = True) -> PatchBatch:
        """Begin to write many patches at once; use it in a ``with`` statement.

        Their folders appear together when the block ends well, and none of them does when it does not. Batches of
        one writer may be open at the same time in different threads.

        Parameters
        ----------
        checksums : bool
            Whether to compute the SHA-256 of each file, which takes about as long as writing it.
        """
        return PatchBatch(self, checksums=checksums)

    def write(self, record: PatchRecord, bands: Mapping[str, npt.NDArray[np.float32]]) -> list[tuple[str, str]]:
        """Write one patch, replacing what stands in its place; many at a time are faster in a :meth:`batch`.

        Parameters
        ----------
        record : PatchRecord
            Name, grid and sources.
        bands : mapping of str to ndarray of float32, shape (height, width)
            Backscatter in dB by polarisation.

        Returns
        -------
        list of (str, str)
            Path relative to the root (with ``/``) and SHA-256 of each file, sorted by path.

        Raises
        ------
        RasterError
            A band is not float32, has another size than the grid, or a pixel without a number.
        InputError
            There is no band, or one is not named as a polarisation.
        StorageError
            The disk is full, read-only or failing; the patch is then absent, or as it was.
        """
        with self.batch() as batch:
            return batch.add(record, bands)

    def remove(self, name: S1PatchName) -> bool:
        """Remove a patch, whole; return whether it was there.

        Raises
        ------
        StorageError
            The disk is read-only or failing.
        """
        folder = self.root / self.layout.folder(name)
        with storage_errors(folder):
            if not folder.exists():
                return False
            partial = self.new_partial()
            folder.rename(partial)
            shutil.rmtree(partial)
        return True

    def flush(self) -> None:
        """Flush all that was written to disk, so that what is recorded next cannot outlive it.

        Raises
        ------
        StorageError
            The disk is failing.
        """
        with storage_errors(self.root):
            # One call for thousands of files, where flushing each would take longer than writing them.
            if not sync_file_system(self.root):
                for folder in sorted(self._touched):
                    sync(self.root / folder)
                sync(self.root)
        self._touched.clear()

    def new_partial(self) -> Path:
        """Return a path for something unfinished that no other writer uses."""
        self._serial += 1
        return self.root / f"{self._prefix}{os.getpid()}-{self._serial}"

    def publish(self, staged: Path, parent: str, names: list[str]) -> None:
        """Put patch folders into place that stand ready in a folder of their own.

        Raises
        ------
        OSError
            The disk is read-only or failing; each patch is then whole, absent or as it was.
        """
        target = self.root / parent
        target.parent.mkdir(parents=True, exist_ok=True)
        self._touched |= {parent, *(str(above) for above in Path(parent).parents)}
        if not _moved(staged, target):
            for name in names:  # as text: a Path would cost as much as the renaming
                _replace(f"{staged}/{name}", f"{target}/{name}")


def _replace(staged: str, folder: str) -> None:
    """Put a patch folder into place, whatever stands there."""
    # A folder cannot be renamed onto a full one; between the two renames the patch is absent, never mixed. Two
    # targets may share a patch, so that another shard may write the same one now and be a step ahead.
    old = ""
    for turn in range(_MOST_TURNS):
        try:
            if _moved(staged, folder):
                return
        except OSError:
            if old:
                os.rename(old, folder)  # noqa: PTH104
            raise
        aside = f"{staged}{PARTIAL_PREFIX}{turn}"
        with contextlib.suppress(FileNotFoundError):
            os.rename(folder, aside)  # noqa: PTH104
            old = aside
    raise OSError(errno.EBUSY, f"others replace {folder} all the time")


def _moved(staged: Path | str, target: Path | str) -> bool:
    """Rename a folder unless something stands in its place."""
    try:
        os.rename(staged, target)  # noqa: PTH104
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    return True
