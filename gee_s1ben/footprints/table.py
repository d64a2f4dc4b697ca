"""The table of tiles: GeoParquet with one row a tile and time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import shapely
from shapely.geometry.base import BaseGeometry

from gee_s1ben.domain.antimeridian import Extent, bounds_of
from gee_s1ben.domain.naming import S2ProductName
from gee_s1ben.domain.tile import PatchBlock, Target
from gee_s1ben.errors import InputError
from gee_s1ben.footprints.bigearthnet import column_names
from gee_s1ben.footprints.parquet import read_table
from gee_s1ben.footprints.row import Cell, Readings, Refusal, Span, TileRow, in_rows
from gee_s1ben.footprints.wellknown import read_wkb

MAX_ROWS = 100_000
_CORNERS = ("first_col", "last_col", "first_row", "last_row")
_TIME = pa.timestamp("us", tz="UTC")
_SCHEMA = pa.schema(
    [
        pa.field("tile", pa.string(), nullable=False),
        pa.field("product", pa.string()),
        pa.field("acquired", _TIME, nullable=False),
        pa.field("span_start", _TIME),
        pa.field("span_stop", _TIME),
        pa.field("epsg", pa.int32(), nullable=False),
        pa.field("ulx", pa.float64(), nullable=False),
        pa.field("uly", pa.float64(), nullable=False),
        pa.field("transform", pa.list_(pa.float64()), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("patches", pa.list_(pa.struct([(name, pa.int16()) for name in _CORNERS]))),
        pa.field("measured", pa.bool_(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("geometry", pa.binary(), nullable=False),
    ]
)


def accepts(path: Path) -> bool:
    """Whether a path is a Parquet file with the columns ``tile`` and ``acquired``."""
    return path.suffix.lower() == ".parquet" and {"tile", "acquired"} <= set(column_names(path))


def write_tiles(rows: Sequence[TileRow], path: Path) -> None:
    """Write the table.

    Parameters
    ----------
    rows : sequence of TileRow
        At least one.
    path : Path
        Written as it is; for a whole file or none, give a path that is renamed afterwards.
    """
    columns: dict[str, list[Any]] = {name: [] for name in _SCHEMA.names}
    for row in rows:
        grid = row.grid
        values = {
            "tile": row.tile,
            "product": str(row.product) if row.product else None,
            "acquired": row.acquired,
            "span_start": row.span.start if row.span else None,
            "span_stop": row.span.stop if row.span else None,
            "epsg": int(grid.crs.removeprefix("EPSG:")),
            "ulx": grid.transform[2],
            "uly": grid.transform[5],
            "transform": list(grid.transform),
            "width": grid.width,
            "height": grid.height,
            "patches": None if row.patches is None else [_corners(block) for block in blocks_of(row.patches)],
            "measured": row.measured,
            "source": row.source,
            "geometry": shapely.to_wkb(row.footprint),
        }
        for name, value in values.items():
            columns[name].append(value)
    table = pa.table(columns, schema=_SCHEMA.with_metadata({"geo": json.dumps(_geo(rows))}))
    pq.write_table(table, path, compression="zstd")


def read_tiles(path: Path) -> list[Target]:
    """Read what patches are wanted for.

    Parameters
    ----------
    path : Path
        A table as :func:`write_tiles` makes it; ``tile`` and ``acquired`` suffice.

    Raises
    ------
    InputError
        It cannot be read, or a row of it cannot be used.
    """
    if path.is_file() and not _is_parquet(path):
        raise InputError(
            f"{path} is no readable Parquet file: 'gee-s1ben footprints {path.name} --out tiles.parquet' makes one of "
            "names, products or areas; name that"
        )
    targets = []
    for row in read(path, None):
        if isinstance(row, Refusal):
            raise InputError(f"{row.source}: {row.reason}")
        # A tile that sees an area only where it has no whole patch stands in the table with an empty list.
        if isinstance(row, TileRow) and row.patches != ():
            targets.append(row.target())
    if not targets:
        raise InputError(f"{path} has no rows that want a patch")
    return targets


def _is_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PAR1"
    except OSError:
        return True  # reading it says what is wrong


def read(path: Path, span: Span | None) -> Readings:  # noqa: ARG001  # every row has its time
    """Yield the rows of a table.

    Raises
    ------
    InputError
        It cannot be read.
    """
    table = read_table(path, _SCHEMA.names, MAX_ROWS)
    for number in range(1, table.num_rows + 1):
        try:
            yield _row({name: table.column(name)[number - 1].as_py() for name in table.column_names}, str(path))
        except InputError as error:
            yield Refusal(f"{path} row {number}", str(error))
        except (
            # Years that Python does not have, zones that do not exist, and values of the wrong type.
            ArithmeticError, AttributeError, LookupError, TypeError, ValueError, pa.ArrowException,
            shapely.errors.ShapelyError,
        ) as error:  # fmt: skip
            yield Refusal(f"{path} row {number}", f"a value has the wrong type: {' '.join(str(error).split())[:120]}")


def blocks_of(cells: Iterable[Cell]) -> list[PatchBlock]:
    """Cover patches, given row by row, with disjoint rectangles: runs along rows, joined where rows repeat them."""
    runs = [
        (row, group[0][0], group[-1][0])
        for row, in_row in groupby(cells, key=lambda cell: cell[1])
        for _, found in groupby(enumerate(in_row), key=lambda pair: pair[1][0] - pair[0])
        if (group := [cell for _, cell in found])
    ]
    blocks = []
    runs.sort(key=lambda run: (run[1], run[2], run[0]))
    for (first, last), same in groupby(runs, key=lambda run: run[1:]):
        for _, found in groupby(enumerate(same), key=lambda pair: pair[1][0] - pair[0]):
            rows = [run[0] for _, run in found]
            blocks.append(PatchBlock(first, last, rows[0], rows[-1]))
    return sorted(blocks, key=lambda block: (block.first_row, block.first_col))


def _corners(block: PatchBlock) -> dict[str, int]:
    return {name: getattr(block, name) for name in _CORNERS}


def _row(record: dict[str, Any], source: str) -> TileRow:
    tile, acquired, name = record["tile"], record["acquired"], record.get("product")
    if not isinstance(tile, str) or not isinstance(acquired, datetime):
        raise InputError("'tile' is no text or 'acquired' no time")
    acquired = _utc(acquired).replace(microsecond=0)
    if name is not None:
        row = TileRow.of_product(S2ProductName.parse(name), source)
        if (row.tile, row.acquired) != (tile, acquired):
            raise InputError(f"product {row.product} is not of tile {tile[:10]!a} at {acquired:%F %T}: they disagree")
    else:
        row = TileRow.of_tile(tile, acquired, source)
    start, stop = record.get("span_start"), record.get("span_stop")
    span = Span(_utc(start), _utc(stop)) if start is not None and stop is not None else None
    if record.get("measured") and record.get("geometry"):
        row = row.seen(_geometry(record["geometry"]))
    _check_grid(row, record)
    return replace(row, source=record.get("source") or source, span=span, patches=_cells(record.get("patches")))


def _geometry(content: bytes) -> BaseGeometry:
    try:
        return read_wkb(content)
    except InputError as error:
        raise InputError(f"'geometry' has the wrong type or is broken: {error}") from error


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _check_grid(row: TileRow, record: dict[str, Any]) -> None:
    grid = row.grid
    law: dict[str, object] = {
        "epsg": int(grid.crs.removeprefix("EPSG:")),
        "ulx": grid.transform[2],
        "uly": grid.transform[5],
    }
    law |= {"transform": list(grid.transform), "width": grid.width, "height": grid.height}
    for name, value in law.items():
        if record.get(name, value) != value:
            raise InputError(f"{name} {str(record[name])[:60]} is not that of tile {row.tile}, {value}: they disagree")


def _cells(blocks: list[dict[str, int]] | None) -> tuple[Cell, ...] | None:
    if blocks is None:
        return None
    whole = PatchBlock(0, 90, 0, 90)
    cells: set[Cell] = set()
    for block in blocks:
        one = PatchBlock(*(block[name] for name in _CORNERS))
        if one.last_col > whole.last_col or one.last_row > whole.last_row:
            raise InputError(
                f"the wanted patches reach column {one.last_col}, row {one.last_row}; a tile's last is 90, 90"
            )
        cells.update(one)
    return in_rows(cells)


def _geo(rows: Sequence[TileRow]) -> dict[str, Any]:
    """Metadata of GeoParquet 1.0.0."""
    footprints = [row.footprint for row in rows]
    return {
        "version": "1.0.0",
        "primary_column": "geometry",
        "columns": {
            "geometry": {
                "encoding": "WKB",
                "geometry_types": sorted({footprint.geom_type for footprint in footprints}),
                "crs": pyproj.CRS.from_epsg(4326).to_json_dict(),
                "bbox": list(Extent(bounds_of(footprint) for footprint in footprints).box),
            }
        },
    }
