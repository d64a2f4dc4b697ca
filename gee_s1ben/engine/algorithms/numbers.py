"""Arithmetic of single numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final

from gee_s1ben.engine.limits import OUT_OF_MEMORY
from gee_s1ben.engine.registry import algorithm
from gee_s1ben.errors import EngineError

Number = int | float

_LOW: Final = -(2**63)
_HIGH: Final = 2**63 - 1
_WIDEST: Final = 1000
"""Characters that a number may be padded to, and digits behind its point."""
_LONGEST: Final = 1000
"""Characters that are read as a number."""

_FORMAT: Final = re.compile(r"[^%]*%(?P<flags>[#\-+ 0,(.\d]*)(?P<conversion>[sdoxXeEfgG])[^%]*")


def _binary(function: Callable[[Number, Number], Number], *names: str) -> None:
    @algorithm(*(f"Number.{name}" for name in names))
    def compute(left: Number, right: Number) -> Number:
        return _guarded(lambda: function(left, right))


def _unary(function: Callable[[Number], Number], *names: str) -> None:
    @algorithm(*(f"Number.{name}" for name in names))
    def compute(input: Number) -> Number:  # noqa: A002 - the signature's name
        return _guarded(lambda: function(input))


def _guarded(compute: Callable[[], Number]) -> Number:
    """Return NaN where a function has no value and infinity where it overflows, as Java's mathematics does."""
    try:
        number = compute()
        # What a long cannot hold is a double; Python's own integers grow until the memory is full.
        return float(number) if isinstance(number, int) and not _LOW <= number <= _HIGH else number
    except ValueError:
        return math.nan
    except OverflowError:
        return math.inf


def _power(left: Number, right: Number) -> Number:
    if left == 0 and right < 0:
        return math.inf
    power = math.pow(left, right)
    whole = isinstance(left, int) and isinstance(right, int) and abs(power) < 2**53 and power.is_integer()
    return int(power) if whole else power


def _shifted(left: Number, right: Number) -> Number:
    """Shift as Java does: by the lowest six bits of a number, within 64 bits."""
    bits = int(left) << (int(right) & 63) & (2**64 - 1)
    return bits - 2**64 if bits > _HIGH else bits


def _log(base: Callable[[float], float]) -> Callable[[Number], Number]:
    return lambda value: -math.inf if value == 0 else base(value)


def _whole(number: Number, low: int, high: int) -> int:
    """Cut to an integer, as Java casts: towards zero, not a number to 0, and to the range's ends."""
    if math.isnan(number):
        return 0
    return int(min(max(number, low), high))


def _cast(low: int, high: int) -> Callable[[Number], Number]:
    return lambda number: _whole(number, low, high)


_binary(lambda left, right: left + right, "add")
_binary(lambda left, right: left - right, "subtract")
_binary(lambda left, right: left * right, "multiply")
_binary(lambda left, right: left / right if right else 0, "divide")
_binary(max, "max")
_binary(min, "min")
_binary(lambda left, right: left, "first")  # noqa: ARG005 - the one that counts
_binary(lambda left, right: left or right, "firstNonZero", "first_nonzero")
_binary(lambda left, right: math.fmod(left, right) if right else 0, "mod")
_binary(_power, "pow")
_binary(math.atan2, "atan2")
_binary(math.hypot, "hypot")
_binary(lambda left, right: int(bool(left) and bool(right)), "and")
_binary(lambda left, right: int(bool(left) or bool(right)), "or")
_binary(lambda left, right: int(left < right), "lt")
_binary(lambda left, right: int(left <= right), "lte")
_binary(lambda left, right: int(left > right), "gt")
_binary(lambda left, right: int(left >= right), "gte")
_binary(lambda left, right: int(left == right), "eq")
_binary(lambda left, right: int(left != right), "neq")
_binary(lambda left, right: int(left) & int(right), "bitwiseAnd", "bitwise_and")
_binary(lambda left, right: int(left) | int(right), "bitwiseOr", "bitwise_or")
_binary(lambda left, right: int(left) ^ int(right), "bitwiseXor", "bitwise_xor")
_binary(_shifted, "leftShift", "left_shift")
_binary(lambda left, right: int(left) >> (int(right) & 63), "rightShift", "right_shift")

