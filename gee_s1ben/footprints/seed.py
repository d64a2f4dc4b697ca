"""Reader of the seed's ``BigEarthNetTileInfo_v2.npy``: the 125 Sentinel-2 products that BigEarthNet was made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import shapely

from gee_s1ben.domain.naming import S1ProductName, S2ProductName
from gee_s1ben.domain.tile import tile_grid
from gee_s1ben.errors import InputError
from gee_s1ben.footprints.row import Readings, Refusal, Span, TileRow
from gee_s1ben.footprints.unpickling import load_object

_LONGEST_WKT = 100_000


def accepts(path: Path) -> bool:
    """Whether a path is a ``.npy`` file."""
    return path.suffix.lower() == ".npy"


def read(path: Path, span: Span | None) -> Readings:  # noqa: ARG001  # every product has its time
    """Yield each product whose grid and footprint agree with its tile.

    Raises
    ------
    InputError
        The file is no such dictionary, or hostile.
    """
    found = _level(load_object(path), "tile_info", path)
    for tile, products in found.items():
        for identifier, record in products.items() if isinstance(products, dict) else [("", products)]:
            try:
                yield _row(tile, record, str(path))
            except InputError as error:
                yield Refusal(f"{path} [{tile!a:.20}][{identifier!a:.44}]", str(error))


def read_links(path: Path) -> dict[str, tuple[S1ProductName, ...]]:
    """Read the seed's ``BigEarthNetSen2UUID2Sen1ProdName.npy``.

    Returns
    -------
    dict
        Identifier of a Sentinel-2 product → the Sentinel-1 products that the seed gave it.

    Raises
    ------
    InputError
        The file is no such dictionary, or hostile.
    """
    found = _level(load_object(path), "Sen2UUID_2_Sen1ProdName", path)
    links = {}
    for identifier, names in found.items():
        if not isinstance(identifier, str) or not isinstance(names, list):
            raise InputError(f"{path}: {identifier!a:.44} does not lead to a list of names")
        links[identifier] = tuple(S1ProductName.parse(str(name)) for name in names)
    return links


def _level(value: Any, key: str, path: Path) -> dict[Any, Any]:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, dict):
        remedy = ""
        if isinstance(value, dict) and "Sen2UUID_2_Sen1ProdName" in value:
            remedy = "; it links products and has no tiles: give BigEarthNetTileInfo_v2.npy"
        raise InputError(f"{path} has no dictionary {key!r}{remedy}")
    return found


def _row(tile: object, record: object, source: str) -> TileRow:
    if not isinstance(tile, str) or not isinstance(record, dict):
        raise InputError("a tile's name and a dictionary are expected")
    name, wkt = record.get("product_name"), record.get("footprint")
    if not isinstance(name, str) or not isinstance(wkt, str):
        raise InputError("'product_name' or 'footprint' is missing or no text")
    product = S2ProductName.parse(name)
    if product.tile != tile:
        raise InputError(f"product {product} is listed under tile {tile}: they disagree")
    _check_grid(tile, record)
    if len(wkt) > _LONGEST_WKT:
        raise InputError(f"the footprint has {len(wkt)} characters: that is no footprint")
    try:  # an open ring is closed
        footprint = shapely.from_wkt(wkt, on_invalid="fix")
    except shapely.errors.ShapelyError:
        footprint = None
    if footprint is None:
        raise InputError(f"the footprint is no WKT: {wkt[:40]!a}")
    return TileRow.of_product(product, source).seen(footprint)


def _check_grid(tile: str, record: dict[Any, Any]) -> None:
    """Hold the record's own EPSG code and corners against the law of the grid."""
    grid = tile_grid(tile)
    epsg, corners = record.get("EPSG"), record.get("coordinate")
    if isinstance(epsg, bytes):
        epsg = epsg.decode("ascii", "replace")
    if f"EPSG:{epsg}" != grid.crs:
        raise InputError(f"EPSG {epsg!a:.20} is not that of tile {tile}, {grid.crs}: they disagree")
    west, south, east, north = grid.bounds
    expected = [west, north, east, south]
    given = corners.tolist() if isinstance(corners, np.ndarray) and corners.size <= len(expected) else None
    if given != expected:
        raise InputError(f"the corners {given} are not those of tile {tile}, {expected}: they disagree")
