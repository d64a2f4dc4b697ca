"""Simulated scenes against theory, geometry worked out another way, and themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
import shapely
from affine import Affine
from pyproj import Transformer
from rasterio.features import geometry_mask
from shapely.geometry import Polygon, box

from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.naming import S2ProductName
from gee_s1ben.domain.scene import Pass, Scene, group_passes
from gee_s1ben.domain.tile import PatchBlock, Target
from gee_s1ben.engine.catalog import Catalog, ImageRecord
from gee_s1ben.errors import CatalogError, InputError
from gee_s1ben.simulation import SimulationReport, incidence_factor, simulate, truth

SEED, LOOKS = 7, 4.4
BLOCK = PatchBlock(40, 47, 50, 57)
TARGET = Target.of_product(S2ProductName.parse("S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"), BLOCK)
TINY = Target.of_product(S2ProductName.parse("S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"), PatchBlock(3, 4, 5, 6))
WORLD = "EPSG:32633"

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Simulated:
    path: Path
    report: SimulationReport
    images: tuple[ImageRecord, ...]
    passes: tuple[Pass, ...]

    def of(self, each: Pass) -> list[ImageRecord]:
        ids = {scene.id for scene in each.slices}
        return [image for image in self.images if image.id in ids]

    @property
    def nearest(self) -> Pass:
        return min(self.passes, key=lambda each: abs(each.acquired - TARGET.acquired))


def scene_of(image: ImageRecord) -> Scene:
    about = image.properties
    return Scene(
        id=image.id, index=image.index, acquired=datetime.fromtimestamp(about["system:time_start"] / 1000, UTC),
        platform=about["platform_number"], absolute_orbit=about["orbitNumber_start"],
        relative_orbit=about["relativeOrbitNumber_start"], orbit_direction=about["orbitProperties_pass"].lower(),
        bands=tuple(band.name for band in image.bands),
        footprint=tuple((lon, lat) for lon, lat in about["system:footprint"]["coordinates"]),
    )  # fmt: skip


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    path = tmp_path_factory.mktemp("simulated") / "catalog"
    report = simulate(path, [TARGET], seed=SEED, looks=LOOKS, margin_m=1_500)
    images = tuple(Catalog.open(path).images("COPERNICUS/S1_GRD"))
    return Simulated(path, report, images, group_passes(map(scene_of, images)))


def read(image: ImageRecord, name: str) -> Array:
    (band,) = (band for band in image.bands if band.name == name)
    with rasterio.open(band.path) as file:
        return file.read(1)


def band(image: ImageRecord, name: str) -> Grid:
    return next(band.grid for band in image.bands if band.name == name)


def centres(grid: Grid) -> tuple[Array, Array]:
    col, row = np.meshgrid(np.arange(grid.width) + 0.5, np.arange(grid.height) + 0.5)
    a, b, c, d, e, f = grid.transform
    return a * col + b * row + c, d * col + e * row + f


def angles(image: ImageRecord) -> tuple[Array, Array]:
    """Incidence angle at every pixel: of the nearest cell of the band, and between the band's tie points."""
    x, y = centres(band(image, "VV"))
    col, row = band(image, "angle").colrow(x, y)
    ties = read(image, "angle")
    nearest = ties[np.clip(row.astype(int), 0, 9), np.clip(col.astype(int), 0, 20)]
    return nearest, np.interp(col, np.arange(21), ties[0])


def ring_in(crs: str, image: ImageRecord) -> Polygon:
    ring = np.array(image.properties["system:footprint"]["coordinates"])
    return Polygon(
        np.column_stack(Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(ring[:, 0], ring[:, 1]))
    )


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# Radiometry.


def ratios(images: tuple[ImageRecord, ...]) -> Iterator[tuple[str, Array]]:
    for image in images:
        _, angle = angles(image)
        for name in ("VV", "VH"):
            power = 10 ** (read(image, name).astype(float) / 10)
            expected = truth(band(image, name), seed=SEED, polarisation=name, world_crs=WORLD) * incidence_factor(angle)
            # Away from the swath's edges, where border noise is.
            inside = (angle > 30.2 + 0.06) & (angle < 46.2 - 0.06)
            yield name, np.where(inside, power / expected, np.nan)


