"""Object arrays out of ``.npy`` files without running what they say.

``numpy.load(allow_pickle=True)`` calls whatever a file names. Here six globals are known, each needed by the seed's
dictionaries, and four of them are stand-ins that do only what numpy's own pickles ask of them.
"""

from __future__ import annotations

import codecs
import io
import math
import pickle
import pickletools
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from gee_s1ben.errors import InputError

MAX_BYTES = 64_000_000
"""The larger of the seed's dictionaries has half a megabyte."""


def load_object(path: Path) -> Any:
    """Return the object in a 0-d object array of a ``.npy`` file.

    Raises
    ------
    InputError
        The file cannot be read, is too large, is no such array, or asks for anything but the six globals.
    """
    file = io.BytesIO(read_capped(path, MAX_BYTES))
    try:
        version = np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file) if version == (1, 0) else ((), None, None)
    except ValueError as error:
        raise InputError(f"{path} is no .npy file: {' '.join(str(error).split())[:120]}") from error
    if (shape, dtype) != ((), np.dtype(object)):
        raise InputError(f"{path} holds an array of {dtype}, shape {shape}; a pickled dictionary is expected")
    try:
        _refuse_sparse_memo(file.getvalue()[file.tell() :])
        found = _Unpickler(file).load()
    except pickle.UnpicklingError as error:
        raise InputError(f"{path} is refused: {error}") from error
    except Exception as error:  # a broken or hostile pickle ends in almost any error
        raise InputError(f"{path} is broken: {type(error).__name__}: {' '.join(str(error).split())[:120]}") from error
    if not isinstance(found, _Array) or found.shape != ():
        raise InputError(f"{path} is broken: its pickle is no array")
    return found[()]


def _refuse_sparse_memo(content: bytes) -> None:
    """Refuse a pickle that numbers its parts higher than it could have: the numbers are places in an array."""
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name.endswith("PUT") and argument is not None and argument > len(content):
            raise pickle.UnpicklingError("it asks for far more memory than it fills")


def read_capped(path: Path, most: int) -> bytes:
    """Read a file that must not be larger than ``most`` bytes.

    Raises
    ------
    InputError
        It is larger, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    if len(content) > most:
        raise InputError(f"{path} is larger than {most} bytes: that is not what it claims to be")
    return content


class _Array(np.ndarray[Any, Any]):
    """An array that is not filled with more than the file holds for it."""

    def __setstate__(self, state: Any) -> None:
        _, shape, _, _, content = state
        if math.prod(shape) > len(content):
            raise pickle.UnpicklingError(f"an array of shape {shape} is larger than its content")
        super().__setstate__(state)


def _reconstruct(kind: object, shape: object, code: object) -> Any:
    if kind is not _NDARRAY or shape != (0,) or code != b"b":
        raise pickle.UnpicklingError("an array is made in a way that numpy does not")
    return _Array((0,), np.int8)


def _scalar(dtype: Any, data: Any = None) -> Any:
    if not isinstance(dtype, np.dtype) or dtype.hasobject or not isinstance(data, bytes):
        raise pickle.UnpicklingError("a number is made in a way that numpy does not")
    return np.frombuffer(data, dtype, count=1)[0]


def _encode(text: object, encoding: object) -> bytes:
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError("bytes are made in a way that pickle does not")
    return codecs.latin_1_encode(text)[0]


_NDARRAY = object()
"""Stands for the class, which pickles of arrays name but must not call."""
_RENAMED = {"numpy._core.multiarray": "numpy.core.multiarray"}
"""Numpy 2's name for a module of numpy 1."""
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _encode,
    ("collections", "defaultdict"): defaultdict,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[_RENAMED.get(module, module), name]
        except KeyError:
            asked = ascii(f"{module}.{name}"[:80])
            raise pickle.UnpicklingError(f"it asks for {asked}, which a dictionary of tiles does not need") from None
