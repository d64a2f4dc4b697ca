"""Images as the engine holds them: bands whose pixels are not computed until someone asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from gee_s1ben.domain.grid import Transform
from gee_s1ben.engine.lattice import Lattice, canonical_crs
from gee_s1ben.engine.operations import INTEGER_RANGES
from gee_s1ben.engine.program import Source
from gee_s1ben.errors import EngineError

Precision = Literal["int", "float", "double"]


@dataclass(frozen=True, slots=True)
class Projection:
    """A CRS and the affine transform of pixels to it."""

    crs: str
    transform: Transform

    def __post_init__(self) -> None:
        object.__setattr__(self, "crs", canonical_crs(self.crs))

    @property
    def lattice(self) -> Lattice:
        """The lattice of its pixels."""
        return Lattice.of(self.crs, self.transform)[0]

    @property
    def nominal_scale_m(self) -> float:
        """The side of a pixel, in metres; roughly, for degrees."""
        return self.lattice.pixel_size_m

    def at_scale(self, metres: float) -> Projection:
        """Return the projection with square pixels of a size, north-up, the origin kept.

        A scale in a geographic CRS is turned to degrees on the equator of the WGS 84 ellipsoid, as Earth Engine does.
        """
        size = metres * self._units_per_metre()
        _, _, c, _, _, f = self.transform
        return Projection(self.crs, (size, 0.0, c, 0.0, -size, f))

    def _units_per_metre(self) -> float:
        a, _, _, _, _, _ = self.transform
        unit = replace(self, transform=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0))
        return 1.0 / unit.nominal_scale_m if a else 1.0


WGS84_ONE_DEGREE = Projection("EPSG:4326", (1.0, 0.0, 0.0, 0.0, 1.0, 0.0))
"""The default projection of what has none of its own: constants and composites."""


@dataclass(frozen=True, slots=True)
class PixelType:
    """The type of a band's values, as Earth Engine describes it."""

    precision: Precision
    minimum: float | None = None
    maximum: float | None = None

    @property
    def dtype(self) -> npt.DTypeLike:
        """The numpy type that values leave the engine in."""
        if self.precision != "int":
            return np.float32 if self.precision == "float" else np.float64
        low = -(2.0**31) if self.minimum is None else self.minimum
        high = 2.0**31 - 1 if self.maximum is None else self.maximum
        for name in ("uint8", "int8", "uint16", "int16", "uint32", "int32"):
            least, most = INTEGER_RANGES[name]
            if least <= low and high <= most:
                return np.dtype(name)
        return np.int64

    def with_other(self, other: PixelType) -> PixelType:
        """Return the type of arithmetic between two types: the more precise one; integers without known limits."""
        order = ("int", "float", "double")
        precision = max(self.precision, other.precision, key=order.index)
        return PixelType(precision)


BYTE_TRUTH = PixelType("int", 0, 1)
FLOAT = PixelType("float")
DOUBLE = PixelType("double")


@dataclass(frozen=True, slots=True)
class Band:
    """One band: a name, a type, where its own pixels lie, and how they come about."""

    name: str
    pixel_type: PixelType
    projection: Projection
    source: Source
    dimensions: tuple[int, int] | None = None
    """Columns and rows, where the band is bounded."""

    def renamed(self, name: str) -> Band:
        """Return the band under another name."""
        return replace(self, name=name)

    def computed(self, source: Source, pixel_type: PixelType | None = None) -> Band:
        """Return the band with other pixels on the same projection."""
        return replace(self, source=source, pixel_type=pixel_type or self.pixel_type)


@dataclass(frozen=True, slots=True)
class Image:
    """Bands, and properties as Earth Engine names them (``system:index``, ``system:footprint``, …)."""

    bands: tuple[Band, ...]
    properties: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    id: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the bands, in order."""
        return tuple(band.name for band in self.bands)

    def with_properties(self, properties: Mapping[str, Any]) -> Image:
        """Return the image with these properties in place of its own."""
        return replace(self, properties=MappingProxyType(dict(properties)))

    def with_bands(self, bands: Iterable[Band]) -> Image:
        """Return the image with other bands, its properties kept; Earth Engine's results carry no id."""
        return replace(self, bands=tuple(bands), id=None)

    def band(self, name: str) -> Band:
        """Return the band of a name.

        Raises
        ------
        EngineError
            There is none.
        """
        for band in self.bands:
            if band.name == name:
                return band
        raise EngineError(f"Image.select: Band pattern '{name}' did not match any bands. {self.available}")

    @property
    def available(self) -> str:
        """The end of Earth Engine's sentence on bands that are not there."""
        return f"Available bands: [{', '.join(self.names)}]"
