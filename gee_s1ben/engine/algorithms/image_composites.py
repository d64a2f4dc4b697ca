"""From many images to one: mosaics and reductions, band by band in the order of the images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from gee_s1ben.engine.algorithms.image_reducers import reduce_stack
from gee_s1ben.engine.features import Collection
from gee_s1ben.engine.program import Pixels, ProgramBuilder
from gee_s1ben.engine.reducers import Reducer, reducer
from gee_s1ben.engine.registry import algorithm
from gee_s1ben.engine.sources import ComputedSource
from gee_s1ben.engine.values import WGS84_ONE_DEGREE, Band, Image
from gee_s1ben.errors import EngineError


@algorithm("ImageCollection.mosaic")
def mosaic(collection: Collection) -> Image:
    """Lay the images on one another: the last that is not masked is seen."""

    def rule(builder: ProgramBuilder, inputs: tuple[Pixels, ...]) -> Pixels:
        seen = inputs[0]
        for top in inputs[1:]:
            seen = Pixels(
                builder.select(top.mask, top.value, seen.value), builder.select(top.mask, top.mask, seen.mask)
            )
        return seen

    bands = []
    for name, layers in _stacks("mosaic", collection).items():
        source = ComputedSource(tuple(layer.source for layer in layers), rule)
        bands.append(_composite(name, layers, source))
    return Image(tuple(bands))


@algorithm("ImageCollection.reduce")
def reduce(collection: Collection, reducer: Reducer, parallelScale: float = 1.0) -> Image:  # noqa: ARG001
    """Reduce every band over the images; the results are called ``<band>_<reducer>``."""
    return Image(
        tuple(
            _composite(
                f"{name}_{output.name}",
                layers,
                ComputedSource(tuple(layer.source for layer in layers), partial(reduce_stack, output)),
            )
            for name, layers in _stacks("reduce", collection).items()
            for output in reducer.outputs
        )
    )


def _plain(name: str) -> Callable[[Collection], Image]:
    def apply(collection: Collection) -> Image:
        reduced = reduce(collection, reducer(name))
        return Image(tuple(band.renamed(band.name.removesuffix(f"_{name}")) for band in reduced.bands))

    return apply


for _name in ("mean", "sum", "min", "max", "count"):
    algorithm(f"reduce.{_name}")(_plain(_name))


def _stacks(name: str, collection: Collection) -> dict[str, list[Band]]:
    """Collect the bands of one name over the images, in the order of the images."""
    images = [element for element in collection.elements if isinstance(element, Image)]
    if not images:
        raise EngineError(
            f"ImageCollection.{name}: The collection is empty; the result would be an Image with no bands."
        )
    stacks: dict[str, list[Band]] = {}
    for image in images:
        for band in image.bands:
            stacks.setdefault(band.name, []).append(band)
    return stacks


def _composite(name: str, layers: Sequence[Band], source: ComputedSource) -> Band:
    first = layers[0]
    same = all(layer.projection == first.projection for layer in layers)
    wide = first.pixel_type
    for layer in layers[1:]:
        wide = wide.with_other(layer.pixel_type) if layer.pixel_type != wide else wide
    return Band(name, wide, first.projection if same else WGS84_ONE_DEGREE, source)
