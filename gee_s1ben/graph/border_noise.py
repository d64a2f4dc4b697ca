"""Border noise: what is left of the processor's artefacts at the swath's edges, on many scenes of 2015 to 2018.

Earth Engine removes border noise from ``COPERNICUS/S1_GRD``, but not all of it. What remains is dark and lies at the
near and far range edges. Masking all dark pixels, as is often done, takes calm water with it; masking the edges whole,
as is also done, takes ten kilometres of good pixels. So a pixel goes only where it is dark, among dark ones, and at the
edge: the tails of speckle are dark too, but alone.
"""

from __future__ import annotations

import ee

NEAR_DEG, FAR_DEG = 30.64, 45.24
"""Incidence angles beyond which border noise is looked for: A. Mullissa et al., "Sentinel-1 SAR Backscatter Analysis
Ready Data Preparation in Google Earth Engine", Remote Sensing 13 (2021) 1954, doi 10.3390/rs13101954."""
DARK_DB = -30.0
"""Sigma nought below which a pixel is dark: what Earth Engine's own guide masks at the edges of Sentinel-1 scenes."""
AMONG_DARK = 0.4
"""Share of dark pixels in the 7×7 around border noise: near a half on the straight rim of a dark strip."""
_REACH_PX = 3


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
    inner = angle.gt(NEAR_DEG).And(angle.lt(FAR_DEG)).unmask(0, False)
    dark = power.select(polarisation).lt(10 ** (DARK_DB / 10))
    share = dark.reduceNeighborhood(reducer=ee.Reducer.mean(), kernel=ee.Kernel.square(_REACH_PX, "pixels"))
    return power.updateMask(dark.And(share.gt(AMONG_DARK)).Not().Or(inner))
