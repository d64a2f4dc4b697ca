"""Squares and their names, each the inverse of the other."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gee_s1ben.domain.mgrs import BANDS, SQUARE_M, square_corner, square_name, zone_limits, zones
from gee_s1ben.errors import NamingError


@given(st.sampled_from(sorted(zones())), st.integers(2, 7), st.floats(0, 1))
def test_a_square_that_has_a_name_is_found_by_it(place, column, up):
    zone, band = place
    _, south, _, north = zone_limits(zone, band)
    row = math.floor((south + up * (north - south)) * 1.11)  # a degree is about 111 km
    try:
        name = square_name(zone, band, column, row)
    except NamingError:
        assume(False)
    assert name.startswith(f"{zone:02d}{band}")
    assert square_corner(name) == (zone, band < "N", (column * SQUARE_M, row * SQUARE_M))


def test_every_zone_is_there_but_those_that_svalbard_takes():
    found = set(zones())
    assert len(found) == 60 * len(BANDS) - 3
    assert {(32, "X"), (34, "X"), (36, "X")}.isdisjoint(found)


@pytest.mark.parametrize(("zone", "band", "column", "row"), [(33, "U", 0, 53), (33, "U", 9, 53), (33, "U", 3, 20)])
def test_a_square_outside_its_zone_has_no_name(zone, band, column, row):
    with pytest.raises(NamingError):
        square_name(zone, band, column, row)
