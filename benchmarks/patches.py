"""How fast patches are written and read, as shares of what the file system itself does.

A raster of a whole Sentinel-2 tile, VV and VH, float32, uncompressed, is made and cut into patches of 120 × 120 pixels,
one file a band. All methods take turns, row of patches by row of patches, and each share is the median over turns of
one method's time over another's in the same turn: this machine may be busy, the shares are still right. ::

    python benchmarks/patches.py --folder /dev/shm/patches      # in memory
    python benchmarks/patches.py --folder /var/tmp/patches      # on disk

- ``raw``: ``os.open``, ``os.write``, ``os.close`` of files of the same size, always the same bytes from memory;
- ``raw + folders``: the same with a folder a patch; ``raw, own bytes``: with other bytes in every file as well;
- ``template``: each patch's own bytes by its form, from arrays in memory, without folders, checks and names;
- ``writer``: what the package does: cut from the raster on disk, checked for pixels without data, a folder a patch,
  whole or absent, without checksums, which ``writer + SHA-256`` adds; ``writer, memory``: from arrays in memory;
- ``rasterio``: one ``rasterio.open`` a patch with the defaults, folders a patch.

Memory that the files will take is touched beforehand: to a virtual machine the first touch of a page is slow, and would
hide what is measured. Every file that the writer makes is compared, byte for byte, with rasterio's of the same patch in the rows where
rasterio takes part. Nothing is deleted while anything is timed, since ext4 creates files slowly after a mass deletion.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import rasterio

from gee_s1ben.dataset.cutting import cut_raster
from gee_s1ben.dataset.form import form_of_grid
from gee_s1ben.dataset.layout import PatchRecord, layout
from gee_s1ben.dataset.patch_reader import PatchReader
from gee_s1ben.dataset.writer import PatchWriter
from gee_s1ben.domain.naming import S1PatchName
from gee_s1ben.domain.shard import Shard
from gee_s1ben.domain.tile import PATCH_PX, tile_grid

BANDS = ("VV", "VH")
SCENE = "S1A_IW_GRDH_1SDV_20170613T165043_20170613T165108_017018_01C579_7EEC"
GRID = tile_grid("33UUP")
SIDE = 91
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL
Timed = dict[str, list[float]]


def patch_record(col: int, row: int) -> PatchRecord:
    return PatchRecord(
        name=S1PatchName("S1A_IW_GRDH_1SDV_20170613T165043", "33UUP", col, row),
        grid=GRID.window(col * PATCH_PX, row * PATCH_PX, PATCH_PX, PATCH_PX),
        scene=SCENE,
        scenes=(SCENE,),
        s2_patch=f"S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_{col:02d}_{row:02d}",
        acquired=datetime(2017, 6, 13, 16, 50, 43, tzinfo=UTC),
        target_key="33UUP_20170613T101031",
        col=col,
        row=row,
    )


def make_raster(path: Path) -> None:
    random = np.random.default_rng(0)
    with rasterio.open(
        path, "w", driver="GTiff", width=GRID.width, height=GRID.height, count=2, dtype="float32", crs=GRID.crs,
        transform=rasterio.Affine(*GRID.transform), interleave="band",
    ) as file:  # fmt: skip
        file.descriptions = BANDS
        for band in (1, 2):
            file.write(random.standard_normal(GRID.shape, dtype=np.float32) * 4 - 12, band)


class Methods:  # each is described above
    """Ways to write some rows of patches; each gets a folder of its own."""

    def __init__(self, raster: Path, each: int) -> None:
        self.raster = raster
        form = form_of_grid(patch_record(0, 0).grid)
        if form is None:
            raise SystemExit("this version of GDAL writes patches in a form that the writer cannot take over")
        self.form = form
        self.same = bytes(self.form.size)
        self.own = [bytes([place % 251]) * form.size for place in range(2 * SIDE * each)]
        self.hot = np.random.default_rng(1).standard_normal((2, PATCH_PX, GRID.width), np.float32) - 12

    def raw(self, folder: Path, records: Sequence[PatchRecord]) -> None:  # noqa: D102
        folder.mkdir()
        for record in records:
            for band in BANDS:
                create(f"{folder}/{record.name}_{band}.tif", self.same)

    def raw_folders(self, folder: Path, records: Sequence[PatchRecord]) -> None:  # noqa: D102
        folder.mkdir()
        for record in records:
            os.mkdir(f"{folder}/{record.name}")  # noqa: PTH102
            for band in BANDS:
                create(f"{folder}/{record.name}/{record.name}_{band}.tif", self.same)

    def raw_own_bytes(self, folder: Path, records: Sequence[PatchRecord]) -> None:  # noqa: D102
        folder.mkdir()
        for place, record in enumerate(records):
            os.mkdir(f"{folder}/{record.name}")  # noqa: PTH102
            for band, data in zip(BANDS, self.own[2 * place : 2 * place + 2], strict=True):
                create(f"{folder}/{record.name}/{record.name}_{band}.tif", data)

    def writer_memory(self, folder: Path, records: Sequence[PatchRecord]) -> None:  # noqa: D102
        writer = PatchWriter(folder, layout("v2"))
        bands = dict(zip(BANDS, self.hot, strict=True))
        with writer.batch(checksums=False) as batch:
            for row in sorted({record.row for record in records}):
                some = [record for record in records if record.row == row]
                batch.cut(some, bands, GRID.window(0, row * PATCH_PX, GRID.width, PATCH_PX))

    def template(self, folder: Path, records: Sequence[PatchRecord]) -> None:  # noqa: D102
        folder.mkdir()
        data = self.form.blank()
        inside = self.form.pixels(data)
        for record in records:
            left, transform = record.col * PATCH_PX, record.grid.transform
            for place, band in enumerate(BANDS):
                self.form.place(data, transform[2], transform[5])
                np.copyto(inside, self.hot[place, :, left : left + PATCH_PX])
                create(f"{folder}/{record.name}_{band}.tif", data)

    def writer(self, folder: Path, records: Sequence[PatchRecord]) -> None:  # noqa: D102
        cut_raster(self.raster, GRID, BANDS, records, PatchWriter(folder, layout("v2")), checksums=False)

    def writer_checksums(self, folder: Path, records: Sequence[PatchRecord]) -> None:  # noqa: D102
        cut_raster(self.raster, GRID, BANDS, records, PatchWriter(folder, layout("v2")))

    def by_rasterio(self, folder: Path, records: Sequence[PatchRecord]) -> None:  # noqa: D102
        folder.mkdir()
        with rasterio.open(self.raster) as source:
            for record in records:
                (folder / str(record.name)).mkdir()
                window = rasterio.windows.Window(record.col * PATCH_PX, record.row * PATCH_PX, PATCH_PX, PATCH_PX)
                for place, band in enumerate(BANDS, start=1):
                    with rasterio.open(
                        folder / str(record.name) / f"{record.name}_{band}.tif", "w", driver="GTiff", width=PATCH_PX,
                        height=PATCH_PX, count=1, dtype="float32", crs=GRID.crs,
                        transform=rasterio.Affine(*record.grid.transform),
                    ) as file:  # fmt: skip
                        file.write(source.read(place, window=window), 1)


def create(path: str, data: bytes | bytearray) -> None:
    descriptor = os.open(path, NEW_FILE, 0o666)
    os.write(descriptor, data)
    os.close(descriptor)


def compare_writing(methods: Methods, folder: Path, rows: int, each: int) -> Timed:
    """Seconds a file of every method in every turn; rasterio takes part in every fourth, with one row."""
    ways: dict[str, Callable[[Path, Sequence[PatchRecord]], None]] = {
        "raw": methods.raw,
        "raw + folders": methods.raw_folders,
        "raw, own bytes": methods.raw_own_bytes,
        "template": methods.template,
        "writer, memory": methods.writer_memory,
        "writer": methods.writer,
        "writer + SHA-256": methods.writer_checksums,
    }
    timed: Timed = {name: [] for name in (*ways, "rasterio")}
    for turn, first in enumerate(range(0, rows, each)):
        records = [patch_record(col, row) for row in range(first, min(first + each, rows)) for col in range(SIDE)]
        order = list(ways)
        for name in order[turn % len(order) :] + order[: turn % len(order)]:
            place = folder / f"{turn}-{name.replace(' ', '')}"
            timed[name].append(seconds(partial(ways[name], place, records)) / (2 * len(records)))
        if turn % 4 == 0:
            some, place = records[:SIDE], folder / f"{turn}-rasterio"
            timed["rasterio"].append(seconds(partial(methods.by_rasterio, place, some)) / (2 * len(some)))
            check_bytes(place, folder / f"{turn}-writer")
        else:
            timed["rasterio"].append(float("nan"))
    return timed


def check_bytes(theirs: Path, ours: Path) -> None:
    for path in sorted(theirs.rglob("*.tif")):
        (found,) = ours.glob(f"BigEarthNet-S1/*/{path.parent.name}/{path.name}")
        if found.read_bytes() != path.read_bytes():
            raise SystemExit(f"{found} is not what rasterio wrote")


def compare_reading(written: Sequence[Path], turns: int) -> Timed:
    """Seconds a file of both readers in every turn; rasterio reads a tenth of the files."""
    timed: Timed = {"reader": [], "rasterio": []}
    reader = PatchReader()
    reader.array(written[0])
    for turn in range(turns):
        some = [str(path) for path in written[turn::turns]]
        timed["reader"].append(seconds(partial(read_all, reader.array, some)) / len(some))
        few = some[: max(1, len(some) // 10)]
        timed["rasterio"].append(seconds(partial(read_all, read_by_rasterio, few)) / len(few))
    return timed


def read_all(read: Callable[[str], object], paths: Sequence[str]) -> None:
    for path in paths:
        read(path)


def read_by_rasterio(path: str) -> object:
    with rasterio.open(path) as file:
        return file.read(1)


def touch_memory(rows: int) -> None:
    """Have the machine hand over as much memory as the files will take, and give it back."""
    files = 2 * SIDE * rows * (7 + 4)
    np.ones(files * 60_000 // 8)


def compare_workers(methods: Methods, folder: Path, rows: int, turns: int) -> Timed:
    """Seconds a file of one and of two processes, each a shard, and of one and two that only write raw files."""
    timed: Timed = {name: [] for name in ("one", "two", "raw one", "raw two")}
    span = rows // turns
    for turn in range(turns):
        records = [patch_record(col, row) for row in range(turn * span, (turn + 1) * span) for col in range(SIDE)]
        for name in timed:
            count = 1 + ("two" in name)
            place = folder / f"workers-{turn}-{name.replace(' ', '')}"
            place.mkdir()
            spent = run_workers(methods, place, records, count, raw="raw" in name)
            timed[name].append(spent / (2 * len(records)))
    return timed


def run_workers(methods: Methods, folder: Path, records: Sequence[PatchRecord], count: int, *, raw: bool) -> float:
    """Seconds from the moment when all are ready until all are done."""
    context = multiprocessing.get_context("fork")
    barrier: Barrier = context.Barrier(count + 1)
    workers = [
        context.Process(target=work, args=(methods, folder, records, Shard(index, count), barrier, raw))
        for index in range(1, count + 1)
    ]
    for worker in workers:
        worker.start()
    barrier.wait()
    started = time.perf_counter()
    for worker in workers:
        worker.join()
    spent = time.perf_counter() - started
    if any(worker.exitcode for worker in workers):
        raise SystemExit("a worker failed")
    return spent


def work(
    methods: Methods, folder: Path, records: Sequence[PatchRecord], shard: Shard, barrier: Barrier, raw: bool
) -> None:
    rows = sorted({record.row for record in records})
    mine = set(shard.part(rows))
    part = [record for record in records if record.row in mine]
    barrier.wait()
    if raw:
        methods.raw_folders(folder / str(shard.index), part)
    else:
        writer = PatchWriter(folder, layout("v2"), shard)
        cut_raster(methods.raster, GRID, BANDS, part, writer, checksums=False)


def seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def rate(times: Sequence[float]) -> float:
    return 1 / statistics.median(one for one in times if one == one)


def share(times: Timed, of: str, name: str) -> float:
    """Median over turns of how fast a method is as a share of another."""
    pairs = zip(times[of], times[name], strict=True)
    return statistics.median(base / one for base, one in pairs if base == base and one == one)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="work in here; its file system is what is measured")
    parser.add_argument("--rows", type=int, default=SIDE, help="rows of 91 patches; the whole tile by default")
    parser.add_argument("--each", type=int, default=7, help="rows of patches a turn")
    parser.add_argument("--json", type=Path, help="write the results here as well")
    arguments = parser.parse_args()
    if arguments.folder:
        arguments.folder.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=arguments.folder))
    try:
        raster = folder / "tile.tif"
        make_raster(raster)
        methods = Methods(raster, arguments.each)
        touch_memory(arguments.rows)
        writing = compare_writing(methods, folder, arguments.rows, arguments.each)
        written = [path for turn in folder.glob("*-writer") for path in turn.rglob("*.tif")]
        reading = compare_reading(written, 13)
        workers = compare_workers(methods, folder, arguments.rows, max(1, arguments.rows // 13))
    finally:
        shutil.rmtree(folder)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    lines = [f"{cores} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}, {platform.machine()}"]
    lines += [
        f"{'writing':20}{'files/s':>10}{'of raw':>9}{'of raw+folders':>16}{'of own bytes':>16}{'of rasterio':>13}"
    ]
    for name in writing:
        shares = [share(writing, of, name) for of in ("raw", "raw + folders", "raw, own bytes", "rasterio")]
        columns = f"{shares[0]:>9.2f}{shares[1]:>16.2f}{shares[2]:>16.2f}{shares[3]:>12.1f}×"
        lines.append(f"{name:20}{rate(writing[name]):>10,.0f}{columns}")
    lines += [f"{'reading':20}{'files/s':>10}{'of rasterio':>54}"]
    for name in reading:
        lines.append(f"{name:20}{rate(reading[name]):>10,.0f}{share(reading, 'rasterio', name):>53.1f}×")
    lines += [f"{'workers':20}{'files/s':>10}{'of one':>54}"]
    for name in workers:
        one = share(workers, "raw one" if "raw" in name else "one", name)
        lines.append(f"{name:20}{rate(workers[name]):>10,.0f}{one:>53.2f}×")
    sys.stdout.write("\n".join(lines) + "\n")
    if arguments.json:
        timed = {"writing": writing, "reading": reading, "workers": workers}
        arguments.json.write_text(json.dumps(timed, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
