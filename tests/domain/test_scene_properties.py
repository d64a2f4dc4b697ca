"""What makes an image a usable scene, rule by rule."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gee_s1ben.domain.scene_properties import scene_of, tidied
from gee_s1ben.errors import InputError

NAME = "S1A_IW_GRDH_1SDV_20170613T165043_20170613T165108_017018_01C579_7EEC"
RING = [[13, 48], [14, 48], [14, 49], [13, 48]]
GOOD = {
    "system:index": NAME, "system:time_start": 1497372643000, "platform_number": "A", "orbitNumber_start": 17018,
    "relativeOrbitNumber_start": 146, "orbitProperties_pass": "ASCENDING", "bands": ["VV", "VH", "angle"],
    "footprint": RING,
}  # fmt: skip


def test_a_scene_is_read() -> None:
    scene = scene_of("C/S", {**GOOD, "missionDataTakeID": 0x3CFBA, "GRD_Post_Processing_start": 1591515136232})
    assert (scene.id, scene.platform, scene.absolute_orbit, scene.relative_orbit) == (f"C/S/{NAME}", "A", 17018, 146)
    assert (scene.orbit_direction, scene.bands) == ("ascending", ("VV", "VH", "angle"))
    assert scene.acquired.isoformat() == "2017-06-13T16:50:43+00:00"
    assert scene.footprint == ((13, 48), (14, 48), (14, 49), (13, 48))
    assert (scene.mission_datatake, scene.processed_ms) == (0x3CFBA, (1591515136232, 0, 0, 0))


@pytest.mark.parametrize(
    "changes",
    [
        {"footprint": [RING]},
        {"footprint": RING[:-1]},
        {"orbitNumber_start": "17018", "relativeOrbitNumber_start": 146.0},
        {"instrumentMode": "IW", "resolution_meters": 10.0, "transmitterReceiverPolarisation": ["VV", "VH"]},
        {"instrumentMode": None, "resolution_meters": None, "missionDataTakeID": None},
        {"missionDataTakeID": "x", "GRD_Post_Processing_start": float("nan"), "SLC_Processing_start": "2017"},
    ],
)
def test_what_is_unsaid_or_said_otherwise_is_the_same_scene(changes: dict[str, Any]) -> None:
    assert scene_of("C/S", GOOD | changes) == scene_of("C/S", GOOD)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"system:index": None}, "it has no 'system:index'"),
        ({"system:index": f"{NAME}.SAFE"}, "cannot name a scene"),
        ({"system:time_start": None}, "it has no 'system:time_start'"),
        ({"system:time_start": "2017-06-13"}, "'2017-06-13', not a number of milliseconds"),
        ({"system:time_start": float("nan")}, "nan, not a number of milliseconds"),
        ({"system:time_start": True}, "True, not a number"),
        ({"system:time_start": 1e300}, "not a number of milliseconds"),
        ({"system:time_start": 10**400}, "not a number of milliseconds"),
        ({"system:time_start": 1497372643}, "1970-01-18 UTC, before the first Sentinel-1: give milliseconds"),
        ({"system:time_start": 1497372643000 + 3_600_000}, "2017-06-13 17:50:43 UTC, but its name"),
        ({"platform_number": "E"}, "'platform_number' is 'E', not A, B, C or D"),
        ({"platform_number": 1}, "'platform_number' is 1, not"),
        ({"platform_number": "B"}, "'platform_number' is B, but its name says S1A"),
        ({"orbitNumber_start": None}, "it has no 'orbitNumber_start'"),
        ({"orbitNumber_start": 0}, "'orbitNumber_start' is 0, not a whole number from 1"),
        ({"orbitNumber_start": 17018.5}, "is 17018.5, not a whole number"),
        ({"orbitNumber_start": "9" * 400}, "not a whole number"),
        ({"orbitNumber_start": 17020}, "is 17020, but its name says 17018"),
        ({"relativeOrbitNumber_start": None}, "it has no 'relativeOrbitNumber_start'"),
        ({"relativeOrbitNumber_start": 0}, "is 0, not a whole number from 1 to 175"),
        ({"relativeOrbitNumber_start": 176}, "is 176, not a whole number from 1 to 175"),
        ({"relativeOrbitNumber_start": float("inf")}, "is inf, not a whole number"),
        ({"relativeOrbitNumber_start": [146]}, r"is \[146\], not a whole number"),
        ({"orbitProperties_pass": "ascending"}, "'ascending', not ASCENDING or DESCENDING"),
        ({"orbitProperties_pass": ["ASCENDING"]}, "not ASCENDING or DESCENDING"),
        ({"instrumentMode": "XX"}, "'instrumentMode' is 'XX'"),
        ({"resolution_meters": "10"}, "'resolution_meters' is '10', not a number of metres"),
        ({"transmitterReceiverPolarisation": "VV VH"}, "is 'VV VH', not a list of VV, VH, HH, HV"),
        ({"transmitterReceiverPolarisation": []}, "not a list of VV"),
        ({"transmitterReceiverPolarisation": ["VV", ["VH"]]}, "not a list of VV"),
        ({"bands": ["B4"]}, r"none of its bands \(\['B4'\]\) is VV, VH, HH or HV"),
        ({"bands": None}, "it has no 'bands'"),
        ({"footprint": None}, "its footprint is not a ring"),
        ({"footprint": []}, "its footprint is not a ring"),
        ({"footprint": [[13, "x"], [1, 2]]}, "its footprint is not a ring"),
        ({"footprint": [[13, 48], [13, 48], [14, 48], [13, 48]]}, "three different points"),
        ({"footprint": [[13, 48], [14, 48], [14, 91], [13, 48]]}, "longitude and latitude"),
    ],
)
def test_what_cannot_be_used_is_refused_and_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        scene_of("C/S", GOOD | changes)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)


@given(st.sampled_from([*GOOD, "instrumentMode", "resolution_meters", "transmitterReceiverPolarisation"]), odd)
def test_whatever_a_property_holds_nothing_but_a_refusal_comes(key: str, value: Any) -> None:
    with suppress(InputError):
        scene_of("C/S", tidied(GOOD | {key: value}))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"platform_number": "S1B"}, {"platform_number": "B"}),
        ({"platform_number": "Sentinel-1c"}, {"platform_number": "C"}),
        ({"platform_number": "Landsat"}, {"platform_number": "LANDSAT"}),
        ({"orbitProperties_pass": " descending"}, {"orbitProperties_pass": "DESCENDING"}),
        ({"instrumentMode": "iw"}, {"instrumentMode": "IW"}),
        *(
            ({"transmitterReceiverPolarisation": text}, {"transmitterReceiverPolarisation": ["VV", "VH"]})
            for text in ("VV VH", "vv,vh", "VV+VH", "VV/VH", "DV", "[VV, VH]", "['VV', 'VH']", ["vv", "VH"], ["VV VH"])
        ),
        ({"transmitterReceiverPolarisation": "SH"}, {"transmitterReceiverPolarisation": ["HH"]}),
        ({"transmitterReceiverPolarisation": 3, "platform_number": 4}, None),
        ({"note": "vv vh"}, None),
    ],
)
def test_spellings_that_mean_one_thing_are_tidied(given: dict[str, Any], expected: dict[str, Any] | None) -> None:
    assert tidied(given) == (given if expected is None else expected)
