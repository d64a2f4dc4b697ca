"""The pixels of a simulated scene."""

from __future__ import annotations

import math
import os
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.windows import Window

from gee_s1ben.simulation.acquisition import OVERLAP_M, PlannedSlice
from gee_s1ben.simulation.ground import CELL_M, POLARISATIONS, cells
from gee_s1ben.simulation.placement import Placement
from gee_s1ben.simulation.swath import ANGLE_COLUMNS, ANGLE_ROWS, SWATH_M, angle_at, incidence_factor

STRIP_ROWS = 256
"""Rows made at a time; part of what a seed determines, so a change changes every scene."""

_FloatArray = npt.NDArray[np.float32]

_NOISE_M = (150.0, 600.0)
"""Narrowest and widest border noise."""
_NOISE_STEP_M = 60.0
"""Along the track, the noise has one width for so long: its inner edge is ragged."""
_NOISE_DB = (-60.0, -35.0)


@dataclass(frozen=True, slots=True)
class GroundCells:
    """The ground under an area, made once for all scenes over it."""

    west: int
    """Index of the first cell to the east."""
    south: int
    """Index of the first cell to the north."""
    power: npt.NDArray[np.float32]
    """Linear sigma nought, shape (polarisation, north, east)."""

    @classmethod
    def make(
        cls, bounds: tuple[float, float, float, float], seed: int, file: Path, pool: ThreadPoolExecutor
    ) -> GroundCells:
        """Compute the ground of an area into a file that stands in for memory.

        Parameters
        ----------
        bounds : tuple of float
            (west, south, east, north) in world metres.
        seed : int
            Of the simulation.
        file : Path
            A new file.
        pool : ThreadPoolExecutor
            What computes.
        """
        west, south = (int(np.floor(low / CELL_M)) - 1 for low in bounds[:2])
        east, north = (int(np.ceil(high / CELL_M)) + 1 for high in bounds[2:])
        shape = (len(POLARISATIONS), north - south, east - west)
        with file.open("wb") as empty:
            # A full disk must say so now: writing to memory that has no room on disk kills the process.
            os.posix_fallocate(empty.fileno(), 0, 4 * math.prod(shape))
        power = np.memmap(file, np.float32, "r+", shape=shape)

        def fill(first: int) -> None:
            rows = slice(first, min(first + STRIP_ROWS, shape[1]))
            power[:, rows] = cells(west, south + rows.start, shape[2], rows.stop - rows.start, seed)

        for _ in pool.map(fill, range(0, shape[1], STRIP_ROWS)):
            pass
        return cls(west, south, power)


@dataclass(frozen=True, slots=True)
class Speckle:
    """Multiplicative noise of a stated number of looks."""

    looks: float
    """Equivalent number of looks: the squared mean of the power over its variance."""
    correlated: bool
    """Whether neighbouring pixels share noise (correlation 1/2 to each side, 1/4 across corners)."""
    seed: int
    """Of the simulation."""

    def draw(self, key: str, strip: int, rows: int, width: int) -> _FloatArray:
        """Draw the speckle of a strip: gamma-distributed with mean 1.

        Fully developed speckle averaged over L looks follows a gamma distribution of shape L (Goodman, "Some
        fundamental properties of speckle", 1976). The correlated kind averages four neighbours of a quarter of the
        looks, which keeps that distribution exactly.
        """
        if not self.correlated:
            noise = self._generator(key, strip).standard_gamma(self.looks, (rows, width), np.float32)
            return np.multiply(noise, np.float32(1 / self.looks), out=noise)
        shape = self.looks / 4
        fine = np.concatenate([
            self._generator(key, strip).standard_gamma(shape, (rows, width + 1), np.float32),
            self._generator(key, strip + 1).standard_gamma(shape, (1, width + 1), np.float32),
        ])  # fmt: skip
        total: _FloatArray = fine[:-1, :-1] + fine[1:, :-1] + fine[:-1, 1:] + fine[1:, 1:]
        return np.multiply(total, np.float32(1 / self.looks), out=total)

    def _generator(self, key: str, strip: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, zlib.crc32(key.encode()), strip])


