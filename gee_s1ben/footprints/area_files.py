"""Areas in KML, WKT and zip files, read without GDAL: as frames of geometries with what their coordinates are.

A zip holds a shapefile, or any other file of areas; KMZ is a zip with KML. What is in it is unpacked into a folder for
the time of reading, within limits, and read as if it lay there.
"""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree.ElementTree import Element

import geopandas
import pyproj
import shapely
from shapely.geometry.base import BaseGeometry

from gee_s1ben.domain.naming import read_tile_name
from gee_s1ben.errors import InputError, NamingError
from gee_s1ben.footprints.markup import read_document
from gee_s1ben.footprints.unpickling import read_capped

Frames = Iterator[tuple[str, Any]]
"""The layer's name, with a space behind it, and a GeoDataFrame."""

_MAX_TEXT_BYTES = 64_000_000
_MAX_KML_BYTES = 32_000_000
_MAX_UNPACKED_BYTES = 500_000_000
_MAX_FILES = 1_000
_CHUNK = 2**20
_READ = (".shp", ".kml", ".geojson", ".json", ".geojsonl", ".gpkg", ".fgb", ".wkt", ".parquet", ".geoparquet")
"""Files of areas that may be in a zip."""
_BESIDE = (".shx", ".dbf", ".prj", ".cpg")
"""What lies beside a .shp."""
_WKT = re.compile(
    r"\s*(?:SRID\s*=\s*(?P<srid>[0-9]{1,6})\s*;\s*)?"
    r"(?P<kind>(?:MULTI)?(?:POINT|LINESTRING|POLYGON)|GEOMETRYCOLLECTION)\s*(?:ZM|Z|M)?\s*(?P<open>\(|EMPTY)",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"[\s;,]*")
_BRACKET = re.compile(r"[()]")
_DEEPEST_WKT = 16


def accepts(path: Path) -> bool:
    """Whether a path is a KML, KMZ, WKT or zip file, by its name; a zip that is named as a product is none of areas."""
    kind = path.suffix.lower()
    return kind in (".kml", ".kmz", ".wkt") or (kind == ".zip" and not _is_product(path.name))


def is_wkt(text: str) -> bool:
    """Whether a text is a geometry in WKT rather than a path or a name."""
    return _WKT.match(text) is not None


def frames(path: Path, read: Callable[[Path], Frames]) -> Frames:
    """Yield the geometries of a file; one that is broken is None.

    Parameters
    ----------
    path : Path
        A file that :func:`accepts` says yes to.
    read : callable
        How the frames of a file in a zip are read.

    Raises
    ------
    InputError
        It cannot be read, or is larger or more involved than areas need.
    """
    if not path.is_file():  # to open a pipe would wait for it
        raise InputError(f"{path} is no regular file")
    kind = path.suffix.lower()
    if kind == ".kml":
        yield "", geopandas.GeoDataFrame(geometry=list(_kml(path)), crs="EPSG:4326")
    elif kind == ".wkt":
        try:
            text = read_capped(path, _MAX_TEXT_BYTES).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError(f"{path} is no text in UTF-8; geometries in WKT are expected") from error
        yield from (("", frame) for frame in wkt_geometries(text, str(path)))
    else:
        yield from _zipped(path, read)


def wkt_geometries(text: str, where: str) -> Iterator[Any]:
    """Yield frames of geometries in WKT; ``SRID=32633;`` before one says what its coordinates are, else degrees.

    Raises
    ------
    InputError
        The text is something else, nested too deeply, or its SRID is unknown.
    """
    for srid, group in groupby(_wkt(text, where), key=lambda pair: pair[0]):
        try:
            crs = pyproj.CRS.from_epsg(srid)
        except pyproj.exceptions.CRSError as error:
            raise InputError(f"{where}: SRID {srid} is no EPSG code") from error
        yield geopandas.GeoDataFrame(geometry=[geometry for _, geometry in group], crs=crs)


def _wkt(text: str, where: str) -> Iterator[tuple[int, BaseGeometry | None]]:
    """Yield EPSG code and geometry of each; one that is broken is None."""
    place = 0
    while (place := _gap(text, place)) < len(text):
        found = _WKT.match(text, place)
        if found is None:
            raise InputError(f"{where}: {text[place : place + 40]!a} is no geometry in WKT, such as POLYGON ((…))")
        end = found.end() if found["open"] != "(" else _closing(text, found.end(), where)
        try:
            geometry = shapely.from_wkt(text[found.start("kind") : end])
        except shapely.errors.ShapelyError:
            geometry = None
        yield int(found["srid"] or 4326), geometry
        place = end


def _gap(text: str, place: int) -> int:
    found = _BETWEEN.match(text, place)
    return found.end() if found else place


