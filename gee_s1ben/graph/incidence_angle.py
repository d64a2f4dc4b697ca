"""The incidence angle of a pass: degrees from the normal of the ellipsoid, as ``COPERNICUS/S1_GRD`` tells it."""

from __future__ import annotations

from collections.abc import Sequence

import ee

from gee_s1ben.domain.scene import Scene

ANGLE = "angle"
"""A band of some twenty kilometres a pixel, on a grid turned with the swath; scenes of one's own may lack it."""
UNKNOWN_DEG = -9999.0
"""What stands for no angle in what is asked for."""


def pass_incidence_angle(slices: Sequence[Scene]) -> ee.Image:
    """Build the incidence angle of a pass, to be asked for on whatever pixels it is wanted for.

    Parameters
    ----------
    slices : sequence of Scene
        The scenes of one pass, in order of time; where two overlap the later is seen, as in its backscatter. At least
        one has the band ``angle``.

    Returns
    -------
    ee.Image
        A float band ``angle`` in degrees; :data:`UNKNOWN_DEG` where no slice has one.
    """
    angles = [_interpolated(ee.Image(scene.id).select(ANGLE)) for scene in slices if ANGLE in scene.bands]
    mosaic = angles[0] if len(angles) == 1 else ee.ImageCollection(angles).mosaic()
    return mosaic.rename([ANGLE]).unmask(UNKNOWN_DEG, False).toFloat()


def _interpolated(coarse: ee.Image) -> ee.Image:
    """Interpolate bilinearly between the centres of coarse pixels.

    Beyond the outermost centres there is nothing to interpolate with, and a scene reaches there. So the grid is grown
    by a pixel first: its outermost rows are repeated, and then its outermost columns.
    """
    grown = _grown(_grown(coarse, [[1], [1], [1]]), [[1, 1, 1]])
    return grown.reproject(coarse.projection()).resample("bilinear")


def _grown(image: ee.Image, line: list[list[int]]) -> ee.Image:
    """The image, and where it is masked the mean of its neighbours on a line of three pixels."""
    height, width = len(line), len(line[0])
    kernel = ee.Kernel.fixed(width, height, line, width // 2, height // 2, False)
    around = image.reduceNeighborhood(reducer=ee.Reducer.mean(), kernel=kernel, skipMasked=False)
    return image.unmask(around, False)
