"""Which patches of a raster cannot be made of its pixels, before any is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gee_s1ben.dataset.raster import open_raster
from gee_s1ben.dataset.validity import FillRule, Pixels, plainly_plausible_each
from gee_s1ben.domain.grid import Grid
from gee_s1ben.errors import RasterError


def unusable_patches(
    path: Path, grid: Grid, polarisations: Sequence[str], patch_px: int, rule: FillRule, sha256: str | None = None
) -> dict[tuple[int, int], str]:
    """Find the patches of a raster that a fill rule leaves out.

    Parameters
    ----------
    path : Path
        A GeoTIFF of backscatter in dB.
    grid : Grid
        Grid that it must have.
    polarisations : sequence of str
        Its bands, in order.
    patch_px : int
        Side of a patch; patches lie side by side from the first pixel, what is left over at the end belongs to none.
    rule : FillRule
        What a patch may lack.
    sha256 : str, optional
        Checksum that the raster must have.

    Returns
    -------
    dict
        (column, row) of each such patch in the raster, counted in patches, and what it lacks. A patch with a number
        that no radar measures is not among them: whoever cuts it refuses the raster.

    Raises
    ------
    RasterError
        The raster is broken or not the one wanted.
    """
    cols, rows = grid.width // patch_px, grid.height // patch_px
    found: dict[tuple[int, int], str] = {}
    with open_raster(path, grid, polarisations, sha256=sha256, named=False) as raster:
        for row in range(rows):
            bands = raster.block(row * patch_px, 0, patch_px, cols * patch_px)
            for col in np.flatnonzero(~_plainly_usable(bands, patch_px)).tolist():
                left = slice(col * patch_px, (col + 1) * patch_px)
                try:
                    outcome = rule.apply({name: pixels[:, left] for name, pixels in bands.items()})
                except RasterError:
                    continue
                if isinstance(outcome, str):
                    found[col, row] = outcome
    return found


def _plainly_usable(bands: Mapping[str, Pixels], patch_px: int) -> npt.NDArray[np.bool_]:
    """Say of each patch of a row whether nothing about it needs a second look, as of nearly all."""
    patches = (
        np.ascontiguousarray(pixels.reshape(patch_px, -1, patch_px).swapaxes(0, 1)).reshape(-1, patch_px**2)
        for pixels in bands.values()
    )
    usable: npt.NDArray[np.bool_] = np.logical_and.reduce([plainly_plausible_each(pixels) for pixels in patches])
    return usable
