"""What a dataset says of itself in words, the same in every document.

Each sentence is made from the value that it is about; a value that is not known here is named as it stands, so that
nothing vanishes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from gee_s1ben import __version__
from gee_s1ben.dataset.contents import Contents
from gee_s1ben.domain.naming import S1ProductName
from gee_s1ben.domain.unit import UNITS, Unit
from gee_s1ben.errors import NamingError

_SPECKLE = {"refined_lee": "refined Lee filter 7×7 on native pixels", "none": "no speckle filter"}
_RESAMPLING = {"bilinear": "bilinear interpolation", "nearest": "nearest neighbour"}
_RADAR = ("polarisations", "border_noise", "speckle", "resampling")
_MATCH = (
    "window_days",
    "max_dt_days",
    "directions",
    "platforms",
    "choice",
    "per_orbit",
    "join_slices",
    "min_coverage",
    "units",
)
_TILE = re.compile(r"\d{2}[A-Z]{3}_\d{8}T\d{6}")


def collection_id(contents: Contents) -> str:
    """Id of a dataset's collection, from the plan that it was made by."""
    return f"gee-s1ben-{str(contents.record.get('plan', 'dataset'))[:16]}"


def title(contents: Contents) -> str:
    """Title of a dataset."""
    return "Simulated Sentinel-1 patches" if contents.simulated else "Sentinel-1 patches"


def description(contents: Contents) -> str:
    """Say what a dataset is, in two or three sentences."""
    patch_px = contents.record.get("patch_px", "?")
    text = (
        f"Patches of {patch_px} × {patch_px} pixels of Sentinel-1 backscatter in dB "
        f"({', '.join(contents.polarisations)}) on {grids(contents)}, in the layout of "
        f"BigEarthNet {contents.form.version}. {lineage(contents)}"
    )
    return f"SIMULATED: no satellite took these scenes. {text}" if contents.simulated else text


def grids(contents: Contents) -> str:
    """Say what its patches lie on."""
    tiles, own = grid_kinds(contents)
    if tiles and own:
        return "the grids of Sentinel-2 tiles and on other grids of the maker's"
    return "the grids of Sentinel-2 tiles" if tiles else "grids of the maker's own"


def grid_kinds(contents: Contents) -> tuple[bool, bool]:
    """Whether any of its targets is a Sentinel-2 tile, and whether any is a grid of the maker's own."""
    entries = [entry for entry in _listed(contents.record.get("tiles")) if isinstance(entry, dict)]
    own_names = {entry.get("name") for entry in entries if {"crs", "transform", "like"} & entry.keys()}
    targets = [str(key) for key in _listed(contents.record.get("targets"))]
    if not targets:
        return True, False
    own = [key for key in targets if not _TILE.fullmatch(key) or key.partition("_")[0] in own_names]
    return len(own) < len(targets), bool(own)


def lineage(contents: Contents) -> str:
    """Say how the pixels came about."""
    radar = _mapping(contents.record.get("radar"))
    source = "simulated scenes" if contents.simulated else contents.record.get("collection", "COPERNICUS/S1_GRD")
    return f"From {source}: {', '.join(_steps(contents, radar))}."


def _steps(contents: Contents, radar: Mapping[str, Any]) -> Iterator[str]:
    yield "linear power" if source_unit(contents) == "linear" else "dB to linear power"
    noise = radar.get("border_noise")
    if noise is True:
        yield "border noise masked"
    elif noise not in (False, None):
        yield f"border noise {_plain(noise)}"
    if "speckle" in radar:
        chosen = speckle_filter(contents)
        yield _SPECKLE.get(str(chosen), f"speckle filter {_plain(chosen)}")
    more = {name: value for name, value in _mapping(radar.get("speckle")).items() if name != "filter"}
    yield from (f"speckle {name} {_plain(value)}" for name, value in more.items())
    yield from (f"{name} {_plain(value)}" for name, value in radar.items() if name not in _RADAR)
    if joins_slices(contents):
        yield "slices of a pass joined"
    resampling = radar.get("resampling", "bilinear")
    yield f"{_RESAMPLING.get(str(resampling), _plain(resampling))} onto the target's grid"
    yield "to dB"
    if contents.filled:
        yield f"pixels without data {fill_rule(contents)}"


