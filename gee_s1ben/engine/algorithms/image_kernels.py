"""Kernel constructors. Radii are in pixels: the engine has no kernel in metres yet."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor

from gee_s1ben.engine.kernels import Kernel
from gee_s1ben.engine.registry import algorithm
from gee_s1ben.errors import EngineError

MAX_RADIUS_PX = 256
"""A kernel's reach is read around every pixel; this one is 2.5 km at 10 m."""


@algorithm("Kernel.fixed")
def fixed(
    width: int = -1,
    height: int = -1,
    *,
    weights: Sequence[Sequence[float]],
    x: int = -1,
    y: int = -1,
    normalize: bool = False,
) -> Kernel:
    """Make a kernel of given weights; width and height must agree with them where they are given."""
    if len(weights) * max(map(len, weights), default=0) > (2 * MAX_RADIUS_PX + 1) ** 2:
        raise EngineError(f"Kernel.fixed: A kernel must not be larger than {2 * MAX_RADIUS_PX + 1} pixels a side.")
    rows = tuple(tuple(float(weight) for weight in row) for row in weights)
    if not rows or not rows[0]:
        raise EngineError("Kernel.fixed: The weights must be a rectangular, non-empty list of lists.")
    if (width not in (-1, len(rows[0]))) or (height not in (-1, len(rows))):
        raise EngineError(
            f"Kernel.fixed: Weights of {len(rows[0])}×{len(rows)} do not fit a kernel of {width}×{height}."
        )
    if normalize:
        total = sum(map(sum, rows)) or 1.0
        rows = tuple(tuple(weight / total for weight in row) for row in rows)
    return Kernel(rows, (len(rows[0]) // 2 if x < 0 else x, len(rows) // 2 if y < 0 else y))


@algorithm("Kernel.square")
def square(radius: float, units: str = "pixels", normalize: bool = True, magnitude: float = 1.0) -> Kernel:
    """Make a square kernel of side 2·radius + 1."""
    reach = _pixels(radius, units, "square")
    return Kernel.shaped(reach, reach, lambda _c, _r: True, normalize=normalize, magnitude=magnitude)


@algorithm("Kernel.rectangle")
def rectangle(
    xRadius: float, yRadius: float, units: str = "pixels", normalize: bool = True, magnitude: float = 1.0
) -> Kernel:
    """Make a rectangular kernel of sides 2·radius + 1."""
    across, down = _pixels(xRadius, units, "rectangle"), _pixels(yRadius, units, "rectangle")
    return Kernel.shaped(across, down, lambda _c, _r: True, normalize=normalize, magnitude=magnitude)


@algorithm("Kernel.circle")
def circle(radius: float, units: str = "pixels", normalize: bool = True, magnitude: float = 1.0) -> Kernel:
    """Make a kernel of the pixels whose centres lie within a radius."""
    reach = _pixels(radius, units, "circle")
    return Kernel.shaped(
        reach, reach, lambda c, r: c * c + r * r <= radius**2, normalize=normalize, magnitude=magnitude
    )


@algorithm("Kernel.rotate")
def rotate(kernel: Kernel, rotations: int) -> Kernel:
    """Turn a kernel by quarter turns, clockwise."""
    return kernel.rotated(rotations)


def _pixels(radius: float, units: str, name: str) -> int:
    if units not in ("pixels", "pixel"):
        raise EngineError(
            f"Kernel.{name}: units '{units}' are not implemented by the embedded Earth Engine service; "
            f"give the radius in pixels."
        )
    if not radius >= 0:
        raise EngineError(f"Kernel.{name}: The radius must not be negative.")
    if not radius <= MAX_RADIUS_PX:
        raise EngineError(f"Kernel.{name}: The radius must not be larger than {MAX_RADIUS_PX} pixels.")
    return floor(radius)
