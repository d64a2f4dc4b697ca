"""With the published choice, the published names come back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import rasterio

from gee_s1ben.cli.app import run
from gee_s1ben.config import load_config
from gee_s1ben.domain.scene import Scene
from gee_s1ben.domain.tile import Target, tile_grid
from gee_s1ben.engine.catalog import Catalog
from gee_s1ben.pipeline.candidates import Answer
from gee_s1ben.pipeline.exclusion import DIRECTIONS, Excluded, Nearby, Refused
from gee_s1ben.pipeline.match import TargetMatch, match_target
from gee_s1ben.pipeline.patch_names import s2_names
from gee_s1ben.pipeline.published import assign_published
from gee_s1ben.pipeline.selection import Rules
from gee_s1ben.published import Pair, choice, pairs

PRODUCT = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"
SCENE = "S1A_IW_GRDH_1SDV_20170613T165043_20170613T165108_017018_01C5A5_2C9D"
RULES = Rules(("VV", "VH"), 6)


def target_of(text: str, folder: Path, layout: str = "v2") -> tuple[Target, ...]:
    path = folder / "config.yaml"
    path.write_text(f"preset: published\ndataset: {{layout: {layout}}}\n{text}", "utf-8")
    return load_config(path).targets()


def published(target: Target) -> Iterator[Pair]:
    return (one for one in pairs() if (one.product.tile, one.product.acquired) == (target.name, target.acquired))


def scene(label: str, target: Target, **changes: object) -> Scene:
    found = choice(target.name, target.acquired)
    assert found is not None
    one = next(each for each in found.scenes if each.label == label)
    ring = ((12.0, 47.5), (14.5, 47.5), (14.5, 49.0), (12.0, 49.0), (12.0, 47.5))
    made = Scene(
        f"C/S/{label}_a", f"{label}_a", one.acquired, one.platform, 1, 1, "ascending", ("VV", "VH", "angle"), ring
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_every_patch_gets_its_published_scene(tmp_path: Path) -> None:
    (target,) = target_of(f"tiles: [{PRODUCT}]\n", tmp_path, "v1")
    expected = {(one.col, one.row): one.scene for one in published(target)}
    assert set(target.patches()) == set(expected)
    scenes = [scene(label, target) for label in sorted(set(expected.values()))]
    got = assign_published(target, scenes, RULES)
    assert not got.absent
    assert {cell: group.scene for group in got.groups for cell in group.cells} == {
        cell: f"C/S/{label}_a" for cell, label in expected.items()
    }
    assert all(group.sources == (group.scene,) for group in got.groups)
    assert len(got.passes) == len(scenes)


def test_a_scene_that_is_not_there_is_named(tmp_path: Path) -> None:
    (target,) = target_of(f"tiles: [{PRODUCT}]\n", tmp_path, "v1")
    labels = sorted({one.scene for one in published(target)})
    missing, bare, *rest = labels
    scenes = [scene(bare, target, bands=("VV",)), *(scene(label, target) for label in rest)]
    got = assign_published(target, scenes, RULES)
    counts = {label: sum(one.scene == label for one in published(target)) for label in labels}
    assert {group.reason: len(group.cells) for group in got.absent} == {
        f"{missing} is not in the collection": counts[missing],
        f"scene {bare}_a has no VH": counts[bare],
    }
    far = assign_published(target, [], replace(RULES, window_days=0.1))
    assert all("days away; match.window_days is 0.1" in group.reason for group in far.absent)


def test_a_product_that_was_processed_again_is_the_same_scene(tmp_path: Path) -> None:
    (target,) = target_of(f"tiles: [{PRODUCT}]\n", tmp_path, "v1")
    label = next(published(target)).scene
    old = scene(label, target)
    again = replace(old, id=f"C/S/{label}_b", index=f"{label}_b")
    later = replace(old, id=f"C/S/{label}_z", acquired=old.acquired + timedelta(seconds=25))
    got = assign_published(target, [again, old, later], RULES)
    assert {group.scene for group in got.groups} == {f"C/S/{label}_b"}


def test_of_a_scene_that_was_processed_again_the_newest_counts(tmp_path: Path) -> None:
    (target,) = target_of(f"tiles: [{PRODUCT}]\n", tmp_path, "v1")
    label = next(published(target)).scene
    old = scene(label, target)
    newest = replace(old, id=f"C/S/{label}_0", index=f"{label}_0", processed_ms=(2e12,))
    other = replace(old, id=f"C/S/{label}_z", index=f"{label}_z", processed_ms=(1e12,))
    got = assign_published(target, [newest, old, other], RULES)
    assert {group.scene for group in got.groups} == {newest.id}
    bare = replace(newest, bands=("VV",))
    got = assign_published(target, [bare, old, other], RULES)
    assert {group.scene for group in got.groups} == {other.id}


def test_a_scene_that_is_there_and_does_not_serve_is_named(tmp_path: Path) -> None:
    (target,) = target_of(f"tiles: [{PRODUCT}]\n", tmp_path, "v1")
    refused, excluded, *_ = sorted({one.scene for one in published(target)})
    nearby = Nearby(
        refused=(Refused(f"{refused}_x", "it is odd", (), None),),
        excluded=(Excluded(scene(excluded, target), (DIRECTIONS,)),),
    )
    reasons = {group.reason for group in assign_published(target, [], RULES, nearby).absent}
    assert f"scene {refused}_x cannot be used: it is odd" in reasons
    assert f"{excluded} is there, but match.directions excludes ascending passes" in reasons


def test_run_makes_published_patches_under_their_names(tmp_path: Path) -> None:
    grid = tile_grid("33UUP")
    left, top = grid.xy(68 * 120, 46 * 120)
    for band in ("VV", "VH"):
        with rasterio.open(
            tmp_path / f"{band}.tif", "w", driver="GTiff", width=480, height=480, count=1, dtype="float32",
            crs=grid.crs, transform=rasterio.Affine(10, 0, left, 0, -10, top),
        ) as file:  # fmt: skip
            file.write(np.random.default_rng(1).normal(-12, 2, (1, 480, 480)).astype(np.float32))
    Catalog.create(tmp_path / "catalog").add(
        f"COPERNICUS/S1_GRD/{SCENE}", {"orbitProperties_pass": "ASCENDING"},
        [tmp_path / "VV.tif", tmp_path / "VH.tif"], band_names=["VV", "VH"],
    )  # fmt: skip
    block = f"tiles:\n  - product: {PRODUCT}\n    patches: {{columns: [68, 71], rows: [46, 49]}}\n"
    (target,) = target_of(block, tmp_path)
    assert run(["run", "--config", str(tmp_path / "config.yaml"), "-q"]) == 0
    wanted = {
        str(one.s1_name) for one in published(target)
        if one.scene == SCENE[:32] and 68 <= one.col <= 71 and 46 <= one.row <= 49
    }  # fmt: skip
    made = {path.name for path in (tmp_path / "out/BigEarthNet/BigEarthNet-S1").glob("*/*")}
    assert len(made) == 16
    assert made == wanted


@pytest.mark.parametrize(("layout", "patches", "products"), [("v1", 590_326, 125), ("v2", 551_025, 119)])
def test_the_whole_of_bigearthnet_is_wanted_by_default(
    tmp_path: Path, layout: str, patches: int, products: int
) -> None:
    """Version 2 has 549,488 of these 551,025: its list of snow and cloud is shorter than version 1's."""
    targets = target_of("", tmp_path, layout)
    assert len(targets) == products
    assert sum(len(list(target.patches())) for target in targets) == patches


