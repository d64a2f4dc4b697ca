"""JSON on disk: read with limits, written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gee_s1ben.engine.catalog.property_forms import image_properties
from gee_s1ben.errors import CatalogError, StorageError
from gee_s1ben.storage.files import read_regular
from gee_s1ben.storage.json_text import parse_json

MAX_PROPERTIES_BYTES = 4 * 2**20
_MAX_COLLECTION_BYTES = 64 * 2**20
"""An image of a collection's getInfo() has about 10 kB."""
_MAX_DOCUMENT_BYTES = 256 * 2**20
"""A collection's links to 20,000 images are 4 MB."""
_MAX_DEPTH = 32
_WRITING = ".writing-"

Signature = tuple[int, int, int]


def read_properties(path: Path, image_id: str | None = None) -> dict[str, Any]:
    """Read an image's properties from a JSON file.

    Parameters
    ----------
    path : Path
        What Earth Engine's ``getInfo`` gave for the image or for a collection that has it, a flat dictionary of its
        properties, or another of the forms of :mod:`gee_s1ben.engine.catalog.property_forms`.
    image_id : str, optional
        The image that is wanted, where the file has several.

    Raises
    ------
    CatalogError
        The file is missing, larger than 64 MiB, no JSON, or has no such image; or its properties are larger than 4 MiB
        or nested deeper than 32 levels.
    """
    properties = image_properties(read_json(path, _MAX_COLLECTION_BYTES), image_id, str(path))
    check_properties(properties, str(path))
    return properties


def read_object(path: Path, max_bytes: int = _MAX_DOCUMENT_BYTES) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    CatalogError
        The file is missing, too large, broken, or something else than an object.
    """
    value = read_json(path, max_bytes)
    if not isinstance(value, dict):
        raise CatalogError(f"{path} should hold one JSON object, not a {type(value).__name__}")
    return value


def read_json(path: Path, max_bytes: int) -> Any:
    """Read a JSON file.

    Raises
    ------
    CatalogError
        The file is missing, too large or broken.
    """
    text = b""
    try:
        text = read_regular(path, max_bytes)
        if len(text) > max_bytes:
            raise CatalogError(f"{path} is larger than the {max_bytes} bytes allowed: this is not such a file")
        return parse_json(text)
    except FileNotFoundError as error:
        raise CatalogError(f"{path} does not exist") from error
    except OSError as error:
        raise CatalogError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error).splitlines()[0]
        if text.lstrip(b" \r\n[").startswith(b"{'"):
            reason = "it is what Python prints of a dictionary; write it with json.dump(image.getInfo(), file)"
        raise CatalogError(f"{path} is not valid JSON: {reason}") from error


def check_properties(value: Mapping[str, Any], where: str) -> None:
    """Check that properties are plain JSON of a sane size.

    Raises
    ------
    CatalogError
        They are nested too deeply, too large, or hold what JSON cannot.
    """
    level: list[Any] = [value]
    for _ in range(_MAX_DEPTH):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, Mapping) else parent)
            if isinstance(child, Mapping | list | tuple)
        ]
        if not level:
            break
    else:
        raise CatalogError(f"{where}: properties nested deeper than {_MAX_DEPTH} levels are not Earth Engine's")
    try:
        size = len(json.dumps(dict(value), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise CatalogError(f"{where}: the properties are not plain JSON: {error}") from error
    if size > MAX_PROPERTIES_BYTES:
        raise CatalogError(f"{where}: properties of {size} bytes are over the {MAX_PROPERTIES_BYTES} allowed")


def write_object(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object in the place of whatever was there, whole or not at all.

    Raises
    ------
    StorageError
        The disk is full, read-only or failing.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    with storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=_WRITING, dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        sync(path.parent)


def sweep(folder: Path) -> None:
    """Remove what writers left in a folder when they were killed; while one may be at work, this must not be called."""
    for leftover in folder.glob(f"{_WRITING}*"):
        leftover.unlink(missing_ok=True)


def signature(path: str | Path) -> Signature | None:
    """What changes when a file does: time, size and inode; None where there is no file."""
    try:
        status = os.stat(path)  # noqa: PTH116 - asked of every image whenever its collection is read
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def sync(path: Path) -> None:
    """Make a file, or the renames in a folder, survive a loss of power."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def storage(path: Path) -> Iterator[None]:
    """Turn what the disk answers inside into one clear line.

    Raises
    ------
    StorageError
        An :class:`OSError` came out of the block.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}; check the space and the permissions there"
        ) from error