_unary(lambda value: int(not value), "not")
_unary(lambda value: ~int(value), "bitwiseNot", "bitwise_not")
_unary(lambda value: (int(value) & (2**64 - 1)).bit_count(), "bitCount")
_unary(math.sin, "sin")
_unary(math.cos, "cos")
_unary(math.tan, "tan")
_unary(math.asin, "asin")
_unary(math.acos, "acos")
_unary(math.atan, "atan")
_unary(math.sinh, "sinh")
_unary(math.cosh, "cosh")
_unary(math.tanh, "tanh")
_unary(math.sqrt, "sqrt")
_unary(math.cbrt, "cbrt")
_unary(math.exp, "exp")
_unary(_log(math.log), "log")
_unary(_log(math.log10), "log10")
_unary(abs, "abs")
_unary(math.floor, "floor")
_unary(math.ceil, "ceil")
_unary(lambda value: math.floor(value + 0.5), "round")
_unary(lambda value: (value > 0) - (value < 0), "signum")
_unary(math.erf, "erf")
_unary(math.erfc, "erfc")
_unary(math.gamma, "gamma")
_unary(_cast(0, 2**8 - 1), "uint8", "toUint8", "byte", "toByte")
_unary(_cast(-(2**7), 2**7 - 1), "int8", "toInt8")
_unary(_cast(0, 2**16 - 1), "uint16", "toUint16")
_unary(_cast(-(2**15), 2**15 - 1), "int16", "toInt16", "short", "toShort")
_unary(_cast(0, 2**32 - 1), "uint32", "toUint32")
_unary(_cast(-(2**31), 2**31 - 1), "int32", "toInt32", "int", "toInt")
_unary(_cast(-(2**63), 2**63 - 1), "int64", "toInt64", "long", "toLong")
_unary(float, "double", "toDouble", "float", "toFloat")


@algorithm("Number.clamp")
def clamp(number: Number, min: float, max: float) -> Number:  # noqa: A002 - the signature's names
    """Return the nearest number within limits."""
    return sorted((number, min, max))[1]


@algorithm("Number.unitScale")
def unit_scale(number: Number, min: float, max: float) -> Number:  # noqa: A002 - the signature's names
    """Return where a number lies between two others: 0 at the one, 1 at the other."""
    return (number - min) / (max - min) if max != min else 0


@algorithm("Number.parse")
def parse(input: str, radix: int = 10) -> Number:  # noqa: A002 - the signature's name
    """Read a number from text."""
    if len(input) > _LONGEST:
        raise EngineError(f"Number.parse: Cannot parse a text of {len(input)} characters as a number.")
    try:
        whole = int(input, radix)
        return _guarded(lambda: whole)
    except ValueError:
        pass
    try:
        if radix == 10:
            return float(input)
    except ValueError:
        pass
    raise EngineError(f"Number.parse: Cannot parse '{input[:40]}' as a number of radix {radix}.")


@algorithm("Number.format")
def format_number(number: Number, pattern: str = "%s") -> str:
    """Write a number by a printf-style pattern."""
    match = _FORMAT.fullmatch(pattern)
    if match is None or "(" in match["flags"]:
        raise EngineError(f"Number.format: Invalid format string '{pattern[:40]}'.")
    if any(int(digits[:9]) > _WIDEST for digits in re.findall(r"[1-9][0-9]*", match["flags"])):
        raise EngineError(OUT_OF_MEMORY)
    start, end = match.start("flags") - 1, match.end("conversion")
    grouped = "," in match["flags"]
    flags, conversion = match["flags"].replace(",", ""), match["conversion"]
    value = _rounded(number) if conversion in "doxX" else number
    try:
        if grouped:
            text = f"{value:{flags}{',' if conversion != 's' else ''}{conversion.replace('s', '')}}"
        else:
            text = f"%{flags}{conversion}" % (plain(number) if conversion == "s" else value)
    except ValueError as error:
        raise EngineError(f"Number.format: Invalid format string '{pattern[:40]}'.") from error
    return f"{pattern[:start]}{text}{pattern[end:]}"


def _rounded(number: Number) -> int:
    return _whole(math.floor(number + 0.5) if math.isfinite(number) else number, _LOW, _HIGH)


def plain(number: Number) -> str:
    """Write a number the short way: without a point where it is whole."""
    if isinstance(number, float) and math.isfinite(number) and number.is_integer() and abs(number) < 2**53:
        return str(int(number))
    return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(str(number), str(number))
