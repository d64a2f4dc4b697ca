"""How fast the packed forms are written, against their libraries' own writers, in one run.

Makes a dataset of simulated speckle in a temporary folder and writes every form in three ways, in turns::

    python benchmarks/packed.py --patches 2000 --rounds 3

``memory`` feeds the library's own writer from arrays that are in memory already: nothing that reads a dataset can be
faster. ``library`` is the loop that the library's documentation shows, fed from the files through rasterio: what one
would write oneself. ``pack`` is this program: it reads the files, compares each with its SHA-256, flushes the result to
disk, and can be continued. Give a folder on the disk that matters; peak memory is of ``pack`` in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
import rasterio
import webdataset
import zarr
from safetensors.numpy import save

from gee_s1ben.dataset.layout import PatchRecord, layout
from gee_s1ben.dataset.manifest import PatchRow
from gee_s1ben.dataset.packed import pack
from gee_s1ben.dataset.recording import record_target
from gee_s1ben.dataset.writer import PatchWriter
from gee_s1ben.domain.naming import S1PatchName, S1ProductName
from gee_s1ben.domain.tile import tile_grid

SCENE = "S1A_IW_GRDH_1SDV_20170613T165043_20170613T165108_017018_01C579_7EEC"
TARGET = "33UUP_20170613T101031"
BANDS = ("VV", "VH")
PX = 120
BLOCK = 256
"""Patches of a shard, the same for all."""

Bands = dict[str, np.ndarray]


def make(root: Path, count: int) -> list[Path]:
    """Write a dataset; return the patch folders in its order."""
    rng = np.random.default_rng(1)
    form, grid, product = layout("v2"), tile_grid("33UUP"), S1ProductName.parse(SCENE)
    writer = PatchWriter(root, form)
    files: list[tuple[str, str]] = []
    rows: list[PatchRow] = []
    for number in range(count):
        row, col = divmod(number, 91)
        name = S1PatchName(SCENE[:32], "33UUP", col, row)
        s2_patch = f"S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_{col:02d}_{row:02d}"
        patch_grid = grid.window(PX * col, PX * row, PX, PX)
        record = PatchRecord(name, patch_grid, SCENE, (SCENE,), s2_patch, product.start, TARGET, col, row)
        bands = {band: _speckle(rng) for band in BANDS}
        files += writer.write(record, bands)
        rows.append(PatchRow(str(name), s2_patch, TARGET, col, row, SCENE, "S1A_017018", 146, "ascending", 6.68))
    writer.flush()
    record_target(root, TARGET, files, rows, [])
    settings = {"layout": "v2", "simulated": True, "radar": {"polarisations": list(BANDS)}}
    (root / "provenance" / "dataset.json").write_text(json.dumps(settings), encoding="utf-8")
    return [root / form.folder(S1PatchName.parse(row.name)) for row in rows]


def _speckle(rng: np.random.Generator) -> np.ndarray:
    return (10 * np.log10(rng.gamma(4.4, 1 / 44, (PX, PX)))).astype(np.float32)


def by_rasterio(folders: list[Path]) -> Iterator[tuple[str, Bands]]:
    """Read patches as the libraries' documentation does."""
    for folder in folders:
        bands = {}
        for band in BANDS:
            with rasterio.open(folder / f"{folder.name}_{band}.tif") as file:
                bands[band] = file.read(1)
        yield folder.name, bands


def from_memory(patches: list[tuple[str, Bands]]) -> Iterator[tuple[str, Bands]]:
    """Give patches that are in memory."""
    yield from patches


def zarr_library(path: Path, patches: Iterator[tuple[str, Bands]], count: int) -> None:
    """Sharded array, written a shard at a time, with the library's default compression."""
    array = zarr.create_array(
        path,
        shape=(count, 2, PX, PX),
        chunks=(1, 2, PX, PX),
        shards=(BLOCK, 2, PX, PX),
        dtype="float32",
    )
    block: list[np.ndarray] = []
    start = 0
    for _, bands in patches:
        block.append(np.stack([bands[band] for band in BANDS]))
        if len(block) == BLOCK:
            array[start : start + BLOCK] = np.stack(block)
            start += BLOCK
            block.clear()
    if block:
        array[start:] = np.stack(block)


