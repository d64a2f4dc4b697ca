"""Masks: numbers from 0 (masked) to 1 that travel beside the values."""

from __future__ import annotations

from gee_s1ben.engine.algorithms.image_arithmetic import matched_bands
from gee_s1ben.engine.program import Pixels, ProgramBuilder
from gee_s1ben.engine.registry import algorithm
from gee_s1ben.engine.sources import ComputedSource
from gee_s1ben.engine.values import DOUBLE, Image, PixelType
from gee_s1ben.errors import EngineError

_MASK_TYPE = PixelType("float", 0, 1)


def _limited(builder: ProgramBuilder, node: int) -> int:
    """A mask made from values: held between 0 and 1."""
    if builder.is_unit(node):
        return node
    return builder.apply("min", builder.apply("max", node, builder.constant(0.0)), builder.constant(1.0))


@algorithm("Image.updateMask")
def update_mask(image: Image, mask: Image) -> Image:
    """Multiply the mask by another image's values (masked there counts as 0)."""

    def rule(builder: ProgramBuilder, inputs: tuple[Pixels, ...]) -> Pixels:
        pixels, other = inputs
        known = builder.select(other.mask, other.value, builder.constant(0.0))
        factor = _limited(builder, known)
        if builder.is_unit(pixels.mask) and builder.is_unit(factor):
            return Pixels(pixels.value, builder.both(pixels.mask, factor))
        return Pixels(pixels.value, builder.apply("multiply", pixels.mask, factor))

    return image.with_bands(
        band.computed(ComputedSource((band.source, other.source), rule))
        for _, band, other in matched_bands("updateMask", image, mask)
    )


@algorithm("Image.mask")
def mask(image: Image, mask: Image | None = None) -> Image:
    """Return the mask as values; the version that sets a mask is deprecated and not here."""
    if mask is not None:
        raise EngineError(
            "Image.mask: setting a mask is not implemented by the embedded Earth Engine service; use updateMask."
        )

    def rule(builder: ProgramBuilder, inputs: tuple[Pixels, ...]) -> Pixels:
        (pixels,) = inputs
        return Pixels(pixels.mask, builder.constant(1.0))

    return image.with_bands(band.computed(ComputedSource((band.source,), rule), _MASK_TYPE) for band in image.bands)


@algorithm("Image.unmask")
def unmask(input_: Image, value: Image | None = None, sameFootprint: bool = True) -> Image:
    """Put another image's pixels (0 where none is given) wherever the mask is zero."""
    if sameFootprint:
        raise EngineError(
            "Image.unmask: sameFootprint=true is not implemented by the embedded Earth Engine service; "
            "pass sameFootprint=false."
        )

    def rule(builder: ProgramBuilder, inputs: tuple[Pixels, ...]) -> Pixels:
        pixels, *other = inputs
        zero = builder.constant(0.0)
        new = other[0] if other else Pixels(zero, builder.constant(1.0))
        return Pixels(
            builder.select(pixels.mask, pixels.value, new.value),
            builder.select(pixels.mask, pixels.mask, new.mask),
        )

    if value is None:
        return input_.with_bands(b.computed(ComputedSource((b.source,), rule)) for b in input_.bands)
    return input_.with_bands(
        band.computed(ComputedSource((band.source, new.source), rule), _holding(band.pixel_type, new.pixel_type))
        for _, band, new in matched_bands("unmask", input_, value)
    )


def _holding(own: PixelType, new: PixelType) -> PixelType:
    """The type that holds both: a whole number put into a float band leaves it a float band."""
    if own.precision == "int" and new.precision != "int":
        return DOUBLE
    return own if own.precision != "int" else own.with_other(new)
