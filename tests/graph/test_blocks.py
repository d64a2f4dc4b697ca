"""The whole graph of a pass, block by block and specialised, is what its program says node by node."""

from __future__ import annotations

import json

import numpy as np
import pyproj
import pytest
from plain_program import run_plainly

from gee_s1ben.domain.grid import Grid
from gee_s1ben.engine.evaluator import evaluate
from gee_s1ben.engine.executor import run
from gee_s1ben.engine.expression import decode
from gee_s1ben.engine.lattice import Lattice, Region
from gee_s1ben.engine.pixels import lower
from gee_s1ben.engine.registry import Context
from gee_s1ben.graph.backscatter import NODATA_DB, pass_backscatter
from gee_s1ben.session.computing import serialized

EAST, NORTH = 399_963.25, 5_800_012.5
BANDS = ("VV", "VH")


def scene_grid(rows_down: int, height: int) -> Grid:
    return Grid("EPSG:32633", (10.0, 0.0, EAST, 0.0, -10.0, NORTH - 10.0 * rows_down), 260, height)


def slice_of_a_pass(scenes, index: str, rows_down: int, *, hole: bool):
    """Speckle with a dark strip at the far edge of the swath, whose angle passes the limit amid the scene."""
    rng = np.random.default_rng(rows_down)
    grid = scene_grid(rows_down, 150)
    bands = {}
    for level, name in zip((-8.0, -15.0), BANDS, strict=True):
        decibel = level + 10 * np.log10(rng.gamma(4.4, 1 / 4.4, grid.shape))
        decibel[:, 235:] = -33.0 + rng.normal(0.0, 2.0, decibel[:, 235:].shape)
        decibel[:, 255:] = np.nan
        if hole:
            decibel[60:64, 100:130] = np.nan
        bands[name] = decibel
    coarse = Grid(grid.crs, (650.0, 0.0, EAST, 0.0, -750.0, grid.transform[5]), 4, 2)
    angle = np.repeat([[43.0, 44.2, 45.4, 46.6]], 2, axis=0)
    return scenes.add(index, grid, (coarse, angle), **bands)


@pytest.mark.parametrize(
    ("crs", "resampling", "border_noise", "count"),
    [
        ("EPSG:32633", "bilinear", True, 1),
        ("EPSG:32633", "nearest", True, 2),
        ("EPSG:32632", "bilinear", True, 2),
        ("EPSG:32632", "bilinear", False, 2),
    ],
)
def test_blocks_compute_the_program(scenes, crs: str, resampling: str, border_noise: bool, count: int) -> None:
    slices = [
        slice_of_a_pass(scenes, "one", 0, hole=False),
        slice_of_a_pass(scenes, "two", 140, hole=True),
    ]
    image = pass_backscatter(slices[:count], BANDS, border_noise=border_noise, resampling=resampling)
    asked = evaluate(decode(json.loads(serialized(image))), Context(scenes.catalog))
    over = Grid(crs, (10.0, 0.0, 399_940.0, 0.0, -10.0, 5_800_020.0), 270, 300)
    if crs != "EPSG:32633":  # the same place in the next zone
        x, y = pyproj.Transformer.from_crs("EPSG:32633", crs, always_xy=True).transform(EAST, NORTH)
        over = Grid(crs, (10.0, 0.0, round(x, -1) - 50.0, 0.0, -10.0, round(y, -1) + 50.0), 270, 300)
    lattice, col, row = Lattice.of_grid(over)
    program, region = lower(asked, lattice), Region(col, row, over.width, over.height)

    want = run_plainly(program, region)
    assert all(mask.mean() > 0.1 for _, mask in want)
    assert all(0.1 < (value > -9000.0).mean() < 1.0 for value, _ in want)
    if crs == "EPSG:32633":  # elsewhere the strip lies askew
        assert all((value[20:110, 242:252] == NODATA_DB).mean() > 0.5 for value, _ in want)
    for block in ((128, 512), (37, 64)):
        for (value, mask), (wanted, wanted_mask) in zip(
            run(program, region, [np.float64] * 2, block=block), want, strict=True
        ):
            np.testing.assert_array_equal(mask, wanted_mask.astype(np.float32))
            np.testing.assert_array_equal(np.where(mask > 0, value, 0.0), np.where(wanted_mask > 0, wanted, 0.0))
