"""The configuration as a frozen, validated model; every default lives here."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    Strict,
    Tag,
    ValidationError,
    model_serializer,
    model_validator,
)

from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.naming import S2ProductName, padded_tile, read_tile_name
from gee_s1ben.domain.tile import PATCH_PX, PatchBlock, Target, tile_grid
from gee_s1ben.domain.unit import Unit, unit_of
from gee_s1ben.errors import InputError

if TYPE_CHECKING:
    from gee_s1ben.footprints import Span
    from gee_s1ben.footprints.areas import TouchedPatches

PIXEL_REQUEST_BYTES = 50_331_648
"""The most that one ``computePixels`` request may hold, uncompressed."""

ITEM_BYTES = 4
"""A pixel of one band is a float32."""

MOST_GRID_PX = 4 * 10**9
"""Of a grid of one's own, thirty times a Sentinel-2 tile: it is planned, matched and mapped as one."""

_Item = TypeVar("_Item")


def _checked(check: Callable[[Any], object]) -> Callable[[Any], Any]:
    """Turn an error of ours into the ValueError that pydantic collects."""

    def validator(value: Any) -> Any:
        try:
            check(value)
        except InputError as error:
            raise ValueError(str(error)) from error
        return value

    return validator


def _path(value: Any) -> Any:
    if not isinstance(value, str) or not value or "\0" in value:
        return value
    try:
        os.fsencode(value)
        return Path(value).expanduser()
    except UnicodeEncodeError:
        raise ValueError("holds a character that no path may have") from None
    except RuntimeError:
        raise ValueError(f"{value.split('/')[0]} is no user of this machine") from None


def _own_folder(path: Path) -> Path:
    if not path.name:
        raise ValueError(f"must be a folder of its own, not {path}")
    return path


def _time(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return value
    if isinstance(value, datetime):
        # Sentinel times are UTC, written with or without the Z.
        try:
            return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        except OverflowError:
            raise ValueError(f"{value} is beyond the calendar in UTC") from None
    return value


def _day(value: Any) -> Any:
    """Turn what YAML makes of a date, or of a date and time, back into text."""
    return value.isoformat() if isinstance(value, date) else value


def _unique(values: tuple[_Item, ...]) -> tuple[_Item, ...]:
    if len(set(values)) != len(values):
        raise ValueError(f"names the same thing twice: {', '.join(map(str, values))}")
    return values


def _ascending(pair: tuple[int, int]) -> tuple[int, int]:
    if not 0 <= pair[0] <= pair[1]:
        raise ValueError(f"must be first and last, counted from 0, not {list(pair)}")
    return pair


def _tile_product(value: str) -> None:
    tile_grid(read_tile_name(value).tile)


def _text(pattern: str) -> Callable[[str], str]:
    def validator(value: str) -> str:
        if not re.fullmatch(pattern, value, re.ASCII):
            raise ValueError("")
        return value

    return validator


Folder = Annotated[Path, BeforeValidator(_path)]
Time = Annotated[datetime, BeforeValidator(_time)]
Day = Annotated[str, BeforeValidator(_day)]
Pair = Annotated[tuple[int, int], Strict(False), AfterValidator(_ascending)]
Product = Annotated[str, AfterValidator(_checked(_tile_product))]
Polarisation = Literal["VV", "VH", "HH", "HV"]
Direction = Literal["ascending", "descending"]
Platform = Literal["A", "B", "C", "D"]

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "published": {
        "tiles": ["published"],
        "match": {"choice": "published", "join_slices": False},
        "radar": {"border_noise": False, "speckle": {"filter": "none"}},
    },
    "seed": {"match": {"window_days": 12.0, "directions": ["ascending"], "per_orbit": "nearest"}},
}
"""What each preset sets in the place of a default; a key that is written in the file counts before it."""


