"""How many requests and seconds it takes to match the tiles of BigEarthNet with a catalog of 20,000 scenes.

Makes a catalog of synthetic scenes (items with real orbits' footprints that all share one tiny raster), serves it with
the embedded service in a process of its own, and matches through the real client::

    python benchmarks/matching.py --scenes 20000 40000 80000 --tiles 125 250 500 --json matching.json

The catalog grows in time, as a real one does; tiles are spread over its span. "first" is the first match after the
service has started, "again" the next one, when it has read its catalog.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, astuple, dataclass
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import rasterio

from gee_s1ben.config import load_config
from gee_s1ben.domain.naming import S1ProductName
from gee_s1ben.engine.catalog import Catalog
from gee_s1ben.pipeline import candidates
from gee_s1ben.pipeline.match import match
from gee_s1ben.pipeline.workspace import Workspace
from gee_s1ben.published import pairs
from gee_s1ben.session.computing import compute_value, serialized
from gee_s1ben.session.connection import connected

COLLECTION = "COPERNICUS/S1_GRD"
START = datetime(2017, 6, 1, tzinfo=UTC)
ORBIT_S = 12 * 86_400 / 175
SLICE_S = 25
NADIR_KM, SWATH_KM = 240.0, 250.0
"""How far the swath begins beside the ground track, and how wide it is."""
EARTH_KM = 6371.0
INCLINATION = math.radians(98.18)
WEST, EAST, SOUTH, NORTH = -12.0, 34.0, 36.0, 70.0


def place(orbit_start: float, seconds: float) -> tuple[float, float, float]:
    """Longitude, latitude and heading of the ground track, in radians, so long after an ascending node."""
    u = 2 * math.pi * seconds / ORBIT_S
    latitude = math.asin(math.sin(INCLINATION) * math.sin(u))
    turned = 2 * math.pi * (orbit_start + seconds) / 86_400
    longitude = math.atan2(math.cos(INCLINATION) * math.sin(u), math.cos(u)) - turned
    heading = math.atan2(math.cos(INCLINATION), math.sin(INCLINATION) * math.cos(u))
    return (longitude + math.pi) % (2 * math.pi) - math.pi, latitude, heading


def beside(longitude: float, latitude: float, bearing: float, distance_km: float) -> list[float]:
    """Go so far from a place in a direction; degrees."""
    d = distance_km / EARTH_KM
    north = math.asin(math.sin(latitude) * math.cos(d) + math.cos(latitude) * math.sin(d) * math.cos(bearing))
    east = math.atan2(
        math.sin(bearing) * math.sin(d) * math.cos(latitude), math.cos(d) - math.sin(latitude) * math.sin(north)
    )
    return [math.degrees(longitude + east), math.degrees(north)]


def scenes() -> Iterator[tuple[S1ProductName, str, list[list[float]]]]:
    """Yield names, directions and footprints of both platforms over Europe, in order of time."""
    for orbit in count():
        for platform, shift in (("A", 0.0), ("B", 0.5)):
            begin = (orbit + shift) * ORBIT_S
            for number in range(int(ORBIT_S // SLICE_S)):
                first, last = number * SLICE_S, (number + 1) * SLICE_S
                longitude, latitude, _ = place(begin, (first + last) / 2)
                if not (SOUTH <= math.degrees(latitude) <= NORTH and WEST <= math.degrees(longitude) <= EAST + 5):
                    continue
                when = START + timedelta(seconds=begin + first)
                name = S1ProductName(
                    f"S1{platform}", "IW", "GRD", "H", "1", "S", "DV",
                    when.replace(microsecond=0), (when + timedelta(seconds=SLICE_S)).replace(microsecond=0),
                    16_800 + orbit - (11_000 if platform == "B" else 0), f"{orbit:06X}", f"{number:04X}",
                )  # fmt: skip
                rising = math.cos(2 * math.pi * first / ORBIT_S) > 0
                yield name, "ASCENDING" if rising else "DESCENDING", footprint(begin, first, last)


def footprint(begin: float, first: float, last: float) -> list[list[float]]:
    """Ring around what is seen to the right of the track, with as many vertices as real ones have."""

    def edge(distance_km: float, steps: int) -> list[list[float]]:
        points = []
        for step in range(steps + 1):
            longitude, latitude, heading = place(begin, first + (last - first) * step / steps)
            points.append(beside(longitude, latitude, heading + math.pi / 2, distance_km))
        return points

    near, far = edge(NADIR_KM, 8), edge(NADIR_KM + SWATH_KM, 8)
    return [*near, *far[::-1], near[0]]


def make_catalog(folder: Path, wanted: int) -> datetime:
    """Write a catalog of so many scenes, and return the time of the last.

    Adding scenes one by one checks and syncs each; here one is added, and its item is the model of the others.
    """
    catalog = Catalog.create(folder)
    rasters = [folder.parent / f"{band}.tif" for band in ("VV", "VH")]
    for path in rasters:
        with rasterio.open(
            path, "w", driver="GTiff", width=16, height=16, count=1, dtype="float32", crs="EPSG:32633",
            transform=rasterio.Affine(10, 0, 5e5, 0, -10, 53e5),
        ) as file:  # fmt: skip
            file.write(np.full((16, 16), -12.0, np.float32), 1)
    root = folder / COLLECTION
    when, first, links = START, None, []
    for name, direction, ring in islice(scenes(), wanted):
        when, index = name.start, str(name)
        if first is None:
            first = index
            catalog.add(f"{COLLECTION}/{index}", {"orbitProperties_pass": direction}, rasters, band_names=["VV", "VH"])
            model = json.loads((root / index / f"{index}.json").read_text())
            collection = json.loads((root / "collection.json").read_text())
            links = [link for link in collection["links"] if link["rel"] != "item"]
        item = json.loads(json.dumps(model))
        item["id"], item["geometry"]["coordinates"] = index, [ring]
        item["bbox"] = [*np.min(ring, axis=0), *np.max(ring, axis=0)]
        item["properties"]["datetime"] = f"{when:%Y-%m-%dT%H:%M:%SZ}"
        item["properties"]["ee:id"] = f"{COLLECTION}/{index}"
        item["properties"]["ee:properties"] |= {
            "system:index": index,
            "system:time_start": round(when.timestamp() * 1000),
            "system:footprint": {"type": "LinearRing", "coordinates": ring},
            "platform_number": name.mission[-1],
            "orbitNumber_start": name.absolute_orbit,
            "relativeOrbitNumber_start": name.relative_orbit,
            "orbitProperties_pass": direction,
        }
        for band in item["assets"].values():
            band["href"] = f"../{first}/{Path(band['href']).name}"
        if index != first:
            (root / index).mkdir()
        (root / index / f"{index}.json").write_text(json.dumps(item))
        links.append({"rel": "item", "href": f"./{index}/{index}.json", "type": "application/geo+json"})
    (root / "collection.json").write_text(json.dumps(collection | {"links": links}))
    return when


@dataclass(frozen=True, slots=True)
class Measured:
    """One size."""

    scenes: int
    tiles: int
    requests: int
    request_mb: float
    answer_mb: float
    first_s: float
    """First match after the start of the service, by the clock."""
    again_s: float
    """The next one."""
    service_first_s: float
    """Processor time of the service in the first match; it does not depend on what else the machine does."""
    service_again_s: float
    """And in the next."""
    client_s: float
    """Processor time of matching itself, without the service."""
    links: int
    """Pairs of a tile and a scene."""
    patches: int
    absent: int


def measure(folder: Path, catalog: Path, scene_count: int, tile_count: int, last: datetime) -> Measured:
    """Match so many tiles, spread over the catalog's time."""
    names = [str(product.tile) for product in pairs().products]
    step = (last - START - timedelta(days=12)) / tile_count
    tiles = [
        {
            "tile": names[number % len(names)],
            "acquired": f"{START + timedelta(days=6) + number * step:%Y-%m-%dT%H:%M:%SZ}",
        }
        for number in range(tile_count)
    ]
    path = folder / f"config-{scene_count}-{tile_count}.yaml"
    out = {"path": str(folder / f"out-{scene_count}-{tile_count}")}
    path.write_text(json.dumps({"embedded": {"catalog": str(catalog)}, "tiles": tiles, "dataset": out}))  # JSON is YAML
    config = load_config(path)
    asked: list[tuple[int, int]] = []
    ask = compute_value

    def compute(graph: Any, what: str) -> Any:
        answer = ask(graph, what)
        asked.append((len(serialized(graph)), len(json.dumps(answer))))
        return answer

    service = subprocess.Popen(
        [sys.executable, "-m", "gee_s1ben", "engine", "serve", "--catalog", str(catalog), "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    wall, served, used = [], [], 0.0
    try:
        url = service.stdout.readline().strip() if service.stdout else ""
        with connected(url, "embedded"), mock.patch.object(candidates, "compute_value", compute):
            for _ in range(2):
                asked.clear()
                begin, before, own = time.perf_counter(), processor_s(service.pid), time.process_time()
                index = match(config, Workspace(config.workspace_path))
                wall.append(time.perf_counter() - begin)
                served.append(processor_s(service.pid) - before)
                used = time.process_time() - own
    finally:
        service.terminate()
        service.wait()
    sent, got = (sum(column) for column in zip(*asked, strict=True))
    return Measured(
        scene_count, tile_count, len(asked), sent / 1e6, got / 1e6, wall[0], wall[1], served[0], served[1], used,
        index.scenes, index.patches, index.absent,
    )  # fmt: skip


def processor_s(pid: int) -> float:
    """Processor time that a process has used, where Linux tells; else 0."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, nargs="+", default=[20_000, 40_000, 80_000], help="in the catalog")
    parser.add_argument("--tiles", type=int, nargs="+", default=[125, 250, 500], help="to match, one number a catalog")
    parser.add_argument("--json", type=Path, help="write the results here as well")
    parser.add_argument("--folder", type=Path, help="work here and keep it, so that catalogs are made only once")
    arguments = parser.parse_args()
    heads = ("scenes", "tiles", "requests", "sent MB", "got MB", "first s", "again s", "service first s",
             "service again s", "client s", "links", "patches", "absent")  # fmt: skip
    print("  ".join(heads))
    results = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        for scene_count, tile_count in zip(arguments.scenes, arguments.tiles, strict=True):
            catalog, mark = folder / f"catalog-{scene_count}", folder / f"catalog-{scene_count}.json"
            if not mark.exists():
                mark.write_text(json.dumps(make_catalog(catalog, scene_count).isoformat()))
            last = datetime.fromisoformat(json.loads(mark.read_text()))
            one = measure(folder, catalog, scene_count, tile_count, last)
            results.append(one)
            cells = (f"{value:,.1f}" if isinstance(value, float) else f"{value:,}" for value in astuple(one))
            print("  ".join(cell.rjust(len(head)) for cell, head in zip(cells, heads, strict=True)), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(one) for one in results], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
