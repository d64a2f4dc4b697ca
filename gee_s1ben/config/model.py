"""The configuration as a frozen, validated model; every default lives here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    Strict,
    model_serializer,
    model_validator,
)

from gee_s1ben.config.targets import AreaTargets, PublishedTargets, TargetSettings, placed_entry
from gee_s1ben.config.values import Folder, Section, own_folder, text_like, unique
from gee_s1ben.domain.tile import PATCH_PX, Target, tile_grid
from gee_s1ben.domain.unit import Unit, unit_of
from gee_s1ben.errors import InputError

PIXEL_REQUEST_BYTES = 50_331_648
"""The most that one ``computePixels`` request may hold, uncompressed."""

ITEM_BYTES = 4
"""A pixel of one band is a float32."""

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


class EmbeddedSettings(Section):
    """The embedded service."""

    catalog: Folder = Field(Path("catalog"), description="a folder")
    exports: Folder = Field(Path("exports"), description="a folder")
    url: Annotated[str, AfterValidator(text_like(r"http://(127\.0\.0\.1|localhost|\[::1\]):[0-9]{1,5}"))] | None = (
        Field(None, description="what 'gee-s1ben engine serve' says, such as http://127.0.0.1:8080")
    )


class MatchSettings(Section):
    """Which Sentinel-1 scenes serve a tile."""

    window_days: float = Field(6.0, gt=0, le=366, description="a positive number of days, at most 366")
    max_dt_days: float | None = Field(None, gt=0, le=366, description="a positive number of days, at most 366")
    directions: Annotated[tuple[Direction, ...], Strict(False), AfterValidator(unique)] = Field(
        ("ascending", "descending"), min_length=1, description="a list of ascending and/or descending"
    )
    platforms: Annotated[tuple[Platform, ...], Strict(False), AfterValidator(unique)] = Field(
        ("A", "B", "C", "D"), min_length=1, description="a list out of A, B, C and D"
    )
    choice: Literal["nearest", "fewest", "published"] = Field("nearest", description="nearest, fewest or published")
    per_orbit: Literal["all", "nearest"] = Field("all", description="all or nearest")
    join_slices: bool = Field(True, description="true or false")
    min_coverage: float = Field(0.0, ge=0, le=1, description="a share from 0 to 1")
    collection: Annotated[str, AfterValidator(text_like(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)+"))] = Field(
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

    polarisations: Annotated[tuple[Polarisation, ...], Strict(False), AfterValidator(unique)] = Field(
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
    drive_folder: Annotated[str, AfterValidator(text_like(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}"))] = Field(
        "gee_s1ben", description="the name of a folder, at most 100 letters, digits, spaces, dots, dashes"
    )
    bucket: Annotated[str, AfterValidator(text_like(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]"))] | None = Field(
        None, description="the name of a bucket of Cloud Storage"
    )
    prefix: Annotated[str, AfterValidator(text_like(r"[A-Za-z0-9_-][A-Za-z0-9._/-]{0,99}"))] = Field(
        "gee_s1ben", description="at most 100 letters, digits, dots, dashes and slashes"
    )
    queue_depth: int = Field(100, ge=1, le=2900, description="a whole number from 1 to 2900")
    priority: int = Field(100, ge=0, le=9999, description="a whole number from 0 to 9999")
    late_file_minutes: float = Field(60.0, gt=0, le=1440, description="a positive number of minutes, at most 1440")
    remove_remote: bool = Field(False, description="true or false")
    budget_eecu_hours: float | None = Field(None, gt=0, description="a positive number of hours")


class DatasetSettings(Section):
    """What is written, and where."""

    path: Annotated[Folder, AfterValidator(own_folder)] = Field(Path("out/BigEarthNet"), description="a folder")
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
                "tiles": tuple(placed_entry(entry, placed) for entry in self.tiles),
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
    from gee_s1ben.published import V1, V2, choice

    found = choice(target.name, target.acquired)
    if found is None or target.patch_px != PATCH_PX or target.grid != tile_grid(target.name):
        raise InputError(f"{target.key} is not one of BigEarthNet's 125 products, with patches of {PATCH_PX} pixels")
    wanted = V1 if layout == "v1" else V2
    cells = tuple((col, row) for col, row in target.patches() if found.edition[row, col] & wanted)
    if not cells:
        return None
    return Target(target.name, target.grid, target.acquired, target.product or found.product, cells=cells)
