"""Reducers over bands, over images and over neighbourhoods."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from gee_s1ben.engine.algorithms.image_arithmetic import computed_image
from gee_s1ben.engine.kernels import Kernel
from gee_s1ben.engine.program import Pixels, ProgramBuilder
from gee_s1ben.engine.reducers import REDUCER_NAMES, Output, Reducer, reducer
from gee_s1ben.engine.registry import algorithm
from gee_s1ben.engine.samples import KernelSamples, StackSamples
from gee_s1ben.engine.sources import ComputedSource
from gee_s1ben.engine.values import Band, Image
from gee_s1ben.errors import EngineError


def _maker(name: str) -> Callable[[], Reducer]:
    return lambda: reducer(name)


for _name in REDUCER_NAMES:
    if _name not in ("min", "max"):
        algorithm(f"Reducer.{_name}")(_maker(_name))


@algorithm("Reducer.min")
def least(numInputs: int = 1) -> Reducer:
    """Return the reducer of the least sample."""
    return _extreme("min", numInputs)


@algorithm("Reducer.max")
def greatest(numInputs: int = 1) -> Reducer:
    """Return the reducer of the greatest sample."""
    return _extreme("max", numInputs)


def _extreme(name: str, inputs: int) -> Reducer:
    if inputs != 1:
        raise EngineError(
            f"Reducer.{name}: numInputs {inputs} is not implemented by the embedded Earth Engine service."
        )
    return reducer(name)


@algorithm("Reducer.combine")
def combine(reducer1: Reducer, reducer2: Reducer, outputPrefix: str = "", sharedInputs: bool = False) -> Reducer:
    """Return a reducer with the results of two, on the same input."""
    if not sharedInputs:
        raise EngineError(
            "Reducer.combine: sharedInputs=false is not implemented by the embedded Earth Engine service; "
            "reduce twice, or pass sharedInputs=true."
        )
    return reducer1.combined(reducer2, outputPrefix)


def reduce_stack(output: Output, builder: ProgramBuilder, inputs: tuple[Pixels, ...]) -> Pixels:
    """Reduce pixels that lie above one another; masked where all of them are."""
    mask = inputs[0].mask
    for pixels in inputs[1:]:
        mask = builder.either(mask, pixels.mask)
    return Pixels(output.rule(StackSamples(builder, inputs)), mask)


@algorithm("Image.reduce")
def reduce(image: Image, reducer: Reducer) -> Image:
    """Reduce the bands of an image; the results are named as the reducer names them."""
    if not image.bands:
        raise EngineError("Image.reduce: Reducer applied to an Image with no bands.")
    first = image.bands[0]
    sources = tuple(band.source for band in image.bands)
    wide = first.pixel_type
    for band in image.bands[1:]:
        wide = wide.with_other(band.pixel_type)
    return computed_image(
        image,
        (
            Band(
                output.name,
                output.pixel_type or wide,
                first.projection,
                ComputedSource(sources, partial(reduce_stack, output)),
                first.dimensions,
            )
            for output in reducer.outputs
        ),
    )


@algorithm("Image.reduceNeighborhood")
def reduce_neighborhood(
    image: Image,
    reducer: Reducer,
    kernel: Kernel,
    inputWeight: str = "kernel",
    skipMasked: bool = True,
    optimization: str | None = None,  # noqa: ARG001 -- a hint on speed; results do not depend on it
) -> Image:
    """Reduce the neighbourhood of every pixel of every band, on the pixels of the lattice that is asked for."""
    if inputWeight not in ("kernel", "mask", "min"):
        raise EngineError(
            f"Image.reduceNeighborhood: inputWeight must be 'mask', 'kernel' or 'min', not '{inputWeight}'."
        )

    def rule(output: Output, builder: ProgramBuilder, inputs: tuple[Pixels, ...]) -> Pixels:
        (pixels,) = inputs
        samples = KernelSamples(builder, pixels, kernel, inputWeight)
        mask = pixels.mask
        if not (skipMasked and kernel.holds_focus):
            any_valid = builder.apply("gt", samples.count(), builder.constant(0.0))
            mask = builder.both(mask, any_valid) if skipMasked else any_valid
        return Pixels(output.rule(samples), mask)

    return computed_image(
        image,
        (
            Band(
                f"{band.name}_{output.name}",
                output.pixel_type or band.pixel_type,
                band.projection,
                ComputedSource((band.source,), partial(rule, output)),
                band.dimensions,
            )
            for band in image.bands
            for output in reducer.outputs
        ),
    )


@algorithm("Image.neighborhoodToBands")
def neighborhood_to_bands(image: Image, kernel: Kernel) -> Image:
    """Make a band of every neighbour that has weight, row by row, named by its columns and rows from the focus."""

    def neighbour(cols: int, rows: int, builder: ProgramBuilder, inputs: tuple[Pixels, ...]) -> Pixels:
        (pixels,) = inputs
        return Pixels(builder.shift(pixels.value, cols, rows), builder.shift(pixels.mask, cols, rows))

    return computed_image(
        image,
        (
            band.computed(ComputedSource((band.source,), partial(neighbour, cols, rows))).renamed(
                f"{band.name}_{cols}_{rows}"
            )
            for band in image.bands
            for cols, rows, _ in kernel.neighbours()
        ),
    )
