"""``catalog add`` and ``catalog list``: the local scenes that the embedded service works on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from gee_s1ben.cli.options import AsJson, Quiet, Verbose, set_up_logging
from gee_s1ben.cli.outcome import Outcome, say
from gee_s1ben.domain.unit import Unit
from gee_s1ben.errors import InputError

NoData = float | Literal["none"]

app = typer.Typer(
    help="Local scenes for the embedded service, a STAC catalog.", no_args_is_help=True, rich_markup_mode=None
)

CatalogPath = Annotated[Path, typer.Option("--catalog", help="The catalog's folder.", metavar="DIR")]


_MOST_ENTRIES = 12
"""A whole scene lies in some twenty tiles."""


@app.command(
    help="Add an image that was exported from Earth Engine.\n\n"
    "RASTER… are GeoTIFFs, all bands in one or one a band, on any grid; the files of an export in several "
    "(NAME-0000000000-0000000000.tif …), or a folder of them. FILE.json holds the image's properties: what getInfo() "
    "gives of it or of a collection that has it, a flat dictionary, a GeoJSON feature or a STAC item. An image of a "
    "collection named S1_GRD must be a scene that can be matched. A catalog that does not exist is made. The "
    "Sentinel-2 tiles that the image lies in are printed, as entries for 'tiles' of config.yaml.\n\n"
    "Example:\n\n\b\n  gee-s1ben catalog add --catalog catalog \\\n"
    "    --id COPERNICUS/S1_GRD/S1A_IW_GRDH_1SDV_20200607T164929_20200607T164954_032914_03D009_4A21 \\\n"
    "    --properties metadata.json VV.tif VH.tif angle.tif"
)
def add(
    rasters: Annotated[
        list[Path], typer.Argument(metavar="RASTER", help="GeoTIFFs with the image's bands, or a folder.")
    ],
    image_id: Annotated[
        str, typer.Option("--id", help="The asset id it gets, or the name of its Sentinel-1 product.", metavar="ID")
    ],
    properties: Annotated[Path, typer.Option("--properties", help="Its properties.", metavar="FILE.json")],
    catalog: CatalogPath = Path("catalog"),
    bands: Annotated[
        str | None, typer.Option("--bands", help="Names of the bands, in the order of the rasters.", metavar="VV,VH")
    ] = None,
    nodata: Annotated[
        str | None,
        typer.Option(
            "--nodata",
            help="Number that stands for no data, beside what the rasters' tags say; none: exact zeros are data.",
            metavar="NUMBER|none",
        ),
    ] = None,
    units: Annotated[
        str | None,
        typer.Option(
            "--units",
            help="What the numbers of backscatter are, decibel or linear (power); they are converted into what the "
            "collection has.",
            metavar="UNIT",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an image of that id.")] = False,
    as_json: AsJson = False,  # noqa: ARG001  # read from the arguments, where errors need it too
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Add an image that was exported from Earth Engine."""
    set_up_logging(verbose=verbose, quiet=quiet)
    from gee_s1ben.engine.catalog import Catalog
    from gee_s1ben.engine.catalog.identifiers import spelled_image_id
    from gee_s1ben.engine.catalog.shards import expand
    from gee_s1ben.footprints.whereabouts import tile_entries

    names = [name.strip() for name in bands.split(",")] if bands else None
    paths, notes = expand(rasters)
    for note in () if quiet else notes:
        say(note)
    image = Catalog.create(catalog).add(
        spelled_image_id(image_id),
        properties,
        paths,
        band_names=names,
        nodata=_nodata(nodata),
        units=_units(units),
        overwrite=overwrite,
    )
    listed = [band.name for band in image.bands]
    entries = tile_entries(image.properties)
    lines = [f"{image.id}  {' '.join(listed)}"]
    if entries:
        most = f" (the first {_MOST_ENTRIES} of {len(entries)})" if len(entries) > _MOST_ENTRIES else ""
        lines.append(
            f"it lies in these Sentinel-2 tiles, the one with most of it first{most}; to copy into 'tiles', with the"
        )
        lines.append("time of this image, or with that of the Sentinel-2 image where there is one:")
        lines += [f"  - {entry}" for entry in entries[:_MOST_ENTRIES]]
    data = {
        "id": image.id,
        "bands": listed,
        "catalog": str(catalog),
        "tiles": [entry.values() for entry in entries],
    }
    return Outcome(data, lines)


def _nodata(text: str | None) -> NoData | None:
    if text is None or text == "none":
        return text  # type: ignore[return-value]
    try:
        return float(text)
    except ValueError:
        raise InputError(f"--nodata is a number or none, not {text[:40]!r}") from None


def _units(text: str | None) -> Unit | None:
    if text not in (None, "decibel", "linear"):
        raise InputError(f"--units is decibel or linear, not {text[:40]!r}")
    return text  # type: ignore[return-value]


@app.command(
    "list",
    help="Show what a catalog holds: id, bands, time, orbit.\n\nExample:\n\n  gee-s1ben catalog list --catalog catalog",
)
def list_images(
    catalog: CatalogPath = Path("catalog"),
    as_json: AsJson = False,  # noqa: ARG001
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Show what a catalog holds."""
    set_up_logging(verbose=verbose, quiet=quiet)
    from gee_s1ben.engine.catalog import Catalog
    from gee_s1ben.engine.catalog.properties import time_of

    opened = Catalog.open(catalog)
    images = []
    lines = []
    for image in (image for collection in opened.collection_ids() for image in opened.images(collection)):
        bands = [band.name for band in image.bands]
        acquired = time_of(image.properties, image.id).isoformat()
        orbit = image.properties.get("relativeOrbitNumber_start")
        direction = str(image.properties.get("orbitProperties_pass") or "").lower() or None
        simulated = image.properties.get("simulated") is True
        images.append(
            {
                "id": image.id,
                "bands": bands,
                "acquired": acquired,
                "relative_orbit": orbit,
                "orbit_direction": direction,
                "simulated": simulated,
            }
        )
        where = f"  orbit {orbit} {direction}" if orbit else ""
        lines.append(f"{image.id}  {' '.join(bands)}  {acquired}{where}{'  SIMULATED' if simulated else ''}")
    return Outcome({"catalog": str(catalog), "images": images}, lines or [f"{catalog} is empty"])
