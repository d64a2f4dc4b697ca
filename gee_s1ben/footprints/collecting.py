"""All inputs together: each to its reader, rows of one tile and time merged, what was refused kept with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from gee_s1ben.errors import InputError
from gee_s1ben.footprints import areas, bigearthnet, names, raster_files, safe, seed, stac_items, table
from gee_s1ben.footprints.area_files import is_wkt, wkt_geometries
from gee_s1ben.footprints.row import Reader, Readings, Refusal, Remark, Span, TileRow, in_rows

READERS: tuple[Reader, ...] = (names, safe, seed, bigearthnet, table, raster_files, stac_items, areas)
"""The first that accepts a path reads it."""
_OF_AREAS: tuple[Reader, ...] = (raster_files, stac_items, areas)


@dataclass(frozen=True, slots=True)
class Merger:
    """Rows of one tile and time that became one."""

    key: str
    """The tile and time."""
    sources: tuple[str, ...]
    """Where they came from."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What the inputs came to."""

    rows: tuple[TileRow, ...]
    """One a tile and time, in order of tile, then of time."""
    merged: tuple[Merger, ...]
    refused: tuple[Refusal, ...]
    remarks: tuple[Remark, ...] = ()
    """What was wrong with inputs that are used all the same."""


def collect(
    inputs: Sequence[str],
    span: Span | None = None,
    answered: Iterable[TileRow | Refusal | Remark] = (),
    *,
    whole_tiles: bool = False,
) -> Collected:
    """Read every input.

    Parameters
    ----------
    inputs : sequence of str
        Paths, names of products, MGRS tiles.
    span : Span, optional
        For tiles and areas, which have no time of their own.
    answered : iterable of TileRow, Refusal or Remark
        What a service was asked for, to be joined with the rest.
    whole_tiles : bool
        Take all patches of the tiles that see an area, not only those that touch it.
    """
    rows: dict[str, TileRow] = {}
    sources: dict[str, list[str]] = {}
    refused: list[Refusal] = []
    remarks: list[Remark] = []
    read = chain.from_iterable(_readings(given, span, refused, whole_tiles) for given in inputs)
    for reading in chain(read, answered):
        if isinstance(reading, Refusal):
            refused.append(reading)
        elif isinstance(reading, Remark):
            remarks.append(reading)
        else:
            key = reading.key
            rows[key] = _merged(rows[key], reading) if key in rows else reading
            sources.setdefault(key, []).append(reading.source)
            remarks += [Remark(f"{reading.source} {key}", reading.remark)] if reading.remark else []
    for row in rows.values():
        if row.patches == ():
            text = "the tile sees the area only at its edge, where it has no whole patch: none is made of it"
            remarks.append(Remark(f"{row.source} {row.key}", text))
    merged = tuple(Merger(key, tuple(found)) for key, found in sources.items() if len(found) > 1)
    return Collected(tuple(rows[key] for key in sorted(rows)), merged, tuple(refused), tuple(remarks))


def _readings(given: str, span: Span | None, refused: list[Refusal], whole_tiles: bool) -> Readings:
    """Yield what one input holds; one that is unusable as a whole, or from some place on, is refused."""
    shown = ascii(given if len(given) <= 160 else given[:60] + "…")[1:-1]
    try:
        path, exists = Path(given), _exists(given)
        reader = next((one for one in READERS if one.accepts(path)), None) if exists else None
        if reader is not None:
            empty = True
            for reading in reader.read(path, span):
                empty = False
                if whole_tiles and reader in _OF_AREAS and isinstance(reading, TileRow):
                    yield replace(reading, patches=None)
                else:
                    yield reading
            if empty:
                raise InputError("holds no tile")  # noqa: TRY301
        elif exists and isinstance(names.read_name(path.name, None, "", ""), Refusal):
            raise InputError("is of no kind that is read here: see 'gee-s1ben footprints --help'")  # noqa: TRY301
        elif not exists and is_wkt(given):
            yield from _of_wkt(given, span, shown)
        else:
            named = names.read_name(given, span, shown, given)
            if isinstance(named, Refusal) and not exists:
                named = replace(named, reason=f"{named.reason}; there is no file of that name, either")
            yield named
    except InputError as error:
        refused.append(Refusal(shown, str(error)))
    except OSError as error:
        refused.append(Refusal(shown, f"cannot be read: {error.strerror or error}"))


def _of_wkt(text: str, span: Span | None, shown: str) -> Readings:
    if span is None:
        raise InputError("an area has no time: give --from and --to, or --acquired")
    for frame in wkt_geometries(text, shown):
        for area in frame.geometry.to_crs("EPSG:4326"):
            yield from raster_files.area_rows(area, span, shown)


def _exists(given: str) -> bool:
    try:
        return bool(given) and Path(given).exists()
    except (OSError, ValueError):  # a name too long, or with a NUL
        return False


def _merged(one: TileRow, other: TileRow) -> TileRow:
    """Join two rows of one tile and time: the product's own footprint before an outline, the patches of both."""
    wanted = None
    if one.patches is not None and other.patches is not None:
        wanted = in_rows([*one.patches, *other.patches])
    best = other if other.measured and not one.measured else one
    sources = dict.fromkeys([*one.source.split("; "), *other.source.split("; ")])
    return replace(
        one,
        footprint=best.footprint,
        measured=best.measured,
        product=one.product or other.product,
        span=one.span if one.product is None and other.product is None else None,
        patches=wanted,
        source="; ".join(sources),
    )
