from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gee_s1ben.domain.scene import Pass, Scene, group_passes
from gee_s1ben.errors import InputError, NamingError

START = datetime(2017, 6, 13, 16, 50, 18, tzinfo=UTC)
INDEX = "S1A_IW_GRDH_1SDV_20170613T165043_20170613T165108_017018_01C579_7EEC"
RING = ((9.0, 48.0), (12.0, 48.0), (12.0, 50.0), (9.0, 50.0), (9.0, 48.0))


def make(index=INDEX, seconds=0, platform="A", orbit=17018, direction="ascending", relative=146, **other):
    return Scene(
        id=f"COPERNICUS/S1_GRD/{index}", index=index, acquired=START + timedelta(seconds=seconds), platform=platform,
        absolute_orbit=orbit, relative_orbit=relative, orbit_direction=direction, bands=("VV", "VH", "angle"),
        footprint=other.pop("footprint", RING), **other,
    )  # fmt: skip


def test_names():
    assert str(make().name) == INDEX
    assert make().label == "S1A_IW_GRDH_1SDV_20170613T165043"
    assert make("Spain_7370579").name is None
    assert make("Spain_7370579").label == "Spain_7370579"


def test_passes_by_platform_and_orbit():
    a1, a2, a3 = make("a1", 0), make("a2", 25), make("a3", 50)
    b = make("b", 10, platform="B")
    later = make("c", 6000, orbit=17019)
    passes = group_passes([a3, later, a1, b, a2, a1])
    assert [item.slices for item in passes] == [(a1, a2, a3), (b,), (later,)]
    assert [item.key for item in passes] == ["S1A_017018", "S1B_017018", "S1A_017019"]
    first = passes[0]
    assert (first.platform, first.absolute_orbit, first.relative_orbit, first.orbit_direction, first.acquired) == (
        "A", 17018, 146, "ascending", START,
    )  # fmt: skip
    assert group_passes([]) == ()


scenes = st.builds(
    make,
    index=st.from_regex("[a-z]{1,3}", fullmatch=True),
    seconds=st.integers(0, 100),
    platform=st.sampled_from("AB"),
    orbit=st.integers(1, 3),
)


@given(st.lists(scenes, max_size=12, unique_by=lambda s: s.id), st.randoms())
def test_grouping_loses_nothing_and_does_not_depend_on_order(given_scenes, random):
    passes = group_passes(given_scenes)
    assert sorted(s.id for item in passes for s in item.slices) == sorted(s.id for s in given_scenes)
    assert len({item.key for item in passes}) == len(passes)
    random.shuffle(given_scenes)
    assert group_passes(given_scenes) == passes


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"platform": "E"}, "platform"),
        ({"direction": "ASCENDING"}, "direction"),
        ({"orbit": -1}, "negative"),
        ({"footprint": RING[:-1]}, "closed"),
        ({"footprint": (RING[0], RING[1], RING[0])}, "closed"),
        ({"footprint": ((0, 91), (1, 0), (1, 1), (0, 91))}, "longitude and latitude"),
        ({"footprint": ((float("nan"), 0), (1, 0), (1, 1), (0, 0), (float("nan"), 0))}, "footprint"),
    ],
)
def test_scenes_check_themselves(change, reason):
    with pytest.raises(InputError, match=reason):
        make(**change)


def test_hostile_index_and_naive_time():
    with pytest.raises(NamingError):
        make("../x")
    with pytest.raises(InputError, match="UTC"):
        dataclasses.replace(make(), acquired=datetime(2017, 1, 1))


def test_passes_check_themselves():
    a1, a2 = make("a1", 0), make("a2", 25)
    with pytest.raises(InputError, match="without a slice"):
        Pass(())
    with pytest.raises(InputError, match="order of time"):
        Pass((a2, a1))
    with pytest.raises(InputError, match="disagree"):
        Pass((a1, make("a2", 25, direction="descending")))
    with pytest.raises(InputError, match="disagree"):
        group_passes([a1, make("a2", 25, relative=3)])