def speckle_filter(contents: Contents) -> Any:
    """Return what the record says of the speckle filter."""
    speckle = _mapping(contents.record.get("radar")).get("speckle")
    return speckle.get("filter") if isinstance(speckle, Mapping) else speckle


def filters_speckle(contents: Contents) -> bool:
    """Whether speckle was filtered."""
    return speckle_filter(contents) not in ("none", None)


def fill_rule(contents: Contents) -> str:
    """Say what pixels without data were filled with."""
    rule = contents.record.get("fill")
    if rule == "nearest":
        return "filled with the nearest valid pixel (`nearest`)"
    return f"filled with {rule} dB" if isinstance(rule, int | float) else f"filled by the rule {_plain(rule)}"


def joins_slices(contents: Contents) -> bool:
    """Whether the slices of a pass were joined; records of before that could be chosen are of datasets with it."""
    match = _mapping(contents.record.get("match"))
    return match.get("join_slices", True) is not False and match.get("choice") != "published"


def choice_of_scenes(contents: Contents) -> str:
    """Say which scene each patch got."""
    match = _mapping(contents.record.get("match"))
    choice, window = match.get("choice", "nearest"), match.get("window_days")
    within = "" if window is None else f" within {_number(window)} days of the target's time"
    unknown = "".join(
        f" `{name}`: {_plain(value)}." for name, value in match.items() if name not in (*_MATCH, "collection")
    )
    if choice == "published":
        return (
            "Each patch got the scene that BigEarthNet-S1 was published with, if the collection has it"
            f"{within}{_which_scenes(match)}; slices were not joined.{unknown}"
        )
    rules = {
        "nearest": "each patch got the pass nearest in time of those whose footprint contains it",
        "fewest": (
            "as few were taken as serve every patch that any of them contains, and each patch got the nearest in time "
            "of these that contains it"
        ),
    }
    text = f"Of the passes{within}{_which_scenes(match)}{_limits(match)}, "
    text += rules.get(str(choice), f"each patch got one by the rule {_plain(choice)}")
    text += ". The slices of a pass count as one." if joins_slices(contents) else ". Each slice counts by itself."
    if match.get("min_coverage"):
        share = _number(match["min_coverage"])
        text += f" Nothing was made of a target of which the passes cover a smaller share than {share}."
    return text + unknown


def _which_scenes(match: Mapping[str, Any]) -> str:
    directions, platforms = (" or ".join(map(str, _listed(match.get(name)))) for name in ("directions", "platforms"))
    return (f", flown {directions}" if directions else "") + (f", by Sentinel-1 {platforms}" if platforms else "")


def _limits(match: Mapping[str, Any]) -> str:
    text = "" if match.get("max_dt_days") is None else f", no more than {_number(match['max_dt_days'])} days away"
    per_orbit = match.get("per_orbit", "all")
    if per_orbit == "nearest":
        return f"{text}, of each relative orbit only the one nearest in time"
    return text if per_orbit == "all" else f"{text}, per orbit {_plain(per_orbit)}"


def source_unit(contents: Contents) -> Unit:
    """Unit of the numbers that a dataset was made from; of what does not say it, decibels."""
    match = contents.record.get("match")
    told = match.get("units") if isinstance(match, dict) else None
    if told in ("decibel", "linear"):
        return told  # type: ignore[no-any-return]
    return UNITS.get(str(contents.record.get("collection")), "decibel")


def software(contents: Contents) -> dict[str, str]:
    """Programs and their versions."""
    made_by, _, version = str(contents.record.get("made_by", f"gee-s1ben {__version__}")).partition(" ")
    return {made_by: version, "earthengine-api": str(contents.record.get("earthengine_client", "unknown"))}


def is_product(scene: str) -> bool:
    """Whether a scene's name is that of a Sentinel-1 product."""
    try:
        S1ProductName.parse(scene)
    except NamingError:
        return False
    return True


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else _plain(value)


def _plain(value: Any) -> str:
    """Return a value as it stands in the record."""
    return f"`{value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}`"
