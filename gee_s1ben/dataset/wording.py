"""What a dataset says of itself in words, the same in every document."""

from __future__ import annotations

from gee_s1ben import __version__
from gee_s1ben.dataset.contents import Contents
from gee_s1ben.domain.naming import S1ProductName
from gee_s1ben.domain.unit import UNITS, Unit
from gee_s1ben.errors import NamingError


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
        f"({', '.join(contents.polarisations)}) on the grids of Sentinel-2 tiles, in the layout of "
        f"BigEarthNet {contents.form.version}. {lineage(contents)}"
    )
    return f"SIMULATED: no satellite took these scenes. {text}" if contents.simulated else text


def lineage(contents: Contents) -> str:
    """Say how the pixels came about."""
    radar = contents.record.get("radar", {})
    collection = str(contents.record.get("collection", "COPERNICUS/S1_GRD"))
    steps = [f"From {collection}: {'linear power' if source_unit(contents) == 'linear' else 'dB to linear power'}"]
    if radar.get("border_noise"):
        steps.append("border noise masked")
    speckle = (radar.get("speckle") or {}).get("filter")
    if speckle == "refined_lee":
        steps.append("refined Lee filter 7×7 on native pixels")
    steps += ["slices of a pass joined", f"{radar.get('resampling', 'bilinear')} onto the target's grid", "to dB"]
    return ", ".join(steps) + "."


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
