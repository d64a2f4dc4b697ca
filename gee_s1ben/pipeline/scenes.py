"""Scenes from the properties that Earth Engine gives its images."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gee_s1ben.domain.scene import Scene
from gee_s1ben.errors import GeeS1benError, ServiceError


def scene_of(collection: str, properties: Mapping[str, Any]) -> Scene:
    """Make a scene of what the service says about an image.

    Parameters
    ----------
    collection : str
        Id of the collection that the image belongs to.
    properties : mapping
        ``system:index``, ``system:time_start``, ``bands`` (names), ``footprint`` (longitudes and latitudes of a ring,
        or of a polygon's rings) and the properties of ``COPERNICUS/S1_GRD``.

    Raises
    ------
    ServiceError
        Something that every such image has is missing or of the wrong kind.
    """
    index = properties.get("system:index")
    try:
        footprint = properties["footprint"]
        if footprint and isinstance(footprint[0][0], list | tuple):  # a polygon's outer ring
            footprint = footprint[0]
        ring = tuple((float(lon), float(lat)) for lon, lat, *_ in footprint)
        return Scene(
            id=f"{collection}/{index}",
            index=str(index),
            acquired=datetime.fromtimestamp(properties["system:time_start"] / 1000, UTC),
            platform=str(properties["platform_number"]),
            absolute_orbit=int(properties["orbitNumber_start"]),
            relative_orbit=int(properties["relativeOrbitNumber_start"]),
            orbit_direction=str(properties["orbitProperties_pass"]).lower(),  # type: ignore[arg-type]  # Scene checks
            bands=tuple(str(band) for band in properties["bands"]),
            footprint=ring if ring and ring[0] == ring[-1] else (*ring, *ring[:1]),
        )
    except KeyError as error:
        raise ServiceError(f"scene {index!r} of {collection} has no property {error}") from error
    except (TypeError, ValueError, IndexError, OverflowError, GeeS1benError) as error:
        raise ServiceError(f"scene {index!r} of {collection} has properties that cannot be used: {error}") from error
