"""The exact raster grid that every request carries and every file must match."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gee_s1ben.errors import InputError

Transform = tuple[float, float, float, float, float, float]
"""Affine coefficients (a, b, c, d, e, f): x = a·column + b·row + c, y = d·column + e·row + f."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A coordinate reference system, an affine transform and a size.

    The transform maps pixel corners: (0, 0) is the outer corner of the first pixel.
    """

    crs: str
    """An authority code such as ``EPSG:32633``, or WKT."""
    transform: Transform
    """Affine coefficients in the order of rasterio's ``Affine``."""
    width: int
    """Columns."""
    height: int
    """Rows."""

    def __post_init__(self) -> None:
        a, b, _, d, e, _ = self.transform
        if a * e - b * d == 0:
            raise InputError(f"grid transform {self.transform} is degenerate: a pixel has no area")
        if self.width < 1 or self.height < 1:
            raise InputError(f"a grid of {self.width}×{self.height} pixels is empty")

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns), as numpy has it."""
        return self.height, self.width

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) of the outer pixel corners, in CRS units."""
        corners = [self.xy(col, row) for col in (0, self.width) for row in (0, self.height)]
        xs, ys = zip(*corners, strict=True)
        return min(xs), min(ys), max(xs), max(ys)

    def xy(self, col: float, row: float) -> tuple[float, float]:
        """CRS coordinates of a place in the raster; (0, 0) is the outer corner of the first pixel."""
        a, b, c, d, e, f = self.transform
        return a * col + b * row + c, d * col + e * row + f

    def colrow(self, x: float, y: float) -> tuple[float, float]:
        """Fractional (column, row) of CRS coordinates; the inverse of :meth:`xy`."""
        a, b, c, d, e, f = self.transform
        det = a * e - b * d
        return (e * (x - c) - b * (y - f)) / det, (a * (y - f) - d * (x - c)) / det

    def window(self, col: int, row: int, width: int, height: int) -> Grid:
        """Return the grid of a window whose first pixel is (``col``, ``row``); it may reach outside."""
        a, b, _, d, e, _ = self.transform
        x, y = self.xy(col, row)
        return Grid(self.crs, (a, b, x, d, e, y), width, height)

    def to_pixel_grid(self) -> dict[str, Any]:
        """Return the grid as Earth Engine's REST ``PixelGrid``."""
        a, b, c, d, e, f = self.transform
        crs = {"crsCode": self.crs} if self.crs.upper().startswith(("EPSG:", "SR-ORG:")) else {"crsWkt": self.crs}
        return {
            **crs,
            "affineTransform": {
                "scaleX": a, "shearX": b, "translateX": c, "shearY": d, "scaleY": e, "translateY": f,
            },
            "dimensions": {"width": self.width, "height": self.height},
        }  # fmt: skip

    @classmethod
    def from_pixel_grid(cls, value: Mapping[str, Any]) -> Grid:
        """Read Earth Engine's REST ``PixelGrid``.

        Raises
        ------
        InputError
            A part is missing or has the wrong type.
        """
        try:
            affine, size = value["affineTransform"], value["dimensions"]
            keys = ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")
            a, b, c, d, e, f = (float(affine.get(key, 0.0)) for key in keys)
            crs = value.get("crsCode") or value["crsWkt"]
            return cls(str(crs), (a, b, c, d, e, f), int(size["width"]), int(size["height"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"not a pixel grid (crsCode, affineTransform, dimensions): {error!r}") from error
