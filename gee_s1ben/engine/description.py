"""Values as the JSON that Earth Engine answers with."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any, Final

from gee_s1ben.engine.coercion import ErrorMargin, type_name
from gee_s1ben.engine.dates import Date, DateRange
from gee_s1ben.engine.features import INDEX, Collection, Element, Feature
from gee_s1ben.engine.geometry import Geometry
from gee_s1ben.engine.values import Band, Image, PixelType, Projection
from gee_s1ben.errors import EngineError

MAX_ELEMENTS: Final = 5000


def describe(value: Any) -> Any:
    """Return a value as JSON: what ``getInfo`` hands to the user.

    Raises
    ------
    EngineError
        A collection is too long to be answered, or the value is of a kind that has no JSON (a function, a filter).
    """
    match value:
        case None | bool() | str():
            return value
        case int() | float():
            return number(value)
        case bytes():
            return {"type": "Bytes", "value": base64.b64encode(value).decode()}
        case list() | tuple():
            return [describe(item) for item in value]
        case Mapping():
            return {str(key): describe(item) for key, item in value.items()}
        case Image():
            return _image(value)
        case Feature():
            return _feature(value)
        case Collection():
            return _collection(value)
        case Geometry():
            return describe(value.to_geojson())
        case Date():
            return {"type": "Date", "value": value.millis}
        case DateRange(start, end):
            return {"type": "DateRange", "dates": [start.millis, end.millis]}
        case Projection():
            return {"type": "Projection", "crs": value.crs, "transform": describe(list(value.transform))}
        case PixelType():
            return pixel_type(value)
        case ErrorMargin(amount, unit):
            return {"type": "ErrorMargin", "unit": unit, "value": number(amount)}
    raise EngineError(f"Cannot return a value of type {type_name(value)} as JSON.")


def number(value: float) -> int | float | str:
    """Return a number without a point where it is whole; what JSON has no number for becomes its name."""
    if isinstance(value, int):
        return value
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return int(value) if value.is_integer() and abs(value) < 2**53 else float(value)


def pixel_type(value: PixelType) -> dict[str, Any]:
    """Return the type of a band's values."""
    answer: dict[str, Any] = {"type": "PixelType", "precision": value.precision}
    if value.minimum is not None:
        answer["min"] = number(value.minimum)
    if value.maximum is not None:
        answer["max"] = number(value.maximum)
    return answer


def _band(band: Band) -> dict[str, Any]:
    answer: dict[str, Any] = {"id": band.name, "data_type": pixel_type(band.pixel_type)}
    if band.dimensions is not None:
        answer["dimensions"] = list(band.dimensions)
    answer["crs"] = band.projection.crs
    answer["crs_transform"] = describe(list(band.projection.transform))
    return answer


def _image(image: Image) -> dict[str, Any]:
    answer: dict[str, Any] = {"type": "Image", "bands": [_band(band) for band in image.bands]}
    if image.id is not None:
        answer["id"] = image.id
    version = image.properties.get("system:version")
    if version is not None:
        answer["version"] = describe(version)
    return _with_properties(answer, image, hidden=("system:version",))


def _feature(feature: Feature) -> dict[str, Any]:
    answer: dict[str, Any] = {"type": "Feature", "geometry": describe(feature.geometry)}
    index = feature.properties.get(INDEX)
    if index is not None:
        answer["id"] = str(index)
    return {"properties": {}, **_with_properties(answer, feature, hidden=(INDEX,))}


def _collection(collection: Collection) -> dict[str, Any]:
    if len(collection.elements) > MAX_ELEMENTS:
        raise EngineError(f"Collection query aborted after accumulating over {MAX_ELEMENTS} elements.")
    answer: dict[str, Any] = {"type": collection.kind}
    if collection.kind == "FeatureCollection":
        answer["columns"] = _columns(collection)
    else:
        answer["bands"] = []
    if collection.id is not None:
        answer["id"] = collection.id
    answer["features"] = [describe(element) for element in collection.elements]
    return _with_properties(answer, collection)


def _columns(collection: Collection) -> dict[str, str]:
    """Return the properties of the first element with their types."""
    if not collection.elements:
        return {}
    properties = collection.elements[0].properties
    return {name: type_name(properties[name]) for name in sorted(properties)}


def _with_properties(answer: dict[str, Any], element: Element, hidden: tuple[str, ...] = ()) -> dict[str, Any]:
    shown = {name: describe(value) for name, value in element.properties.items() if name not in hidden}
    return {**answer, "properties": shown} if shown else answer
