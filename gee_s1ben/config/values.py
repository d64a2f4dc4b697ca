"""What values of the configuration may be, and how what YAML makes of them is read."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Strict

from gee_s1ben.domain.naming import read_tile_name
from gee_s1ben.domain.tile import tile_grid
from gee_s1ben.errors import InputError

_Item = TypeVar("_Item")


def checked(check: Callable[[Any], object]) -> Callable[[Any], Any]:
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


def own_folder(path: Path) -> Path:
    """Refuse the root of a file system, and a folder without a name."""
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


def unique(values: tuple[_Item, ...]) -> tuple[_Item, ...]:
    """Refuse a list that names a thing twice."""
    if len(set(values)) != len(values):
        raise ValueError(f"names the same thing twice: {', '.join(map(str, values))}")
    return values


def _ascending(pair: tuple[int, int]) -> tuple[int, int]:
    if not 0 <= pair[0] <= pair[1]:
        raise ValueError(f"must be first and last, counted from 0, not {list(pair)}")
    return pair


def _tile_product(value: str) -> None:
    tile_grid(read_tile_name(value).tile)


def text_like(pattern: str) -> Callable[[str], str]:
    """Make a check that a text has the form of a regular expression; what the form is, the key's description says."""

    def validator(value: str) -> str:
        if not re.fullmatch(pattern, value, re.ASCII):
            raise ValueError("")
        return value

    return validator


Folder = Annotated[Path, BeforeValidator(_path)]
Time = Annotated[datetime, BeforeValidator(_time)]
Day = Annotated[str, BeforeValidator(_day)]
Pair = Annotated[tuple[int, int], Strict(False), AfterValidator(_ascending)]
Product = Annotated[str, AfterValidator(checked(_tile_product))]


class Section(BaseModel):
    """A group of keys: unknown ones are refused, and nothing is converted silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
