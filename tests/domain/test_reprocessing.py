"""Scenes that were processed more than once, against a count of the seconds that newer ones cover."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gee_s1ben.domain.naming import S1ProductName
from gee_s1ben.domain.reprocessing import superseded
from gee_s1ben.domain.scene import Scene

START = datetime(2017, 6, 13, 16, 50, 0, tzinfo=UTC)
RING = ((9.0, 48.0), (12.0, 48.0), (12.0, 50.0), (9.0, 48.0))


def scene(
    begin: int,
    end: int,
    processed: float = 0.0,
    unique: int = 0,
    datatake: str = "01C579",
    polarisation: str = "DV",
    mission: str = "S1A",
) -> Scene:
    start, stop = (START + timedelta(seconds=second) for second in (begin, end))
    name = str(
        S1ProductName(mission, "IW", "GRD", "H", "1", "S", polarisation, start, stop, 17018, datatake, f"{unique:04X}")
    )
    return Scene(
        f"C/S/{name}", name, start, mission[-1], 17018, 146, "ascending", ("VV", "VH"), RING,
        processed_ms=(processed, 0.0, 0.0, 0.0),
    )  # fmt: skip


def left(scenes: Sequence[Scene], **options: bool) -> list[int]:
    """Places of the scenes that are not replaced."""
    replaced = superseded(scenes, **options)
    assert not {newer.id for newer in replaced.values()} & set(replaced)
    return [place for place, one in enumerate(scenes) if one.id not in replaced]


def test_the_newer_of_two_counts() -> None:
    old, new = scene(43, 68, 1e12, 0x7EEC), scene(43, 68, 2e12, 0x0A0E)
    assert superseded([old, new]) == superseded([new, old]) == {old.id: new}
    # Without a time of processing one of them counts, and always the same.
    first, second = scene(43, 68, 0, 1), scene(43, 68, 0, 2)
    assert superseded([first, second]) == superseded([second, first]) == {first.id: second}
    assert superseded([old, second]) == {second.id: old}


@pytest.mark.parametrize(
    ("old", "newer", "kept"),
    [
        ((0, 25), [(1, 26)], [1]),  # other roundings of the same moments
        ((0, 25), [(1, 24)], [1]),
        ((0, 25), [(2, 25)], [0, 1]),  # two seconds are 14 km
        ((0, 25), [(-10, 60)], [1]),
        ((25, 50), [(10, 35), (35, 60)], [1, 2]),  # cut at other times: what they cover together
        ((0, 25), [(10, 35), (35, 60)], [0, 1, 2]),
        ((25, 50), [(0, 25), (50, 75)], [0, 1, 2]),  # neighbours
        ((25, 27), [(0, 25)], [0, 1]),
    ],
)
def test_only_what_newer_ones_cover_is_replaced(
    old: tuple[int, int], newer: list[tuple[int, int]], kept: list[int]
) -> None:
    scenes = [scene(*old, 1e12, 0), *(scene(*span, 2e12, number + 1) for number, span in enumerate(newer))]
    assert left(scenes) == kept
    # With equal times only.
    assert left(scenes, same_times=True) == list(range(len(scenes)))


def test_other_datatakes_polarisations_platforms_and_names_are_others() -> None:
    scenes = [
        scene(0, 25, 1e12),
        scene(0, 25, 2e12, datatake="01C57A"),
        scene(0, 25, 2e12, polarisation="SV"),
        scene(0, 25, 2e12, mission="S1B"),
    ]
    assert left(scenes) == [0, 1, 2, 3]
    own = [Scene(f"C/S/{name}", name, START, "A", 1, 1, "ascending", ("VV",), RING) for name in ("a", "b")]
    assert left(own) == [0, 1]


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(6, 40), st.integers(0, 3)), min_size=1, max_size=7),
    st.randoms(use_true_random=False),
)
def test_like_a_count_of_seconds(drawn: list[tuple[int, int, int]], random: Random) -> None:
    scenes = [scene(begin, begin + long, float(age), number) for number, (begin, long, age) in enumerate(drawn)]
    kept: list[int] = []
    for number in sorted(range(len(drawn)), key=lambda n: (drawn[n][2], scenes[n].id), reverse=True):
        begin, long, _ = drawn[number]
        covered = {second for other in kept for second in range(drawn[other][0], sum(drawn[other][:2]))}
        bare = [second for second in range(begin, begin + long) if second not in covered]
        if len(bare) == long or any(second + 1 in bare for second in bare):
            kept.append(number)
    assert left(scenes) == sorted(kept)
    shuffled = random.sample(scenes, len(scenes))
    assert superseded(shuffled) == superseded(scenes)
