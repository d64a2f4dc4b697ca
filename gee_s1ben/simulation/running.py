"""Filling a catalog with simulated scenes."""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from datetime import datetime
from pathlib import Path

from pyproj import CRS, Transformer
from rasterio.errors import RasterioError

from gee_s1ben.domain.plural import plural
from gee_s1ben.domain.scene import OrbitDirection
from gee_s1ben.domain.tile import Target
from gee_s1ben.engine.catalog import Catalog
from gee_s1ben.errors import CatalogError, InputError, StorageError
from gee_s1ben.simulation.acquisition import MAX_PASSES, PlannedSlice, World, plan_slices
from gee_s1ben.simulation.labelling import scene_properties
from gee_s1ben.simulation.rendering import GroundCells, Speckle, write_scene

Progress = Callable[[int, int, str], None]
"""Called with scenes done, scenes in all, and the name of the one that is being made."""

_COLLECTION = "COPERNICUS/S1_GRD"
_VERSION = 1
"""Raise it when the same options come to give other pixels."""
_WORKING = ".simulating-"


@dataclass(frozen=True, slots=True)
class SimulatedScene:
    """A scene that was simulated."""

    id: str
    """Asset id."""
    target_key: str
    """The target it was made for."""
    acquired: datetime
    """``system:time_start``, UTC."""
    orbit_direction: OrbitDirection
    """Which way the satellite flies."""
    relative_orbit: int
    """Track within the repeat cycle."""
    crs: str
    """Its own UTM zone."""
    width: int
    """Columns of 10 m."""
    height: int
    """Rows of 10 m."""
    kept: bool
    """Whether it was in the catalog already, from the same options."""


@dataclass(frozen=True, slots=True)
class SimulationReport:
    """What a simulation made."""

    scenes: tuple[SimulatedScene, ...]
    """By target, then by pass."""
    removed: tuple[str, ...]
    """Ids of scenes of an earlier simulation with other options, now gone."""
    seconds: float
    """Time it took."""


