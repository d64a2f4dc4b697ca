"""What is sent to Earth Engine, byte for byte.

A change here is a change of every pixel that is made from now on. Where it is meant, write the files anew with
``UPDATE_GOLDEN=1 pytest tests/graph/test_golden.py`` and read the difference.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import ee
import pytest

from gee_s1ben.domain.scene import Scene
from gee_s1ben.graph.backscatter import pass_backscatter
from gee_s1ben.graph.incidence_angle import pass_incidence_angle
from gee_s1ben.graph.matching import SceneFilter, Span, candidate_scenes, target_feature
from gee_s1ben.graph.sentinel2 import sentinel2_images

GOLDEN = Path(__file__).parent / "golden"


def scene(second: int, *bands: str) -> Scene:
    index = f"S1A_IW_GRDH_1SDV_20170613T1650{second}_20170613T1651{second - 35:02}_017022_01C5AE_0{second}A"
    return Scene(
        f"COPERNICUS/S1_GRD/{index}",
        index,
        datetime(2017, 6, 13, 16, 50, second, tzinfo=UTC),
        "A",
        17022,
        146,
        "ascending",
        bands,
        ((12.0, 48.0), (15.0, 48.0), (15.0, 49.0), (12.0, 48.0)),
    )


def graphs() -> dict[str, ee.ComputedObject]:
    one, two = scene(43, "VV", "VH", "angle"), scene(55, "VV", "VH", "angle")
    targets = [target_feature("33UUP_20170613T101031", [(13, 48), (14, 48), (14, 49), (13, 48)], 1497348631000)]
    return {
        "one_slice": pass_backscatter([one], ["VV", "VH"]),
        "two_slices": pass_backscatter([one, two], ["VV", "VH"]),
        "unfiltered_nearest": pass_backscatter(
            [scene(43, "VV", "VH")], ["VV", "VH"], speckle="none", resampling="nearest"
        ),
        "incidence_angle": pass_incidence_angle([one, two]),
        "candidates": candidate_scenes(
            targets,
            SceneFilter("COPERNICUS/S1_GRD", ("ascending", "descending"), ("A", "B"), ("VV", "VH")),
            window_ms=6 * 86_400_000,
            span=Span(1496830231000, 1497867031000, (12.99, 47.99, 14.01, 49.01)),
        ),
        "sentinel2": sentinel2_images(
            "COPERNICUS/S2_HARMONIZED",
            1496275200000,
            1498867200000,
            properties=["PRODUCT_ID", "system:footprint"],
            area={"type": "Polygon", "coordinates": [[[13, 48], [14, 48], [14, 49], [13, 48]]]},
            tiles=["33UUP"],
            max_cloud_percent=20,
        ),
    }


@pytest.mark.parametrize(
    "name", ["one_slice", "two_slices", "unfiltered_nearest", "incidence_angle", "candidates", "sentinel2"]
)
def test_graph_is_the_golden_one(ee_session: str, name: str) -> None:
    got = json.dumps(json.loads(graphs()[name].serialize(for_cloud_api=True)), indent=1, sort_keys=True) + "\n"
    path = GOLDEN / f"{name}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(got)
    assert got == path.read_text()
    assert len(got) < 1_000_000  # Earth Engine refuses payloads over 10 MB
