"""The elementwise operations that programs are made of, in numpy.

Each writes float64 into ``out``; inputs are arrays of one shape, or numbers. Masks are not their business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Operand = FloatArray | np.float64
Operation = Callable[..., Any]


def _divide(a: Operand, b: Operand, out: FloatArray) -> None:
    # Image.divide: «returning 0 for division by 0».
    np.divide(a, b, out=out)
    zero = np.equal(b, 0.0)
    if np.any(zero):
        np.copyto(out, 0.0, where=zero)


def _modulo(a: Operand, b: Operand, out: FloatArray) -> None:
    np.fmod(a, b, out=out)
    zero = np.equal(b, 0.0)
    if np.any(zero):
        np.copyto(out, 0.0, where=zero)


def _select(test: Operand, yes: Operand, no: Operand, out: FloatArray) -> None:
    """Choose by bits: on noisy masks several times faster than ``copyto(where=…)`` or ``np.where``."""
    if isinstance(test, np.float64):
        np.copyto(out, yes if test != 0.0 else no)
        return
    # The test is 0.0 or 1.0 (ProgramBuilder.select sees to it). The bits of 1.0 are 0x3FF0…: shifted left by two its
    # sign is set, and an arithmetic shift spreads the sign over all bits.
    chosen = np.left_shift(test.view(np.int64), 2)
    np.right_shift(chosen, 63, out=chosen)
    bits, otherwise = out.view(np.int64), _bits(no)
    np.bitwise_xor(_bits(yes), otherwise, out=bits)
    np.bitwise_and(bits, chosen, out=bits)
    np.bitwise_xor(bits, otherwise, out=bits)


def _bits(operand: Operand) -> npt.NDArray[np.int64] | np.int64:
    return operand.view(np.int64)


def _float32(a: Operand, out: FloatArray) -> None:
    np.copyto(out, np.asarray(a).astype(np.float32))


def _integer(low: float, high: float) -> Operation:
    # Earth Engine truncates towards zero and clamps to the range of the type.
    def cast(a: Operand, out: FloatArray) -> None:
        np.trunc(a, out=out)
        np.clip(out, low, high, out=out)

    return cast


def _not(a: Operand, out: FloatArray) -> None:
    np.equal(a, 0.0, out=out)


def _truth(a: Operand, out: FloatArray) -> None:
    np.not_equal(a, 0.0, out=out)


def _round(a: Operand, out: FloatArray) -> None:
    # Half away from zero's neighbour above, as Java's Math.round has it.
    np.floor(np.add(a, 0.5, out=out), out=out)


INTEGER_RANGES: dict[str, tuple[float, float]] = {
    "int8": (-(2.0**7), 2.0**7 - 1),
    "uint8": (0.0, 2.0**8 - 1),
    "int16": (-(2.0**15), 2.0**15 - 1),
    "uint16": (0.0, 2.0**16 - 1),
    "int32": (-(2.0**31), 2.0**31 - 1),
    "uint32": (0.0, 2.0**32 - 1),
    "int64": (-(2.0**63), 2.0**63),
}
"""The integer types an image can be cast to, with the least and greatest value."""

OPERATIONS: dict[str, Operation] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": _divide,
    "mod": _modulo,
    "pow": np.power,
    "min": np.minimum,
    "max": np.maximum,
    "atan2": lambda a, b, out: np.arctan2(b, a, out=out),
    "hypot": np.hypot,
    "abs": np.absolute,
    "sqrt": np.sqrt,
    "cbrt": np.cbrt,
    "exp": np.exp,
    "log": np.log,
    "log10": np.log10,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": _round,
    "signum": np.sign,
    "eq": np.equal,
    "neq": np.not_equal,
    "gt": np.greater,
    "gte": np.greater_equal,
    "lt": np.less,
    "lte": np.less_equal,
    "not": _not,
    "truth": _truth,
    "select": _select,
    "float32": _float32,
    **{name: _integer(low, high) for name, (low, high) in INTEGER_RANGES.items()},
}


def fold(operation: str, *numbers: float) -> float:
    """Apply an operation to numbers, through the same code that runs on arrays."""
    out = np.empty((), dtype=np.float64)
    with np.errstate(all="ignore"):
        OPERATIONS[operation](*(np.float64(n) for n in numbers), out=out)
    return float(out)