def test_names_of_version_1_follow_its_table(tmp_path: Path) -> None:
    targets = target_of("", tmp_path, "v1")
    config = load_config(tmp_path / "config.yaml")
    names: set[str] = set()
    for target in targets[:40]:
        names.update(s2_names(config, target, target.patches()))
    keys = {(target.name, target.acquired) for target in targets[:40]}
    assert names == {str(one.s2_name_v1) for one in pairs() if (one.product.tile, one.product.acquired) in keys}


def test_names_are_the_targets_own_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"tiles: [{PRODUCT}, {{tile: 33UVP, acquired: 2017-06-13T10:10:31Z}}]\n", "utf-8")
    config = load_config(path)
    for target in config.targets():
        cells = [(0, 0), (7, 12), (90, 5)]
        assert s2_names(config, target, cells) == [target.s2_patch(col, row) for col, row in cells]


def test_matching_takes_the_published_choice(tmp_path: Path, ee_session: Callable[..., object]) -> None:
    (target,) = target_of(f"tiles: [{PRODUCT}]\n", tmp_path)
    entry = {
        "system:index": SCENE, "system:time_start": 1497372643000, "platform_number": "A", "orbitNumber_start": 17018,
        "relativeOrbitNumber_start": 146, "orbitProperties_pass": "ASCENDING", "bands": ["VV", "VH", "angle"],
        "footprint": [[13, 48], [14, 48], [14, 49], [13, 48]],
    }  # fmt: skip
    matched = match_target(load_config(tmp_path / "config.yaml"), target, Answer([entry]))
    assert isinstance(matched, TargetMatch)
    (group,) = matched.assignment.groups
    assert set(group.cells) == {(one.col, one.row) for one in published(target) if one.scene == SCENE[:32]} & set(
        target.patches()
    )
