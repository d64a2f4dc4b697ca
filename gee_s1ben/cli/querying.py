"""The options of ``footprints`` that ask Earth Engine for Sentinel-2 images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gee_s1ben.errors import InputError

if TYPE_CHECKING:
    from gee_s1ben.footprints import Refusal, Remark, Span, TileRow
    from gee_s1ben.footprints.squares import TiledArea

Asked = Annotated[
    bool,
    typer.Option("--earth-engine", help="Ask Earth Engine for Sentinel-2 images as well; what follows narrows it."),
]
Area = Annotated[
    Path | None,
    typer.Option(
        "--area", help="They touch the areas of this file: GeoJSON, GeoPackage, shapefile, KML …", metavar="FILE"
    ),
]
Box = Annotated[
    str | None, typer.Option("--bbox", help="They touch this rectangle, in degrees.", metavar="WEST,SOUTH,EAST,NORTH")
]
Tiles = Annotated[
    list[str] | None, typer.Option("--tile", help="They are of this MGRS tile; may be repeated.", metavar="TILE")
]
MaxCloud = Annotated[float | None, typer.Option("--max-cloud", help="They have no more cloud.", metavar="PERCENT")]
Collection = Annotated[
    str | None,
    typer.Option(
        "--collection", help="Where they are: COPERNICUS/S2_HARMONIZED (L1C), if it is not said.", metavar="ID"
    ),
]
Limit = Annotated[
    int | None, typer.Option("--limit", help="No more than these, the first in time; 5000, if it is not said.")
]


def check_unasked(options: Mapping[str, Any]) -> None:
    """Refuse options of a query where none is made: they would be passed over."""
    given = [name for name, value in options.items() if value not in (None, [])]
    if given:
        raise InputError(f"{given[0]} belongs to a query: add --earth-engine")


def ask(
    config_path: Path,
    overrides: Sequence[str],
    span: Span | None,
    *,
    area: Path | None,
    box: str | None,
    tiles: Sequence[str],
    whole_tiles: bool,
    **narrower: Any,
) -> tuple[TileRow | Refusal | Remark, ...]:
    """Connect to the service of the configuration and ask it; of each image take the patches that touch the area.

    Raises
    ------
    InputError
        The options make no query, or the configuration is wrong.
    ServiceError
        The service refuses or fails.
    """
    from gee_s1ben.config import load_service  # slow to load, as all that follows
    from gee_s1ben.footprints import Refusal
    from gee_s1ben.footprints.areas import read_areas
    from gee_s1ben.footprints.earth_engine import Sentinel2Query
    from gee_s1ben.footprints.squares import patches_of_tile

    if span is None:
        raise InputError("--earth-engine needs a range of time: give --from and --to")
    if area is None and box is None and not tiles:
        raise InputError("--earth-engine needs a place: give --area, --bbox or --tile")
    if area is not None and box is not None:
        raise InputError("--area and --bbox are both places: give one of them")
    areas, remarks = read_areas(area) if area is not None else ((), ())
    if box is not None:
        areas = (_rectangle(box),)
    given = {name: value for name, value in narrower.items() if value is not None}
    query = Sentinel2Query.about(span, areas=[given_area.geometry for given_area in areas], tiles=tiles, **given)
    config = load_service(config_path, overrides)

    from gee_s1ben.pipeline.sentinel2 import find_images
    from gee_s1ben.session.connection import connect

    with connect(config):
        found = find_images(query)
    whole = whole_tiles or not areas
    images = (
        image if whole or isinstance(image, Refusal) else replace(image, patches=patches_of_tile(image.tile, areas))
        for image in found
    )
    return (*remarks, *images)


def _rectangle(text: str) -> TiledArea:
    from gee_s1ben.footprints.areas import rectangle

    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--bbox {text[:60]!a} is not four numbers such as 12.3,47.7,13.8,48.8") from None
    return rectangle(west, south, east, north, "--bbox")