def test_power_is_the_ground_times_speckle_of_the_stated_looks(simulated: Simulated) -> None:
    for name, ratio in ratios(simulated.images):
        speckle = ratio[np.isfinite(ratio)]
        assert speckle.size > 50_000, name
        mean, variance = speckle.mean(), speckle.var()
        # Standard errors: 1/sqrt(L·n) of the mean, about sqrt(2/n) of the variance.
        assert mean == pytest.approx(1, abs=0.012)
        assert mean**2 / variance == pytest.approx(LOOKS, rel=0.04)
        # Skewness of a gamma distribution.
        assert ((speckle - mean) ** 3).mean() / variance**1.5 == pytest.approx(2 / np.sqrt(LOOKS), rel=0.08)


def test_all_scenes_together_are_unbiased(simulated: Simulated) -> None:
    speckle = np.concatenate([ratio[np.isfinite(ratio)] for _, ratio in ratios(simulated.images)])
    assert speckle.mean() == pytest.approx(1, abs=0.001)
    assert speckle.mean() ** 2 / speckle.var() == pytest.approx(LOOKS, rel=0.01)


def test_speckle_is_independent_between_pixels_bands_and_scenes(simulated: Simulated) -> None:
    def correlation(a: Array, b: Array) -> float:
        both = np.isfinite(a) & np.isfinite(b)
        return float(np.corrcoef(a[both], b[both])[0, 1])

    by_band: dict[str, list[Array]] = {"VV": [], "VH": []}
    for name, ratio in ratios(simulated.images):
        by_band[name].append(ratio)
        assert abs(correlation(ratio[:, 1:], ratio[:, :-1])) < 0.02
        assert abs(correlation(ratio[1:], ratio[:-1])) < 0.02
    for vv, vh in zip(by_band["VV"], by_band["VH"], strict=True):
        assert abs(correlation(vv, vh)) < 0.02


def test_correlated_speckle_keeps_its_looks_and_crosses_strips_seamlessly(tmp_path: Path) -> None:
    target = Target.of_product(TARGET.product, PatchBlock(40, 43, 50, 53))  # type: ignore[arg-type]
    simulate(tmp_path, [target], seed=SEED, looks=LOOKS, passes=4, margin_m=500, correlated=True)
    image = min(
        Catalog.open(tmp_path).images("COPERNICUS/S1_GRD"), key=lambda image: image.properties["system:time_start"]
    )
    ratio = next(ratios((image,)))[1]
    assert np.isfinite(ratio).all()
    assert ratio.mean() ** 2 / ratio.var() == pytest.approx(LOOKS, rel=0.06)
    for (down, across), expected in {(0, 1): 0.5, (1, 0): 0.5, (1, 1): 0.25, (0, 2): 0, (2, 0): 0}.items():
        a, b = ratio[down:, across:], ratio[: ratio.shape[0] - down, : ratio.shape[1] - across]
        assert np.corrcoef(a.ravel(), b.ravel())[0, 1] == pytest.approx(expected, abs=0.04), (down, across)
    # Rows 255 and 256 are made apart.
    assert np.corrcoef(ratio[255], ratio[256])[0, 1] == pytest.approx(0.5, abs=0.15)


def test_truth_depends_on_place_and_seed_only() -> None:
    grid = TARGET.grid.window(4_000, 6_000, 700, 600)
    whole = truth(grid, seed=SEED, polarisation="VV")
    assert whole.dtype == np.float32
    part = truth(grid.window(123, 77, 200, 300), seed=SEED, polarisation="VV")
    assert np.array_equal(part, whole[77:377, 123:323])
    assert not np.array_equal(truth(grid, seed=SEED + 1, polarisation="VV"), whole)
    assert (truth(grid, seed=SEED, polarisation="VH") < whole).mean() > 0.99


def test_truth_on_another_grid_is_the_cell_that_holds_each_pixel() -> None:
    grid = TARGET.grid.window(4_000, 6_000, 900, 900)
    whole = truth(grid, seed=SEED, polarisation="VH")
    west, south, _, _ = grid.bounds
    x, y = Transformer.from_crs(WORLD, "EPSG:32632", always_xy=True).transform(west + 4_000, south + 5_000)
    other = Grid("EPSG:32632", (10.0, 0.0, x + 3.7, 0.0, -10.0, y + 1.3), 300, 250)
    got = truth(other, seed=SEED, polarisation="VH", world_crs=WORLD)
    col, row = grid.colrow(*Transformer.from_crs("EPSG:32632", WORLD, always_xy=True).transform(*centres(other)))
    expected = whole[np.floor(row).astype(int), np.floor(col).astype(int)]
    # Centres within a fraction of a millimetre of a cell's edge may go either way.
    assert (got == expected).mean() > 0.9995


