"""Scenes that serve nothing are named with the reason, and stop neither other scenes nor other targets."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from gee_s1ben.config import Config, load_config
from gee_s1ben.domain.scene import group_passes
from gee_s1ben.engine.catalog import Catalog
from gee_s1ben.errors import InputError, ServiceError
from gee_s1ben.pipeline.candidates import Answer
from gee_s1ben.pipeline.coverage import TileCoverage, coverage_data, coverage_lines, tile_coverage
from gee_s1ben.pipeline.match import TargetMatch, check_matched, match, match_target
from gee_s1ben.pipeline.workspace import Workspace

NOON = datetime(2017, 6, 13, 12, tzinfo=UTC)
COLLECTION = "COPERNICUS/S1_GRD"
PLACES = {"first": 13.0, "second": 23.0, "third": 33.0}
"""Western edges of places of a degree, far from one another."""


def product(hours: float, platform: str = "A", orbit: int = 17018, unique: str = "0001", datatake: str = "") -> str:
    start = NOON + timedelta(hours=hours)
    return (
        f"S1{platform}_IW_GRDH_1SDV_{start:%Y%m%dT%H%M%S}_{start + timedelta(seconds=25):%Y%m%dT%H%M%S}_{orbit:06d}"
        f"_{datatake or f'{orbit:06X}'}_{unique}"
    )


class Folder:
    """A catalog, and jobs on it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.catalog = Catalog.create(path / "catalog")
        self.collection = path / "catalog" / COLLECTION

    def add(self, place: str, index: str, bands: tuple[str, ...] = ("VV", "VH"), **properties: Any) -> str:
        raster = self.path / "scene.tif"
        with rasterio.open(
            raster, "w", driver="GTiff", width=4, height=4, count=len(bands), dtype="float32", crs="EPSG:4326",
            transform=rasterio.Affine(0.25, 0, PLACES[place], 0, -0.25, 49),
        ) as file:  # fmt: skip
            file.write(np.full((len(bands), 4, 4), -12, np.float32))
        known = {"orbitProperties_pass": "ASCENDING", **properties}
        return self.catalog.add(f"{COLLECTION}/{index}", known, [raster], band_names=bands).index

    def change(self, index: str, **properties: Any) -> None:
        """Write into an item what the catalog refuses: as another program, or an older version, would."""
        path = self.collection / index / f"{index}.json"
        item = json.loads(path.read_text("utf-8"))
        item["properties"]["ee:properties"].update(properties)
        path.write_text(json.dumps(item), "utf-8")

    def rename(self, index: str, name: str) -> None:
        shutil.move(self.collection / index / f"{index}.json", self.collection / index / f"{name}.json")
        shutil.move(self.collection / index, self.collection / name)
        for path in (self.collection / "collection.json", self.collection / name / f"{name}.json"):
            path.write_text(path.read_text("utf-8").replace(index, name), "utf-8")

    def matched(self, places: str = "first", **settings: Any) -> tuple[dict[str, TileCoverage], str]:
        """Match; return what became of the targets by place, and the line that ends a job without a patch."""
        tiles = [
            {
                "name": place, "crs": "EPSG:4326", "transform": [1e-4, 0, PLACES[place] + 0.5, 0, -1e-4, 48.5],
                "width": 240, "height": 240, "acquired": f"{NOON:%Y-%m-%dT%H:%M:%SZ}",
            }
            for place in places.split()
        ]  # fmt: skip
        path = self.path / "config.yaml"
        path.write_text(json.dumps({"tiles": tiles, **settings}), "utf-8")
        config = load_config(path)
        workspace = Workspace(self.path / "work")
        index = match(config, workspace)
        found = {
            place: tile_coverage(config, workspace.load(f"match/{key}", TargetMatch, "match"))
            for place, key in zip(places.split(), index.targets, strict=True)
        }
        try:
            check_matched(config, workspace, index)
        except InputError as error:
            return found, str(error)
        return found, ""


@pytest.fixture
def folder(tmp_path: Path, ee_on: Callable[[Path], Any]) -> Iterator[Folder]:
    made = Folder(tmp_path)
    with ee_on(tmp_path / "catalog"):
        yield made


