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


def product(orbit: int, datatake: str, seconds: int, platform: str = "A") -> str:
    start, stop = (START + timedelta(seconds=seconds + more) for more in (0, 25))
    return f"S1{platform}_IW_GRDH_1SDV_{start:%Y%m%dT%H%M%S}_{stop:%Y%m%dT%H%M%S}_{orbit:06d}_{datatake}_0000"


def named(orbit: int, datatake: str, seconds: int, platform: str = "A", direction: str = "ascending") -> Scene:
    index = product(orbit, datatake, seconds, platform)
    return make(index, seconds, platform, orbit, direction, relative=(orbit - 73) % 175 + 1)


def test_a_datatake_that_crosses_the_node_is_one_pass():
    south, north = named(17018, "01C579", 0), named(17019, "01C579", 25)
    far = named(17019, "01C579", 1200)
    (one,) = group_passes([far, north, south])
    assert one.slices == (south, north, far)
    assert (one.key, one.absolute_orbit, one.relative_orbit) == ("S1A_017018", 17018, 146)
    # Seen from farther north, it is a pass of the orbit that is in view, as before.
    assert [one.key for one in group_passes([north])] == ["S1A_017019"]
    # Another datatake of the later orbit is another pass; one of the earlier orbit is the same.
    other, earlier = named(17019, "01C57A", 2400), named(17018, "01C578", -300)
    assert [one.slices for one in group_passes([other, north, south, earlier])] == [(earlier, south, north), (other,)]


def test_a_datatake_is_told_by_a_property_where_there_is_no_name():
    south, north = (
        dataclasses.replace(make(index, seconds, orbit=orbit, relative=relative), mission_datatake=0x3CFBA)
        for index, seconds, orbit, relative in (("own_1", 0, 17018, 146), ("own_2", 25, 17019, 147))
    )
    assert (south.datatake, make("own").datatake, make().datatake) == ("03CFBA", None, "01C579")
    assert [one.slices for one in group_passes([north, south])] == [(south, north)]
    untold = [dataclasses.replace(one, mission_datatake=None) for one in (south, north)]
    assert [one.slices for one in group_passes(untold)] == [(untold[0],), (untold[1],)]


def test_two_directions_of_one_orbit_are_two_passes():
    up, down = named(17018, "01C579", 0), named(17018, "01C579", 25, direction="descending")
    passes = group_passes([down, up])
    assert [(one.key, one.slices) for one in passes] == [("S1A_017018A", (up,)), ("S1A_017018D", (down,))]
    assert [one.absolute_orbit for one in passes] == [17018, 17018]


def test_one_datatake_of_many_orbits_is_no_pass_of_many_orbits():
    """A catalog made by hand may give one datatake to all its scenes."""
    scenes = [named(orbit, "000000", 6000 * orbit) for orbit in (5, 6, 7, 8, 20)]
    assert [[s.absolute_orbit for s in one.slices] for one in group_passes(scenes)] == [[5, 6], [7, 8], [20]]


@st.composite
def datatakes(draw: st.DrawFn) -> list[tuple[tuple[str, int, str], Scene]]:
    """Scenes with platform, first orbit in view and direction of the pass that they belong to."""
    made = []
    for number in range(draw(st.integers(1, 6))):
        platform, orbit = draw(st.sampled_from("AB")), draw(st.integers(100, 103))
        direction = draw(st.sampled_from(["ascending", "descending"]))
        before, after = draw(st.integers(0, 2)), draw(st.integers(0, 2))
        for place in range(before + after):
            of = orbit if place < before else orbit + 1
            first = orbit if before else orbit + 1
            seconds = 6000 * orbit + 400 * number + 25 * place
            scene = named(of, f"{number:06X}", seconds, platform, direction)
            made.append(((platform, first, direction), scene))
    return made


@given(datatakes(), st.randoms())
def test_passes_are_those_that_were_flown(flown, random):
    expected: dict[tuple[str, int, str], set[str]] = {}
    for key, scene in flown:
        expected.setdefault(key, set()).add(scene.id)
    scenes = [scene for _, scene in flown]
    passes = group_passes(scenes)
    assert {(p.platform, p.absolute_orbit, p.orbit_direction): {s.id for s in p.slices} for p in passes} == expected
    assert len({item.key for item in passes}) == len(passes)
    both = {key[:2] for key in expected if (*key[:2], "ascending") in expected and (*key[:2], "descending") in expected}
    for item in passes:
        letter = item.orbit_direction[0].upper() if (item.platform, item.absolute_orbit) in both else ""
        assert item.key == f"S1{item.platform}_{item.absolute_orbit:06d}{letter}"
    random.shuffle(scenes)
    assert group_passes([*scenes, *scenes[:2]]) == passes


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"platform": "E"}, "platform"),
        ({"direction": "ASCENDING"}, "direction"),
        ({"orbit": 0}, "absolute orbit 0"),
        ({"orbit": 1_000_000}, "absolute orbit"),
        ({"relative": 0}, "relative orbit 0"),
        ({"relative": 176}, "relative orbit 176"),
        ({"footprint": (RING[0], RING[1], RING[1], RING[0])}, "three different points"),
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
        Pass((a1, make("a2", 25, orbit=17020)))