def test_the_ground_is_varied() -> None:
    db = 10 * np.log10(truth(TARGET.grid.window(3_000, 3_000, 3_000, 3_000), seed=SEED, polarisation="VV"))
    assert 0.03 < (db < -16).mean() < 0.3, "water"
    assert 0.0002 < (db > 2).mean() < 0.004, "point targets"
    assert ((db > -14.5) & (db < -6)).mean() > 0.5, "fields and forest"


def test_border_noise_lies_where_the_annotation_says_the_swath_ends(simulated: Simulated) -> None:
    seen = set()
    for image in simulated.images:
        nearest, angle = angles(image)
        vv, vh = read(image, "VV"), read(image, "VH")
        noise = (vv < -34) & (vh < -34)
        assert (nearest[noise] < 30.64).all() or (nearest[noise] > 45.24).all()
        width_m = np.minimum(angle - 30.2, 46.2 - angle) * 250_000 / 16
        assert (width_m[noise] < 601).all()
        valid = np.isfinite(vv)
        # Within the narrowest strip everything is noise.
        assert noise[valid & (width_m < 140)].all()
        assert (vv[noise] >= -60).all()
        if noise.any():
            seen.add("near" if nearest[noise][0] < 38 else "far")
            # Ragged: between the narrowest and the widest some pixels are noise and some are not.
            between = noise[valid & (width_m > 250) & (width_m < 500)]
            assert 0.2 < between.mean() < 0.9
    assert seen == {"near", "far"}


def test_angles_are_a_coarse_turned_grid_of_the_whole_slice(simulated: Simulated) -> None:
    for image in simulated.images:
        grid = band(image, "angle")
        a, b, _, d, e, _ = grid.transform
        assert grid.shape == (10, 21)
        assert np.hypot(a, d) == pytest.approx(12_500, rel=0.002)
        assert 18_000 < np.hypot(b, e) < 21_000
        assert b != 0
        assert d != 0
        ties = read(image, "angle")
        assert ties[0, 0] == pytest.approx(30.2)
        assert ties[0, -1] == pytest.approx(46.2)
        # Looking right: from near to far is to the right of the flight.
        ascending = image.properties["orbitProperties_pass"] == "ASCENDING"
        assert (a > 0) == ascending
        assert (e > 0) == ascending


# Geometry.


def test_footprints_are_where_the_pixels_are(simulated: Simulated) -> None:
    for image in simulated.images:
        grid = band(image, "VV")
        valid = np.isfinite(read(image, "VV"))
        assert np.array_equal(valid, np.isfinite(read(image, "VH")))
        footprint = ring_in(grid.crs, image)
        for around, contains in ((footprint.buffer(-12), False), (footprint.buffer(12), True)):
            inside = geometry_mask([around], grid.shape, Affine(*grid.transform), invert=True)
            assert (inside >= valid).all() if contains else (inside <= valid).all()
        assert not valid.all() or footprint.area == pytest.approx(grid.width * grid.height * 100, rel=1e-3)


def test_slices_of_a_pass_leave_no_gap_and_hardly_overlap(simulated: Simulated) -> None:
    pairs = [simulated.of(each) for each in simulated.passes if len(each.slices) > 1]
    assert pairs
    for images in pairs:
        first, second = (ring_in(WORLD, image) for image in images)
        shared = first.intersection(second)
        length = shared.minimum_rotated_rectangle.length / 2
        assert 0 < shared.area / length < 20, "a line or two"
        # Every place of the ground between the two has a pixel in one of them.
        together = shapely.union(first, second).buffer(-15)
        assert together.geom_type == "Polygon"
        west, south, east, north = shared.buffer(300).bounds
        x, y = np.meshgrid(np.arange(west, east, 5.0), np.arange(south, north, 5.0))
        covered = np.zeros(x.shape, bool)
        for image in images:
            grid = band(image, "VV")
            valid = np.isfinite(read(image, "VV"))
            col, row = (np.floor(place).astype(int) for place in grid.colrow(x, y))
            there = (col >= 0) & (col < grid.width) & (row >= 0) & (row < grid.height)
            covered[there] |= valid[row[there], col[there]]
        assert covered[shapely.contains_xy(together, x, y)].all()