def webdataset_library(path: Path, patches: Iterator[tuple[str, Bands]], _count: int) -> None:
    """Samples with the library's own encoder."""
    path.mkdir()
    with webdataset.ShardWriter(str(path / "patches-%06d.tar"), maxcount=BLOCK, verbose=0) as writer:
        for name, bands in patches:
            writer.write({"__key__": name, "vv.npy": bands["VV"], "vh.npy": bands["VH"], "json": {"name": name}})


def lmdb_library(path: Path, patches: Iterator[tuple[str, Bands]], _count: int) -> None:
    """A put a patch, as rico-hdl does."""
    with lmdb.open(str(path), map_size=2**40) as database:
        pending = list[tuple[str, Bands]]()
        for patch in patches:
            pending.append(patch)
            if len(pending) == BLOCK:
                _put(database, pending)
        _put(database, pending)


def _put(database: Any, pending: list[tuple[str, Bands]]) -> None:
    with database.begin(write=True) as transaction:
        for name, bands in pending:
            transaction.put(name.encode(), save(bands), overwrite=False)
    pending.clear()


LIBRARIES: dict[str, Callable[[Path, Iterator[tuple[str, Bands]], int], None]] = {
    "zarr": zarr_library,
    "webdataset": webdataset_library,
    "lmdb": lmdb_library,
}


def timed(work: Callable[[], object], path: Path) -> float:
    """Seconds until the result is on disk; it is removed afterwards."""
    os.sync()
    started = time.perf_counter()
    work()
    os.sync()
    seconds = time.perf_counter() - started
    shutil.rmtree(path)
    return seconds


def peak_mib(root: Path, path: Path, form: str) -> float:
    """Peak memory of a packing in a process of its own, on Linux."""
    program = (
        "import sys\nfrom pathlib import Path\nfrom gee_s1ben.dataset.packed import pack\n"
        "pack(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], block=int(sys.argv[4]))\n"
        "print([line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')][0])"
    )
    words = [sys.executable, "-c", program, str(root), str(path), form, str(BLOCK)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    shutil.rmtree(path)
    return int(done.stdout) / 2**10


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patches", type=int, default=2000, help="patches of both bands, at most 8281")
    parser.add_argument("--rounds", type=int, default=3, help="times each way is tried; medians are shown")
    parser.add_argument("--folder", type=Path, help="work below this folder")
    arguments = parser.parse_args()
    versions = f"zarr {zarr.__version__}, webdataset {webdataset.__version__}, lmdb {lmdb.__version__}"
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {versions}; {arguments.patches} patches")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
        root, path = Path(temporary) / "dataset", Path(temporary) / "pack"
        folders = make(root, arguments.patches)
        patches = list(by_rasterio(folders))
        print(f"{'form':<12}{'memory':>10}{'library':>10}{'pack':>10}  patches/s{'pack/memory':>14}{'pack/library':>14}"
              f"{'peak MiB':>10}{'size':>7}")  # fmt: skip
        for form, write in LIBRARIES.items():
            ways: dict[str, Callable[[], object]] = {
                "memory": lambda write=write: write(path, from_memory(patches), len(patches)),
                "library": lambda write=write: write(path, by_rasterio(folders), len(folders)),
                "pack": lambda form=form: pack(root, path, form, block=BLOCK),
            }
            seconds: dict[str, list[float]] = {way: [] for way in ways}
            for _ in range(arguments.rounds):
                for way, work in ways.items():
                    seconds[way].append(timed(work, path))
            median = {way: statistics.median(values) for way, values in seconds.items()}
            size = pack(root, path, form, block=BLOCK).bytes / (len(patches) * 8 * PX * PX)
            shutil.rmtree(path)
            print(
                f"{form:<12}" + "".join(f"{len(patches) / median[way]:>10,.0f}" for way in ways)
                + f"           {median['memory'] / median['pack']:>14.2f}{median['library'] / median['pack']:>14.2f}"
                + f"{peak_mib(root, path, form):>10.0f}{size:>7.2f}"
            )  # fmt: skip


if __name__ == "__main__":
    main()
