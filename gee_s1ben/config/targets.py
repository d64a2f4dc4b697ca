"""The entries of ``tiles``: what patches may be wanted for."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Strict,
    Tag,
    ValidationError,
    model_validator,
)

from gee_s1ben.config.values import Day, Folder, Pair, Product, Section, Time, checked, text_like
from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.naming import S2ProductName, padded_tile, read_tile_name
from gee_s1ben.domain.tile import PATCH_PX, PatchBlock, Target, tile_grid
from gee_s1ben.errors import InputError

if TYPE_CHECKING:
    from gee_s1ben.footprints import Span
    from gee_s1ben.footprints.areas import TouchedPatches

MOST_GRID_PX = 4 * 10**9
"""Of a grid of one's own, thirty times a Sentinel-2 tile: it is planned, matched and mapped as one."""


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

    tile: Annotated[str, AfterValidator(checked(tile_grid))] = Field(description="an MGRS tile such as 33UUP")
    acquired: Time = Field(description="a date and time such as 2017-06-13T10:10:31Z")
    patches: BlockSettings | None = Field(None, description="a group of columns and rows")

    def targets(self, patch_px: int) -> tuple[Target, ...]:
        """Return what patches are wanted for; InputError where the patches reach outside."""
        grid = tile_grid(self.tile)
        return (Target(self.tile, grid, self.acquired, None, patch_px, _block(self.patches, grid, patch_px)),)


class GridTarget(Section):
    """A grid of the user's own and a time."""

    name: Annotated[str, AfterValidator(text_like(r"[A-Za-z0-9-]{1,32}"))] = Field(
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
    name: Annotated[str, AfterValidator(text_like(r"[A-Za-z0-9-]{1,32}"))] | None = Field(
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


def placed_entry(entry: TargetSettings, placed: Callable[[Path], Path]) -> TargetSettings:
    """Return an entry with the paths of its files completed."""
    if isinstance(entry, FileTargets):
        return FileTargets(file=placed(entry.file))
    if isinstance(entry, LikeTarget):
        return entry.model_copy(update={"like": placed(entry.like)})
    if isinstance(entry, AreaTargets) and entry.area is not None:
        return entry.model_copy(update={"area": placed(entry.area)})
    return entry