class Section(BaseModel):
    """A group of keys: unknown ones are refused, and nothing is converted silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class EmbeddedSettings(Section):
    """The embedded service."""

    catalog: Folder = Field(Path("catalog"), description="a folder")
    exports: Folder = Field(Path("exports"), description="a folder")
    url: Annotated[str, AfterValidator(_text(r"http://(127\.0\.0\.1|localhost|\[::1\]):[0-9]{1,5}"))] | None = Field(
        None, description="what 'gee-s1ben engine serve' says, such as http://127.0.0.1:8080"
    )


class BlockSettings(Section):
    """A rectangle of patches, first and last counted."""

    columns: Pair = Field(description="a list of two whole numbers, first and last")
    rows: Pair = Field(description="a list of two whole numbers, first and last")

    def block(self) -> PatchBlock:
        """Return the same as a value of the field."""
        return PatchBlock(*self.columns, *self.rows)


class ProductTarget(Section):
    """A Sentinel-2 product: its tile and its time are in its name."""

    product: Product = Field(description="the name of a Sentinel-2 product")
    patches: BlockSettings | None = Field(None, description="a group of columns and rows")

    def targets(self, patch_px: int) -> tuple[Target, ...]:
        """Return what patches are wanted for; InputError where the patches reach outside."""
        product = S2ProductName.parse(self.product)
        grid = tile_grid(str(product.tile))
        block = _block(self.patches, grid, patch_px)
        return (Target(str(product.tile), grid, product.acquired, product, patch_px, block),)


class TileTarget(Section):
    """A Sentinel-2 tile and a time."""

    tile: Annotated[str, AfterValidator(_checked(tile_grid))] = Field(description="an MGRS tile such as 33UUP")
    acquired: Time = Field(description="a date and time such as 2017-06-13T10:10:31Z")
    patches: BlockSettings | None = Field(None, description="a group of columns and rows")

    def targets(self, patch_px: int) -> tuple[Target, ...]:
        """Return what patches are wanted for; InputError where the patches reach outside."""
        grid = tile_grid(self.tile)
        return (Target(self.tile, grid, self.acquired, None, patch_px, _block(self.patches, grid, patch_px)),)


class GridTarget(Section):
    """A grid of the user's own and a time."""

    name: Annotated[str, AfterValidator(_text(r"[A-Za-z0-9-]{1,32}"))] = Field(
        description="1 to 32 letters, digits and dashes"
    )
    crs: str = Field(min_length=1, description="a coordinate reference system such as EPSG:32633")
    transform: Annotated[tuple[float, float, float, float, float, float], Strict(False)] = Field(
        description="a list of six numbers: x scale, x shear, x origin, y shear, y scale, y origin"
    )
    width: int = Field(ge=1, le=1_000_000, description="a whole number of pixels, 1 or more")
    height: int = Field(ge=1, le=1_000_000, description="a whole number of pixels, 1 or more")
    acquired: Time = Field(description="a date and time such as 2017-06-13T10:10:31Z")
    patches: BlockSettings | None = Field(None, description="a group of columns and rows")

    @model_validator(mode="after")
    def _has_area(self) -> GridTarget:
        a, b, _, d, e, _ = self.transform
        if a * e == b * d:
            raise ValueError("transform gives pixels without an area")
        if self.width * self.height > MOST_GRID_PX:
            raise ValueError(
                f"{self.width} × {self.height} pixels are more than {MOST_GRID_PX:.0e}: split the grid into several"
            )
        return self

    def targets(self, patch_px: int) -> tuple[Target, ...]:
        """Return what patches are wanted for; InputError where the patches reach outside."""
        grid = Grid(self.crs, self.transform, self.width, self.height)
        return (Target(self.name, grid, self.acquired, None, patch_px, _block(self.patches, grid, patch_px)),)


