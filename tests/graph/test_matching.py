"""The join that finds scenes for targets, evaluated by the service through the real client."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import rasterio

from gee_s1ben.domain.scene import OrbitDirection
from gee_s1ben.graph.matching import SceneFilter, Span, candidate_scenes, target_feature
from gee_s1ben.session.computing import compute_value

COLLECTION = "COPERNICUS/S1_GRD"
NOON = datetime(2017, 6, 13, 12, tzinfo=UTC)
BOTH: tuple[OrbitDirection, ...] = ("ascending", "descending")
DAY_MS = 86_400_000


def milliseconds(when: datetime) -> int:
    return round(when.timestamp() * 1000)


def square(lon: float, lat: float, side: float = 1.0) -> list[tuple[float, float]]:
    east, north = lon + side, lat + side
    return [(lon, lat), (east, lat), (east, north), (lon, north), (lon, lat)]


def target(key: str, lon: float, lat: float, when: datetime = NOON):
    return target_feature(key, square(lon, lat), milliseconds(when))


@pytest.fixture
def add(scenes):
    """Put a scene of one degree a side into the catalog."""

    def scene(index: str, lon: float, lat: float, when: datetime, **properties: object) -> None:
        path = scenes.folder / f"{index}.tif"
        with rasterio.open(
            path, "w", driver="GTiff", width=8, height=8, count=2, dtype="float32", crs="EPSG:4326",
            transform=rasterio.Affine(1 / 8, 0, lon, 0, -1 / 8, lat + 1),
        ) as file:  # fmt: skip
            file.write(np.full((2, 8, 8), -12.0, np.float32))
        known = {
            "system:time_start": milliseconds(when),
            "instrumentMode": "IW",
            "orbitProperties_pass": "ASCENDING",
            "platform_number": "A",
            "orbitNumber_start": 17018,
            "relativeOrbitNumber_start": 146,
        }
        scenes.catalog.add(f"{COLLECTION}/{index}", {**known, **properties}, [path], band_names=["VV", "VH"])

    return scene


def scene_filter(directions=BOTH, platforms=("A", "B"), polarisations=("VV", "VH")) -> SceneFilter:
    return SceneFilter(COLLECTION, tuple(directions), tuple(platforms), tuple(polarisations))


def found(targets, directions=BOTH, days: float = 6, **options) -> dict[str, list[str]]:
    """Target key → indexes of its scenes, in the order of the answer."""
    given = {name: options.pop(name) for name in ("platforms", "polarisations") if name in options}
    asked = candidate_scenes(targets, scene_filter(directions, **given), window_ms=round(days * DAY_MS), **options)
    answer: dict[str, list[str]] = {}
    for scene in compute_value(asked):
        for key in scene["targets"]:
            answer.setdefault(key, []).append(scene["system:index"])
    return answer


def test_each_target_gets_the_scenes_that_touch_it(add) -> None:
    add("late", 13.2, 48.2, NOON + timedelta(days=2))
    add("early", 12.8, 48.4, NOON - timedelta(days=3))
    add("between", 14.5, 48.0, NOON)  # touches only the second target
    add("elsewhere", 30.0, 10.0, NOON)
    assert found([target("first", 13, 48), target("second", 14.1, 48)]) == {
        "first": ["early", "late"],
        "second": ["between", "late"],
    }


def test_a_target_without_a_scene_is_not_in_the_answer(add) -> None:
    add("scene", 13, 48, NOON)
    assert found([target("there", 13, 48), target("alone", -60, -3)]) == {"there": ["scene"]}


def test_a_target_within_a_scene_touches_it(add) -> None:
    """A scene's footprint is a LinearRing, and stands for the area inside."""
    add("around", 13, 48, NOON)
    inside = target_feature("inside", square(13.4, 48.4, side=0.1), milliseconds(NOON))
    assert found([inside]) == {"inside": ["around"]}


def test_the_same_tile_at_two_times_is_two_targets(add) -> None:
    for day in (0, 10):
        add(f"day{day}", 13, 48, NOON + timedelta(days=day))
    targets = [target("june", 13, 48), target("later", 13, 48, NOON + timedelta(days=10))]
    assert found(targets) == {"june": ["day0"], "later": ["day10"]}
    assert found(targets, days=11)["june"] == ["day0", "day10"]


