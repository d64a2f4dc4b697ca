"""Names of Sentinel-2 patches, very many at once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

from gee_s1ben.config import Config
from gee_s1ben.domain.tile import Target

Cell = tuple[int, int]
"""(column, row) of a patch in its target."""


def s2_names(config: Config, target: Target, cells: Iterable[Cell]) -> list[str]:
    """Name the Sentinel-2 patches that correspond to cells of a target.

    As the target names them; but BigEarthNet v1's own names where its patches are made in its layout, which no formula
    gives.
    """
    if config.match.choice == "published" and config.dataset.layout == "v1":
        stems = _stems(target.name, target.acquired)
        return [f"{stems[col, row]}_{col}_{row}" if (col, row) in stems else target.s2_patch(col, row)
                for col, row in cells]  # fmt: skip
    # One name is made by the rule, with all its checks; the others differ from it in their indices only.
    model = target.s2_patch(0, 0)
    padded = model.endswith("_00_00")
    stem = model.removesuffix("_00_00" if padded else "_0_0")
    return [f"{stem}_{col:02d}_{row:02d}" if padded else f"{stem}_{col}_{row}" for col, row in cells]


@lru_cache(maxsize=4)
def _stems(tile: str, acquired: datetime) -> dict[Cell, str]:
    """Names of version 1 without their indices, patch by patch."""
    from gee_s1ben.published import pairs  # slow to load, and seldom needed

    known = pairs()
    for number, product in enumerate(known.products):
        if (product.tile, product.acquired) == (tile, acquired):
            mine = (known.product == number).nonzero()[0]
            places = zip(known.col[mine].tolist(), known.row[mine].tolist(), strict=True)
            return dict(zip(places, (known.stems[stem] for stem in known.stem[mine].tolist()), strict=True))
    return {}
