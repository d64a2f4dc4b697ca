"""``footprints``: Sentinel-2 tiles from whatever the user has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gee_s1ben.cli import querying
from gee_s1ben.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, Overrides, Quiet, Verbose, set_up_logging
from gee_s1ben.cli.outcome import BAD_INPUT, DONE, FINDINGS, Outcome, say
from gee_s1ben.domain.plural import plural

_HELP = """Make a table of Sentinel-2 tiles from names, tables and areas.

The table is GeoParquet. INPUT is one of: the name of a Sentinel-2 product, L1C or L2A, with its tile, or another
catalogue's id of it (Earth Engine, Element 84, Planetary Computer, a path or a URL); an old product's name, '/' and a
granule's; the name of a patch; an MGRS tile (33UUP with --from and --to, 33UUP@2017-06-13T10:10:31Z, or
33UUP@2017-06-01/2017-06-30); a .txt or .csv file with one of these a line; a .SAFE folder, a folder of them, or their
metadata XML; the seed's BigEarthNetTileInfo_v2.npy; BigEarthNet's metadata.parquet, or a part of it; STAC items; a
GeoTIFF; areas as GeoJSON, GeoPackage, GeoParquet, FlatGeobuf, shapefile, KML, KMZ, WKT or a .zip of these (with --from
and --to, or --acquired); a table that this command made. Of an area or raster, the table has the tiles that see it, and
of each the patches that touch it.

With --earth-engine, Sentinel-2 images of a place (--area, --bbox or --tile) and a range of time (--from and --to) are
asked for, and their products are taken as well. The configuration says of whom: Google's service, or the embedded one
over a local catalog; its 'tiles' are not looked at.

Inputs combine; rows of one tile and time become one. A row that cannot be used is said and passed over: exit code 1, or
2 where none can be used.

Examples:

  gee-s1ben footprints metadata.parquet --out tiles.parquet

  gee-s1ben footprints S2A_MSIL2A_20170613T101031_N0205_R022_T33UUP_20170613T101608.SAFE names.txt

  gee-s1ben footprints fields.geojson --from 2017-06-01 --to 2017-06-30

  gee-s1ben footprints --earth-engine --area fields.geojson --max-cloud 20 --from 2017-06-01 --to 2017-06-30
"""
_MOST_LINES = 20


def add_to(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command("footprints", help=_HELP)(footprints)


def footprints(
    inputs: Annotated[
        list[str] | None, typer.Argument(metavar="INPUT", help="Names, files and folders.", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The table to write.", metavar="FILE.parquet")] = Path(
        "tiles.parquet"
    ),
    first: Annotated[
        str | None,
        typer.Option("--from", help="First day, for a query, and for tiles and areas without a time.", metavar="DATE"),
    ] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day, with --from.", metavar="DATE")] = None,
    acquired: Annotated[
        str | None,
        typer.Option(
            "--acquired", help="The time of tiles, areas and rasters, in place of a range.", metavar="DATETIME"
        ),
    ] = None,
    earth_engine: querying.Asked = False,
    area: querying.Area = None,
    bbox: querying.Box = None,
    tile: querying.Tiles = None,
    max_cloud: querying.MaxCloud = None,
    collection: querying.Collection = None,
    limit: querying.Limit = None,
    whole_tiles: Annotated[
        bool,
        typer.Option("--whole-tiles", help="Of an area, take all patches of its tiles, not only those it touches."),
    ] = False,
    config: ConfigPath = DEFAULT_CONFIG,
    overrides: Overrides = None,
    as_json: AsJson = False,  # noqa: ARG001  # read from the arguments, where errors need it too
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Make a table of Sentinel-2 tiles."""
    set_up_logging(verbose=verbose, quiet=quiet)
    from gee_s1ben.dataset.atomic import atomic_write
    from gee_s1ben.errors import InputError
    from gee_s1ben.footprints import Span, collect, write_tiles

    if (first is None) != (last is None):
        raise InputError("--from and --to belong together: give both, or neither")
    if not inputs and not earth_engine:
        raise InputError(
            "nothing is given: name an INPUT, or ask with --earth-engine (see 'gee-s1ben footprints --help')"
        )
    if acquired is not None and first is not None:
        raise InputError("--acquired and --from with --to are both times: give one of them")
    if acquired is not None and earth_engine:
        raise InputError("--earth-engine needs a range of time: give --from and --to in place of --acquired")
    span = Span.parse(first, last) if first is not None and last is not None else None
    if acquired is not None:
        span = Span.at(acquired)
    narrower: dict[str, Any] = {"collection": collection, "max_cloud_percent": max_cloud, "limit": limit}
    if earth_engine:
        answered = querying.ask(
            config, overrides or (), span, area=area, box=bbox, tiles=tile or (), whole_tiles=whole_tiles, **narrower
        )
    else:
        answered = ()
        querying.check_unasked(
            {"--area": area, "--bbox": bbox, "--tile": tile, "--max-cloud": max_cloud, "--collection": collection}
            | {"--limit": limit, "--set": overrides}
        )
    collected = collect(inputs or (), span, answered, whole_tiles=whole_tiles)
    rows, merged, refused = collected.rows, collected.merged, collected.refused
    _tell([f"refused: {one.source}: {one.reason}" for one in refused], verbose)
    if not quiet:
        _tell([f"warning: {remark.source}: {remark.text}" for remark in collected.remarks], verbose)
        _tell([f"time: {meaning}" for meaning in dict.fromkeys(row.span.meaning for row in rows if row.span)], verbose)
        _tell([f"merged: {one.key}: {', '.join(dict.fromkeys(one.sources))}" for one in merged], verbose)
    if rows:
        with atomic_write(out) as partial:
            write_tiles(rows, partial)
    data = {
        "tiles": [
            {
                "key": row.key,
                "product": str(row.product) if row.product else None,
                "acquired": f"{row.acquired:%FT%TZ}",
                "span": [f"{row.span.start:%FT%TZ}", f"{row.span.stop:%FT%TZ}"] if row.span else None,
                "patches": None if row.patches is None else len(row.patches),
                "source": row.source,
            }
            for row in rows
        ],
        "merged": [{"key": one.key, "sources": list(one.sources)} for one in merged],
        "refused": [{"source": one.source, "reason": one.reason} for one in refused],
        "warnings": [{"source": remark.source, "text": remark.text} for remark in collected.remarks],
        "out": str(out) if rows else None,
    }
    patches = sum(len(row.patches) for row in rows if row.patches is not None)
    counts = plural(len({row.tile for row in rows}), "tile")
    if patches:
        counts += f", {plural(patches, 'patch')} listed"
    where = f"in {out}" if rows else "none of the inputs can be used, nothing written"
    line = f"{plural(len(rows), 'row')} ({counts}), {len(merged)} merged, {len(refused)} refused: {where}"
    return Outcome(data, [line], BAD_INPUT if not rows else FINDINGS if refused else DONE)


def _tell(lines: list[str], everything: bool) -> None:
    """Print lines on stderr, cut unless all are asked for."""
    for line in lines if everything else lines[:_MOST_LINES]:
        say(line)
    if len(lines) > _MOST_LINES and not everything:
        say(f"… and {len(lines) - _MOST_LINES} more (-v or --json lists all)")
