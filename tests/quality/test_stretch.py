import numpy as np

from gee_s1ben.quality.stretch import DECIBEL_RANGE, false_colour, stretch


def test_stretch_is_linear_between_its_limits_and_clipped_outside():
    decibel = np.array([[-30.0, -20.0, -15.0], [-10.0, 0.0, 7.0]], dtype=np.float32)
    expected = [[0.0, 0.0, 0.25], [0.5, 1.0, 1.0]]
    np.testing.assert_allclose(stretch(decibel, DECIBEL_RANGE["VV"]), expected)


def test_stretch_survives_what_is_not_finite():
    decibel = np.array([[np.nan, -np.inf, np.inf]], dtype=np.float32)
    np.testing.assert_array_equal(stretch(decibel, (-20.0, 0.0)), [[0.0, 0.0, 1.0]])


def test_false_colour_is_red_vv_green_vh_blue_ratio():
    vv = np.array([[0.0, -10.0]], dtype=np.float32)
    vh = np.array([[-7.0, -27.0]], dtype=np.float32)
    image = false_colour(vv, vh)
    assert image.shape == (1, 2, 3)
    np.testing.assert_allclose(image[0, 0], [1.0, 1.0, 0.4], atol=1e-6)  # VV − VH of 7 dB on 1..16
    np.testing.assert_allclose(image[0, 1], [0.5, 0.0, 1.0], atol=1e-6)
