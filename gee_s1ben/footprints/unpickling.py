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
import re
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from gee_s1ben.errors import InputError
from gee_s1ben.storage.files import read_regular

MAX_BYTES = 16_000_000
"""The larger of the seed's dictionaries has half a megabyte."""
_MOST_OPCODES = 500_000
_REFUSED = re.compile(
    r"(BIN)?PERSID|EXT[124]|INST|OBJ|NEWOBJ(_EX)?|BYTEARRAY8|NEXT_BUFFER|READONLY_BUFFER|EMPTY_SET|ADDITEMS|FROZENSET"
)
"""Opcodes of other objects, and of sets, whose members are hashed."""


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
        _check_opcodes(file.getvalue()[file.tell() :])
        found = _Unpickler(file).load()
    except pickle.UnpicklingError as error:
        raise InputError(f"{path} is refused: {error}") from error
    except Exception as error:  # a broken or hostile pickle ends in almost any error
        raise InputError(f"{path} is broken: {type(error).__name__}: {' '.join(str(error).split())[:120]}") from error
    if not isinstance(found, _Array) or found.shape != ():
        raise InputError(f"{path} is broken: its pickle is no array")
    return found[()]


def _check_opcodes(content: bytes) -> None:
    """Refuse a pickle that is not built as dictionaries are, or numbers its parts higher than it could have.

    The numbers are places in an array, and a mark takes as much memory as a list.
    """
    for count, (opcode, argument, _) in enumerate(pickletools.genops(content)):
        if count >= _MOST_OPCODES:
            raise pickle.UnpicklingError(f"it has more than {_MOST_OPCODES} parts")
        if _REFUSED.fullmatch(opcode.name):
            raise pickle.UnpicklingError(f"it holds what a dictionary of tiles does not need ({opcode.name})")
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
        content = read_regular(path, most)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    if len(content) > most:
        raise InputError(f"{path} is larger than {most} bytes: that is not what it claims to be")
    return content


def shown(value: object) -> str:
    """Return a short text for any value out of a pickle, whose own text may be endless."""
    if isinstance(value, str | bytes | float | np.generic):
        return ascii(value[:40] if isinstance(value, str | bytes) else value)[:60]
    return str(value) if isinstance(value, int) and abs(value) < 2**63 else f"a {type(value).__name__}"


class _Dtype:
    """A type of plain values by its name; numpy's own takes descriptions of any depth."""

    def __init__(self, name: object, _align: object = False, _copy: object = True) -> None:
        if not isinstance(name, str) or not _DTYPE.fullmatch(name):
            raise pickle.UnpicklingError("an array is of a type that a dictionary of tiles does not need")
        self.plain = np.dtype(name)

    def __setstate__(self, state: Any) -> None:
        order, fields = state[1], state[2:5]
        if order not in ("<", ">", "|", "=") or any(part is not None for part in fields):
            raise pickle.UnpicklingError("an array is of a type that a dictionary of tiles does not need")
        self.plain = self.plain.newbyteorder(order)


class _Array(np.ndarray[Any, Any]):
    """An array that is not filled with more than the file holds for it."""

    def __setstate__(self, state: Any) -> None:
        version, shape, dtype, fortran, content = state
        if not isinstance(dtype, _Dtype) or math.prod(shape) > len(content):
            raise pickle.UnpicklingError("an array is larger than its content, or of no type")
        super().__setstate__((version, shape, dtype.plain, fortran, content))


def _reconstruct(kind: object, shape: object, code: object) -> Any:
    if kind is not _NDARRAY or shape != (0,) or code != b"b":
        raise pickle.UnpicklingError("an array is made in a way that numpy does not")
    return _Array((0,), np.int8)


def _scalar(dtype: Any, data: Any = None) -> Any:
    if not isinstance(dtype, _Dtype) or dtype.plain.hasobject or not isinstance(data, bytes):
        raise pickle.UnpicklingError("a number is made in a way that numpy does not")
    return np.frombuffer(data, dtype.plain, count=1)[0]


def _dictionary(*factory: object) -> dict[Any, Any]:
    """Stand for a ``defaultdict``: what it makes where a key is missing is not wanted, nor filled at once."""
    if len(factory) > 1:
        raise pickle.UnpicklingError("a dictionary is made in a way that pickle does not")
    return {}


def _encode(text: object, encoding: object) -> bytes:
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError("bytes are made in a way that pickle does not")
    return codecs.latin_1_encode(text)[0]


_DTYPE = re.compile(r"[|<>=]?([?bBhHiIlLqQfdOSUV]|[biufcOSUV][0-9]{1,4})")
_NDARRAY = object()
"""Stands for the class, which pickles of arrays name but must not call."""
_RENAMED = {"numpy._core.multiarray": "numpy.core.multiarray"}
"""Numpy 2's name for a module of numpy 1."""
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
    ("collections", "defaultdict"): _dictionary,
}


def _check_key(key: object) -> None:
    if not isinstance(key, str | bytes | int | float | np.generic):
        raise pickle.UnpicklingError(f"a key is {shown(key)}, where a name is expected")


_InPython: Any = pickle._Unpickler  # noqa: SLF001 - undocumented, and what the documented one is checked against


class _Unpickler(_InPython):  # type: ignore[misc]
    """Python's own, in Python: here each key can be looked at before it is hashed.

    The hash of a tuple is that of all it holds, as often as it holds it: forty tuples that hold the one before twice
    take days.
    """

    dispatch: ClassVar[dict[int, Any]] = dict(_InPython.dispatch)

    def load_setitem(self) -> None:
        _check_key(self.stack[-2])
        super().load_setitem()

    def load_setitems(self) -> None:
        for key in self.stack[::2]:
            _check_key(key)
        super().load_setitems()

    def load_dict(self) -> None:
        for key in self.stack[::2]:
            _check_key(key)
        super().load_dict()

    def load_build(self) -> None:
        if not isinstance(self.stack[-2], _Array | _Dtype):
            raise pickle.UnpicklingError("a state is given to what needs none")
        super().load_build()

    dispatch[pickle.SETITEM[0]] = load_setitem
    dispatch[pickle.SETITEMS[0]] = load_setitems
    dispatch[pickle.DICT[0]] = load_dict
    dispatch[pickle.BUILD[0]] = load_build

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[_RENAMED.get(module, module), name]
        except KeyError:
            asked = ascii(f"{module}.{name}"[:80])
            raise pickle.UnpicklingError(f"it asks for {asked}, which a dictionary of tiles does not need") from None
