"""Collections of features and of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import shapely

from gee_s1ben.engine.coercion import ErrorMargin
from gee_s1ben.engine.features import (
    ELEMENT_TYPES,
    INDEX,
    Collection,
    Element,
    Feature,
    collection_of,
    element_geometry,
    index_of,
    indexed,
    reindexed,
    select,
)
from gee_s1ben.engine.filters import Filter
from gee_s1ben.engine.geodesy import LONLAT
from gee_s1ben.engine.geometry import Geometry
from gee_s1ben.engine.ordering import identity, sorted_by
from gee_s1ben.engine.registry import Context, algorithm
from gee_s1ben.engine.stored import load_image
from gee_s1ben.engine.values import Image, Projection
from gee_s1ben.errors import EngineError


@algorithm("ImageCollection.load")
def load(context: Context, id: str, version: int | None = None) -> Collection:  # noqa: A002, ARG001 - one version
    """Return all local images of a collection."""
    if id not in context.catalog.collection_ids():
        raise EngineError(
            f"ImageCollection.load: ImageCollection asset '{id}' not found "
            "(does not exist or caller does not have access).",
            status=404,
        )
    return Collection(tuple(load_image(record) for record in context.catalog.images(id)), "ImageCollection", id)


@algorithm("ImageCollection.fromImages")
def from_images(images: Sequence[Image]) -> Collection:
    """Make a collection of images."""
    return Collection(collection_of(images).elements, "ImageCollection")


@algorithm("Collection")
def from_features(features: Sequence[Element]) -> Collection:
    """Make a collection of features."""
    return Collection(collection_of(features).elements)


@algorithm("Collection.filter")
def filtered(collection: Collection, filter: Filter) -> Collection:  # noqa: A002 - the signature's name
    """Keep what passes a filter."""
    if not hasattr(filter, "passes"):
        raise EngineError("Collection.filter: Parameter 'filter' is no filter.")
    return collection.with_elements(element for element in collection.elements if filter.passes(element, element))


@algorithm("Collection.map")
def mapped(collection: Collection, baseAlgorithm: Callable[[Element], Any], dropNulls: bool = False) -> Collection:
    """Apply a function to every element."""
    results: list[Element] = []
    for element in collection.elements:
        try:
            result = baseAlgorithm(element)
        except EngineError as error:
            raise type(error)(f"Error in map(ID={index_of(element)}): {error}", error.status) from error
        if result is None and dropNulls:
            continue
        if isinstance(result, Geometry):
            result = Feature(result)
        if not isinstance(result, ELEMENT_TYPES):
            raise EngineError("Collection.map: A mapped algorithm must return a Feature or Image.")
        results.append(indexed(result, index_of(element)))
    return _of_kind(collection, results)


@algorithm("Collection.iterate")
def iterate(collection: Collection, function: Callable[[Element, Any], Any], first: Any = None) -> Any:
    """Apply a function to every element and the result so far."""
    result = first
    for element in collection.elements:
        result = function(element, result)
    return result


@algorithm("Collection.merge")
def merge(collection1: Collection, collection2: Collection) -> Collection:
    """Put two collections behind one another; indexes get the prefixes ``1_`` and ``2_``."""
    return _of_kind(collection1, _prefixed("1", collection1) + _prefixed("2", collection2))


@algorithm("ImageCollection.merge")
def merge_images(collection1: Collection, collection2: Collection) -> Collection:
    """Put two collections behind one another; indexes get the prefixes ``1_`` and ``2_``."""
    return merge(collection1, collection2)


@algorithm("Collection.flatten")
def flatten(collection: Collection) -> Collection:
    """Put the members of a collection's collections behind one another."""
    flat: list[Element] = []
    for member in collection.elements:
        if not isinstance(member, Collection):
            raise EngineError("Collection.flatten: An element of the collection is not a collection itself.")
        flat.extend(_prefixed(index_of(member), member))
    return _of_kind(collection, flat)


@algorithm("Collection.limit")
def limit(
    collection: Collection,
    limit: int | None = None,
    key: str | None = None,
    ascending: bool = True,
) -> Collection:
    """Sort by a property, then keep the first elements."""
    elements: Sequence[Element] = collection.elements
    if key is not None:
        elements = sorted_by(elements, lambda element: select(element, key), ascending)
    if limit is not None and limit <= 0:
        raise EngineError("Collection.limit: Parameter 'limit' must be positive.")
    return collection.with_elements(elements[:limit])


@algorithm("Collection.first")
def first(collection: Collection) -> Element | None:
    """Return the first element, null where there is none."""
    return collection.elements[0] if collection.elements else None


@algorithm("Collection.size")
def size(collection: Collection) -> int:
    """Count the elements."""
    return len(collection.elements)


@algorithm("Collection.toList")
def to_list(collection: Collection, count: int, offset: int = 0) -> list[Element]:
    """Return elements as a list."""
    return list(collection.elements[offset : offset + count])


@algorithm("Collection.distinct")
def distinct(collection: Collection, properties: Any) -> Collection:
    """Keep the first of all elements that agree in some properties."""
    names = [properties] if isinstance(properties, str) else list(properties)
    seen: dict[Any, Element] = {}
    for element in collection.elements:
        seen.setdefault(tuple(identity(select(element, name)) for name in names), element)
    return collection.with_elements(seen.values())


@algorithm("Collection.geometry")
def geometry(collection: Collection, maxError: ErrorMargin | None = None) -> Geometry:  # noqa: ARG001
    """Merge the geometries of all elements."""
    return _union(collection)


@algorithm("Collection.union")
def union(collection: Collection, maxError: ErrorMargin | None = None) -> Collection:  # noqa: ARG001
    """Merge the geometries of all elements into one feature."""
    return Collection((Feature(_union(collection)).with_properties({INDEX: "union_result"}),))


@algorithm("Collection.bounds")
def bounds(
    collection: Collection,
    maxError: ErrorMargin | None = None,  # noqa: ARG001 - shapes are exact to the default margin
    proj: Projection | None = None,
) -> Geometry:
    """Return the rectangle around all elements."""
    crs = proj.crs if proj is not None else LONLAT
    return Geometry.rectangle(_union(collection).shape(crs).bounds, crs)


def _union(collection: Collection) -> Geometry:
    places = [element_geometry(element) for element in collection.elements]
    return Geometry.from_shape(shapely.union_all([place.shape() for place in places if place is not None]))


def _prefixed(prefix: str, collection: Collection) -> list[Element]:
    return [reindexed(element, f"{prefix}_{index_of(element)}") for element in collection.elements]


def _of_kind(model: Collection, elements: Sequence[Element]) -> Collection:
    """Return a collection of images if all elements are images; an empty one is of the model's kind."""
    if not elements:
        return model.with_elements(())
    return Collection(tuple(elements), collection_of(elements).kind)
