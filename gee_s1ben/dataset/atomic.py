"""Files that are whole or absent, and one clear line when the disk will not take them."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from gee_s1ben.errors import StorageError

PARTIAL_PREFIX = ".partial-"
"""Start of the name of everything that is not finished; whatever bears it after a kill can go."""

_REMEDIES = {
    errno.ENOSPC: "the disk is full: free some space and start again",
    errno.EDQUOT: "the disk quota is used up: free some space and start again",
    errno.EROFS: "the file system is read-only: choose another folder or mount it for writing",
    errno.EACCES: "no permission to write there: choose another folder or change its permissions",
    errno.EPERM: "no permission to write there: choose another folder or change its permissions",
    errno.EIO: "the disk failed (input/output error): check it before starting again",
    errno.ENOTDIR: "a file stands where a folder is needed: move it or choose another folder",
    errno.EEXIST: "a file stands where a folder is needed: move it or choose another folder",
    errno.ENAMETOOLONG: "the path is too long for this file system: choose a shorter folder",
}


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system says about writing ``path`` into one clear line.

    Raises
    ------
    StorageError
        The block raised an ``OSError``.
    """
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, f"{error.strerror or error}: check the disk and start again")
        raise StorageError(f"cannot write {path}: {remedy}") from error


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Write a file so that it is whole or absent, whatever happens and whenever.

    Parameters
    ----------
    path : Path
        The file to be; its folder is made if need be. What stood there is replaced at the end.

    Yields
    ------
    Path
        A file in the same folder to write to. When the block ends well it is flushed to disk and renamed; when it
        does not, it is removed.

    Raises
    ------
    StorageError
        The disk is full, read-only or failing.
    """
    # By chance, because processes of one number on two machines may write to one folder.
    partial = path.with_name(f"{PARTIAL_PREFIX}{secrets.token_hex(4)}-{path.name}")
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            sync(partial)
            partial.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            raise
        sync(path.parent)


def sync(path: Path) -> None:
    """Flush a file or folder to disk.

    Raises
    ------
    OSError
        It cannot be opened or flushed. Folders that their file system cannot flush are passed over.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


def sync_file_system(path: Path) -> bool:
    """Flush all that was written to the file system of a folder, in one call for however many files.

    Returns
    -------
    bool
        Whether it is certain that all is on disk. Where it is False (beyond Linux) the system was asked to, but a disk
        that fails does not tell, and folders have to be flushed one by one.

    Raises
    ------
    OSError
        Something could not be flushed.
    """
    flush = _syncfs()
    if flush is None:
        if hasattr(os, "sync"):
            os.sync()
        return False
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if flush(descriptor):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(descriptor)
    return True


@lru_cache(maxsize=1)
def _syncfs() -> Callable[[int], int] | None:
    """syncfs(2), which unlike sync(2) says what went wrong, and waits for no other disk; Python does not have it."""
    if sys.platform != "linux":
        return None
    try:
        found: Callable[[int], int] = ctypes.CDLL(None, use_errno=True).syncfs
    except (OSError, AttributeError):
        return None
    return found


def sweep_partial(folder: Path, prefix: str = PARTIAL_PREFIX) -> int:
    """Remove from a folder what a killed run left unfinished; return how much that was.

    Parameters
    ----------
    folder : Path
        Where to look.
    prefix : str
        Start of the names to remove.

    Raises
    ------
    StorageError
        Something cannot be removed.
    """
    with storage_errors(folder):
        left = sorted(folder.glob(f"{prefix}*"))
        for path in left:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    return len(left)