def test_the_window_reaches_both_ways_and_holds_its_ends(add) -> None:
    for name, offset in (("before", -2 * DAY_MS), ("after", 2 * DAY_MS), ("beyond", 2 * DAY_MS + 1000)):
        add(name, 13, 48, NOON + timedelta(milliseconds=offset))
    assert found([target("t", 13, 48)], days=2) == {"t": ["after", "before"]}


def test_directions_and_modes_are_filtered(add) -> None:
    add("up", 13, 48, NOON, orbitProperties_pass="ASCENDING")
    add("down", 13, 48, NOON + timedelta(hours=1), orbitProperties_pass="DESCENDING")
    add("wide", 13, 48, NOON + timedelta(hours=2), instrumentMode="EW")
    assert found([target("t", 13, 48)]) == {"t": ["down", "up"]}
    assert found([target("t", 13, 48)], directions=["ascending"]) == {"t": ["up"]}
    assert found([target("t", 13, 48)], directions=["descending"]) == {"t": ["down"]}


def test_polarisations_platforms_and_resolution_are_filtered(add) -> None:
    both, one = ["VV", "VH"], ["VV"]
    add("full", 13, 48, NOON, transmitterReceiverPolarisation=both, resolution_meters=10)
    add("bare", 13, 48, NOON, transmitterReceiverPolarisation=one, resolution_meters=10)
    add("coarse", 13, 48, NOON, transmitterReceiverPolarisation=both, resolution_meters=40)
    add("other", 13, 48, NOON, transmitterReceiverPolarisation=both, platform_number="C")
    add("silent", 13, 48, NOON)  # says neither: its bands will tell
    target_ = [target("t", 13, 48)]
    assert found(target_) == {"t": ["full", "silent"]}
    assert found(target_, polarisations=["VV"]) == {"t": ["bare", "full", "silent"]}
    assert found(target_, excluded=True) == {"t": ["bare", "coarse", "other"]}
    assert found(target_, platforms=["C"]) == {"t": ["other"]}
    assert found(target_, platforms=["C"], excluded=True) == {"t": ["bare", "coarse", "full", "silent"]}


def test_pages_make_up_the_whole(add) -> None:
    for number in range(5):
        add(f"s{number}", 13, 48, NOON + timedelta(hours=number))
    pages = [found([target("t", 13, 48)], count=2, offset=offset).get("t", []) for offset in (0, 2, 4, 6)]
    assert pages == [["s0", "s1"], ["s2", "s3"], ["s4"], []]


def test_a_span_leaves_out_only_what_lies_outside(add) -> None:
    add("in", 13, 48, NOON)
    add("edge", 12.0, 48.5, NOON)  # touches the target's western side only
    add("late", 13, 48, NOON + timedelta(days=3))
    span = Span(milliseconds(NOON) - DAY_MS, milliseconds(NOON) + DAY_MS, (12.99, 47.99, 14.01, 49.01))
    assert found([target("t", 13, 48)], span=span) == {"t": ["edge", "in"]}
    assert found([target("t", 13, 48)]) == {"t": ["edge", "in", "late"]}


def test_a_scene_comes_with_what_is_needed_of_it_and_once(add) -> None:
    add("scene", 13, 48, NOON, transmitterReceiverPolarisation=["VV", "VH"], note="one of many", simulated=True)
    targets = [target("t", 13, 48), target("u", 13.2, 48.2)]
    (scene,) = compute_value(candidate_scenes(targets, scene_filter(), window_ms=DAY_MS))
    assert scene.pop("catalog:crc32").startswith("VV:")
    ring = np.array(scene.pop("footprint"))
    assert scene == {
        "system:index": "scene", "system:time_start": milliseconds(NOON), "bands": ["VV", "VH"], "simulated": True,
        "platform_number": "A", "orbitNumber_start": 17018, "relativeOrbitNumber_start": 146,
        "orbitProperties_pass": "ASCENDING", "targets": ["t", "u"],
    }  # fmt: skip
    np.testing.assert_array_equal(ring[0], ring[-1])
    np.testing.assert_allclose(ring.min(axis=0), [13, 48], atol=1e-6)
    np.testing.assert_allclose(ring.max(axis=0), [14, 49], atol=1e-6)