def test_seam_and_swath_edge_of_the_nearest_pass_cross_the_block(simulated: Simulated) -> None:
    block = block_box()
    images = simulated.of(simulated.nearest)
    rings = [ring_in(WORLD, image) for image in images]
    assert len(rings) == 2
    assert all(ring.intersection(block).area > 0.1 * block.area for ring in rings)
    seam = rings[0].intersection(rings[1]).minimum_rotated_rectangle
    corners = np.array(seam.exterior.coords)
    sides = np.diff(corners, axis=0)
    east, north = sides[np.argmax(np.hypot(*sides.T))]
    # Perpendicular to a heading of 12° west of north, or of south.
    tilt = 12 if simulated.nearest.orbit_direction == "ascending" else 168
    assert np.degrees(np.arctan2(north, east)) % 180 == pytest.approx(tilt, abs=1)
    covered = shapely.union_all(rings).intersection(block).area / block.area
    assert 0.4 < covered < 0.9


def block_box() -> Polygon:
    return box(*TARGET.grid.window(BLOCK.first_col * 120, BLOCK.first_row * 120, 960, 960).bounds)


def test_several_passes_serve_the_patches_and_none_is_left_out(simulated: Simulated) -> None:
    areas = {
        each.key: shapely.union_all([ring_in(WORLD, image) for image in simulated.of(each)]).buffer(1)
        for each in simulated.passes
    }
    by_time = sorted(simulated.passes, key=lambda each: abs(each.acquired - TARGET.acquired))
    serving = {}
    for col, row in TARGET.patches():
        patch = box(*TARGET.patch_grid(col, row).bounds)
        serving[col, row] = next(each.key for each in by_time if areas[each.key].contains(patch))
    assert len(serving) == 64
    assert len(set(serving.values())) == 3
    seam = shapely.intersection_all([ring_in(WORLD, image) for image in simulated.of(simulated.nearest)])
    astride = [
        place for place, key in serving.items()
        if key == simulated.nearest.key and seam.intersects(box(*TARGET.patch_grid(*place).bounds))
    ]  # fmt: skip
    assert astride, "patches that only the joined slices contain"


def test_scenes_have_grids_of_their_own_one_in_the_neighbouring_zone(simulated: Simulated) -> None:
    grids = [band(image, "VV") for image in simulated.images]
    assert {grid.crs for grid in grids} == {"EPSG:32633", "EPSG:32632"}
    assert all((grid.transform[0], grid.transform[4]) == (10.0, -10.0) for grid in grids)
    origins = {(grid.transform[2] % 10, grid.transform[5] % 10) for grid in grids}
    assert len(origins) == len(grids)
    assert all(0 < x < 10 and 0 < y < 10 for x, y in origins)


# Names and properties.


def test_names_orbits_and_times_agree(simulated: Simulated) -> None:
    assert 6 <= len(simulated.images) <= 8
    assert len(simulated.passes) == 5
    assert {each.orbit_direction for each in simulated.passes} == {"ascending", "descending"}
    assert len({each.relative_orbit for each in simulated.passes}) == 4
    for image in simulated.images:
        scene = scene_of(image)
        assert scene.name is not None
        assert scene.name.relative_orbit == scene.relative_orbit
        assert scene.name.absolute_orbit == scene.absolute_orbit
        assert scene.name.start == scene.acquired
        about = image.properties
        assert about["system:time_start"] % 1000 == 0
        assert 0 < about["startTimeANX"] < about["stopTimeANX"] < 5_925_000
        assert about["orbitProperties_ascendingNodeTime"] + about["startTimeANX"] == about["system:time_start"]
        # The satellite crosses the equator at the node, and 48° N on its way up or down.
        part = about["startTimeANX"] / 5_924_571
        assert part == pytest.approx(48.2 / 360 if scene.orbit_direction == "ascending" else 0.5 - 48.2 / 360, abs=0.02)
    for each in simulated.passes:
        for before, after in zip(each.slices, each.slices[1:], strict=False):
            assert before.name is not None
            assert after.name is not None
            assert before.name.stop == after.name.start
            assert before.name.datatake == after.name.datatake
            assert before.name.unique_id != after.name.unique_id


