"""On which pixels an image is computed, and how it is brought onto others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pyproj

from gee_s1ben.engine.registry import algorithm
from gee_s1ben.engine.sources import PinnedSource
from gee_s1ben.engine.values import Band, Image, Projection
from gee_s1ben.errors import EngineError


@algorithm("Projection")
def projection(crs: Any, transform: Sequence[Any] | None = None, transformWkt: str | None = None) -> Projection:
    """Make a projection of a CRS (or another projection's) and an affine transform."""
    if transformWkt is not None:
        raise EngineError("Projection: transformWkt is not implemented by the embedded Earth Engine service.")
    base = crs if isinstance(crs, Projection) else Projection(str(crs), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0))
    return base if transform is None else replace(base, transform=_affine("Projection", transform))


@algorithm("Projection.crs")
def projection_crs(projection: Projection) -> str:
    """Return the authority code of the CRS."""
    return projection.crs


@algorithm("Projection.wkt")
def projection_wkt(projection: Projection) -> str:
    """Return the CRS as WKT 1."""
    return str(pyproj.CRS.from_user_input(projection.crs).to_wkt("WKT1_GDAL"))


@algorithm("Projection.nominalScale")
def nominal_scale(proj: Projection) -> float:
    """Return the side of a pixel, in metres."""
    return proj.nominal_scale_m


@algorithm("Projection.atScale")
def at_scale(projection: Projection, meters: float) -> Projection:
    """Return the projection with pixels of another size."""
    return projection.at_scale(meters)


@algorithm("Image.projection")
def image_projection(image: Image) -> Projection:
    """Return the default projection."""
    if not image.bands:
        raise EngineError("Image.projection: The image has no bands.")
    first = image.bands[0]
    for band in image.bands[1:]:
        if band.projection != first.projection:
            raise EngineError(
                f"Image.projection: The bands of the specified image contains different projections. "
                f"Use Image.select to pick a single band. ({first.name}: {_short(first)}, {band.name}: {_short(band)})"
            )
    return first.projection


@algorithm("Image.reproject")
def reproject(
    image: Image, crs: Projection, crsTransform: Sequence[Any] | None = None, scale: float | None = None
) -> Image:
    """Compute the image on the pixels of a projection, whatever pixels are asked for in the end."""
    target = _target("Image.reproject", crs, crsTransform, scale)
    return image.with_bands(
        replace(
            band,
            source=PinnedSource(band.source, target.lattice, "nearest"),
            projection=target,
            dimensions=None,
        )
        for band in image.bands
    )


@algorithm("Image.setDefaultProjection")
def set_default_projection(
    image: Image, crs: Projection, crsTransform: Sequence[Any] | None = None, scale: float | None = None
) -> Image:
    """Say where an image's own pixels lie, without computing it there."""
    target = _target("Image.setDefaultProjection", crs, crsTransform, scale)
    return image.with_bands(replace(band, projection=target, dimensions=None) for band in image.bands)


@algorithm("Image.resample")
def resample(image: Image, mode: str = "bilinear") -> Image:
    """Interpolate between the image's own pixels where others are asked for."""
    if mode != "bilinear":
        raise EngineError(f"Image.resample: mode '{mode}' is not implemented by the embedded Earth Engine service.")
    return image.with_bands(
        replace(band, source=PinnedSource(band.source, band.projection.lattice, mode)) for band in image.bands
    )


def _target(name: str, crs: Projection, crs_transform: Sequence[Any] | None, scale: float | None) -> Projection:
    if crs_transform is not None and scale is not None:
        raise EngineError(f"{name}: Cannot specify both crsTransform and scale.")
    if crs_transform is not None:
        return replace(crs, transform=_affine(name, crs_transform))
    return crs if scale is None else crs.at_scale(scale)


def _affine(name: str, numbers: Sequence[Any]) -> tuple[float, float, float, float, float, float]:
    try:
        a, b, c, d, e, f = (float(number) for number in numbers)
    except (TypeError, ValueError) as error:
        raise EngineError(f"{name}: A transform is a list of six numbers, not {numbers!r}.") from error
    if a * e - b * d == 0.0:
        raise EngineError(f"{name}: The transform {numbers!r} is degenerate: a pixel has no area.")
    return a, b, c, d, e, f


def _short(band: Band) -> str:
    return f"{band.projection.crs} {list(band.projection.transform)}"
