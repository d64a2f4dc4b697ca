"""Compare what rico-hdl made of a dataset with its rasters, and with ``gee-s1ben pack --format lmdb``.

rico-hdl is on no package index: its script ``rico_hdl/rico_hdl.py`` is taken from its repository,
rsim-tu-berlin/rico-hdl, and calls the program ``fd`` (Debian's package fd-find, there named fdfind). In an environment
of its own::

    pip install typer lmdb safetensors numpy rasterio structlog more_itertools tqdm
    python rico_hdl/rico_hdl.py bigearthnet --bigearthnet-s1-dir out/BigEarthNet/BigEarthNet-S1 --target-dir rico
    gee-s1ben pack out/BigEarthNet --format lmdb --out packed
    python benchmarks/loaders/with_rico_hdl.py out/BigEarthNet rico packed
"""

from __future__ import annotations

import argparse
from pathlib import Path

import lmdb
import numpy as np
import rasterio
from safetensors.numpy import load


def entries(path: Path) -> dict[bytes, bytes]:
    with lmdb.open(str(path), readonly=True, lock=False) as environment, environment.begin() as transaction:
        return dict(transaction.cursor())


def main() -> None:
    """Compare everything and say how much it was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, help="a dataset of layout v1 or v2")
    parser.add_argument("theirs", type=Path, help="what rico-hdl made of it")
    parser.add_argument("ours", type=Path, help="what 'gee-s1ben pack --format lmdb' made of it")
    arguments = parser.parse_args()
    theirs = entries(arguments.theirs)
    rasters = sorted(arguments.dataset.glob("BigEarthNet-S1*/**/*.tif"))
    for path in rasters:
        name, _, band = path.stem.rpartition("_")
        with rasterio.open(path) as file:
            assert np.array_equal(load(theirs[name.encode()])[band], file.read(1)), path
    assert 2 * len(theirs) == len(rasters), "S1C and S1D, and images of one's own, are passed over by rico-hdl"
    print(f"rico-hdl: {len(theirs)} patches right")
    assert entries(arguments.ours) == theirs
    print("pack: the same keys and the same bytes")


if __name__ == "__main__":
    main()
