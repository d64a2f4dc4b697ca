"""Border noise: what is left of the processor's artefacts at the swath's edges, on many scenes of 2015 to 2018.

Earth Engine removes border noise from ``COPERNICUS/S1_GRD``, but not all of it. What remains is dark and lies at the
near and far range edges. Masking all dark pixels, as is often done, takes calm water with it; masking the edges whole,
as is also done, takes ten kilometres of good pixels. So a pixel goes only where it is both dark and at the edge.
"""

from __future__ import annotations

import ee

NEAR_DEG, FAR_DEG = 30.64, 45.24
"""Incidence angles beyond which border noise is looked for: A. Mullissa et al., "Sentinel-1 SAR Backscatter Analysis
Ready Data Preparation in Google Earth Engine", Remote Sensing 13 (2021) 1954, doi 10.3390/rs13101954."""
DARK_DB = -25.0
"""Sigma nought that land and sea at the edge of the swath exceed, and border noise does not."""


def without_border_noise(power: ee.Image, scene: ee.Image, polarisation: str) -> ee.Image:
    """Mask border noise in all bands.

    Parameters
    ----------
    power : ee.Image
        Linear power.
    scene : ee.Image
        The scene it was made of, for its ``angle`` band (degrees; some twenty kilometres a pixel).
    polarisation : str
        The band that is looked at: VV where there is one, since calm water is darker in VH.
    """
    coarse = scene.select("angle")
    # Beyond the outermost centres of the coarse band nothing can be interpolated; its nearest pixel serves there.
    angle = coarse.resample("bilinear").unmask(coarse, False)
    inner = angle.gt(NEAR_DEG).And(angle.lt(FAR_DEG))
    bright = power.select(polarisation).gt(10 ** (DARK_DB / 10))
    return power.updateMask(bright.Or(inner.unmask(0, False)))
