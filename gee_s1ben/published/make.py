"""Make the file of published pairs from the public tables.

::

    gee-s1ben footprints BigEarthNetTileInfo_v2.npy --out tiles.parquet
    python -m gee_s1ben.published.make --csv s1_s2_name_country_season.csv.bz2 --tiles tiles.parquet \
        --metadata metadata.parquet --metadata metadata_for_patches_with_snow_cloud_or_shadow.parquet \
        --listed patches_with_seasonal_snow.csv.bz2 --listed patches_with_cloud_and_shadow.csv.bz2

Version 1 names carry no tile, no orbit, and times that are some seconds off. The tile comes from the Sentinel-1 name;
tile, mission and nearly the time give the product, which the table of tiles names in full.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from gee_s1ben.domain.naming import S1PatchName, S2PatchNameV1, S2ProductName
from gee_s1ben.domain.plural import plural
from gee_s1ben.errors import GeeS1benError, InputError
from gee_s1ben.published.stored import FILE, SNOW_OR_CLOUD, V1, V2, Pairs, write_pairs
from gee_s1ben.published.tables import read_list, read_v1, read_v2

NOTICE = """\
Which Sentinel-1 scene each patch of BigEarthNet was cut from: names only, repacked from public tables.
Source: BigEarthNet v1.0 (BigEarthNet-MM) and v2.0 (reBEN), G. Sumbul, K. N. Clasen, B. Demir et al., TU Berlin;
s1_s2_name_country_season.csv of bigearthnet-common 2.8.0 (K. N. Clasen), and metadata.parquet and
metadata_for_patches_with_snow_cloud_or_shadow.parquet of BigEarthNet v2.0.
Licence: Community Data License Agreement - Permissive - Version 1.0 (https://cdla.dev/permissive-1-0/).
Changed: names are taken apart and packed as lattices; labels, splits, countries and seasons are left out.
"""
FARTHEST = timedelta(seconds=10)
"""Version 1 names are up to 8 s before and 3 s after their product."""
BASELINE = "9999"
"""Of the products that BigEarthNet v2 processed itself."""


def make(
    v1: Iterable[tuple[str, str]],
    v2: Iterable[tuple[str, str, str]],
    products: Iterable[S2ProductName],
    listed: Iterable[str] = (),
) -> Pairs:
    """Pack the public tables.

    Parameters
    ----------
    v1 : iterable of (Sentinel-1 patch, Sentinel-2 patch)
        All pairs of version 1.
    v2 : iterable of (Sentinel-1 patch, Sentinel-2 patch, its version 1 name)
        Pairs of version 2; a part of those.
    products : iterable of S2ProductName
        The Sentinel-2 products, at any level.
    listed : iterable of str
        Version 1 names of patches with snow, cloud or shadow.

    Raises
    ------
    InputError
        A patch belongs to no product or to several, or the tables disagree.
    """
    known = sorted({_as_v2(one) for one in products}, key=lambda one: (str(one.tile), one.acquired, one.mission))
    in_v2 = {name: (s1_name, patch) for s1_name, patch, name in v2}
    snow_or_cloud = set(listed)
    found: dict[tuple[str, str], int] = {}
    scenes: list[str] = []
    records = []
    for s1_text, s2_text in v1:
        s1, s2 = S1PatchName.parse(s1_text), S2PatchNameV1.parse(s2_text)
        if (s1.col, s1.row) != (s2.col, s2.row):
            raise InputError(f"{s1_text} and {s2_text} are not of one place")
        stem = s2_text.removesuffix(f"_{s2.col}_{s2.row}")
        if (s1.tile, stem) not in found:
            found[s1.tile, stem] = _product_of(s1.tile, s2, known)
        number = found[s1.tile, stem]
        edition = V1 + SNOW_OR_CLOUD * (s2_text in snow_or_cloud)
        if s2_text in in_v2:
            if in_v2.pop(s2_text) != (s1_text, f"{known[number]}_{s2.col:02d}_{s2.row:02d}"):
                raise InputError(f"{s2_text} is another patch in version 2: the tables disagree")
            edition += V2
        scenes.append(s1.scene)
        records.append((number, s1.row, s1.col, stem, edition))
    if in_v2:
        raise InputError(f"{plural(len(in_v2), 'patch')} of version 2 not in version 1, such as {next(iter(in_v2))}")
    return _packed(known, scenes, records)


def _packed(
    products: Sequence[S2ProductName], scenes: list[str], records: list[tuple[int, int, int, str, int]]
) -> Pairs:
    product, row, col, stems, edition = zip(*records, strict=True)
    order = np.lexsort((col, row, product))
    scene_names, scene = np.unique(scenes, return_inverse=True)
    stem_names, stem = np.unique(stems, return_inverse=True)
    if max(len(products), len(stem_names)) > 256:
        raise InputError("more products or stems than a byte can count")
    return Pairs(
        tuple(products), tuple(map(str, scene_names)), tuple(map(str, stem_names)),
        np.array(product, np.uint8)[order], np.array(col, np.uint8)[order], np.array(row, np.uint8)[order],
        scene.astype(np.uint16)[order], stem.astype(np.uint8)[order], np.array(edition, np.uint8)[order],
    )  # fmt: skip


def _as_v2(product: S2ProductName) -> S2ProductName:
    return replace(product, level="L2A", baseline=BASELINE, generated=None, safe=False)


def _product_of(tile: str, name: S2PatchNameV1, known: Sequence[S2ProductName]) -> int:
    near = [
        number
        for number, product in enumerate(known)
        if (product.tile, product.mission) == (tile, name.mission) and abs(product.acquired - name.acquired) <= FARTHEST
    ]
    if len(near) != 1:
        raise InputError(f"{name} in tile {tile} belongs to {plural(len(near), 'product')}, not to one")
    return near[0]


def _products(path: Path) -> Iterator[S2ProductName]:
    for name in pq.read_table(path, columns=["product"]).column("product").to_pylist():
        if name is not None:
            yield S2ProductName.parse(name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the file; return an exit code."""
    parser = argparse.ArgumentParser(prog="python -m gee_s1ben.published.make", description="Make the published pairs.")
    parser.add_argument(
        "--csv", type=Path, required=True, help="s1_s2_name_country_season.csv.bz2 of bigearthnet-common"
    )
    parser.add_argument(
        "--metadata", type=Path, action="append", required=True, help="each of the two tables of BigEarthNet v2"
    )
    parser.add_argument("--tiles", type=Path, required=True, help="the 125 products, by 'gee-s1ben footprints'")
    parser.add_argument("--listed", type=Path, action="append", default=[], help="version 1 patches with snow or cloud")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name(FILE), help="the file to write")
    given = parser.parse_args(arguments)
    try:
        listed = [name for path in given.listed for name in read_list(path)]
        v2 = (row for path in given.metadata for row in read_v2(path))
        made = make(read_v1(given.csv), v2, _products(given.tiles), listed)
        write_pairs(made, given.out, NOTICE)
    except GeeS1benError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    size = given.out.stat().st_size
    sys.stdout.write(
        f"{len(made)} pairs of {len(made.products)} products and {len(made.scenes)} scenes, "
        f"{int(np.count_nonzero(made.edition & V2))} of them in version 2: {given.out}, {size} bytes\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
