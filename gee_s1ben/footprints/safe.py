"""Reader of ``.SAFE`` folders of Sentinel-2, and of the metadata XML inside them, in both formats.

A product's XML (``MTD_MSIL1C.xml``, or ``S2A_OPER_MTD_SAFL1C_….xml`` before December 2016) has its name, its footprint
and its granules; a granule's (``MTD_TL.xml``, or ``S2A_OPER_MTD_L1C_TL_….xml``) has the tile's geocoding, which is held
against the law of the grid.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from gee_s1ben.domain.naming import S2GranuleName, S2OldProductName, S2ProductName
from gee_s1ben.domain.tile import tile_grid
from gee_s1ben.errors import InputError, NamingError
from gee_s1ben.footprints.markup import Document, read_document
from gee_s1ben.footprints.row import Readings, Refusal, Span, TileRow, parse_moment

_PRODUCT_FILES = ("MTD_MSIL1C.xml", "MTD_MSIL2A.xml", "S2?_*_MTD_SAFL1C_*.xml", "S2?_*_MTD_SAFL2A_*.xml")
_GRANULE_FILES = ("GRANULE/*/MTD_TL.xml", "GRANULE/*/S2?_*_MTD_L1C_TL_*.xml", "GRANULE/*/S2?_*_MTD_L2A_TL_*.xml")


def accepts(path: Path) -> bool:
    """Whether a path is a folder or an XML file."""
    return path.is_dir() or path.suffix.lower() == ".xml"


def read(path: Path, span: Span | None) -> Readings:  # noqa: ARG001  # every product has its time
    """Yield the tiles of a product, of a folder of products, or of one metadata file.

    Raises
    ------
    InputError
        A folder without products, or metadata that are unreadable, hostile or not of Sentinel-2.
    """
    if path.is_file():
        yield from _of_file(path)
    elif _product_file(path) or path.name.upper().endswith(".SAFE"):
        yield from _of_folder(path, str(path))
    else:
        folders = sorted(one for one in path.iterdir() if one.is_dir() and one.name.upper().endswith(".SAFE"))
        if not folders:
            raise InputError(f"{path} is no .SAFE folder and holds none")
        for folder in folders:
            try:
                yield from _of_folder(folder, str(path))
            except InputError as error:
                yield Refusal(str(folder), str(error))


@dataclass(frozen=True, slots=True)
class _Product:
    """What a product's metadata say."""

    tiles: tuple[S2ProductName, ...]
    """One for each granule."""
    footprint: BaseGeometry
    """Of all of them together."""

    def row(self, product: S2ProductName, source: str) -> TileRow:
        return TileRow.of_product(product, source).seen(self.footprint, of_several=len(self.tiles) > 1)


def _of_folder(folder: Path, source: str) -> Readings:
    found = _product_file(folder)
    if found is None:
        raise InputError(f"{folder} has no MTD_MSIL1C.xml or MTD_MSIL2A.xml: it is no whole Sentinel-2 product")
    product = _product(read_document(found))
    geocoded: dict[str, Document] = {}
    for path in _matching(folder, _GRANULE_FILES):
        try:
            document = read_document(path)
            geocoded[_tile_of(document)] = document
        except InputError as error:
            yield Refusal(str(path), str(error))
    for name in product.tiles:
        try:
            row = product.row(name, source)
            if row.tile in geocoded:
                _check_geocoding(row.tile, geocoded.pop(row.tile))
            yield row
        except InputError as error:
            yield Refusal(f"{folder} tile {name.tile}", str(error))
    for tile in geocoded:
        yield Refusal(f"{folder} tile {tile}", f"there is a granule of tile {tile}, which the product does not list")


def _of_file(path: Path) -> Readings:
    document = read_document(path)
    if document.root.endswith("Tile_ID"):
        yield _granule(document, path)
        return
    product = _product(document)
    for name in product.tiles:
        try:
            yield product.row(name, str(path))
        except InputError as error:
            yield Refusal(f"{path} tile {name.tile}", str(error))


def _product(document: Document) -> _Product:
    if not document.root.endswith("User_Product"):
        raise InputError(
            f"{document.path} is no metadata of a Sentinel-2 product or tile: its root is {document.root!a:.60}"
        )
    uri = document.text("PRODUCT_URI", "PRODUCT_URI_2A", "PRODUCT_URI_1C")
    try:
        tiles: tuple[S2ProductName, ...] = (S2ProductName.parse(uri),)
    except NamingError:
        old = S2OldProductName.parse(uri)
        tiles = tuple(old.with_granule(S2GranuleName.parse(name)) for name in _granules(document))
        if not tiles:
            raise InputError(f"{document.path} lists no granules") from None
    return _Product(tiles, _polygon(document))


def _granules(document: Document) -> Iterator[str]:
    for name in document.attributes("granuleIdentifier"):
        if "_TL_" in name:
            yield name


def _polygon(document: Document) -> BaseGeometry:
    """Read the outer ring of the footprint: latitude before longitude, at times with a height, at times not closed."""
    numbers = np.array(document.numbers("EXT_POS_LIST"))
    points = {size: numbers.reshape(-1, size) for size in (2, 3) if numbers.size and numbers.size % size == 0}
    closed = [size for size, found in points.items() if np.array_equal(found[0], found[-1]) and len(found) > 1]
    flat = [size for size, found in points.items() if size == 3 and np.all(found[:, 2] == found[0, 2])]
    if not points:
        raise InputError(f"{document.path}: EXT_POS_LIST is no ring of latitudes and longitudes")
    ring = points[next(iter([*closed, *flat, *points]))]
    return shapely.Polygon(ring[:, [1, 0]]) if len(ring) > 3 else shapely.LineString(ring[[0, -1]][:, [1, 0]])


def _granule(document: Document, path: Path) -> TileRow:
    """Make the row of one granule's metadata; the product's name is that of the folder it stands in."""
    tile = _tile_of(document)
    _check_geocoding(tile, document)
    name = next((folder.name for folder in path.absolute().parents if folder.name.upper().endswith(".SAFE")), "")
    try:
        product = S2ProductName.parse(name)
    except NamingError:
        try:
            granule = S2GranuleName.parse(document.text("TILE_ID", "TILE_ID_2A"))
            product = S2OldProductName.parse(name).with_granule(granule)
        except NamingError:
            return TileRow.of_tile(tile, parse_moment(document.text("SENSING_TIME")), str(path))
    if product.tile != tile:
        raise InputError(f"{path} is of tile {tile} and stands in {product}: they disagree")
    return TileRow.of_product(product, str(path))


def _tile_of(document: Document) -> str:
    return S2GranuleName.parse(document.text("TILE_ID", "TILE_ID_2A")).tile


def _check_geocoding(tile: str, document: Document) -> None:
    grid = tile_grid(tile)
    crs = document.text("HORIZONTAL_CS_CODE")
    corner = document.numbers("ULX", within=("Geoposition", "resolution", "10"))
    corner += document.numbers("ULY", within=("Geoposition", "resolution", "10"))
    if crs.upper() != grid.crs or tuple(corner) != grid.xy(0, 0):
        raise InputError(
            f"{document.path}: its corner {corner} in {crs!a:.30} is not that of tile {tile}, "
            f"{list(grid.xy(0, 0))} in {grid.crs}: they disagree"
        )


def _product_file(folder: Path) -> Path | None:
    found = _matching(folder, _PRODUCT_FILES)
    return found[0] if found else None


def _matching(folder: Path, patterns: tuple[str, ...]) -> list[Path]:
    return sorted(path for pattern in patterns for path in folder.glob(pattern))
