"""Elementwise image algorithms: one rule for the masks, one for matching bands, one line an operation.

«If either image1 or image2 has only 1 band, then it is used against all the bands in the other image. If the images
have the same number of bands, but not the same names, they're used pairwise in the natural order. The output bands are
named for the longer of the two inputs, or if they're equal in length, in image1's order.» Masks: the least of both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import MappingProxyType

from gee_s1ben.engine.operations import INTEGER_RANGES
from gee_s1ben.engine.program import Pixels, ProgramBuilder
from gee_s1ben.engine.registry import algorithm
from gee_s1ben.engine.sources import ComputedSource
from gee_s1ben.engine.values import BYTE_TRUTH, DOUBLE, FLOAT, Band, Image, PixelType
from gee_s1ben.errors import EngineError

TypeRule = Callable[[PixelType, PixelType], PixelType]
Rule = Callable[[ProgramBuilder, tuple[Pixels, ...]], Pixels]
_KEPT_PROPERTIES = ("system:index", "system:footprint")


def computed_image(image: Image, bands: Iterable[Band]) -> Image:
    """Return an image of computed bands: Earth Engine keeps the index and the footprint of the first input."""
    kept = {key: image.properties[key] for key in _KEPT_PROPERTIES if key in image.properties}
    return Image(tuple(bands), MappingProxyType(kept))


def matched_bands(name: str, image1: Image, image2: Image) -> list[tuple[str, Band, Band]]:
    """Pair the bands of two images, with the name of each result.

    Raises
    ------
    EngineError
        The counts of bands do not fit.
    """
    first, second = image1.bands, image2.bands
    if not first or not second:
        which = "image1" if not first else "image2"
        raise EngineError(f"Image.{name}: If one image has no bands, the other must also have no bands. "
                          f"Operation applied to an Image with no bands ({which}).")  # fmt: skip
    if len(second) == 1 and len(first) >= 1:
        return [(band.name, band, second[0]) for band in first]
    if len(first) == 1:
        return [(band.name, first[0], band) for band in second]
    if len(first) != len(second):
        raise EngineError(
            f"Image.{name}: Images must contain the same number of bands, or one of them exactly one. "
            f"Got {len(first)} and {len(second)}."
        )
    if set(image1.names) == set(image2.names):
        return [(band.name, band, image2.band(band.name)) for band in first]
    return [(left.name, left, right) for left, right in zip(first, second, strict=True)]


def _binary(operation: str, type_rule: TypeRule) -> Callable[[Image, Image], Image]:
    def rule(builder: ProgramBuilder, inputs: tuple[Pixels, ...]) -> Pixels:
        left, right = inputs
        return Pixels(builder.apply(operation, left.value, right.value), builder.both(left.mask, right.mask))

    return _pairwise(operation, rule, type_rule)


def _pairwise(name: str, rule: Rule, type_rule: TypeRule) -> Callable[[Image, Image], Image]:
    def apply(image1: Image, image2: Image) -> Image:
        bands = []
        for band_name, left, right in matched_bands(name, image1, image2):
            # Where the left side is a constant, the pixels lie where the right side's do.
            place = right if left.dimensions is None and right.dimensions is not None else left
            pixel_type = type_rule(left.pixel_type, right.pixel_type)
            source = ComputedSource((left.source, right.source), rule)
            bands.append(Band(band_name, pixel_type, place.projection, source, place.dimensions))
        return computed_image(image1 if image1.properties else image2, bands)

    return apply


def _logical(name: str) -> Callable[[Image, Image], Image]:
    """Anything that is not zero is true: both (or either) of two truths, as masks have it."""

    def rule(builder: ProgramBuilder, inputs: tuple[Pixels, ...]) -> Pixels:
        left, right = inputs
        join = builder.both if name == "and" else builder.either
        return Pixels(join(builder.truth(left.value), builder.truth(right.value)), builder.both(left.mask, right.mask))

    return _pairwise(name, rule, _truth)


def _unary(operation: str, pixel_type: PixelType | None) -> Callable[[Image], Image]:
    def rule(builder: ProgramBuilder, inputs: tuple[Pixels, ...]) -> Pixels:
        (only,) = inputs
        return Pixels(builder.apply(operation, only.value), only.mask)

    def apply(value: Image) -> Image:
        return computed_image(value, (b.computed(ComputedSource((b.source,), rule), pixel_type) for b in value.bands))

    return apply


def _wider(left: PixelType, right: PixelType) -> PixelType:
    return left.with_other(right)


def _real(left: PixelType, right: PixelType) -> PixelType:
    wider = left.with_other(right)
    return FLOAT if wider.precision == "int" else wider


def _truth(_left: PixelType, _right: PixelType) -> PixelType:
    return BYTE_TRUTH


for _name in ("add", "subtract", "multiply", "mod", "min", "max"):
    algorithm(f"Image.{_name}")(_binary(_name, _wider))
for _name in ("divide", "pow", "hypot", "atan2"):
    algorithm(f"Image.{_name}")(_binary(_name, _real))
for _name in ("eq", "neq", "gt", "gte", "lt", "lte"):
    algorithm(f"Image.{_name}")(_binary(_name, _truth))
for _name in ("and", "or"):
    algorithm(f"Image.{_name}")(_logical(_name))
for _name in ("sqrt", "cbrt", "exp", "log", "log10", "sin", "cos", "tan", "asin", "acos", "atan"):
    algorithm(f"Image.{_name}")(_unary(_name, DOUBLE))
for _name in ("abs", "floor", "ceil", "round", "signum"):
    algorithm(f"Image.{_name}")(_unary(_name, None))
algorithm("Image.not")(_unary("not", BYTE_TRUTH))
to_float = algorithm("Image.toFloat", "Image.float")(_unary("float32", FLOAT))
"""Round to 32-bit floats."""


@algorithm("Image.toDouble", "Image.double")
def to_double(value: Image) -> Image:
    """Values are held as doubles all along; only the type that is declared changes."""
    return computed_image(value, (b.computed(b.source, DOUBLE) for b in value.bands))


def to_integer(numpy_name: str) -> Callable[[Image], Image]:
    """Return the cast to an integer type: truncated, held within its range."""
    low, high = INTEGER_RANGES[numpy_name]
    return _unary(numpy_name, PixelType("int", low, high))


for _names, _numpy_name in (
    (("toByte", "byte", "toUint8", "uint8"), "uint8"),
    (("toInt8", "int8"), "int8"),
    (("toUint16", "uint16"), "uint16"),
    (("toShort", "toInt16", "int16"), "int16"),
    (("toUint32", "uint32"), "uint32"),
    (("toInt", "int", "toInt32", "int32"), "int32"),
    (("toLong", "toInt64", "int64"), "int64"),
):
    algorithm(*(f"Image.{n}" for n in _names))(to_integer(_numpy_name))


@algorithm("Image.clamp")
def clamp(input_: Image, low: float, high: float) -> Image:
    """Hold every value within limits."""

    def rule(builder: ProgramBuilder, inputs: tuple[Pixels, ...]) -> Pixels:
        (only,) = inputs
        above = builder.apply("max", only.value, builder.constant(low))
        return Pixels(builder.apply("min", above, builder.constant(high)), only.mask)

    return computed_image(input_, (b.computed(ComputedSource((b.source,), rule)) for b in input_.bands))


@algorithm("Image.where")
def where(input_: Image, test: Image, value: Image) -> Image:
    """Replace values where a test is not zero.

    «If at a given pixel, either test or value is masked, the input value is used. If the input is masked, nothing is
    done.»
    """

    def rule(builder: ProgramBuilder, inputs: tuple[Pixels, ...]) -> Pixels:
        old, tested, new = inputs
        usable = builder.both(builder.truth(tested.mask), builder.truth(new.mask))
        chosen = builder.both(usable, builder.truth(tested.value))
        return Pixels(builder.select(chosen, new.value, old.value), old.mask)

    tests = matched_bands("where", input_, test)
    values = matched_bands("where", input_, value)
    bands = []
    for (_, band, tested), (_, _, new) in zip(tests, values, strict=True):
        source = ComputedSource((band.source, tested.source, new.source), rule)
        bands.append(band.computed(source, band.pixel_type.with_other(new.pixel_type)))
    return input_.with_bands(bands)
