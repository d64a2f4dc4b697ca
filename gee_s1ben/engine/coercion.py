"""Bringing a value to the type that an argument has in its algorithm's signature.

The client wraps most literals itself (a number given for an image arrives as ``Image.constant``). Values that it cannot
know, such as a property fetched on the server, arrive raw and are brought to type here, as Earth Engine does it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gee_s1ben.engine.dates import Date, DateRange, parse_date, parse_range
from gee_s1ben.engine.features import ELEMENT_TYPES, Collection, Feature, as_geometry, collection_of
from gee_s1ben.engine.filters import Filter
from gee_s1ben.engine.geometry import Geometry
from gee_s1ben.engine.kernels import Kernel
from gee_s1ben.engine.reducers import Reducer
from gee_s1ben.engine.registry import lookup
from gee_s1ben.engine.values import Image, PixelType, Projection
from gee_s1ben.errors import EngineError


@dataclass(frozen=True, slots=True)
class ErrorMargin:
    """How far off a result may be."""

    value: float
    unit: str = "meters"

    @property
    def metres(self) -> float:
        """The margin in metres; one of another unit is taken as none."""
        return self.value if self.unit == "meters" else 0.0


class _Mismatch(Exception):  # noqa: N818 - never leaves this module
    """The value cannot be brought to the type."""


def coerce(value: Any, type_: str, element_type: str | None, where: str) -> Any:
    """Return a value as the type of an argument.

    Parameters
    ----------
    value : object
        Not ``None``.
    type_ : str
        The type's name in the signature, such as ``Integer`` or ``List``.
    element_type : str or None
        What a list or dictionary of that type holds.
    where : str
        Algorithm and argument, for the message.

    Raises
    ------
    EngineError
        «X, argument 'y': Invalid type. …»
    """
    try:
        return _coerce(value, type_, element_type, where)
    except (_Mismatch, ArithmeticError, UnicodeError, ValueError):  # a time that is infinite is none
        raise EngineError(
            f"{where}: Invalid type. Expected type: {type_}. Actual type: {type_name(value)}. "
            f"Actual value: {str(value)[:80]}"
        ) from None


def truth(value: Any) -> bool:
    """Whether a value counts as true: zero, NaN, null and what is empty do not."""
    match value:
        case None | False | 0 | "":
            return False
        case float():
            return not math.isnan(value)
        case list() | Mapping():
            return len(value) > 0
    return True


def type_name(value: Any) -> str:
    """Return Earth Engine's name of a value's type."""
    match value:
        case None:
            return "Null"
        case bool():
            return "Boolean"
        case int():
            return "Integer" if -(2**31) <= value < 2**31 else "Long"
        case float():
            return "Float"
        case str():
            return "String"
        case list() | tuple():
            return "List"
        case Collection():
            return value.kind
        case Mapping():
            return "Dictionary"
    return "Algorithm" if callable(value) and not isinstance(value, type) else type(value).__name__


def _coerce(value: Any, type_: str, element_type: str | None, where: str) -> Any:
    if type_ == "List":
        return _list(value, element_type, where)
    if type_ == "Dictionary":
        return _dictionary(value)
    convert = _CONVERSIONS.get(type_)
    return value if convert is None else convert(value)


def _list(value: Any, element_type: str | None, where: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise _Mismatch
    if element_type is None or element_type == "Object":
        return list(value)
    outer, _, inner = element_type.partition("<")
    return [None if item is None else coerce(item, outer, inner[:-1] or None, where) for item in value]


def _dictionary(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Feature | Image):
        return dict(value.properties)
    raise _Mismatch


def _number(value: Any) -> float | int:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return value
    raise _Mismatch


def _integer(value: Any) -> int:
    number = _number(value)
    if isinstance(number, float) and not math.isfinite(number):
        raise _Mismatch
    return int(number)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool | int | float):
        return truth(value)
    raise _Mismatch


def _string(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise _Mismatch


def _element(value: Any) -> Any:
    if isinstance(value, ELEMENT_TYPES):
        return value
    if isinstance(value, Geometry):
        return Feature(value)
    raise _Mismatch


def _feature(value: Any) -> Any:
    return _element(value)


def _image(value: Any) -> Image:
    match value:
        case Image():
            return value
        case bool() | int() | float() | list():
            image = lookup("Image.constant").function(value=value)
            assert isinstance(image, Image)  # noqa: S101 - for the type checker; the algorithm returns one
            return image
    raise _Mismatch


def _collection(value: Any) -> Collection:
    match value:
        case Collection():
            return value
        case Feature() | Image():
            return collection_of([value])
        case Geometry():
            return collection_of([Feature(value)])
        case list() if all(isinstance(item, ELEMENT_TYPES) for item in value):
            return collection_of(value)
    raise _Mismatch


def _geometry(value: Any) -> Geometry | None:
    if isinstance(value, (Geometry, Mapping, *ELEMENT_TYPES)):
        return as_geometry(value)
    raise _Mismatch


def _date(value: Any) -> Date:
    if isinstance(value, Date | DateRange | str | int | float | Mapping):
        return parse_date(value)
    raise _Mismatch


def _date_range(value: Any) -> DateRange:
    match value:
        case DateRange():
            return value
        case Date() | str() | int() | float():
            return parse_range(value)
        case [start, end]:
            return parse_range(start, end)
    raise _Mismatch


def _error_margin(value: Any) -> ErrorMargin:
    match value:
        case ErrorMargin():
            return value
        case bool():
            raise _Mismatch
        case int() | float():
            return ErrorMargin(float(value))
        case {"type": "ErrorMargin", "value": int() | float() as amount, **rest}:
            return ErrorMargin(float(amount), str(rest.get("unit", "meters")))
    raise _Mismatch


def _projection(value: Any) -> Any:
    constructor = lookup("Projection").function
    match value:
        case Projection():
            return value
        case str():
            return constructor(crs=value)
        case {"type": "Projection", "crs": str(crs), "transform": list(transform)}:
            return constructor(crs=crs, transform=transform)
    raise _Mismatch


def _pixel_type(value: Any) -> Any:
    return value if isinstance(value, PixelType) else lookup("PixelType").function(precision=value)


def _function(value: Any) -> Callable[..., Any]:
    if isinstance(value, str):
        algorithm = lookup(value)
        if not algorithm.takes_context:
            return algorithm.function
    elif callable(value):
        function: Callable[..., Any] = value
        return function
    raise _Mismatch


def _instance_of(kind: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if isinstance(value, kind):
            return value
        raise _Mismatch

    return check


_CONVERSIONS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "Number": _number,
    "Float": lambda value: float(_number(value)),
    "Integer": _integer,
    "Long": _integer,
    "Boolean": _boolean,
    "String": _string,
    "Element": _element,
    "Feature": _feature,
    "Image": _image,
    "Collection": _collection,
    "FeatureCollection": _collection,
    "ImageCollection": _collection,
    "Geometry": _geometry,
    "Date": _date,
    "DateRange": _date_range,
    "ErrorMargin": _error_margin,
    "Projection": _projection,
    "PixelType": _pixel_type,
    "Algorithm": _function,
    "Filter": _instance_of(Filter),
    "Kernel": _instance_of(Kernel),
    "Reducer": _instance_of(Reducer),
}
"""Types that are not here (Join, Array, Object) arrive as they are."""
