"""Reading ``config.yaml``: every error names the key and the line."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from gee_s1ben.config.located import LocatedValues, Location, dotted, override, read_located
from gee_s1ben.config.model import ITEM_BYTES, PIXEL_REQUEST_BYTES, Config
from gee_s1ben.config.targets import (
    AreaTargets,
    FileTargets,
    GridTarget,
    LikeTarget,
    ProductTarget,
    PublishedTargets,
    TileTarget,
)
from gee_s1ben.domain.tile import Target
from gee_s1ben.errors import ConfigError, InputError

_TAGS: dict[str, type[BaseModel]] = {
    "<product>": ProductTarget,
    "<tile>": TileTarget,
    "<grid>": GridTarget,
    "<like>": LikeTarget,
    "<file>": FileTargets,
    "<area>": AreaTargets,
    "<published>": PublishedTargets,
}


def load_config(path: Path, overrides: Iterable[str] = ()) -> Config:
    """Read, check and complete a configuration.

    Parameters
    ----------
    path : Path
        The YAML file; relative paths in it are taken from its folder.
    overrides : iterable of str
        ``key.path=value``, each checked as if it stood in the file.

    Raises
    ------
    ConfigError
        The first thing that is wrong, with its key, its line and what is expected.
    """
    located = _overridden(path, overrides)
    config = _validated(path, located)
    _check_sizes(config, located)
    _check_export(config, located)
    _check_window(config, located)
    _check_folders(config, located)
    _check_targets(config, located)
    return config


def load_service(path: Path, overrides: Iterable[str] = ()) -> Config:
    """Read a configuration of which only the service counts, such as ``backend`` and ``project``.

    What stands under ``tiles`` is not looked at: the table of tiles may be what is being made. The returned
    configuration's own ``tiles`` mean nothing.

    Raises
    ------
    ConfigError
        The first other thing that is wrong, with its key, its line and what is expected.
    """
    located = _overridden(path, overrides)
    located.values["tiles"] = ["published"]
    return _validated(path, located)


def _overridden(path: Path, overrides: Iterable[str]) -> LocatedValues:
    located = read_located(path)
    for assignment in overrides:
        override(located, assignment)
    return located


def _validated(path: Path, located: LocatedValues) -> Config:
    try:
        config = Config.model_validate(located.values)
    except ValidationError as error:
        raise ConfigError(_sentence(error.errors(include_url=False)[0], located)) from error
    return config.at(path.resolve().parent)


def _check_targets(config: Config, located: LocatedValues) -> None:
    keys: dict[str, tuple[int, Target]] = {}
    grids: dict[str, tuple[int, Target]] = {}
    for index, entry in enumerate(config.tiles):
        origin = located.origin(("tiles", index))
        if isinstance(entry, GridTarget):
            _check_crs(entry.crs, located.origin(("tiles", index, "crs")), index)
        try:
            found = config.targets_of(entry)
        except InputError as error:
            raise ConfigError(f"{origin}: tiles[{index}]: {error}") from error
        for target in found:
            first, same = keys.get(target.key, (index, target))
            try:
                keys[target.key] = first, same.joined(target)
            except InputError as error:
                raise ConfigError(f"{origin}: tiles[{index}] and tiles[{first}]: {error}; keep one of them") from error
            # A patch is named after its target and place: one name must not stand for two places.
            first, same = grids.setdefault(target.name, (index, target))
            if (same.grid, same.patch_px) != (target.grid, target.patch_px):
                raise ConfigError(
                    f"{origin}: tiles[{index}] is named {target.name} as tiles[{first}] is, but is another grid"
                )


def _check_crs(crs: str, origin: str, index: int) -> None:
    import pyproj  # slow to load, and only own grids need it

    try:
        pyproj.CRS.from_user_input(crs)
    except pyproj.exceptions.CRSError as error:
        raise ConfigError(
            f"{origin}: tiles[{index}].crs must be a coordinate reference system such as EPSG:32633, not {crs[:80]!r}"
        ) from error


def _check_sizes(config: Config, located: LocatedValues) -> None:
    if config.window_px == 0:
        raise ConfigError(
            f"{located.origin(('export', 'window_px'))}: export.window_px {config.export.window_px} is less than "
            f"one patch (dataset.patch_px {config.dataset.patch_px})"
        )
    size = config.window_px**2 * ITEM_BYTES * len(config.radar.polarisations)
    if size > PIXEL_REQUEST_BYTES:
        raise ConfigError(
            f"{located.origin(('export', 'window_px'))}: export.window_px {config.export.window_px} makes requests of "
            f"{size} bytes; Earth Engine answers at most {PIXEL_REQUEST_BYTES}; choose a smaller one"
        )


def _check_export(config: Config, located: LocatedValues) -> None:
    export = config.export
    if export.transport == "gcs" and export.bucket is None:
        raise ConfigError(
            f"{located.origin(('export', 'transport'))}: export.transport gcs needs export.bucket, the bucket that "
            f"Earth Engine exports to"
        )
    if export.transport != "direct" and export.raster_px < config.window_px:
        raise ConfigError(
            f"{located.origin(('export', 'raster_px'))}: export.raster_px {export.raster_px} is less than one window "
            f"(export.window_px {export.window_px}, which is {config.window_px} of whole patches)"
        )


def _check_window(config: Config, located: LocatedValues) -> None:
    most, window = config.match.max_dt_days, config.match.window_days
    if most is not None and most > window:
        raise ConfigError(
            f"{located.origin(('match', 'max_dt_days'))}: match.max_dt_days {most:g} is more than match.window_days "
            f"{window:g}, beyond which no scene is looked for"
        )


def _check_folders(config: Config, located: LocatedValues) -> None:
    folders = {
        ("dataset", "path"): config.dataset.path.resolve(),
        ("workspace",): config.workspace_path.resolve(),
        ("embedded", "catalog"): config.embedded.catalog.resolve(),
        ("embedded", "exports"): config.embedded.exports.resolve(),
    }
    for location, folder in folders.items():
        for other_location, other in folders.items():
            if location != other_location and folder.is_relative_to(other):
                raise ConfigError(
                    f"{located.origin(location)}: {dotted(location)} {str(folder)!r} lies in "
                    f"{dotted(other_location)}; choose folders that do not hold each other"
                )


def _sentence(error: ErrorDetails, located: LocatedValues) -> str:
    full: Location = error["loc"]
    location = tuple(part for part in full if part not in _TAGS)
    name, kind = dotted(location), error["type"]
    origin = located.origin(location)
    if kind == "missing":
        around = dotted(location[:-1])
        where = f"{origin}: " if location[:-1] else f"{located.origins[()].split(' line ')[0]}: "
        expected = _description(full)
        return f"{where}{location[-1]} is missing{f' in {around}' if around else ''}; it must be {expected}"
    if kind == "extra_forbidden":
        known = list(_fields_around(full))
        nearest = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
        hint = f"did you mean {nearest[0]}?" if nearest else f"known here: {', '.join(known)}"
        return f"{origin}: {name} is not a key; {hint}"
    if kind == "value_error" and (reason := str(error["ctx"]["error"])):
        return f"{origin}: {name}: {reason}"
    expected, given = _description(full) or error["msg"], _shown(error["input"])
    if location and isinstance(location[-1], int):
        return f"{origin}: {dotted(location[:-1])} must be {expected}, not one with {given}"
    return f"{origin}: {name} must be {expected}, not {given}"


def _shown(value: Any) -> str:
    text = str(value) if isinstance(value, date) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _description(location: Location) -> str:
    """Say what is expected at a place: the description of the innermost field on the way to it."""
    description = ""
    for model, part in _ways(location):
        if field := _fields(model).get(part):
            description = field.description or description
    return description


def _fields_around(location: Location) -> Iterable[str]:
    models = [model for model, part in _ways(location) if part == location[-1]]
    return _fields(models[-1]) if models else ()


def _ways(location: Location) -> Iterator[tuple[type[BaseModel], str]]:
    """Each key on the way to a place, with the model it belongs to."""
    model: type[BaseModel] | None = Config
    for part in location:
        if isinstance(part, str) and part in _TAGS:
            model = _TAGS[part]
        elif isinstance(part, str) and model is not None:
            yield model, part
            field = _fields(model).get(part)
            model = next(_models(field.annotation), None) if field else None


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Fields of a model by the key that is written for them."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models(argument)
