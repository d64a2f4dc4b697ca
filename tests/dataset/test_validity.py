from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gee_s1ben.dataset.validity import nearest_valid, plainly_valid, plainly_valid_each, without_data
from gee_s1ben.errors import RasterError


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_nearest_valid_against_brute_force(valid):
    if not valid.any():
        valid.flat[0] = True
    rows, cols = nearest_valid(valid)
    assert valid[rows, cols].all()
    places = np.argwhere(valid)
    for row, col in np.ndindex(valid.shape):
        squared = ((places - (row, col)) ** 2).sum(axis=1).min()
        assert (rows[row, col] - row) ** 2 + (cols[row, col] - col) ** 2 == squared


odd = st.sampled_from(
    [np.nan, -np.nan, 1000.0, -1000.0, np.inf, -np.inf, 0.0, -0.0, -9999.0, 1e30, -1e30, 999.0, 1001.0, -1001.0, 1e-40]
)


@given(hnp.arrays(np.float32, (5, 7), elements=st.one_of(st.floats(-60, 40, width=32), odd.map(np.float32))))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_quick_look_knows_every_bad_pixel(pixels):
    valid = np.abs(pixels) <= 1000  # which no NaN is
    assert plainly_valid(pixels) == valid.all()
    np.testing.assert_array_equal(plainly_valid_each(pixels), valid.all(axis=1))


def test_numbers_that_stand_for_no_data():
    pixels = np.array([[-12, np.nan, np.inf], [-np.inf, -9999, -1000]], np.float32)
    np.testing.assert_array_equal(without_data(pixels), [[False, True, True], [True, True, False]])
    with pytest.raises(RasterError, match="1001 dB"):
        without_data(np.array([[-12, 1001]], np.float32))