def simulate(
    catalog_path: Path,
    targets: Sequence[Target],
    *,
    seed: int = 1,
    looks: float = 4.4,
    passes: int = 5,
    margin_m: float = 3_000.0,
    correlated: bool = False,
    overwrite: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> SimulationReport:
    """Fill a catalog with simulated Sentinel-1 scenes over targets; it is made where there is none.

    The same arguments give the same bytes. A simulation that was interrupted goes on where it stopped: scenes that are
    there from the same options are kept.

    Parameters
    ----------
    catalog_path : Path
        Folder of the catalog.
    targets : sequence of Target
        What patches are wanted for; only their blocks of patches and a margin get pixels.
    seed : int
        Determines the ground and the speckle.
    looks : float
        Equivalent number of looks of the speckle.
    passes : int
        How many passes over each target, 1 to 8.
    margin_m : float
        How far around the block of patches there are pixels, 0 to 50,000 m.
    correlated : bool
        Whether the speckle of neighbouring pixels is correlated, as in real GRD; the number of looks stays.
    overwrite : bool
        Whether to make scenes anew, and to replace those of an earlier simulation with other options.
    workers : int, optional
        Threads; all cores by default. The result does not depend on it.
    progress : callable, optional
        Told of every scene.

    Returns
    -------
    SimulationReport
        The scenes.

    Raises
    ------
    InputError
        An option is out of range, or two targets are one.
    CatalogError
        The catalog holds a simulation of a target with other options, and is not to be overwritten.
    StorageError
        The disk is full, read-only or failing.
    """
    began = time.monotonic()
    _check(targets, seed, looks, passes, margin_m)
    catalog = Catalog.create(catalog_path)
    speckle = Speckle(looks, correlated, seed)
    jobs: list[tuple[Target, World, str, tuple[PlannedSlice, ...]]] = []
    removed: list[str] = []
    for target in targets:
        stamp = _fingerprint(target, speckle, passes, margin_m)
        world = World.of(target)
        jobs.append((target, world, stamp, plan_slices(target, world, passes, margin_m, stamp)))
        removed += _other_simulations(catalog, target, stamp, overwrite=overwrite)
    for image_id in removed:
        catalog.remove(image_id)
    total = sum(len(slices) for *_, slices in jobs)
    scenes: list[SimulatedScene] = []
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        for target, world, stamp, slices in jobs:
            wanted = [each for each in slices if overwrite or catalog.get(each.id) is None]
            with _working_folder(catalog.path) as folder, _storing(folder):
                ground = GroundCells.make(_extent(wanted, world), seed, folder / "ground", pool) if wanted else None
                for each in slices:
                    if progress is not None:
                        progress(len(scenes), total, str(each.name))
                    if ground is not None and each in wanted:
                        rasters = write_scene(each, ground, speckle, world.crs, folder, pool)
                        about = scene_properties(each, target, world, speckle, stamp)
                        catalog.add(each.id, about, rasters, nodata="none", units="decibel", overwrite=overwrite)
                    scenes.append(_scene(each, target, kept=each not in wanted))
    if progress is not None:
        progress(total, total, "")
    return SimulationReport(tuple(scenes), tuple(removed), time.monotonic() - began)


def _check(targets: Sequence[Target], seed: int, looks: float, passes: int, margin_m: float) -> None:
    if not 0 <= seed < 2**32:
        raise InputError(f"the seed should be 0 to {2**32 - 1}, not {seed}")
    if not 0.1 <= looks <= 1_000:
        raise InputError(f"the number of looks should be 0.1 to 1000, not {looks}")
    if not 1 <= passes <= MAX_PASSES:
        raise InputError(f"the number of passes should be 1 to {MAX_PASSES}, not {passes}")
    if not (math.isfinite(margin_m) and 0 <= margin_m <= 50_000):
        raise InputError(f"the margin should be 0 to 50,000 m, not {margin_m}")
    keys = [target.key for target in targets]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise InputError(f"target {', '.join(twice)} is given more than once")


def _fingerprint(target: Target, speckle: Speckle, passes: int, margin_m: float) -> str:
    """What a target's scenes depend on, as sixteen hexadecimal digits."""
    parts = (_VERSION, target.key, astuple(target.grid), target.patch_px, astuple(target.block), astuple(speckle))
    return hashlib.sha256(repr((*parts, passes, float(margin_m))).encode()).hexdigest()[:16]


def _other_simulations(catalog: Catalog, target: Target, stamp: str, *, overwrite: bool) -> list[str]:
    others = [
        image.id
        for image in catalog.images(_COLLECTION)
        if image.properties.get("simulation:target") == target.key
        and image.properties.get("simulation:fingerprint") != stamp
    ]
    # Mosaicking scenes of two grounds or two seeds into one pass would be wrong without anybody noticing.
    if others and not overwrite:
        raise CatalogError(
            f"{catalog.path} holds {plural(len(others), 'simulated scene')} of {target.key} made with other options: "
            "replace them with --overwrite, or choose another folder"
        )
    return others


def _extent(slices: Sequence[PlannedSlice], world: World) -> tuple[float, float, float, float]:
    """(west, south, east, north) of the scenes' grids in world metres, and a little more."""
    boxes = [
        Transformer.from_crs(CRS(each.grid.crs), CRS(world.crs), always_xy=True).transform_bounds(
            *each.grid.bounds, densify_pts=51
        )
        for each in slices
    ]
    west, south, east, north = zip(*boxes, strict=True)
    return min(west) - 50, min(south) - 50, max(east) + 50, max(north) + 50


def _scene(each: PlannedSlice, target: Target, *, kept: bool) -> SimulatedScene:
    return SimulatedScene(
        each.id, target.key, each.name.start, each.direction, each.name.relative_orbit,
        each.grid.crs, each.grid.width, each.grid.height, kept,
    )  # fmt: skip


@contextmanager
def _working_folder(catalog_path: Path) -> Iterator[Path]:
    """A folder for what is large and temporary; those of runs that were killed are swept."""
    for leftover in catalog_path.glob(f"{_WORKING}*"):
        if not _alive(leftover.name.removeprefix(_WORKING).split("-")[0]):
            shutil.rmtree(leftover, ignore_errors=True)
    with _storing(catalog_path):
        folder = Path(tempfile.mkdtemp(prefix=f"{_WORKING}{os.getpid()}-", dir=catalog_path))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _alive(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def _storing(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RasterioError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StorageError(f"cannot write the simulated scenes to {path}: {reason}") from error
