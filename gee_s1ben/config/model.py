"""The configuration as a frozen, validated model; every default lives here."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PrivateAttr,
    Strict,
    Tag,
    model_validator,
)

from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.naming import S2ProductName
from gee_s1ben.domain.tile import PATCH_PX, PatchBlock, Target, tile_grid
from gee_s1ben.errors import InputError

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


def _unique(values: tuple[_Item, ...]) -> tuple[_Item, ...]:
    if len(set(values)) != len(values):
        raise ValueError(f"names the same thing twice: {', '.join(map(str, values))}")
    return values


def _ascending(pair: tuple[int, int]) -> tuple[int, int]:
    if not 0 <= pair[0] <= pair[1]:
        raise ValueError(f"must be first and last, counted from 0, not {list(pair)}")
    return pair


def _tile_product(value: str) -> str:
    product = S2ProductName.parse(value)
    if product.tile is None:
        raise InputError(f"{value!r} does not name its tile; give the full name, or tile and acquired")
    tile_grid(product.tile)
    return value


def _text(pattern: str) -> Callable[[str], str]:
    def validator(value: str) -> str:
        if not re.fullmatch(pattern, value, re.ASCII):
            raise ValueError("")
        return value

    return validator


Folder = Annotated[Path, BeforeValidator(_path)]
Time = Annotated[datetime, BeforeValidator(_time)]
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
        keys = {"transform": "<grid>", "crs": "<grid>", "tile": "<tile>", "file": "<file>", "published": "<published>"}
        return next((kind for key, kind in keys.items() if key in value), "<product>")
    kinds = ((GridTarget, "<grid>"), (TileTarget, "<tile>"), (FileTargets, "<file>"), (PublishedTargets, "<published>"))
    return next((kind for of, kind in kinds if isinstance(value, of)), "<product>")


def _named(value: Any) -> Any:
    if value == "published":
        return {"published": True}
    return {"product": value} if isinstance(value, str) else value


TargetSettings = Annotated[
    Annotated[ProductTarget, Tag("<product>")]
    | Annotated[TileTarget, Tag("<tile>")]
    | Annotated[GridTarget, Tag("<grid>")]
    | Annotated[FileTargets, Tag("<file>")]
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
        min_length=1, max_length=10_000, description="a list of Sentinel-2 products, tiles, tables of tiles or grids"
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
        """Return what patches are wanted for, in the order of the file, each once."""
        return tuple(dict.fromkeys(target for entry in self.tiles for target in self.targets_of(entry)))

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
                "tiles": tuple(
                    FileTargets(file=placed(entry.file)) if isinstance(entry, FileTargets) else entry
                    for entry in self.tiles
                ),
            }
        )
        copy._catalog = str(self.embedded.catalog)  # noqa: SLF001
        return copy


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
    from gee_s1ben.published import SNOW_OR_CLOUD, V1, V2, choice

    found = choice(target.name, target.acquired)
    if found is None or target.patch_px != PATCH_PX or target.grid != tile_grid(target.name):
        raise InputError(f"{target.key} is not one of BigEarthNet's 125 products, with patches of {PATCH_PX} pixels")
    wanted = V1 if layout == "v1" else V2 | SNOW_OR_CLOUD
    cells = tuple((col, row) for col, row in target.patches() if found.edition[row, col] & wanted)
    if not cells:
        return None
    return Target(target.name, target.grid, target.acquired, target.product or found.product, cells=cells)
