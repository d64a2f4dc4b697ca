"""Packing: patches in order, block by block, into a folder that appears when it is complete."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from gee_s1ben import __version__
from gee_s1ben.dataset.atomic import PARTIAL_PREFIX, atomic_write, storage_errors, sync
from gee_s1ben.dataset.contents import CheckedReader, Contents, ReadPatch
from gee_s1ben.dataset.manifest import PROVENANCE, PatchRow
from gee_s1ben.dataset.manifest_index import ManifestIndex
from gee_s1ben.dataset.packed import lmdb_safetensors, webdataset_tar, zarr_shards
from gee_s1ben.dataset.packed.forms import PackFormat, PackPlan, PackWriter, library
from gee_s1ben.dataset.patch_facts import COLUMNS
from gee_s1ben.errors import InputError, RasterError, WorkspaceError

FORMATS: Mapping[str, PackFormat] = {
    form.name: form for form in (zarr_shards.FORMAT, webdataset_tar.FORMAT, lmdb_safetensors.FORMAT)
}
"""By name."""

_LARGEST_BLOCK = 8192
_SOURCES = ("dataset.json", "patches.csv", "manifest.sha256")

Advance = Callable[[int, int], None]
"""Told how many patches stand and how many there are."""


@dataclass(frozen=True, slots=True)
class Packed:
    """What a packing did."""

    path: Path
    """The pack."""
    format: str
    """Its form."""
    patches: int
    """Patches in it."""
    kept: int
    """Of these, patches that stood there already."""
    bytes: int
    """Size of all its files."""


def pack(
    root: Path,
    path: Path,
    form: str,
    *,
    block: int | None = None,
    overwrite: bool = False,
    advance: Advance | None = None,
) -> Packed:
    """Pack the patches of a dataset, in order of target, row and column.

    Every file is compared with the manifest on the way. The pack is written beside ``path`` and renamed when it is
    complete; a job that was stopped continues after the last whole block. Memory holds one block.

    Parameters
    ----------
    root : Path
        The dataset.
    path : Path
        The pack: a folder, as LMDB and Zarr have it, or the folder of the tars.
    form : str
        One of :data:`FORMATS`.
    block : int or None
        Patches of a shard; None for the form's own.
    overwrite : bool
        Whether another pack at ``path`` may be replaced.
    advance : callable or None
        Told how far it is.

    Raises
    ------
    InputError
        There is no such form or dataset, its library is not installed, or ``path`` holds something else.
    RasterError
        A patch is damaged.
    WorkspaceError
        Another process is packing there.
    StorageError
        The disk is full, read-only or failing.
    """
    if form not in FORMATS:
        raise InputError(f"there is no packed form {form!r}, only {', '.join(FORMATS)}")
    chosen = FORMATS[form]
    size = chosen.block if block is None else block
    if not 1 <= size <= _LARGEST_BLOCK:
        raise InputError(f"a shard holds 1 to {_LARGEST_BLOCK} patches, not {size}")
    for name in chosen.libraries:
        library(name)
    contents = Contents.open(root)
    path = path.absolute()
    if path.resolve().is_relative_to(root.resolve()):
        raise InputError(f"{path} lies inside the dataset, where loaders would stumble over it; choose another --out")
    partial = path.parent / f"{PARTIAL_PREFIX}{path.name}"
    # A disk that is full speaks through other libraries' errors too, so all of it is inside.
    with storage_errors(path), ManifestIndex.open(root) as manifest, _held(path, partial):
        reader = CheckedReader(contents, manifest)
        plan = _plan(contents, reader, chosen, size)
        if _stands(path, chosen, plan, overwrite=overwrite):
            return Packed(path, form, plan.patches, plan.patches, _size(path))
        unfinished = _continued(partial, plan)
        writer = chosen.open(unfinished, plan)
        try:
            kept = writer.done
            _fill(writer, plan, _after(contents, kept), reader, advance)
            writer.finish()
        except BaseException:
            writer.abandon()
            raise
        _flush(unfinished)
        _publish(unfinished, path, partial)
    return Packed(path, form, plan.patches, kept, _size(path))


def _plan(contents: Contents, reader: CheckedReader, form: PackFormat, block: int) -> PackPlan:
    patches = sum(1 for _ in contents.rows())
    if not patches:
        raise InputError(f"{contents.root} holds no patch to pack")
    first = reader.read(next(contents.rows()))
    fingerprint = hashlib.sha256(json.dumps([form.name, block, [column.name for column in COLUMNS]]).encode())
    for name in _SOURCES:
        with (contents.root / PROVENANCE / name).open("rb") as file:
            fingerprint.update(hashlib.file_digest(file, "sha256").digest())
    stamp = {
        "made_by": f"gee-s1ben {__version__}",
        "format": form.name,
        "patches": patches,
        "patches_per_shard": block,
        "polarisations": list(contents.polarisations),
        "unit": "dB",
        "simulated": contents.simulated,
        "fingerprint": fingerprint.hexdigest(),
        "dataset": dict(contents.record),
    }
    size = 4 * len(contents.polarisations) * first.grid.width * first.grid.height
    return PackPlan(patches, block, contents.polarisations, first.grid.shape, size, stamp)


def _stands(path: Path, form: PackFormat, plan: PackPlan, *, overwrite: bool) -> bool:
    """Whether the pack is there already; refuse to replace what is not this pack."""
    if not path.exists():
        return False
    stamp = form.read_stamp(path) if path.is_dir() else None
    if stamp is not None and stamp.get("fingerprint") == plan.stamp["fingerprint"]:
        return True
    if path.is_dir() and not any(path.iterdir()):
        return False
    if stamp is None:
        raise InputError(f"{path} holds something else than a {form.name} pack; choose another --out")
    if not overwrite:
        raise InputError(f"{path} holds a pack of another dataset or form; choose another --out, or --overwrite")
    return False


def _continued(partial: Path, plan: PackPlan) -> Path:
    """Folder of the unfinished pack: as a killed job of the same plan left it, or empty."""
    data, mark = partial / "data", partial / "fingerprint"
    fingerprint = plan.stamp["fingerprint"]
    if not (data.is_dir() and mark.exists() and mark.read_text("utf-8") == fingerprint):
        if data.exists():
            shutil.rmtree(data)
        data.mkdir()
        with atomic_write(mark) as temporary:
            temporary.write_text(fingerprint, "utf-8")
    return data


def _after(contents: Contents, count: int) -> Iterator[PatchRow]:
    return islice(contents.rows(), count, None)


def _fill(
    writer: PackWriter, plan: PackPlan, rows: Iterator[PatchRow], reader: CheckedReader, advance: Advance | None
) -> None:
    done = writer.done
    if advance is not None:
        advance(done, plan.patches)
    while patches := [_checked(reader.read(row), plan) for row in islice(rows, plan.block)]:
        writer.append(patches)
        done += len(patches)
        if advance is not None:
            advance(done, plan.patches)


def _checked(patch: ReadPatch, plan: PackPlan) -> ReadPatch:
    if patch.grid.shape != plan.shape:
        raise RasterError(
            f"patch {patch.row.name} has {patch.grid.height}×{patch.grid.width} pixels and the first one "
            f"{plan.shape[0]}×{plan.shape[1]}; only patches of one size can be packed together"
        )
    return patch


def _flush(folder: Path) -> None:
    """Flush all that was written, so that the rename cannot outlive it."""
    if hasattr(os, "sync"):
        os.sync()
    sync(folder)


def _publish(unfinished: Path, path: Path, partial: Path) -> None:
    if path.exists():
        path.rename(partial / "replaced")
    unfinished.rename(path)
    sync(path.parent)


def _not_following(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o644)


@contextmanager
def _held(path: Path, partial: Path) -> Iterator[None]:
    """Hold the folder of the unfinished pack, so that two jobs do not write one."""
    partial.mkdir(parents=True, exist_ok=True)
    with open(partial / "lock", "w", encoding="utf-8", opener=_not_following) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WorkspaceError(
                f"another process is packing to {path}; wait for it, or choose another --out"
            ) from None
        try:
            yield
        finally:
            if not (partial / "data").exists():  # nothing that could be continued
                shutil.rmtree(partial, ignore_errors=True)


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