class LikeTarget(Section):
    """The grid of a raster that the user has, exactly as it is in the file."""

    like: Folder = Field(description="a GeoTIFF whose grid is taken")
    acquired: Time | None = Field(None, description="a date and time such as 2017-06-13T10:10:31Z")
    name: Annotated[str, AfterValidator(_text(r"[A-Za-z0-9-]{1,32}"))] | None = Field(
        None, description="1 to 32 letters, digits and dashes"
    )
    patches: BlockSettings | None = Field(None, description="a group of columns and rows")

    def targets(self, patch_px: int) -> tuple[Target, ...]:
        """Return what patches are wanted for; InputError where the file cannot be used or says no time."""
        from gee_s1ben.engine.catalog.grids import read_raster_grid  # slow to load, and only this needs it

        raster = read_raster_grid(self.like)
        acquired = self.acquired or raster.acquired
        if acquired is None:
            raise InputError(f"{self.like} does not say when it was acquired: add acquired: 2017-06-13T10:10:31Z")
        name = self.name or re.sub(r"[^A-Za-z0-9-]+", "-", self.like.stem).strip("-")[:32]
        grid = raster.grid
        try:
            own = GridTarget(
                name=name, crs=grid.crs, transform=grid.transform, width=grid.width, height=grid.height,
                acquired=acquired, patches=self.patches,
            )  # fmt: skip
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise InputError(f"{self.like}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
        return own.targets(patch_px)


class FileTargets(Section):
    """A table of tiles, as ``gee-s1ben footprints`` makes it."""

    file: Folder = Field(description="a GeoParquet file made by 'gee-s1ben footprints'")

    def targets(self, patch_px: int) -> tuple[Target, ...]:
        """Return what patches are wanted for; InputError where the file cannot be used."""
        from gee_s1ben.footprints import read_tiles  # slow to load, and only tables need it

        found = read_tiles(self.file)
        if patch_px == PATCH_PX:
            return tuple(found)
        if any(one.cells is not None for one in found):
            raise InputError(f"{self.file} lists patches of {PATCH_PX} pixels: dataset.patch_px must be {PATCH_PX}")
        return tuple(Target(one.name, one.grid, one.acquired, one.product, patch_px) for one in found)


class AreaTargets(Section):
    """An area and a time: the patches that touch it, of all tiles that see it."""

    area: Folder | None = Field(None, description="a file of areas, as 'gee-s1ben footprints' reads them")
    bbox: Annotated[tuple[float, float, float, float], Strict(False)] | None = Field(
        None, description="a list of four numbers in degrees: west, south, east, north"
    )
    first: Day | None = Field(None, alias="from", description="a date such as 2020-06-01")
    last: Day | None = Field(None, alias="to", description="a date such as 2020-06-30")
    acquired: Time | None = Field(None, description="a date and time such as 2017-06-13T10:10:31Z")
    whole_tiles: bool = Field(False, description="true or false")

    @model_validator(mode="after")
    def _is_whole(self) -> AreaTargets:
        if (self.area is None) == (self.bbox is None):
            raise ValueError("needs an area or a bbox, and not both")
        if (self.first is None) != (self.last is None) or (self.first is None) == (self.acquired is None):
            raise ValueError("needs a time: from and to, or acquired")
        if self.acquired is None:
            try:
                self._span()
            except InputError as error:
                raise ValueError(str(error)) from error
        return self

    def targets(self, patch_px: int) -> tuple[Target, ...]:
        """Return what patches are wanted for; InputError where the area cannot be used or touches none."""
        acquired = self.acquired or self._span().middle
        targets = tuple(
            Target(tile, tile_grid(tile), acquired, None, patch_px, cells=None if self.whole_tiles else cells)
            for tile, cells in self._patches(patch_px).by_tile.items()
            if self.whole_tiles or cells != ()
        )
        if not targets:
            raise InputError(f"no whole patch touches {self.area or 'the bbox'}")
        return targets

    def notes(self, patch_px: int) -> tuple[str, ...]:
        """Say what was repaired of the areas, and what time stands for a range."""
        said = [f"{remark.source}: {remark.text}" for remark in self._patches(patch_px).remarks]
        source = str(self.area or f"bbox {list(self.bbox or ())}")
        return (*said, *([] if self.acquired else [f"{source}: {self._span().meaning}"]))

    def _span(self) -> Span:
        from gee_s1ben.footprints import Span  # slow to load, and only areas need it

        return Span.parse(str(self.first), str(self.last))

    def _patches(self, patch_px: int) -> TouchedPatches:
        from gee_s1ben.footprints.areas import touched_patches

        return touched_patches(self.area or self.bbox or (), patch_px)


class PublishedTargets(Section):
    """All products of BigEarthNet."""

    published: Literal[True] = Field(description="true")

    def targets(self, patch_px: int) -> tuple[Target, ...]:
        """Return what patches are wanted for."""
        from gee_s1ben.published import pairs  # slow to load, and seldom needed

        return tuple(
            Target(str(one.tile), tile_grid(str(one.tile)), one.acquired, one, patch_px) for one in pairs().products
        )


def _block(settings: BlockSettings | None, grid: Grid, patch_px: int) -> PatchBlock:
    return settings.block() if settings else PatchBlock.whole(grid, patch_px)


def _kind_of_target(value: Any) -> str:
    if isinstance(value, dict):
        keys = {
            "like": "<like>",
            "transform": "<grid>",
            "crs": "<grid>",
            "tile": "<tile>",
            "file": "<file>",
            "area": "<area>",
            "bbox": "<area>",
            "published": "<published>",
        }
        return next((kind for key, kind in keys.items() if key in value), "<product>")
    kinds = (
        (GridTarget, "<grid>"),
        (LikeTarget, "<like>"),
        (TileTarget, "<tile>"),
        (FileTargets, "<file>"),
        (AreaTargets, "<area>"),
        (PublishedTargets, "<published>"),
    )
    return next((kind for of, kind in kinds if isinstance(value, of)), "<product>")


def _named(value: Any) -> Any:
    """Turn what names a tile, as any catalogue spells it, into the keys of an entry."""
    if value == "published":
        return {"published": True}
    if isinstance(value, str):
        tile, at, acquired = value.partition("@")
        if at and re.fullmatch(r"T?[0-9]{1,2}[A-Z]{3}", tile):
            return {"tile": padded_tile(tile.removeprefix("T")), "acquired": acquired}
        value = {"product": value}
    if not isinstance(value, dict) or not isinstance(value.get("product"), str):
        return value
    try:
        named = read_tile_name(value["product"])
    except InputError:
        return value  # the product's own check says what is wrong
    rest = {key: entry for key, entry in value.items() if key != "product"}
    if named.cell is not None:
        column, row = named.cell
        rest.setdefault("patches", {"columns": [column, column], "rows": [row, row]})
    if named.product is not None:
        return {"product": str(named.product).removesuffix(".SAFE"), **rest}
    if named.whole_day:
        form = f"{{tile: {named.tile}, acquired: {named.acquired:%F}T…Z}}"
        raise ValueError(f"{value['product'][:80]!r} has no time of day: write {form}")
    return {"tile": named.tile, "acquired": named.acquired, **rest}


TargetSettings = Annotated[
    Annotated[ProductTarget, Tag("<product>")]
    | Annotated[TileTarget, Tag("<tile>")]
    | Annotated[GridTarget, Tag("<grid>")]
    | Annotated[LikeTarget, Tag("<like>")]
    | Annotated[FileTargets, Tag("<file>")]
    | Annotated[AreaTargets, Tag("<area>")]
    | Annotated[PublishedTargets, Tag("<published>")],
    Discriminator(_kind_of_target),
    BeforeValidator(_named),
]


class MatchSettings(Section):
    """Which Sentinel-1 scenes serve a tile."""

    window_days: float = Field(6.0, gt=0, le=366, description="a positive number of days, at most 366")
    max_dt_days: float | None = Field(None, gt=0, le=366, description="a positive number of days, at most 366")
    directions: Annotated[tuple[Direction, ...], Strict(False), AfterValidator(_unique)] = Field(
        ("ascending", "descending"), min_length=1, description="a list of ascending and/or descending"
    )
    platforms: Annotated[tuple[Platform, ...], Strict(False), AfterValidator(_unique)] = Field(
        ("A", "B", "C", "D"), min_length=1, description="a list out of A, B, C and D"
    )
    choice: Literal["nearest", "fewest", "published"] = Field("nearest", description="nearest, fewest or published")
    per_orbit: Literal["all", "nearest"] = Field("all", description="all or nearest")
    join_slices: bool = Field(True, description="true or false")
    min_coverage: float = Field(0.0, ge=0, le=1, description="a share from 0 to 1")
    collection: Annotated[str, AfterValidator(_text(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)+"))] = Field(
        "COPERNICUS/S1_GRD", description="the id of an image collection such as COPERNICUS/S1_GRD"
    )
    units: Unit | None = Field(None, description="decibel, linear or null")

    @model_validator(mode="after")
    def _of_known_unit(self) -> MatchSettings:
        try:
            unit_of(self.collection, self.units)
        except InputError as error:
            raise ValueError(str(error)) from error
        return self

    @model_serializer(mode="wrap")
    def _units_if_set(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave ``units`` out where it is not set: records of before it could be are of datasets that leave it out."""
        values: dict[str, Any] = serialize(self)
        return {name: value for name, value in values.items() if name != "units" or value is not None}


class SpeckleSettings(Section):
    """The speckle filter; refined Lee is 7×7, in linear power, on native pixels."""

    filter: Literal["refined_lee", "none"] = Field("refined_lee", description="refined_lee or none")


class RadarSettings(Section):
    """From a scene to the pixels of a patch."""

    polarisations: Annotated[tuple[Polarisation, ...], Strict(False), AfterValidator(_unique)] = Field(
        ("VV", "VH"), min_length=1, description="a list out of VV, VH, HH and HV"
    )
    border_noise: bool = Field(True, description="true or false")
    speckle: SpeckleSettings = Field(SpeckleSettings(), description="a group of keys")
    resampling: Literal["bilinear", "nearest"] = Field("bilinear", description="bilinear or nearest")


class ExportSettings(Section):
    """How pixels come from Earth Engine."""

    transport: Literal["direct", "drive", "gcs"] = Field("direct", description="direct, drive or gcs")
    window_px: int = Field(1200, ge=1, le=32_768, description="a whole number of pixels, 1 to 32768")
    in_flight: int = Field(4, ge=1, le=40, description="a whole number from 1 to 40")
    raster_px: int = Field(10_980, ge=1, le=32_768, description="a whole number of pixels, 1 to 32768")
    drive_folder: Annotated[str, AfterValidator(_text(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}"))] = Field(
        "gee_s1ben", description="the name of a folder, at most 100 letters, digits, spaces, dots, dashes"
    )
    bucket: Annotated[str, AfterValidator(_text(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]"))] | None = Field(
        None, description="the name of a bucket of Cloud Storage"
    )
    prefix: Annotated[str, AfterValidator(_text(r"[A-Za-z0-9_-][A-Za-z0-9._/-]{0,99}"))] = Field(
        "gee_s1ben", description="at most 100 letters, digits, dots, dashes and slashes"
    )
    queue_depth: int = Field(100, ge=1, le=2900, description="a whole number from 1 to 2900")
    priority: int = Field(100, ge=0, le=9999, description="a whole number from 0 to 9999")
    late_file_minutes: float = Field(60.0, gt=0, le=1440, description="a positive number of minutes, at most 1440")
    remove_remote: bool = Field(False, description="true or false")
    budget_eecu_hours: float | None = Field(None, gt=0, description="a positive number of hours")


class DatasetSettings(Section):
    """What is written, and where."""

    path: Annotated[Folder, AfterValidator(_own_folder)] = Field(Path("out/BigEarthNet"), description="a folder")
    layout: Literal["v1", "v2"] = Field("v2", description="v1 or v2")
    patch_px: int = Field(120, ge=1, le=8192, description="a whole number of pixels, 1 to 8192")
    tables: Folder | None = Field(None, description="BigEarthNet's metadata.parquet, or a folder of its tables")
    fill: Literal["none", "nearest"] | Annotated[float, Field(ge=-100, le=100)] = Field(
        "none", description="none, nearest, or a number of dB from -100 to 100"
    )
    min_valid: float = Field(0.5, gt=0, le=1, description="a share above 0 and at most 1")
    unknown_flags: Literal[False] | None = Field(None, description="false, or null")
    stac_items: Literal["patch", "tile"] = Field("patch", description="patch or tile")


class Config(Section):
    """``config.yaml``."""

    preset: Literal["default", "published", "seed"] = Field("default", description="default, published or seed")
    backend: Literal["embedded", "earthengine"] = Field("embedded", description="embedded or earthengine")
    embedded: EmbeddedSettings = Field(EmbeddedSettings(), description="a group of keys")
    project: str | None = Field(None, description="the name of a Google Cloud project")
    tiles: Annotated[tuple[TargetSettings, ...], Strict(False)] = Field(
        min_length=1,
        max_length=10_000,
        description="a list of Sentinel-2 products, tiles, areas, tables of tiles or grids",
    )
    match: MatchSettings = Field(MatchSettings(), description="a group of keys")
    radar: RadarSettings = Field(RadarSettings(), description="a group of keys")
    export: ExportSettings = Field(ExportSettings(), description="a group of keys")
    dataset: DatasetSettings = Field(DatasetSettings(), description="a group of keys")
    workspace: Folder | None = Field(None, description="a folder")
    _catalog: str = PrivateAttr("")

    @model_validator(mode="before")
    @classmethod
    def _of_preset(cls, values: Any) -> Any:
        preset = values.get("preset") if isinstance(values, dict) else None
        return _completed(values, PRESETS[preset]) if isinstance(preset, str) and preset in PRESETS else values

    @property
    def workspace_path(self) -> Path:
        """The folder of what is kept between the stages."""
        return self.workspace or self.dataset.path.with_name(self.dataset.path.name + ".work")

    def targets(self) -> tuple[Target, ...]:
        """Return what patches are wanted for, in the order of the file: one target a tile and time, each patch once.

        Raises
        ------
        InputError
            An entry cannot be used, or two of one tile and time differ in more than their patches.
        """
        targets: dict[str, Target] = {}
        for entry in self.tiles:
            for target in self.targets_of(entry):
                targets[target.key] = targets.get(target.key, target).joined(target)
        return tuple(targets.values())

    def notes(self) -> tuple[str, ...]:
        """What is to be said of the targets: what was repaired, and what time stands for a range."""
        areas = (entry for entry in self.tiles if isinstance(entry, AreaTargets))
        return tuple(note for entry in areas for note in entry.notes(self.dataset.patch_px))

    def targets_of(self, entry: TargetSettings) -> tuple[Target, ...]:
        """Return what patches one entry of ``tiles`` wants.

        Raises
        ------
        InputError
            The patches reach outside, the file cannot be used, or nothing was published for the product.
        """
        found = entry.targets(self.dataset.patch_px)
        everything = isinstance(entry, PublishedTargets)
        if self.match.choice != "published" and not everything:
            return found
        cut = [_published(target, self.dataset.layout) for target in found]
        if not everything and None in cut:
            missing = found[cut.index(None)].key
            raise InputError(f"of the patches wanted of {missing}, none is in BigEarthNet {self.dataset.layout}")
        return tuple(target for target in cut if target is not None)

    @property
    def window_px(self) -> int:
        """The side of a request's window: whole patches, as many as ``export.window_px`` holds."""
        return self.export.window_px // self.dataset.patch_px * self.dataset.patch_px

    @property
    def catalog_as_written(self) -> str:
        """The embedded service's catalog, not completed by the configuration's folder: that folder may move."""
        return self._catalog or str(self.embedded.catalog)

    def at(self, folder: Path) -> Config:
        """Return the same with relative paths taken from ``folder``."""

        def placed(path: Path) -> Path:
            return path if path.is_absolute() else folder / path

        tables = placed(self.dataset.tables) if self.dataset.tables else None
        copy = self.model_copy(
            update={
                "embedded": self.embedded.model_copy(
                    update={"catalog": placed(self.embedded.catalog), "exports": placed(self.embedded.exports)}
                ),
                "dataset": self.dataset.model_copy(update={"path": placed(self.dataset.path), "tables": tables}),
                "workspace": placed(self.workspace) if self.workspace else None,
                "tiles": tuple(_placed(entry, placed) for entry in self.tiles),
            }
        )
        copy._catalog = str(self.embedded.catalog)  # noqa: SLF001
        return copy


def _placed(entry: TargetSettings, placed: Callable[[Path], Path]) -> TargetSettings:
    if isinstance(entry, FileTargets):
        return FileTargets(file=placed(entry.file))
    if isinstance(entry, LikeTarget):
        return entry.model_copy(update={"like": placed(entry.like)})
    if isinstance(entry, AreaTargets) and entry.area is not None:
        return entry.model_copy(update={"area": placed(entry.area)})
    return entry


def _completed(values: dict[str, Any], preset: Mapping[str, Any]) -> dict[str, Any]:
    """Put what a preset sets beneath what is written."""
    whole = dict(values)
    for key, value in preset.items():
        written = whole.get(key)
        if key not in whole:
            whole[key] = value
        elif isinstance(value, Mapping) and isinstance(written, dict):
            whole[key] = _completed(written, value)
    return whole


@lru_cache(maxsize=256)
def _published(target: Target, layout: str) -> Target | None:
    """Leave of a target the patches that were published; None where there are none."""
    from gee_s1ben.published import V1, V2, choice

    found = choice(target.name, target.acquired)
    if found is None or target.patch_px != PATCH_PX or target.grid != tile_grid(target.name):
        raise InputError(f"{target.key} is not one of BigEarthNet's 125 products, with patches of {PATCH_PX} pixels")
    wanted = V1 if layout == "v1" else V2
    cells = tuple((col, row) for col, row in target.patches() if found.edition[row, col] & wanted)
    if not cells:
        return None
    return Target(target.name, target.grid, target.acquired, target.product or found.product, cells=cells)
