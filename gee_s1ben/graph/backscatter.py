"""The backscatter of a pass: decibel to power, border noise, speckle, slices, one resampling, and back to decibel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import ee

from gee_s1ben.domain.scene import Scene
from gee_s1ben.domain.unit import Unit
from gee_s1ben.graph.border_noise import without_border_noise
from gee_s1ben.graph.incidence_angle import ANGLE
from gee_s1ben.graph.mosaic import Resampling, resampled_mosaic
from gee_s1ben.graph.speckle import refined_lee

NODATA_DB = -9999.0
"""What stands for masked pixels in what is exported: no backscatter is so low, and it is not 0 dB."""

SpeckleFilter = Literal["refined_lee", "none"]


def to_power(decibel: ee.Image) -> ee.Image:
    """10^(dB/10)."""
    return ee.Image(10).pow(decibel.divide(10))


def to_decibel(power: ee.Image) -> ee.Image:
    """10·log10(power)."""
    return power.log10().multiply(10)


def pass_backscatter(
    slices: Sequence[Scene],
    polarisations: Sequence[str],
    *,
    unit: Unit = "decibel",
    border_noise: bool = True,
    speckle: SpeckleFilter = "refined_lee",
    resampling: Resampling = "bilinear",
) -> ee.Image:
    """Build the backscatter of a pass, to be asked for on the exact grid of a tile.

    Without filter and with nearest resampling the pixels of a scene come back as they are.

    Parameters
    ----------
    slices : sequence of Scene
        The scenes of one pass, in order of time; where two overlap the later is seen.
    polarisations : sequence of str
        Bands, such as VV and VH.
    unit : str
        What the scenes' numbers are, ``decibel`` or ``linear`` power; of the latter, numbers that are not above zero
        are masked, since they are no power.
    border_noise : bool
        Mask border noise; a scene without an ``angle`` band does not say where its swath ends, and is left as it is.
    speckle : str
        ``refined_lee`` (7×7) or ``none``.
    resampling : str
        ``bilinear`` (in power) or ``nearest``.

    Returns
    -------
    ee.Image
        Sigma nought in dB, a float band for each polarisation; :data:`NODATA_DB` where no slice has a valid pixel.
    """
    powers = [
        _native_power(scene, polarisations, unit=unit, border_noise=border_noise, speckle=speckle) for scene in slices
    ]
    mosaic = resampled_mosaic(powers, resampling)
    return to_decibel(mosaic).rename(list(polarisations)).unmask(NODATA_DB, False).toFloat()


def _native_power(
    scene: Scene, polarisations: Sequence[str], *, unit: Unit, border_noise: bool, speckle: SpeckleFilter
) -> ee.Image:
    """Linear power of one scene, filtered on its own pixels whatever pixels are asked for."""
    image = ee.Image(scene.id)
    stored = image.select(list(polarisations))
    power = to_power(stored).rename(list(polarisations)) if unit == "decibel" else stored.updateMask(stored.gt(0))
    if border_noise and ANGLE in scene.bands:
        power = without_border_noise(power, image, "VV" if "VV" in polarisations else polarisations[0])
    if speckle == "refined_lee":
        power = refined_lee(power, polarisations)
    return power.reproject(stored.projection())