def write_scene(
    planned: PlannedSlice,
    ground: GroundCells,
    speckle: Speckle,
    world_crs: str,
    folder: Path,
    pool: ThreadPoolExecutor,
) -> tuple[Path, Path]:
    """Write the pixels of a scene, strip by strip.

    Parameters
    ----------
    planned : PlannedSlice
        The scene.
    ground : GroundCells
        The ground under it.
    speckle : Speckle
        Its noise.
    world_crs : str
        CRS of the ground.
    folder : Path
        Where the files go.
    pool : ThreadPoolExecutor
        What computes; the result does not depend on its size.

    Returns
    -------
    tuple of Path
        A GeoTIFF with VV and VH in dB, NaN outside the slice, and one with the incidence angles.
    """
    pixels, angles = folder / "pixels.tif", folder / "angle.tif"
    placement = Placement.of(planned.grid, world_crs)
    rows = range(0, planned.grid.height, STRIP_ROWS)
    with rasterio.open(pixels, "w", **_profile(planned.grid, len(POLARISATIONS))) as writer:
        writer.descriptions = POLARISATIONS

        def strip(first: int) -> _FloatArray:
            last = min(first + STRIP_ROWS, planned.grid.height)
            return _strip(planned, ground, speckle, placement, first, last)

        for first, values in zip(rows, _in_order(pool, strip, rows), strict=True):
            writer.write(values, window=Window(0, first, planned.grid.width, values.shape[1]))
    with rasterio.open(angles, "w", **_profile(planned.angle_grid, 1)) as writer:
        ties = angle_at(np.linspace(0, SWATH_M, ANGLE_COLUMNS, dtype=np.float32))
        writer.write(np.broadcast_to(ties, (ANGLE_ROWS, ANGLE_COLUMNS)).astype(np.float32), 1)
        writer.set_band_description(1, "angle")
    return pixels, angles


def _strip(
    planned: PlannedSlice, ground: GroundCells, speckle: Speckle, placement: Placement, first: int, last: int
) -> _FloatArray:
    """VV and VH in dB of some rows of a scene."""
    x, y = placement.world(first, last)
    along, across = planned.swath.coordinates(x, y, placement.origin)
    outside = (across < 0) | (across > SWATH_M) | (along < planned.first_m) | (along > planned.last_m + OVERLAP_M)
    west, south = ground.west * CELL_M - placement.origin[0], ground.south * CELL_M - placement.origin[1]
    cell = ((y - south) * (1 / CELL_M)).astype(np.intp)
    cell *= ground.power.shape[2]
    cell += ((x - west) * (1 / CELL_M)).astype(np.intp)
    # The cosine is smooth: a table of a thousand angles is right to 0.001 dB.
    table = incidence_factor(angle_at(np.linspace(0, SWATH_M, 1_001, dtype=np.float32))).astype(np.float32)
    factor = table.take((across * np.float32(1_000 / SWATH_M) + np.float32(0.5)).astype(np.intp), mode="clip")
    noise = _border_noise(planned, along, across)
    result = np.empty((len(POLARISATIONS), *x.shape), np.float32)
    index = first // STRIP_ROWS
    for band, (polarisation, values) in enumerate(zip(POLARISATIONS, result, strict=True)):
        key = f"{planned.name} {polarisation}"
        np.multiply(ground.power[band].take(cell), speckle.draw(key, index, *x.shape), out=values)
        values *= factor
        np.log10(values, out=values)
        values *= 10
        if noise is not None:
            low, high = _NOISE_DB
            level = np.random.default_rng([speckle.seed, zlib.crc32(key.encode()), index, 1])
            values[noise] = level.uniform(low, high, int(noise.sum())).astype(np.float32)
        values[outside] = np.nan
    return result


def _border_noise(planned: PlannedSlice, along: _FloatArray, across: _FloatArray) -> npt.NDArray[np.bool_] | None:
    """Which pixels are border noise; None where no edge of the swath is near."""
    edge = np.minimum(across, np.float32(SWATH_M) - across)
    narrow, wide = _NOISE_M
    near = np.nonzero((edge >= 0) & (edge < wide))
    if not len(near[0]):
        return None
    count = int((planned.last_m - planned.first_m) // _NOISE_STEP_M) + 2
    widths = np.random.default_rng(zlib.crc32(str(planned.name).encode())).uniform(narrow, wide, (2, count))
    step = np.floor((along[near] - np.float32(planned.first_m)) / _NOISE_STEP_M).astype(np.intp)
    side = (across[near] > SWATH_M / 2).astype(np.intp)
    noise = np.zeros(edge.shape, np.bool_)
    noise[near] = edge[near] < widths.astype(np.float32)[side, np.clip(step, 0, count - 1)]
    return noise


def _in_order(pool: ThreadPoolExecutor, make: Callable[[int], _FloatArray], rows: range) -> Iterator[_FloatArray]:
    """Yield results in order, with no more waiting than can be in work: memory stays bounded."""
    waiting: deque[Future[_FloatArray]] = deque()
    ahead = getattr(pool, "_max_workers", 1) + 1
    for first in rows:
        waiting.append(pool.submit(make, first))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _profile(grid: Any, count: int) -> dict[str, Any]:
    return {
        "driver": "GTiff", "dtype": "float32", "count": count, "width": grid.width, "height": grid.height,
        "crs": grid.crs, "transform": rasterio.Affine(*grid.transform), "nodata": np.nan, "interleave": "band",
        "tiled": True, "blockxsize": 512, "blockysize": STRIP_ROWS, "BIGTIFF": "IF_SAFER",
    }  # fmt: skip
