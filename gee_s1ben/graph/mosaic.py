"""From the slices of a pass to one image, resampled once, in linear power."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import ee

Resampling = Literal["nearest", "bilinear"]


def resampled_mosaic(slices: Sequence[ee.Image], resampling: Resampling) -> ee.Image:
    """Bring slices onto the pixels that are asked for, and lay them on one another.

    Slices are resampled before they are laid together, since a mosaic has no pixels of its own. They abut, each on a
    grid of its own, so between two of them a line of pixels has no four valid neighbours, or none at all. Under the
    interpolated slices therefore lie the nearest pixels, and under these each slice grown by one pixel (the mean of its
    valid neighbours): a seam of up to two pixels closes. A single slice needs neither.

    Parameters
    ----------
    slices : sequence of ee.Image
        Linear power, pinned to their own pixels; the same bands.
    resampling : str
        ``nearest`` or ``bilinear``.
    """
    smooth = [image.resample("bilinear") for image in slices] if resampling == "bilinear" else []
    if len(slices) == 1:
        return (smooth or list(slices))[0]
    return ee.ImageCollection([*(_grown(image) for image in slices), *slices, *smooth]).mosaic()


def _grown(image: ee.Image) -> ee.Image:
    """The image, and around it one more pixel."""
    neighbours = image.reduceNeighborhood(
        reducer=ee.Reducer.mean(), kernel=ee.Kernel.square(1, "pixels"), skipMasked=False
    )
    return neighbours.rename(image.bandNames()).reproject(image.projection())
