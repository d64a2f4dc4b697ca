"""What is kept between the stages: one folder, one writer."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from gee_s1ben.dataset.atomic import atomic_write
from gee_s1ben.errors import StorageError, WorkspaceError

_Value = TypeVar("_Value")

MARK = "gee-s1ben.workspace"
"""A file that says whose folder this is."""


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
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            foreign = not (self.path / MARK).exists() and any(self.path.iterdir())
            if foreign:
                raise WorkspaceError(f"{self.path} holds something else; choose another 'workspace' or empty it")
            descriptor = os.open(self.path / MARK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StorageError(f"cannot use the workspace {self.path}: {error.strerror or error}") from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
                raise WorkspaceError(
                    f"{self.path} is in use by process {holder}; wait for it, or choose another 'workspace'"
                ) from None
            try:
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
            except OSError as error:
                raise StorageError(f"cannot write to the workspace {self.path}: {error.strerror or error}") from error
            yield
        finally:
            os.close(descriptor)

    def save(self, name: str, value: Any) -> None:
        """Write a value as JSON, whole or not at all.

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

    def window_path(self, fingerprint: str, window: str) -> Path:
        """Return where a window's GeoTIFF is kept."""
        return self.path / "windows" / fingerprint / f"{window}.tif"


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
