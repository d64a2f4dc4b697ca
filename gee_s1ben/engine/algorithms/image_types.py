"""Pixel types, and casting bands to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gee_s1ben.engine.algorithms import image_arithmetic
from gee_s1ben.engine.operations import INTEGER_RANGES
from gee_s1ben.engine.registry import algorithm
from gee_s1ben.engine.stored import pixel_type as named_type
from gee_s1ben.engine.values import DOUBLE, FLOAT, Image, PixelType
from gee_s1ben.errors import EngineError


@algorithm("PixelType")
def make(
    precision: Any, minValue: float | None = None, maxValue: float | None = None, dimensions: int = 0
) -> PixelType:
    """Make a pixel type of a precision and limits."""
    if dimensions != 0:
        raise EngineError("PixelType: array types are not implemented by the embedded Earth Engine service.")
    if precision not in ("int", "float", "double"):
        raise EngineError(f"PixelType: Unknown precision '{precision}'.")
    return PixelType(precision, minValue, maxValue)


def _maker(name: str) -> Callable[[], PixelType]:
    return lambda: named_type(name)


for _name in ("float", "double", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64"):
    algorithm(f"PixelType.{_name}")(_maker(_name))


@algorithm("Image.cast")
def cast(image: Image, bandTypes: Mapping[str, Any], bandOrder: Sequence[str] | None = None) -> Image:
    """Cast some or all bands; with an order, return the bands in it."""
    for name in bandTypes:
        image.band(name)
    ordered = image.bands if bandOrder is None else tuple(image.band(name) for name in bandOrder)
    bands = []
    for band in ordered:
        wanted = bandTypes.get(band.name)
        if wanted is None:
            bands.append(band)
            continue
        target = wanted if isinstance(wanted, PixelType) else named_type(str(wanted))
        bands.append(_CASTS[_cast_name(target)](Image((band,))).bands[0])
    return image.with_bands(bands)


def _cast_name(target: PixelType) -> str:
    if target == FLOAT or target.precision == "float":
        return "float"
    if target == DOUBLE or target.precision == "double":
        return "double"
    for name, limits in INTEGER_RANGES.items():
        if limits == (target.minimum, target.maximum):
            return name
    return "int32"


_CASTS: dict[str, Callable[[Image], Image]] = {
    "float": image_arithmetic.to_float,
    "double": image_arithmetic.to_double,
    **{name: image_arithmetic.to_integer(name) for name in INTEGER_RANGES},
}
