"""Features, and the properties of every element."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from gee_s1ben.engine.coercion import ErrorMargin, coerce
from gee_s1ben.engine.features import (
    GEOMETRY_SELECTORS,
    INDEX,
    SYSTEM_PREFIX,
    Element,
    Feature,
    element_geometry,
    select,
    with_property,
)
from gee_s1ben.engine.geometry import Geometry
from gee_s1ben.engine.registry import algorithm
from gee_s1ben.engine.values import Image, Projection
from gee_s1ben.errors import EngineError

_OF_IMAGES: Final = ("system:bands", "system:band_names", "system:id")


@algorithm("Feature")
def feature(
    geometry: Geometry | None = None, metadata: Mapping[str, Any] | None = None, geometryKey: str | None = None
) -> Feature:
    """Make a feature."""
    if geometryKey is not None:
        raise EngineError("Feature: geometryKey is not implemented by the embedded Earth Engine service.")
    return Feature(geometry).with_properties({k: v for k, v in (metadata or {}).items() if v is not None})


@algorithm("Feature.id")
def feature_id(element: Element) -> str | None:
    """Return the index of the element in its collection."""
    index = element.properties.get(INDEX)
    return None if index is None else str(index)


@algorithm("Feature.setGeometry")
def set_geometry(feature: Element, geometry: Geometry | None = None) -> Element:
    """Return the feature with another geometry."""
    if not isinstance(feature, Feature):
        raise EngineError("Feature.setGeometry: The element is no feature.")
    return replace(feature, geometry=geometry)


@algorithm("Feature.select")
def select_properties(
    input: Element,  # noqa: A002 - the signature's name
    propertySelectors: Sequence[str],
    newProperties: Sequence[str] | None = None,
    retainGeometry: bool = True,
) -> Element:
    """Keep some properties, under new names where these are given."""
    names = list(propertySelectors) if newProperties is None else list(newProperties)
    if len(names) != len(propertySelectors):
        raise EngineError("Feature.select: 'propertySelectors' and 'newProperties' differ in length.")
    kept = {
        new: input.properties[old] for old, new in zip(propertySelectors, names, strict=True) if old in input.properties
    }
    if INDEX in input.properties:
        kept[INDEX] = input.properties[INDEX]
    result = input.with_properties(kept)
    return result if retainGeometry or not isinstance(result, Feature) else replace(result, geometry=None)


@algorithm("Element.geometry", "Feature.geometry", "Image.geometry")
def geometry(
    feature: Element,
    maxError: ErrorMargin | None = None,
    proj: Projection | None = None,
    geodesics: bool | None = None,
) -> Geometry | None:
    """Return where an element is; of an image, the polygon of its footprint."""
    place = element_geometry(feature)
    if place is None or proj is None:
        return place
    tolerance = maxError.metres if maxError is not None else 0.0
    edges = place.geodesic if geodesics is None else geodesics
    return Geometry.from_shape(place.shape(proj.crs, tolerance or 1.0), proj.crs, geodesic=edges)


@algorithm("Element.get")
def get(object: Element, property: str) -> Any:  # noqa: A002 - the signature's names
    """Return a property, null where it is missing."""
    if isinstance(object, Image) and property in _OF_IMAGES:
        return object.id if property == "system:id" else list(object.names)
    return select(object, property)


def _typed(name: str, type_: str) -> None:
    @algorithm(name)
    def get_typed(object: Element, property: str) -> Any:  # noqa: A002 - the signature's names
        value = get(object, property)
        return None if value is None else coerce(value, type_, None, f"{name}, property '{property}'")


_typed("Element.getNumber", "Number")
_typed("Element.getString", "String")
_typed("Element.getArray", "List")


@algorithm("Element.set")
def set_property(object: Element, key: str, value: Any = None) -> Element:  # noqa: A002 - the signature's names
    """Return the element with a property set; null removes it."""
    if key in GEOMETRY_SELECTORS:
        raise EngineError(f"Element.set: '{key}' selects the geometry; use Feature.setGeometry.")
    return with_property(object, key, value)


@algorithm("Element.setMulti")
def set_properties(object: Element, properties: Mapping[str, Any]) -> Element:  # noqa: A002 - the signature's names
    """Return the element with several properties set."""
    merged = {**object.properties, **properties}
    return object.with_properties({name: value for name, value in merged.items() if value is not None})


@algorithm("Element.propertyNames")
def property_names(element: Element) -> list[str]:
    """Return the names of all properties."""
    extra = [name for name in _OF_IMAGES if isinstance(element, Image) and get(element, name) is not None]
    return [*element.properties, *extra]


@algorithm("Element.toDictionary")
def to_dictionary(element: Element, properties: Sequence[str] | None = None) -> dict[str, Any]:
    """Return properties as a dictionary, by default all that are not the system's."""
    if properties is None:
        return _ordinary(element)
    values = {name: get(element, name) for name in properties}
    missing = [name for name, value in values.items() if value is None]
    if missing:
        raise EngineError(f"Element.toDictionary: Property '{missing[0]}' is missing.")
    return values


@algorithm("Element.copyProperties")
def copy_properties(
    destination: Element | None = None,
    source: Element | None = None,
    properties: Sequence[str] | None = None,
    exclude: Sequence[str] | None = None,
) -> Element | None:
    """Copy properties from one element to another, by default all that are not the system's."""
    if properties is not None and exclude is not None:
        raise EngineError("Element.copyProperties: Only one of 'properties' and 'exclude' may be given.")
    if destination is None or source is None:
        return destination
    if properties is None:
        copied = {name: value for name, value in _ordinary(source).items() if name not in (exclude or ())}
    else:
        copied = {name: source.properties[name] for name in properties if name in source.properties}
    return destination.with_properties({**destination.properties, **copied})


def _ordinary(element: Element) -> dict[str, Any]:
    return {name: value for name, value in element.properties.items() if not name.startswith(SYSTEM_PREFIX)}
