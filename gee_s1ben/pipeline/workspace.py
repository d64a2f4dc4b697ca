"""What is kept between the stages: one folder, one writer."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from gee_s1ben.dataset.atomic import PARTIAL_PREFIX, atomic_write, storage_errors
from gee_s1ben.domain.shard import Shard
from gee_s1ben.errors import StorageError, WorkspaceError

_Value = TypeVar("_Value")

_log = logging.getLogger(__name__)

MARK = "gee-s1ben.workspace"
"""A file that says whose folder this is."""

_UNFINISHED = re.compile(rf"{re.escape(PARTIAL_PREFIX)}[0-9a-f]{{8}}-")
_FRESH_SECONDS = 600.0

_LOCK_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
"""A lock file is written to: where it is a link, somebody else's file would be."""

IDENTITY = "identity"
"""A file with a random UUID that all request ids of this folder are made from; beside the ledger, to outlive it."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder of what the stages hand on to each other."""

    path: Path

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder for the time of a ``with`` block, making it where it is missing.

        Raises
        ------
        WorkspaceError
            Another process holds it, or it holds something else.
        StorageError
            It cannot be written.
        """
        with self._locked(MARK, f"process {os.getpid()}"):
            self._sweep()
            yield

    @contextmanager
    def held_by(self, shard: Shard) -> Iterator[None]:
        """Hold a shard's part of the folder for the time of a ``with`` block.

        The other shards of the same count may hold theirs at the same time, also on other machines where the file
        system's locks reach them; :meth:`held` may not.

        Raises
        ------
        WorkspaceError
            A stage that wants the whole folder, the same shard, or a shard of another count is at work.
        StorageError
            It cannot be written.
        """
        name = f"shards/{shard.index}-of-{shard.count}"
        with (
            self._locked(MARK, f"shards of {shard.count}", shared=True),
            self._locked(name, f"another process with --shard {shard}"),
        ):
            for path in (self.path / "shards").iterdir():
                if not path.name.endswith(f"-of-{shard.count}") and self._is_locked(path):
                    other = path.name.replace("-of-", "/")
                    raise WorkspaceError(
                        f"{self.path} is in use by shard {other}; all shards at work must be of one count"
                    )
            yield

    @contextmanager
    def _locked(self, name: str, holder: str, *, shared: bool = False) -> Iterator[None]:
        """Lock a file that says who holds it."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            foreign = not (self.path / MARK).exists() and any(self.path.iterdir())
            if foreign:
                raise WorkspaceError(f"{self.path} holds something else; choose another 'workspace' or empty it")
            (self.path / name).parent.mkdir(exist_ok=True)
            descriptor = os.open(self.path / name, _LOCK_FLAGS | os.O_CREAT, 0o644)
        except OSError as error:
            raise StorageError(f"cannot use the workspace {self.path}: {error.strerror or error}") from error
        try:
            try:
                fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            except BlockingIOError:
                found = os.pread(descriptor, 64, 0).decode("ascii", "replace").strip() or "an unknown process"
                raise WorkspaceError(
                    f"{self.path} is in use by {found}; wait for it, or choose another 'workspace'"
                ) from None
            except OSError as error:
                raise StorageError(
                    f"cannot lock the workspace {self.path}: {error.strerror or error}; choose a 'workspace' on a file "
                    "system that has locks (flock)"
                ) from error
            try:
                if os.pread(descriptor, 64, 0) != f"{holder}\n".encode("ascii"):
                    os.ftruncate(descriptor, 0)
                    os.pwrite(descriptor, f"{holder}\n".encode("ascii"), 0)
            except OSError as error:
                raise StorageError(f"cannot write to the workspace {self.path}: {error.strerror or error}") from error
            yield
        finally:
            os.close(descriptor)

    def _sweep(self) -> None:
        """Remove what killed stages left unfinished; the folder is held."""
        with storage_errors(self.path):
            for folder, _, names in os.walk(self.path):
                for name in names:
                    if _UNFINISHED.match(name) and not self._is_fresh_note(Path(folder, name)):
                        Path(folder, name).unlink(missing_ok=True)

    @staticmethod
    def _is_fresh_note(path: Path) -> bool:
        """Whether it may be one of the few files that are written without the lock, just now."""
        return path.suffix == ".txt" and time.time() - path.lstat().st_mtime < _FRESH_SECONDS

    @staticmethod
    def _is_locked(path: Path) -> bool:
        descriptor = os.open(path, _LOCK_FLAGS)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def save(self, name: str, value: Any) -> str:
        """Write a value as JSON, whole or not at all; return the SHA-256 of the file.

        Parameters
        ----------
        name : str
            Such as ``plan/33UUP_20170613T101031``; without the suffix.
        value
            A frozen dataclass.
        """
        path = self.path / f"{name}.json"
        content = _adapter(type(value)).dump_json(value) + b"\n"
        with atomic_write(path) as temporary:
            temporary.write_bytes(content)
        return hashlib.sha256(content).hexdigest()

    def file_digest(self, name: str) -> str | None:
        """Return the SHA-256 of what :meth:`save` wrote; None where there is nothing."""
        path = self.path / f"{name}.json"
        try:
            return hashlib.sha256(path.read_bytes()).hexdigest()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"cannot read {path}: {error.strerror or error}") from error

    def load(self, name: str, kind: type[_Value], stage: str) -> _Value:
        """Read what a stage left.

        Raises
        ------
        WorkspaceError
            It is not there, or not readable; ``stage`` is the command that makes it.
        """
        path = self.path / f"{name}.json"
        try:
            return _adapter(kind).validate_json(path.read_bytes())
        except FileNotFoundError:
            raise WorkspaceError(f"there is no {path}: run 'gee-s1ben {stage}' first") from None
        except ValidationError as error:
            raise WorkspaceError(f"{path} is broken or of another version: run 'gee-s1ben {stage}' again") from error
        except OSError as error:
            raise StorageError(f"cannot read {path}: {error.strerror or error}") from error

    def forget(self, name: str) -> None:
        """Remove a folder of the workspace with all that it holds."""
        try:
            shutil.rmtree(self.path / name)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageError(f"cannot remove {self.path / name}: {error.strerror or error}") from error

    @property
    def ledger_path(self) -> Path:
        """Where the ledger is kept."""
        return self.path / "ledger.sqlite"

    def identity(self) -> uuid.UUID:
        """Return what tells this workspace's operations from all others', making it the first time.

        Raises
        ------
        WorkspaceError
            It is broken.
        StorageError
            It cannot be read or written.
        """
        path = self.path / IDENTITY
        try:
            return uuid.UUID(path.read_text("ascii").strip())
        except FileNotFoundError:
            made = uuid.uuid4()
            keep(path, f"{made}\n".encode("ascii"))
            return made
        except ValueError as error:
            raise WorkspaceError(
                f"{path} is broken: put back what stood there (a UUID), or remove it if no exports are under way"
            ) from error
        except OSError as error:
            raise StorageError(f"cannot read {path}: {error.strerror or error}") from error

    def window_path(self, fingerprint: str, window: str) -> Path:
        """Return where a window's GeoTIFF is kept."""
        return self.path / "windows" / fingerprint / f"{window}.tif"

    def keep_window(self, fingerprint: str, window: str, content: bytes) -> None:
        """Write a window's GeoTIFF, and beside it its checksum: nothing else tells of a bit that flips in its pixels.

        A window without its checksum is not kept (:meth:`window_digest`), so a kill between the two files costs another
        request and nothing else.

        Raises
        ------
        StorageError
            The disk is full, read-only or failing.
        """
        path = self.window_path(fingerprint, window)
        check = path.with_suffix(_CHECKSUM)
        with storage_errors(check):
            check.unlink(missing_ok=True)  # first: an old one beside a new window would call it broken
        keep(path, content)
        keep(check, f"{hashlib.sha256(content).hexdigest()}  {path.name}\n".encode("ascii"))

    def window_digest(self, fingerprint: str, window: str) -> str | None:
        """Return the SHA-256 that a window must have; None where the window or its checksum is not there.

        Whoever reads a window asks for this first: what has no checksum cannot be checked, and counts as missing.

        Raises
        ------
        StorageError
            The workspace cannot be read.
        """
        path = self.window_path(fingerprint, window)
        check = path.with_suffix(_CHECKSUM)
        try:
            return check.read_text("ascii", "replace").partition(" ")[0] if path.exists() else None
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"cannot read {check}: {error.strerror or error}") from error

    def read_window(self, fingerprint: str, window: str) -> bytes | None:
        """Return a window's GeoTIFF, the same bytes that were kept; None where it is missing or has changed.

        Raises
        ------
        StorageError
            The workspace cannot be read.
        """
        path, expected = self.window_path(fingerprint, window), self.window_digest(fingerprint, window)
        if expected is None:
            if path.exists():
                _log.warning("%s has no checksum and is fetched again", path)
            return None
        try:
            content = path.read_bytes()
        except OSError as error:
            raise StorageError(f"cannot read {path}: {error.strerror or error}") from error
        if hashlib.sha256(content).hexdigest() != expected:
            _log.warning("%s differs from its checksum and is fetched again", path)
            return None
        return content


_CHECKSUM = ".sha256"
"""Suffix of a file with the checksum of the window of the same name."""

_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def _adapter(kind: type[_Value]) -> TypeAdapter[_Value]:
    """Return what reads and writes a type; making one takes ten milliseconds."""
    return _ADAPTERS.setdefault(kind, _ADAPTERS.get(kind) or TypeAdapter(kind))


def keep(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all, making its folder."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


def digest(*parts: Any) -> str:
    """SHA-256 of values as canonical JSON, in hexadecimal."""
    content = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(content.encode("ascii")).hexdigest()