def test_odd_scenes_stop_nothing_and_are_named(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    good = folder.add("first", product(30))
    odd: dict[str, tuple[dict[str, Any], str]] = {
        product(1): ({"relativeOrbitNumber_start": None}, "it has no 'relativeOrbitNumber_start'"),
        product(2): ({"orbitNumber_start": "many"}, "'orbitNumber_start' is 'many', not a whole number"),
        product(3): ({"relativeOrbitNumber_start": 0}, "is 0, not a whole number from 1 to 175"),
        product(4): ({"orbitNumber_start": 99}, "but its name says 17018"),
        "own_scene": ({"orbitNumber_start": {"a": 1}}, "not a whole number"),
    }
    for index, (properties, _) in odd.items():
        own = {} if index.startswith("S1A") else {
            "system:time_start": round(NOON.timestamp() * 1000), "instrumentMode": "IW", "platform_number": "A",
            "orbitNumber_start": 1, "relativeOrbitNumber_start": 1,
        }  # fmt: skip
        folder.add("first", index, **own)
        folder.change(index, **properties)
    safe = f"{folder.add('first', product(5))}"
    folder.rename(safe, f"{safe}.SAFE")
    # What the service is asked by leaves these out; they are named where a patch is absent.
    for place, index in (("first", product(6)), ("second", product(7))):
        folder.add(place, index)
        folder.change(index, transmitterReceiverPolarisation="VV VH")
    for hours, properties in ((8, {"orbitProperties_pass": "up"}), (9, {"instrumentMode": None})):
        folder.add("third", product(hours))
        folder.change(product(hours), **properties)
    with caplog.at_level(logging.WARNING):
        tiles, _ = folder.matched("first second third")
    first, second, third = tiles["first"], tiles["second"], tiles["third"]
    assert (first.served, second.served, third.served) == (4, 0, 0)
    assert [one["pass"] for one in first.passes] == ["S1A_017018"]
    reasons = {one.scene: one.reason for one in first.left_out}
    assert set(reasons) == {*odd, f"{safe}.SAFE"}
    for index, (_, words) in odd.items():
        assert words in reasons[index]
    assert "cannot name a scene" in reasons[f"{safe}.SAFE"]
    (group,) = second.uncovered
    assert group.reason == (
        f"no usable Sentinel-1 scene within 6 days; scene {product(7)} cannot be used: "
        "'transmitterReceiverPolarisation' is 'VV VH', not a list of VV, VH, HH, HV"
    )
    (group,) = third.uncovered
    assert group.reason.startswith(f"no usable Sentinel-1 scene within 6 days; scene {product(8)} cannot be used: 'orb")
    assert group.reason.endswith("; and 1 more cannot")
    assert {one.scene: one.reason.rpartition(": ")[2] for one in third.left_out} == {
        product(8): "'orbitProperties_pass' is 'up', not ASCENDING or DESCENDING",
        product(9): "it has no 'instrumentMode'",
    }
    (warning,) = [record.message for record in caplog.records if "left out" in record.message]
    assert warning.startswith("9 scenes are left out, all named in coverage.txt: scene S1A_")
    report = coverage_data([first])["by_tile"][0]
    assert {one["scene"] for one in report["left_out"]} == set(reasons)
    text = list(coverage_lines([first]))
    assert all(f"  left out: {reason}" in text for reason in reasons.values())
    assert good not in reasons


def test_a_patch_whose_only_scene_is_refused_says_so(folder: Folder) -> None:
    """Another pass is near, but reaches no patch of the target."""
    folder.add("first", product(1))
    folder.change(product(1), relativeOrbitNumber_start=None)
    folder.add("first", product(30))
    ring = [[13.0, 48.0], [13.505, 48.0], [13.505, 49.0], [13.0, 49.0], [13.0, 48.0]]
    folder.change(product(30), **{"system:footprint": {"type": "LinearRing", "coordinates": ring}})
    tiles, message = folder.matched()
    (group,) = tiles["first"].uncovered
    assert group.reason == f"scene {product(1)} cannot be used: it has no 'relativeOrbitNumber_start'"
    assert len(group.cells) == 4
    assert group.reason in message


def test_a_patch_across_a_refused_slice_and_its_neighbour_says_so(folder: Folder) -> None:
    for hours, south, north in ((1, 48.482, 49.0), (1 + 25 / 3600, 47.9, 48.482)):
        folder.add("first", product(hours))
        ring = [[13.0, south], [14.0, south], [14.0, north], [13.0, north], [13.0, south]]
        folder.change(product(hours), **{"system:footprint": {"type": "LinearRing", "coordinates": ring}})
    tiles, _ = folder.matched()
    assert tiles["first"].served == 4
    folder.change(product(1), orbitNumber_start=0)
    tiles, _ = folder.matched()
    # The first row lies in the refused slice, the second across the seam.
    (group,) = tiles["first"].uncovered
    assert group.reason == (
        f"scene {product(1)} cannot be used: 'orbitNumber_start' is 0, not a whole number from 1 to 999999"
    )
    assert len(group.cells) == 4


def test_the_rule_that_excluded_most_is_named(folder: Folder) -> None:
    for hours in (1, 2, 3):
        folder.add("first", product(hours, orbit=17000 + hours))
    for hours in (4, 5):
        folder.add("first", product(hours, "B", 6000 + hours), orbitProperties_pass="DESCENDING")
    folder.add("second", product(1, orbit=17100), instrumentMode="EW", resolution_meters=40)
    folder.add("third", product(24 * 9.26, orbit=17200))

    def reason(places: str = "first", **settings: Any) -> str:
        tiles, message = folder.matched(places, **settings)
        (group,) = tiles[places].uncovered
        assert message.startswith(f"no patch of {places}_20170613T120000 can be made: {group.reason}")
        # What else there is to do is said where no rule is named.
        assert ("widen" in message) == (group.reason == nothing)
        return str(group.reason)

    nothing = "no Sentinel-1 scene within 6 days"

    assert reason(match={"platforms": ["C"]}) == (
        "no Sentinel-1C scene; 5 scenes of other platforms within 6 days: match.platforms"
    )
    assert reason(match={"platforms": ["C", "D"], "directions": ["ascending"], "window_days": 2}) == (
        "no Sentinel-1C or Sentinel-1D scene; 5 scenes of other platforms within 2 days: match.platforms"
    )
    assert reason(match={"platforms": ["B"], "directions": ["ascending"]}) == (
        "no Sentinel-1B scene; 3 scenes of other platforms within 6 days: match.platforms"
    )
    assert reason(match={"platforms": ["A"], "directions": ["descending"]}) == (
        "no descending scene; 3 ascending scenes within 6 days: match.directions"
    )
    assert reason(radar={"polarisations": ["HH", "VV"]}) == (
        "no scene with HH and VV; 5 scenes without HH within 6 days: radar.polarisations"
    )
    assert "1 scene of another mode within 6 days" in reason("second")
    assert reason("third") == f"{nothing}; the nearest is 9.3 days away: match.window_days"
    assert reason("third", match={"window_days": 1}) == (
        "no Sentinel-1 scene within 1 day; the nearest is 9.3 days away: match.window_days"
    )
    # Farther than is looked: nothing more is said.
    assert reason("third", match={"platforms": ["B"]}) == nothing


def test_patches_that_an_excluded_pass_contains_name_its_rule(folder: Folder) -> None:
    folder.add("first", product(1, "B", 6001))
    folder.add("first", product(30))
    half = [[13.0, 48.0], [13.5125, 48.0], [13.5125, 49.0], [13.0, 49.0], [13.0, 48.0]]
    folder.change(product(30), **{"system:footprint": {"type": "LinearRing", "coordinates": half}})
    tiles, _ = folder.matched(match={"platforms": ["A"]})
    (group,) = tiles["first"].uncovered
    assert group.reason == "S1B_006001 contains it, but match.platforms excludes Sentinel-1B"
    assert (len(group.cells), tiles["first"].served) == (2, 2)


def test_an_empty_collection_and_none_at_all(folder: Folder) -> None:
    with pytest.raises(ServiceError, match=r"catalog has no collection COPERNICUS/S1_GRD: set match\.collection"):
        folder.matched()
    folder.catalog.remove(f"{COLLECTION}/{folder.add('first', product(1))}")
    tiles, message = folder.matched()
    (group,) = tiles["first"].uncovered
    assert group.reason == "the collection COPERNICUS/S1_GRD has no image: match.collection"
    assert "add scenes to" in message
    assert "widen" not in message


@pytest.mark.parametrize("joined", [True, False])
def test_the_newest_processing_alone_serves(folder: Folder, joined: bool) -> None:
    old = folder.add("first", product(1, unique="FFFF"), GRD_Post_Processing_start=1_497_400_000_000)
    new = folder.add("first", product(1, unique="0A0E"), GRD_Post_Processing_start=1_600_000_000_000)
    tiles, _ = folder.matched(match={"join_slices": joined})
    (one,) = tiles["first"].left_out
    assert (one.scene, one.replaced_by) == (old, new)
    assert one.reason == f"scene {old} was processed again: {new} is newer"
    matched = Workspace(folder.path / "work").load("match/first_20170613T120000", TargetMatch, "match")
    (group,) = matched.assignment.groups
    assert group.sources == (f"{COLLECTION}/{new}",)
    assert [scene.index for scene in matched.scenes] == [new]
    # Where the newer cannot serve, the older does.
    folder.change(new, relativeOrbitNumber_start=None)
    tiles, _ = folder.matched(match={"join_slices": joined})
    assert [one.scene for one in tiles["first"].left_out] == [new]
    assert tiles["first"].served == 4


def test_an_older_cut_out_of_another_place_serves_where_the_newer_is_not(folder: Folder) -> None:
    folder.add("first", product(1, unique="FFFF"), GRD_Post_Processing_start=1_497_400_000_000)
    new = folder.add("first", product(1, unique="0A0E"), GRD_Post_Processing_start=1_600_000_000_000)
    half = [[13.0, 48.0], [13.5125, 48.0], [13.5125, 49.0], [13.0, 49.0], [13.0, 48.0]]
    folder.change(new, **{"system:footprint": {"type": "LinearRing", "coordinates": half}})
    tiles, _ = folder.matched()
    assert not tiles["first"].left_out
    assert tiles["first"].served == 4


def test_a_target_that_cannot_be_matched_stops_no_other(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    from gee_s1ben.pipeline import match as matching

    folder.add("first", product(1))
    folder.add("second", product(2))
    assign = matching.assign

    def failing(target: Any, *rest: Any) -> Any:
        if target.name == "first":
            raise InputError("an odd thing")
        return assign(target, *rest)

    monkeypatch.setattr(matching, "assign", failing)
    tiles, _ = folder.matched("first second")
    assert [group.reason for group in tiles["first"].uncovered] == ["its scenes cannot be matched: an odd thing"]
    assert tiles["second"].served == 4


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    path = tmp_path_factory.mktemp("one") / "config.yaml"
    path.write_text(
        "tiles: [{name: one, crs: 'EPSG:4326', transform: [1.0e-4, 0, 13.5, 0, -1.0e-4, 48.5], width: 120, height: 120,"
        f" acquired: {NOON:%Y-%m-%dT%H:%M:%SZ}}}]\n"
    )
    return load_config(path)


@st.composite
def entries(draw: st.DrawFn) -> list[dict[str, Any]]:
    """What a service may say: some scenes twice processed, some odd, some across the node."""
    made = {}
    for _ in range(draw(st.integers(1, 8))):
        orbit, number = draw(st.integers(17018, 17019)), draw(st.integers(0, 3))
        hours = 1 + 25 * number / 3600
        index = product(hours, orbit=orbit, unique=f"{draw(st.integers(0, 2)):04X}", datatake="01C579")
        made[index] = {
            "system:index": index, "system:time_start": round((NOON + timedelta(hours=hours)).timestamp() * 1000),
            "platform_number": draw(st.sampled_from(["A", "A", "A", "E"])), "orbitNumber_start": orbit,
            "relativeOrbitNumber_start": draw(st.sampled_from([1, 2, 2, 176, None])),
            "orbitProperties_pass": draw(st.sampled_from(["ASCENDING", "DESCENDING"])), "bands": ["VV", "VH"],
            "footprint": [[13, 48], [14, 48], [14, 49], [13, 49], [13, 48]],
            "GRD_Post_Processing_start": draw(st.sampled_from([None, 1.4e12, 1.5e12])),
        }  # fmt: skip
    return list(made.values())


@settings(max_examples=40, deadline=None)
@given(found=entries(), random=st.randoms(use_true_random=False))
def test_each_scene_is_in_one_pass_or_left_out_whatever_the_order(
    config: Config, found: list[dict[str, Any]], random: Random
) -> None:
    (target,) = config.targets()
    matched = match_target(config, target, Answer(found))
    inside = [scene.index for one in group_passes(matched.scenes) for scene in one.slices]
    outside = [one.scene for one in matched.left_out]
    assert sorted([*inside, *outside]) == sorted(entry["system:index"] for entry in found)
    odd = {
        entry["system:index"]
        for entry in found
        if entry["platform_number"] == "E" or entry["relativeOrbitNumber_start"] not in (1, 2)
    }
    assert {one.scene for one in matched.left_out if not one.replaced_by} == odd
    assert all(one.reason.startswith(f"scene {one.scene} ") for one in matched.left_out)
    # All cover the patch: the nearest pass serves it, and no source is another processing of another source.
    if inside:
        (group,) = matched.assignment.groups
        assert len({source.rpartition("_")[0] for source in group.sources}) == len(group.sources)
    again = match_target(config, target, Answer(random.sample(found, len(found))))
    assert (again.assignment, again.scenes) == (matched.assignment, matched.scenes)
    assert set(again.left_out) == set(matched.left_out)


def test_what_is_excluded_is_asked_for_once(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    from gee_s1ben.pipeline import candidates

    asked: list[str] = []
    compute = candidates.compute_value

    def counted(graph: Any, what: str) -> Any:
        asked.append(what)
        return compute(graph, what)

    monkeypatch.setattr(candidates, "compute_value", counted)
    for hours, place in ((1, "first"), (2, "second")):
        folder.add(place, product(hours))
    for settings_, requests in (({}, 1), ({"match": {"platforms": ["B"]}}, 2), ({"match": {"window_days": 0.01}}, 3)):
        asked.clear()
        folder.matched("first second", **settings_)
        assert len(asked) == requests