def _closing(text: str, start: int, where: str) -> int:
    """Return the place after the bracket that closes the one before ``start``."""
    depth = 1
    for bracket in _BRACKET.finditer(text, start):
        depth += 1 if bracket[0] == "(" else -1
        if depth > _DEEPEST_WKT:
            raise InputError(f"{where}: a geometry in WKT is nested deeper than {_DEEPEST_WKT} brackets")
        if depth == 0:
            return bracket.end()
    raise InputError(f"{where}: a bracket of a geometry in WKT is not closed")


def _kml(path: Path) -> Iterator[BaseGeometry | None]:
    """Yield each point, line and polygon of each place mark; altitudes are left out."""
    document = read_document(path, _MAX_KML_BYTES)
    if document.root != "kml":
        raise InputError(f"{path} is no KML: its root is {document.root!a:.60}")
    names = {_local(element) for element in document.element.iter()}
    if "Placemark" not in names:
        more = ": it links to another file, save that one" if "NetworkLink" in names else ""
        raise InputError(f"{path} has no place marks{more}")
    for mark in document.element.iter():
        if _local(mark) != "Placemark":
            continue
        for element in mark.iter():
            kind = _local(element)
            if kind in ("Point", "LineString", "Polygon"):
                yield _shape(element, kind)


def _shape(element: Element, kind: str) -> BaseGeometry | None:
    try:
        if kind != "Polygon":
            points = _coordinates(element)
            return shapely.Point(points[0]) if kind == "Point" else shapely.LineString(points)
        outer = [_coordinates(part) for part in element.iter() if _local(part) == "outerBoundaryIs"]
        inner = [_coordinates(part) for part in element.iter() if _local(part) == "innerBoundaryIs"]
        return shapely.Polygon(outer[0], inner)
    except (ValueError, IndexError, shapely.errors.ShapelyError):
        return None


def _coordinates(element: Element) -> list[tuple[float, float]]:
    text = next((part.text or "" for part in element.iter() if _local(part) == "coordinates"), "")
    points = (point.split(",") for point in re.sub(r"\s*,\s*", ",", text).split())
    return [(float(point[0]), float(point[1])) for point in points]


def _zipped(path: Path, read: Callable[[Path], Frames]) -> Frames:
    with tempfile.TemporaryDirectory(prefix="gee-s1ben-") as folder:
        try:
            with zipfile.ZipFile(path) as archive:
                files = _unpacked(archive, path, Path(folder))
        except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError) as error:
            raise InputError(f"{path} is no readable zip file: {' '.join(str(error).split())[:120]}") from error
        areas = [file for file in files if file.suffix.lower() in _READ]
        if path.suffix.lower() == ".kmz":  # the first KML counts, others are parts of it
            areas = [file for file in areas if file.suffix.lower() == ".kml"][:1]
        if not areas:
            raise InputError(f"{path} holds no file of areas: {', '.join(_READ)}")
        for file in areas:
            try:
                for name, frame in read(file):
                    yield f"{file.name} {name}" if len(areas) > 1 else name, frame
            except InputError as error:
                raise InputError(str(error).replace(str(file), f"{path}/{file.name}")) from error


def _unpacked(archive: zipfile.ZipFile, path: Path, folder: Path) -> list[Path]:
    """Write the files of areas of an archive into a folder, those of one folder of the archive side by side."""
    members = [
        (member, name)
        for member in archive.infolist()
        if not member.is_dir()
        and (name := PurePosixPath(member.filename.replace("\\", "/"))).suffix.lower() in (*_READ, *_BESIDE)
        and name.parts[0] != "__MACOSX"
        and not name.name.startswith(".")
        and name.name.isprintable()
    ]
    if len(members) > _MAX_FILES or sum(member.file_size for member, _ in members) > _MAX_UNPACKED_BYTES:
        raise InputError(
            f"{path} unpacks to more than {_MAX_FILES} files or {_MAX_UNPACKED_BYTES} bytes: areas need less than that"
        )
    parents: dict[PurePosixPath, Path] = {}
    files: dict[Path, None] = {}
    left = _MAX_UNPACKED_BYTES
    for member, name in members:
        parent = parents.setdefault(name.parent, folder / str(len(parents)))
        parent.mkdir(exist_ok=True)
        file = parent / name.name
        with archive.open(member) as packed, file.open("wb") as plain:
            while chunk := packed.read(_CHUNK):
                left -= len(chunk)
                if left < 0:  # what the archive says of its sizes need not be true
                    raise InputError(
                        f"{path} unpacks to more than {_MAX_UNPACKED_BYTES} bytes: areas need less than that"
                    )
                plain.write(chunk)
        files[file] = None
    return list(files)


def _is_product(name: str) -> bool:
    try:
        read_tile_name(name)
    except NamingError:
        return False
    return True


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
