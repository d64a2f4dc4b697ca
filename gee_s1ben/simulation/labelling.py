"""The properties of a simulated scene, which say that it is one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from gee_s1ben.domain.tile import Target
from gee_s1ben.simulation import orbits
from gee_s1ben.simulation.acquisition import PlannedSlice, World
from gee_s1ben.simulation.rendering import Speckle


def scene_properties(each: PlannedSlice, target: Target, world: World, speckle: Speckle, stamp: str) -> dict[str, Any]:
    """Return a scene's properties as ``getInfo`` gives them, after those of a real image.

    Parameters
    ----------
    each : PlannedSlice
        The scene.
    target : Target
        What it was made for.
    world : World
        Where its ground is defined.
    speckle : Speckle
        Its noise.
    stamp : str
        Fingerprint of the options that it was made with.
    """
    name = each.name
    platform, orbit = name.mission[-1], name.absolute_orbit
    node = orbits.ascending_node(platform, orbit)
    start_ms, stop_ms = (round(when.timestamp() * 1000) for when in (name.start, name.stop))
    node_ms = round(node.timestamp() * 1000)
    properties = {
        "GRD_Post_Processing_software_name": "gee-s1ben simulate",
        "familyName": "SENTINEL-1",
        "instrument": "Synthetic Aperture Radar",
        "instrumentMode": "IW",
        "instrumentSwath": "IW",
        "missionDataTakeID": int(name.datatake, 16),
        "nssdcIdentifier": {"A": "2014-016A", "B": "2016-025A"}[platform],
        "orbitNumber_start": orbit,
        "orbitNumber_stop": orbit,
        "orbitProperties_ascendingNodeTime": node_ms,
        "orbitProperties_pass": each.direction.upper(),
        "phaseIdentifier": 1,
        "platform_number": platform,
        "productClass": "S",
        "productClassDescription": "SAR Standard L1 Product",
        "productComposition": "Slice",
        "productType": "GRD",
        "relativeOrbitNumber_start": name.relative_orbit,
        "relativeOrbitNumber_stop": name.relative_orbit,
        "resolution": "H",
        "resolution_meters": 10,
        "segmentStartTime": round((name.start - timedelta(seconds=25 * (each.number - 1))).timestamp() * 1000),
        "simulated": True,
        "simulation:correlated": speckle.correlated,
        "simulation:fingerprint": stamp,
        "simulation:looks": speckle.looks,
        "simulation:seed": speckle.seed,
        "simulation:target": target.key,
        "simulation:world_crs": world.crs,
        "sliceNumber": each.number,
        "sliceProductFlag": "true",
        "startTimeANX": start_ms - node_ms,
        "stopTimeANX": stop_ms - node_ms,
        "system:footprint": {"type": "LinearRing", "coordinates": [list(point) for point in each.footprint]},
        "system:time_end": start_ms,
        "system:time_start": start_ms,
        "totalSlices": 18,
        "transmitterReceiverPolarisation": ["VV", "VH"],
    }
    bands = [("VV", "double"), ("VH", "double"), ("angle", "float")]
    described = [{"id": band, "data_type": {"type": "PixelType", "precision": kind}} for band, kind in bands]
    return {"type": "Image", "id": each.id, "bands": described, "properties": properties}
