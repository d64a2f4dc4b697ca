"""``ExportImageRequest``: read once, checked, and from then on a value."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gee_s1ben.domain.grid import Grid
from gee_s1ben.errors import EngineError, InputError

MAX_PIXELS: Final = 100_000_000
"""Where a request does not say."""
PRIORITY: Final = 100
TILE_PX: Final = 256
_MAX_PRIORITY: Final = 9999
_MAX_SIDE_PX: Final = 10_000_000
_DESCRIPTION: Final = re.compile(r"[a-zA-Z0-9.,:;_-]{1,100}")
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9-]{1,60}")
_PREFIX_BYTES: Final = 900


@dataclass(frozen=True, slots=True)
class DriveDestination:
    """A folder of Drive, by its name; None is the root."""

    folder: str | None
    prefix: str


@dataclass(frozen=True, slots=True)
class CloudStorageDestination:
    """A bucket, and how names of objects start."""

    bucket: str
    prefix: str


@dataclass(frozen=True, slots=True)
class GeoTiffOptions:
    """How a raster becomes files."""

    file_size: tuple[int, int] | None = None
    """Columns and rows of a file; None: as many as fit two gigabytes."""
    tile_px: int = TILE_PX
    no_data: float | None = None
    """Written where a pixel is masked; None: NaN, and 0 in bands of integers."""
    skip_empty: bool = False
    cloud_optimized: bool = False


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """A raster that is to be written to a destination."""

    expression: Mapping[str, Any]
    description: str
    request_id: str | None
    digest: str
    """Of the whole request: what tells a replay from another request with the same id."""
    priority: int
    max_pixels: int
    grid: Grid | None
    """None: the pixels of the image itself."""
    destination: DriveDestination | CloudStorageDestination
    options: GeoTiffOptions

    @property
    def values(self) -> int:
        """Entries of the expression's table of values: the size of its graph."""
        table = self.expression.get("values")
        return len(table) if isinstance(table, Mapping) else 0

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> ExportRequest:
        """Read the JSON of a request.

        Raises
        ------
        EngineError
            A part is missing or malformed, or the embedded service does not have what it asks for.
        """
        expression = body.get("expression")
        if not isinstance(expression, Mapping):
            raise _invalid("'expression' is missing.")
        if not isinstance(body.get("fileExportOptions"), Mapping):
            raise _invalid("only fileExportOptions are implemented by the embedded service.")
        file_options: Mapping[str, Any] = body["fileExportOptions"]
        if file_options.get("fileFormat", "GEO_TIFF") != "GEO_TIFF":
            raise _invalid("the embedded service exports no fileFormat but GEO_TIFF.")
        text = json.dumps(body, sort_keys=True, separators=(",", ":"))
        description = _text(body.get("description", ""), "description", _DESCRIPTION, empty=True)
        priority = _whole(body.get("priority"), "priority", PRIORITY, 0, _MAX_PRIORITY)
        return cls(
            expression=expression,
            description=description,
            request_id=_text(body.get("requestId", ""), "requestId", _REQUEST_ID, empty=True) or None,
            digest=hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest(),
            priority=priority,
            max_pixels=_whole(body.get("maxPixels"), "maxPixels", MAX_PIXELS, 1, 2**62),
            grid=_grid(body.get("grid")),
            destination=_destination(file_options),
            options=_geotiff_options(file_options.get("geoTiffOptions", {})),
        )


def _invalid(message: str) -> EngineError:
    return EngineError(f"image:export: {message}")


def _text(value: Any, name: str, pattern: re.Pattern[str], *, empty: bool = False) -> str:
    if not isinstance(value, str) or not (pattern.fullmatch(value) or (empty and not value)):
        raise _invalid(f"'{name}' does not match {pattern.pattern}.")
    return value


def _whole(value: Any, name: str, default: int, least: int, most: int) -> int:
    """Read a whole number, plain or as protocol buffers wrap it: ``{"value": "5"}``."""
    if isinstance(value, Mapping):
        value = value.get("value")
    if value is None:
        return default
    try:
        number = int(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
    except ValueError:
        number = None
    if number is None or not least <= number <= most:
        raise _invalid(f"'{name}' has to be a whole number from {least} to {most}.")
    return number


def _grid(value: Any) -> Grid | None:
    if not value:
        return None
    try:
        grid = Grid.from_pixel_grid(value)
    except InputError as error:
        raise _invalid(f"{error}") from error
    if max(grid.width, grid.height) > _MAX_SIDE_PX:
        raise _invalid(f"a grid of {grid.width}×{grid.height} pixels is too large.")
    return grid


def _destination(options: Mapping[str, Any]) -> DriveDestination | CloudStorageDestination:
    drive, storage = options.get("driveDestination"), options.get("cloudStorageDestination")
    if isinstance(drive, Mapping) == isinstance(storage, Mapping):
        raise _invalid("exactly one of driveDestination and cloudStorageDestination is needed.")
    if isinstance(drive, Mapping):
        folder = drive.get("folder") or None
        if folder is not None:
            _name(folder, "folder")
        return DriveDestination(folder, _name(drive.get("filenamePrefix"), "filenamePrefix"))
    assert isinstance(storage, Mapping)  # noqa: S101 - one of the two is
    bucket = _name(storage.get("bucket"), "bucket")
    return CloudStorageDestination(bucket, _name(storage.get("filenamePrefix"), "filenamePrefix"))


def _name(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise _invalid(f"'{name}' is missing.")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        size = _PREFIX_BYTES + 1
    if size > _PREFIX_BYTES or any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise _invalid(f"'{name}' is too long, or holds characters that no name may.")
    return value


def _geotiff_options(value: Any) -> GeoTiffOptions:
    if not isinstance(value, Mapping):
        raise _invalid("'geoTiffOptions' is not an object.")
    tile = _whole(value.get("tileSize"), "tileSize", TILE_PX, 16, 8192)
    size = value.get("tileDimensions")
    file_size = None
    if size:
        if not isinstance(size, Mapping):
            raise _invalid("'tileDimensions' is not an object.")
        width, height = (
            _whole(size.get(key), f"tileDimensions.{key}", 0, 1, _MAX_SIDE_PX) for key in ("width", "height")
        )
        if not width or not height or width % tile or height % tile:
            raise _invalid(f"tileDimensions ({width}x{height}) have to be multiples of the tileSize ({tile}).")
        file_size = width, height
    return GeoTiffOptions(
        file_size=file_size,
        tile_px=tile,
        no_data=_number(value.get("noData")),
        skip_empty=bool(value.get("skipEmptyFiles")),
        cloud_optimized=bool(value.get("cloudOptimized")),
    )


def _number(value: Any) -> float | None:
    """Read a ``Number``: ``{"floatValue": -9999}`` or ``{"integerValue": "0"}``."""
    if value is None:
        return None
    found = value.get("floatValue", value.get("integerValue")) if isinstance(value, Mapping) else None
    try:
        return float(found)  # type: ignore[arg-type] # what is no number is refused just so
    except (TypeError, ValueError) as error:
        raise _invalid("'noData' is not a number.") from error
