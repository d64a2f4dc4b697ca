"""What a dataset of 1.18 million files costs beside its pixels: time and peak memory of its tables and of looking.

Makes a dataset of the size of BigEarthNet-S1 whose rasters are links to a few small ones, so that it fits in memory,
and measures each step in a process of its own::

    python benchmarks/tables.py --folder /dev/shm

- ``record``: manifest, table of patches and table of absent patches of all targets, from nothing, and again on top;
- ``labels``: ``metadata.parquet`` and its line in the manifest;
- ``open``: ``open_dataset`` and a pass over all patches, no pixels;
- ``verify``: every file read, its checksum compared, decoded; and what no table names;
- ``strays``: what no table names, alone.

Peak memory is the most that the process ever had, Python and libraries included; ``import`` is a process that only
loads them. Give ``--patches`` and ``--layout`` to see what grows.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gee_s1ben.dataset.geotiff import encode_patch_tif
from gee_s1ben.dataset.layout import LayoutVersion, layout
from gee_s1ben.dataset.layout_tables import write_tables
from gee_s1ben.dataset.manifest import AbsentRow, PatchRow
from gee_s1ben.dataset.recording import Recording
from gee_s1ben.dataset.stored import open_dataset
from gee_s1ben.dataset.verification import find_strays, verify_stored
from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.naming import S1PatchName

SIDE = 91
PX = 8
BANDS = ("VH", "VV")
LINKS = 60_000
"""Names of one file; ext4 allows 65,000."""
GRID = Grid("EPSG:32633", (10.0, 0.0, 300000.0, 0.0, -10.0, 5400000.0), PX, PX)


def contents(version: LayoutVersion) -> dict[str, bytes]:
    """Files of a patch by the end of their names, the same in every patch."""
    random = np.random.default_rng(0)
    rasters = [random.normal(-12, 4, GRID.shape).astype(np.float32) for _ in BANDS]
    files = {f"{band}.tif": encode_patch_tif(pixels, GRID) for band, pixels in zip(BANDS, rasters, strict=True)}
    return files | ({"labels_metadata.json": b"{}"} if version == "v1" else {})


def patches(number: int, count: int) -> Iterator[PatchRow]:
    """Patches of the number-th target, of four scenes, as the assembly leaves their rows."""
    key = f"grid{number:04d}_201706{1 + number % 28:02d}T101031"
    tile = key.partition("_")[0]
    for place in range(count):
        row, col = divmod(place, SIDE)
        scene = f"S1{'AB'[col > row]}_IW_GRDH_1SDV_201706{1 + number % 28:02d}T1650{43 + place * 2 // count}"
        product = f"{scene}_20170613T165108_017018_01C579_7EEC"
        name = f"{scene}_{tile}_{col}_{row}"
        s2_patch = f"S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_{col:02d}_{row:02d}"
        yield PatchRow(name, s2_patch, key, col, row, product, "S1A_017018", 146, "ascending", 6.6697, 0)


def files_of(row: PatchRow, version: LayoutVersion, digests: dict[str, str]) -> list[tuple[str, str]]:
    folder = layout(version).folder(S1PatchName.parse(row.name))
    return [(f"{folder}/{row.name}_{end}", digest) for end, digest in digests.items()]


def shares(total: int, targets: int) -> list[int]:
    return [total * (number + 1) // targets - total * number // targets for number in range(targets)]


def make(root: Path, version: LayoutVersion, total: int, targets: int) -> None:
    """Put the files into place."""
    sources: dict[str, Path] = {}
    made = 0
    for number, count in enumerate(shares(total, targets)):
        for row in patches(number, count):
            if made % LINKS == 0:
                for end, data in contents(version).items():
                    sources[end] = root / f"source-{made}-{end}"
                    sources[end].write_bytes(data)
            made += 1
            folder = root / layout(version).folder(S1PatchName.parse(row.name))
            os.makedirs(folder)  # noqa: PTH103
            for end, source in sources.items():
                os.link(source, f"{folder}/{row.name}_{end}")
    for source in root.glob("source-*"):
        source.unlink()


def record(root: Path, version: LayoutVersion, total: int, targets: int) -> None:
    digests = {end: hashlib.sha256(data).hexdigest() for end, data in contents(version).items()}
    with Recording(root) as recording:
        for number, count in enumerate(shares(total, targets)):
            rows = list(patches(number, count))
            files = [file for row in rows for file in files_of(row, version, digests)]
            absent = [AbsentRow(rows[0].target, SIDE, SIDE + place, "s2", "no pass contains it") for place in range(9)]
            recording.add(rows[0].target, files, rows, absent)
        recording.finish()


def look(root: Path, total: int) -> None:
    if sum(len(patch.polarisations) == len(BANDS) for patch in open_dataset(root)) != total:
        raise SystemExit("not all patches are there")


def verify(root: Path, total: int) -> None:
    report = verify_stored(root)
    if not report.ok or report.checked != total:
        raise SystemExit(f"{report.checked} checked, findings: {(*report.wrong, *report.missing, *report.extra)[:3]}")


def step(name: str, root: Path, version: LayoutVersion, total: int, targets: int) -> None:
    """Do one step in this process, and print its seconds and its peak memory in MiB."""
    started = time.perf_counter()
    if name == "make":
        make(root, version, total, targets)
    elif name.startswith("record"):
        record(root, version, total, targets)
    elif name == "labels":
        write_tables(root, version)
    elif name == "open":
        look(root, total)
    elif name == "verify":
        verify(root, total)
    elif name == "strays" and any(find_strays(root, layout(version))):
        raise SystemExit("something is not in the manifest")
    spent = time.perf_counter() - started
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    sys.stdout.write(f"{name:16}{spent:>10.1f} s{peak / 1024:>10.0f} MiB\n")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="work in here")
    parser.add_argument("--patches", type=int, default=590_326)
    parser.add_argument("--targets", type=int, default=125)
    parser.add_argument("--layout", choices=("v1", "v2"), default="v2")
    parser.add_argument("--steps", default="import,make,record,record again,labels,open,verify,strays")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        step(arguments.step, arguments.root, arguments.layout, arguments.patches, arguments.targets)
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"{2 * arguments.patches:,} files, {arguments.targets} targets, layout {arguments.layout}; {cores} cores, "
          f"load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}", flush=True)  # fmt: skip
    root = Path(tempfile.mkdtemp(dir=arguments.folder))
    sizes = ["--patches", str(arguments.patches), "--targets", str(arguments.targets), "--layout", arguments.layout]
    try:
        for name in arguments.steps.split(","):
            subprocess.run([sys.executable, __file__, "--step", name, "--root", str(root), *sizes], check=True)
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
