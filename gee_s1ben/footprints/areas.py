"""Reader of areas in GeoJSON, GeoPackage, GeoParquet, FlatGeobuf, shapefiles, KML and WKT: each stands for tiles."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import geopandas
import pyogrio
from shapely.geometry.base import BaseGeometry

from gee_s1ben.errors import InputError
from gee_s1ben.footprints import area_files
from gee_s1ben.footprints.row import Readings, Refusal, Span, TileRow
from gee_s1ben.footprints.squares import check_area, tiles_touching

MAX_BYTES = 500_000_000
_JSON = (".geojson", ".json")
_JSON_LINES = (".geojsonl", ".geojsons", ".ndjson")
_STARTS = {".gpkg": b"SQLite format 3\0", ".fgb": b"fgb\x03fgb", ".shp": b"\0\0\x27\x0a"}
"""First bytes of files that GDAL reads, so that it takes none for another of its formats."""
_PARQUET = (".parquet", ".geoparquet")


def accepts(path: Path) -> bool:
    """Whether a path is a file of areas, by its name."""
    return path.suffix.lower() in (*_JSON, *_JSON_LINES, *_STARTS, *_PARQUET) or area_files.accepts(path)


def read(path: Path, span: Span | None) -> Readings:
    """Yield the tiles that the areas of a file touch, each once.

    Raises
    ------
    InputError
        The file cannot be read, has no areas, or there is no span of time.
    """
    if span is None:
        raise InputError(f"{path} has areas but no time: give --from and --to")
    tiles: set[str] = set()
    for place, area in _geometries(path):
        try:
            if area is None:
                raise InputError("the area is empty or broken")  # noqa: TRY301
            tiles.update(tiles_touching(area))
        except InputError as error:
            yield Refusal(f"{path} {place}", str(error))
    for tile in sorted(tiles):
        yield TileRow.of_tile(tile, span, str(path))


def read_areas(path: Path) -> list[BaseGeometry]:
    """Read all areas of a file, in longitude and latitude.

    Raises
    ------
    InputError
        The file cannot be read, or one of its areas cannot be used.
    """
    areas = []
    for place, area in _geometries(path):
        try:
            if area is None:
                raise InputError("the area is empty or broken")  # noqa: TRY301
            check_area(area)
        except InputError as error:
            raise InputError(f"{path} {place}: {error}") from error
        areas.append(area)
    return areas


def _geometries(path: Path) -> Iterator[tuple[str, BaseGeometry | None]]:
    """Every geometry in longitude and latitude, with its place in the file."""
    count = 0
    for name, frame in _frames(path):
        if frame.crs is None:
            prj = f" ({path.stem}.prj beside it)" if path.suffix.lower() == ".shp" else ""
            raise InputError(
                f"{path} does not say what its coordinates are: give it a coordinate reference system{prj}"
            )
        try:
            geometries = list(frame.geometry.to_crs("EPSG:4326"))
        except Exception as error:
            raise InputError(f"{path}: its coordinates cannot be turned into degrees: {_line(error)}") from error
        for number, geometry in enumerate(geometries, start=1):
            count += 1
            yield f"{name}row {number}", geometry
    if not count:
        raise InputError(f"{path} has no areas")


def _frames(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        if area_files.accepts(path):
            yield from area_files.frames(path, _frames)
            return
        _check_kind(path)
        if path.suffix.lower() in _PARQUET:
            yield "", geopandas.read_parquet(path)
            return
        layers = [str(name) for name, kind in _of_gdal(pyogrio.list_layers, path) if kind is not None]
        for layer in layers:
            # A geometry that cannot be made is None, so that the others go on.
            frame = _of_gdal(geopandas.read_file, path, layer=layer, on_invalid="ignore")
            yield f"{layer} " if len(layers) > 1 else "", frame
    except InputError:
        raise
    except Exception as error:  # GDAL, GEOS and Arrow each have errors of their own
        raise InputError(f"{path} cannot be read: {_line(error)}") from error


def _of_gdal(read: Callable[..., Any], path: Path, **options: Any) -> Any:
    """Read without GDAL's remarks: what matters of them comes back as an error, or as a geometry that is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return read(path, **options)


def _check_kind(path: Path) -> None:
    """Hold the content against the name: GDAL goes by content alone, and knows formats that name other files."""
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path} is larger than {MAX_BYTES} bytes: that is more than areas need")
    with path.open("rb") as file:
        start = file.read(64)
    kind = path.suffix.lower()
    if kind == ".shp" and not any(path.with_suffix(index).exists() for index in (".shx", ".SHX")):
        raise InputError(
            f"{path} has no {path.stem}.shx beside it: keep the files of a shapefile together, or zip them"
        )
    if kind in (*_JSON, *_JSON_LINES):
        fits = start.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n\x1e").startswith(b"{")
    else:
        fits = start.startswith(_STARTS.get(kind, b"PAR1"))
    if not fits:
        raise InputError(f"{path} is not what its name says, {kind}")


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
