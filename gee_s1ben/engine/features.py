"""Features, collections, and what both share with images: properties and a place on Earth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from gee_s1ben.engine.geometry import Geometry
from gee_s1ben.engine.values import Image
from gee_s1ben.errors import EngineError

INDEX: Final = "system:index"
FOOTPRINT: Final = "system:footprint"
GEOMETRY_SELECTORS: Final = (".geo", ".all")
SYSTEM_PREFIX: Final = "system:"

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Feature:
    """A geometry with properties."""

    geometry: Geometry | None = None
    properties: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)

    def with_properties(self, properties: Mapping[str, Any]) -> Feature:
        """Return the feature with these properties in place of its own."""
        return replace(self, properties=MappingProxyType(dict(properties)))


@dataclass(frozen=True, slots=True)
class Collection:
    """Elements in order."""

    elements: tuple[Element, ...]
    kind: Literal["FeatureCollection", "ImageCollection"] = "FeatureCollection"
    id: str | None = None
    properties: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)

    def with_properties(self, properties: Mapping[str, Any]) -> Collection:
        """Return the collection with these properties in place of its own."""
        return replace(self, properties=MappingProxyType(dict(properties)))

    def with_elements(self, elements: Iterable[Element]) -> Collection:
        """Return a collection of the same kind with other elements."""
        return replace(self, elements=tuple(elements), id=None)


Element: TypeAlias = Feature | Image | Collection
ELEMENT_TYPES: Final = (Feature, Image, Collection)


def collection_of(elements: Iterable[Element]) -> Collection:
    """Make a collection; elements that carry no ``system:index`` are numbered."""
    numbered = tuple(indexed(element, str(number)) for number, element in enumerate(elements))
    images = bool(numbered) and all(isinstance(element, Image) for element in numbered)
    return Collection(numbered, "ImageCollection" if images else "FeatureCollection")


def indexed(element: Element, index: str) -> Element:
    """Return the element with a ``system:index``: its own where it has one."""
    return element if element.properties.get(INDEX) is not None else with_property(element, INDEX, index)


def reindexed(element: Element, index: str) -> Element:
    """Return the element under another ``system:index``."""
    return with_property(element, INDEX, index)


def with_property(element: Element, name: str, value: Any) -> Element:
    """Return the element with a property set; ``None`` removes it."""
    properties = {**element.properties, name: value}
    if value is None:
        del properties[name]
    return element.with_properties(properties)


def index_of(element: Element) -> str:
    """Return the ``system:index``, or an empty string."""
    return str(element.properties.get(INDEX, ""))


def element_geometry(element: Element) -> Geometry | None:
    """Return where an element is; ``None`` for a feature without a geometry.

    An image's place is the polygon of its ``system:footprint``, else the extent of its first bounded band, else the
    whole world. A collection's is all of its elements'.
    """
    if isinstance(element, Feature):
        return element.geometry
    if isinstance(element, Image):
        return _image_geometry(element)
    members = (element_geometry(member) for member in element.elements)
    return Geometry("GeometryCollection", geometries=tuple(member for member in members if member is not None))


def as_geometry(value: Any) -> Geometry | None:
    """Read a geometry from what Earth Engine accepts as one: elements, and GeoJSON in properties.

    Raises
    ------
    EngineError
        It is none of these.
    """
    if value is None or isinstance(value, Geometry):
        return value
    if isinstance(value, ELEMENT_TYPES):
        return element_geometry(value)
    if isinstance(value, Mapping):
        return Geometry.from_geojson(value)
    raise EngineError(f"Geometry: cannot make a geometry of {str(value)[:80]}.")


def select(element: Element, selector: str) -> Any:
    """Return the value that a filter's field selects: a property, or ``.geo`` / ``.all`` for the geometry."""
    if selector in GEOMETRY_SELECTORS:
        return element_geometry(element)
    return element.properties.get(selector)


@dataclass(frozen=True, slots=True, eq=False)
class _Identity:
    """A value as a key: the same object is the same key, whatever it holds."""

    value: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


@lru_cache(maxsize=262_144)
def _footprint_area(footprint: _Identity) -> Geometry:
    """Return the area of a footprint; kept, because a catalog hands out the same footprints again and again."""
    ring = as_geometry(footprint.value)
    assert ring is not None  # noqa: S101 - for the type checker; the caller has looked
    return ring.as_area()


def _image_geometry(image: Image) -> Geometry:
    footprint = image.properties.get(FOOTPRINT)
    if footprint is not None:
        return _footprint_area(_Identity(footprint))
    for band in image.bands:
        if band.dimensions is not None:
            a, b, c, d, e, f = band.projection.transform
            width, height = band.dimensions
            corners = [
                (a * col + b * row + c, d * col + e * row + f)
                for col, row in ((0, 0), (width, 0), (width, height), (0, height))
            ]
            return Geometry.create("Polygon", [corners], band.projection.crs, geodesic=False)
    return Geometry.unbounded()
