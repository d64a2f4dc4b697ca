"""Boxes and rings across 180°."""

import itertools

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from gee_s1ben.domain.antimeridian import Extent, bounds_of, outline_of, ring_polygon


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([(10, 0, 11, 1)], (10, 0, 11, 1)),
        ([(10, 0, 11, 1), (-20, 5, -19, 6)], (-20, 0, 11, 6)),
        ([(179.9, 0, -179.9, 1)], (179.9, 0, -179.9, 1)),
        ([(179.8, 0, 179.9, 1), (-179.9, 2, -179.8, 3)], (179.8, 0, -179.8, 3)),  # none crosses, all together do
        ([(179.8, 0, -179.9, 1), (-179.95, 2, -179.8, 3)], (179.8, 0, -179.8, 3)),
        ([(179.8, 0, 180, 1)], (179.8, 0, 180, 1)),
        ([(-180, 0, -179, 1)], (-180, 0, -179, 1)),
        ([(-180, 0, 180, 1), (3, 0, 4, 1)], (-180, 0, 180, 1)),
        ([(-61, 16, -60, 17), (2, 48, 3, 49), (55, -21, 56, -20)], (-61, -21, 56, 49)),  # Guadeloupe, Paris, Réunion
    ],
)
def test_the_box_of_boxes(boxes, expected):
    for order in itertools.permutations(boxes):
        assert Extent(order).box == expected


def longitudes(box):
    """Every tenth of a degree that a box holds, on the circle, counted by brute force."""
    west, _, east, _ = box
    steps = range(round(west * 10), round(east * 10) + 1 + (3600 if west > east else 0))
    return {step % 3600 for step in steps}


@given(st.lists(st.tuples(st.integers(-1799, 1799), st.integers(1, 900)), min_size=1, max_size=6))
def test_it_holds_them_all_and_no_other_box_that_does_is_narrower(spans):
    boxes = []
    for start, width in spans:
        end = start + width
        boxes.append((start / 10, 0, (end if end <= 1800 else end - 3600) / 10, 1))
    held = set().union(*(longitudes(box) for box in boxes))
    found = longitudes(Extent(boxes).box)
    assert held <= found
    # The narrowest leaves out the longest run of tenths that none holds, all the way around.
    free = [step not in held for step in range(3600)] * 2
    runs = [len(list(run)) for is_free, run in itertools.groupby(free) if is_free]
    assert len(found) >= 3600 - min(max(runs, default=0), 3600)
    assert len(found) <= 3600 - min(max(runs, default=0), 3600) + 1


def test_many_boxes_are_joined_on_the_way_and_memory_holds_few():
    extent = Extent((start / 100, -1, start / 100 + 0.02, 1) for start in range(-5000, 15_000))
    assert extent.box == (-50, -1, pytest.approx(150.01), 1)
    assert len(extent._spans) < 10_000


@pytest.mark.parametrize(
    "ring",
    [
        [(179, 0), (-179, 0), (-179, 1), (179, 1), (179, 0)],
        [(179, 0), (181, 0), (181, 1), (179, 1), (179, 0)],
        [(-181, 0), (-179, 0), (-179, 1), (-181, 1), (-181, 0)],
        [(-179, 0), (-179, 1), (179, 1), (179, 0), (-179, 0)],
    ],
)
def test_a_ring_across_180_degrees_becomes_two_polygons(ring):
    outline = ring_polygon(np.array(ring, dtype=float))
    assert outline.geom_type == "MultiPolygon"
    assert outline.equals(shapely.MultiPolygon([shapely.box(179, 0, 180, 1), shapely.box(-180, 0, -179, 1)]))
    assert all(part.exterior.is_ccw for part in outline.geoms)
    assert bounds_of(outline) == (179, 0, -179, 1)
    assert outline_of((179, 0, -179, 1)).equals(outline)


def test_other_rings_stay_as_they_are():
    ring = [(12.0, 48.0), (13.0, 48.0), (13.0, 49.0), (12.0, 48.0)]
    assert list(ring_polygon(np.array(ring)).exterior.coords) == ring
    assert outline_of((12, 48, 13, 49)).equals(shapely.box(12, 48, 13, 49))