def test_properties_are_those_of_a_real_image_and_say_that_it_is_none(simulated: Simulated) -> None:
    for image in simulated.images:
        about = image.properties
        assert image.simulated
        assert (about["simulation:seed"], about["simulation:looks"]) == (SEED, LOOKS)
        assert about["simulation:world_crs"] == WORLD
        assert (about["instrumentMode"], about["resolution"], about["resolution_meters"]) == ("IW", "H", 10)
        assert about["transmitterReceiverPolarisation"] == ["VV", "VH"]
        assert [(band.name, band.data_type) for band in image.bands] == [
            ("VV", "double"), ("VH", "double"), ("angle", "float"),
        ]  # fmt: skip
        assert read(image, "VV").dtype == np.float32
    folder = simulated.path / "COPERNICUS" / "S1_GRD"
    assert "Simulated" in (folder / "collection.json").read_text()
    assert "Simulated" in (folder / simulated.images[0].index / f"{simulated.images[0].index}.json").read_text()


@pytest.mark.shared_data
def test_properties_are_a_subset_of_a_real_images(simulated: Simulated, shared_data: Path) -> None:
    import json

    real = json.loads(next((shared_data / "s1_grd").iterdir()).joinpath("metadata.json").read_text())
    own = {
        key: value
        for key, value in simulated.images[0].properties.items()
        if not key.startswith(("simulat", "catalog:"))
    }
    assert own.keys() <= real.keys()
    assert {key: type(value) for key, value in own.items()} == {key: type(real[key]) for key in own}


# Running it.


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for name, workers in (("a", 1), ("b", 3)):
        simulate(tmp_path / name, [TINY], seed=3, passes=4, margin_m=900, workers=workers)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    simulate(tmp_path / "c", [TINY], seed=4, passes=4, margin_m=900)
    assert digests(tmp_path / "c").keys() != digests(tmp_path / "a").keys()


def test_an_interrupted_simulation_goes_on_where_it_stopped(tmp_path: Path) -> None:
    calls: list[tuple[int, int, str]] = []

    def interrupt(*call: Any) -> None:
        calls.append(call)
        if call[0] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(tmp_path / "a", [TINY], passes=3, margin_m=500, progress=interrupt)
    assert len(list(Catalog.open(tmp_path / "a").images("COPERNICUS/S1_GRD"))) == 2
    report = simulate(tmp_path / "a", [TINY], passes=3, margin_m=500, progress=lambda *call: calls.append(call))
    assert [scene.kept for scene in report.scenes] == [True, True, False, False]
    assert calls[-1] == (4, 4, "")
    simulate(tmp_path / "b", [TINY], passes=3, margin_m=500)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_a_simulation_is_not_mixed_with_one_of_other_options(tmp_path: Path) -> None:
    first = simulate(tmp_path, [TINY], passes=2, margin_m=500)
    with pytest.raises(CatalogError, match="other options"):
        simulate(tmp_path, [TINY], passes=2, margin_m=500, looks=3)
    second = simulate(tmp_path, [TINY], passes=2, margin_m=500, looks=3, overwrite=True)
    assert sorted(second.removed) == sorted(scene.id for scene in first.scenes)
    left = {image.id for image in Catalog.open(tmp_path).images("COPERNICUS/S1_GRD")}
    assert left == {scene.id for scene in second.scenes}


def test_several_targets_share_a_catalog(tmp_path: Path) -> None:
    product = S2ProductName.parse("S2B_MSIL2A_20180204T094159_N9999_R036_T35VNL")
    other = Target.of_product(product, PatchBlock(10, 11, 10, 11))
    report = simulate(tmp_path, [TINY, other], passes=2, margin_m=300)
    assert {scene.target_key for scene in report.scenes} == {TINY.key, other.key}
    assert len(list(Catalog.open(tmp_path).images("COPERNICUS/S1_GRD"))) == len(report.scenes) == 6


@pytest.mark.parametrize(
    "options",
    [{"seed": -1}, {"looks": 0.0}, {"looks": float("nan")}, {"passes": 0}, {"passes": 9}, {"margin_m": -1.0},
     {"margin_m": float("inf")}],
)  # fmt: skip
def test_options_out_of_range_are_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        simulate(tmp_path / "catalog", [TINY], **options)
    assert not (tmp_path / "catalog").exists()
    with pytest.raises(InputError, match="more than once"):
        simulate(tmp_path / "catalog", [TINY, TINY])
