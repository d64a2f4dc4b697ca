"""Reader of areas in GeoJSON, GeoPackage, GeoParquet, FlatGeobuf, shapefiles, KML and WKT: each stands for tiles."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import geopandas
import pyogrio
import shapely
from shapely.geometry.base import BaseGeometry

from gee_s1ben.errors import InputError
from gee_s1ben.footprints import area_files, geopackage
from gee_s1ben.footprints.outline import repaired
from gee_s1ben.footprints.parquet import check_geometries
from gee_s1ben.footprints.row import Cell, Readings, Refusal, Remark, Span, TileRow
from gee_s1ben.footprints.squares import InvalidAreaError, TiledArea, patches_touching
from gee_s1ben.storage.files import open_regular

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
    """Yield the tiles that see the areas of a file, each once, with the patches that touch an area.

    A tile that sees areas only where it has no whole patch has an empty list of patches.

    Raises
    ------
    InputError
        The file cannot be read, has no areas, or there is no span of time.
    """
    if span is None:
        raise InputError(f"{path} has areas but no time: give --from and --to, or --acquired")
    areas: list[TiledArea] = []
    for place, geometry in _geometries(path):
        try:
            area, remark = usable(geometry)
            area.tiles()
        except InputError as error:
            yield Refusal(f"{path} {place}", str(error))
            continue
        areas.append(area)
        if remark:
            yield Remark(f"{path} {place}", remark)
    for tile, cells in patches_touching(areas).items():
        yield replace(TileRow.of_tile(tile, span, str(path)), patches=cells)


def read_areas(path: Path) -> tuple[tuple[TiledArea, ...], tuple[Remark, ...]]:
    """Read all areas of a file, and what was repaired of them.

    Raises
    ------
    InputError
        The file cannot be read, or one of its areas cannot be used.
    """
    areas, remarks = [], []
    for place, geometry in _geometries(path):
        try:
            area, remark = usable(geometry)
        except InputError as error:
            raise InputError(f"{path} {place}: {error}") from error
        areas.append(area)
        if remark:
            remarks.append(Remark(f"{path} {place}", remark))
    return tuple(areas), tuple(remarks)


@dataclass(frozen=True, slots=True)
class TouchedPatches:
    """The patches that touch areas."""

    by_tile: Mapping[str, tuple[Cell, ...] | None]
    """(column, row) of those of each tile that sees an area, row by row; None for all, empty for none."""
    remarks: tuple[Remark, ...]
    """What was repaired of the areas."""


def touched_patches(place: Path | tuple[float, ...], patch_px: int) -> TouchedPatches:
    """Find the patches that touch the areas of a file, or a rectangle of west, south, east, north in degrees.

    A file is read once until it changes.

    Raises
    ------
    InputError
        The file cannot be read, or an area cannot be used.
    """
    if isinstance(place, Path):
        try:
            found = place.stat()
        except OSError as error:
            raise InputError(f"{place} cannot be read: {error.strerror or error}") from error
        return _touched(place, patch_px, (found.st_mtime_ns, found.st_size))
    west, south, east, north = place
    return TouchedPatches(patches_touching([rectangle(west, south, east, north, "bbox")], patch_px), ())


@lru_cache(maxsize=64)
def _touched(path: Path, patch_px: int, _version: tuple[int, int]) -> TouchedPatches:
    areas, remarks = read_areas(path)
    return TouchedPatches(patches_touching(areas, patch_px), remarks)


def rectangle(west: float, south: float, east: float, north: float, name: str) -> TiledArea:
    """Make an area of four numbers, in degrees.

    An east that is less than the west lies beyond the antimeridian. Source: RFC 7946, 5.2.

    Raises
    ------
    InputError
        They make no rectangle, or one beyond all tiles; ``name`` says whose they are.
    """
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south < north <= 90) or west == east:
        raise InputError(
            f"{name} {west:g},{south:g},{east:g},{north:g} is no rectangle of degrees: west, south, east, north"
        )
    whole = shapely.box(west, south, east + 360 if east < west else east, north)
    # Of an area, sides of more than 180° are refused, since they may mean the other way round; here they do not.
    return TiledArea(shapely.segmentize(whole, 90.0))


def usable(geometry: BaseGeometry | None) -> tuple[TiledArea, str]:
    """Check an area in degrees, and repair one whose rings cross; with what was repaired.

    Raises
    ------
    InputError
        It is missing, or cannot be used.
    """
    if geometry is None:
        raise InputError("the area is empty or broken")
    try:
        return TiledArea(geometry), ""
    except InvalidAreaError:
        whole, remark = repaired(shapely.force_2d(geometry), "the area")
    if whole.is_empty:
        raise InputError(remark)
    return TiledArea(whole), remark


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
            check_geometries(path)
            yield "", geopandas.read_parquet(path)
            return
        options: dict[str, Any] = {}
        if path.suffix.lower() == ".gpkg":
            layers, options = geopackage.layers(path), geopackage.OPTIONS
        else:
            layers = [str(name) for name, kind in _of_gdal(pyogrio.list_layers, path) if kind is not None]
        for layer in layers:
            # An open ring is closed; a geometry that cannot be made is None, so that the others go on.
            frame = _of_gdal(geopandas.read_file, path, layer=layer, on_invalid="fix", **options)
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
    with open_regular(path) as file:
        start = file.read(64)
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path} is larger than {MAX_BYTES} bytes: that is more than areas need")
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
