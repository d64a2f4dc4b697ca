"""The incidence angle of every patch, from the scenes' bands to every table that has it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import rasterio
import rasterio.warp
from command_line import Command, Write

import gee_s1ben
from gee_s1ben.domain.tile import tile_grid


def rows_of(dataset: Path) -> list[dict[str, str]]:
    with (dataset / "provenance" / "patches.csv").open() as file:
        return list(csv.DictReader(file))


def bilinear(path: Path, crs: str, x: float, y: float) -> float:
    """Interpolate a raster at a place between the centres of its pixels; the outermost serve for all beyond."""
    with rasterio.open(path) as file:
        values = file.read(1).astype(np.float64)
        a, b, c, d, e, f = tuple(file.transform)[:6]
        ((x,), (y,)) = rasterio.warp.transform(crs, file.crs, [x], [y])
        col, row = np.linalg.solve([[a, b], [d, e]], [x - c, y - f])
    col, row = (np.clip(place - 0.5, 0, size - 1) for place, size in ((col, values.shape[1]), (row, values.shape[0])))
    left, top = min(int(col), values.shape[1] - 2), min(int(row), values.shape[0] - 2)
    across, down = col - left, row - top
    upper, lower = (values[line, left : left + 2] @ (1 - across, across) for line in (top, top + 1))
    return float(upper * (1 - down) + lower * down)


def test_from_the_scenes_to_the_tables(write: Write, command: Command, catalog: Path) -> None:
    config = write()
    assert command("run", "--config", config, "-q").code == 0
    dataset = config.parent / "dataset"
    rows, tile = rows_of(dataset), tile_grid("33UUP")
    for row in rows:
        x, y = tile.xy(int(row["col"]) * 120 + 60, int(row["row"]) * 120 + 60)
        # Of a pass the later slice is seen; in simulated scenes both have the angle of one swath.
        scene = max(row["scenes"].split())
        expected = bilinear(catalog / "COPERNICUS" / "S1_GRD" / scene / "angle.tif", tile.crs, x, y)
        assert float(row["incidence_angle"]) == pytest.approx(expected, abs=2e-4)
    frame = gee_s1ben.open_dataset(dataset).frame().set_index("name")
    table = pq.read_table(_described(command, dataset)).to_pandas().set_index("name")
    for row in rows:
        assert frame.incidence_angle[row["name"]] == float(row["incidence_angle"])
        assert table.incidence_angle[row["name"]] == float(row["incidence_angle"])
        place = f"{int(row['row']):02d}/{row['name']}.json"
        item = json.loads((dataset / "provenance" / "stac" / row["target"] / place).read_text())
        assert item["properties"]["view:incidence_angle"] == float(row["incidence_angle"])
    assert command("describe", dataset, "--items", "tile", "-q").code == 0
    frame = pd.DataFrame(rows)
    for (target, key), part in frame.groupby(["target", "pass"]):
        item = json.loads((dataset / "provenance" / "stac" / target / f"{target}_{key}.json").read_text())
        mean = part.incidence_angle.astype(float).mean()
        assert item["properties"]["view:incidence_angle"] == pytest.approx(mean, abs=1e-4)


def _described(command: Command, dataset: Path) -> Path:
    assert command("describe", dataset, "-q").code == 0
    return dataset / "provenance" / "patches.parquet"


def test_lost_or_broken_angles(write: Write, command: Command) -> None:
    """They cost no patch: the column is empty and it is said; fetch brings them, and only them."""
    config = write()
    assert command("run", "--config", config, "-q").code == 0
    dataset, kept = config.parent / "dataset", sorted((config.parent / "dataset.work" / "angles").rglob("*.tif"))
    before = (dataset / "provenance" / "patches.csv").read_bytes()
    lost, broken = kept[:2]
    lost.unlink()
    content = bytearray(broken.read_bytes())
    content[-1] ^= 1
    broken.write_bytes(content)
    ended = command("assemble", "--config", config)
    assert ended.code == 0
    assert ended.err.count("its incidence angles are not there, and left out; 'gee-s1ben fetch' brings them") == 2
    angles = [row["incidence_angle"] for row in rows_of(dataset)]
    assert "" in angles
    assert any(angles)
    assert command("verify", "--config", config).code == 0
    fetched = command("fetch", "--config", config, "--json")
    assert (fetched.code, fetched.data["fetched"]) == (0, 0)
    assert command("assemble", "--config", config, "-q").code == 0
    assert (dataset / "provenance" / "patches.csv").read_bytes() == before
