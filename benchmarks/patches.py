"""How fast patches are written and read, as shares of what the file system itself does.

A raster of a whole Sentinel-2 tile, VV and VH of speckle, float32, uncompressed, is made and cut into patches of
120 × 120 pixels, one file a band, 16,562 files. All methods take turns, a whole tile each, and each share is the
median over turns of one method's time over another's in the same turn, so that a busy machine slows both; behind it, in
brackets, stands the share of the fastest turn of each, which is what a quiet machine does. ::

    python benchmarks/patches.py --folder /dev/shm/patches --raster /var/tmp --delete   # patches in memory
    python benchmarks/patches.py --folder /var/tmp/patches --rows 13                    # on disk, a seventh of the tile

- ``raw``: ``os.open``, ``os.write``, ``os.close`` of files of the same size, always the same bytes from memory;
- ``raw + folders``: the same with a folder a patch; ``raw, own bytes``: with bytes that were
  read from the raster: all the input and output that there is, and nothing else;
- ``template``: each patch's own bytes, header and pixels, without folders, checks and names, from arrays in memory that
  hold a patch each; ``template, cut``: from two arrays that hold a row of patches, as a raster does;
- ``writer``: what the package does: cut from the raster on disk, checked for pixels without data, a folder a patch,
  whole or absent, without checksums, which ``writer + SHA-256`` adds; ``writer, memory``: from arrays in memory;
- ``rasterio``: one ``rasterio.open`` a patch with the defaults, folders a patch.

To a virtual machine the first touch of a page of memory is slow and hides what is measured: in memory use ``--delete``,
which gives the pages back after each method. Not on disk, since ext4 creates files slowly after a mass deletion. What
the writer makes is compared, byte for byte, with what rasterio makes of the same patches.
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
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import rasterio
import rasterio.windows

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
LOOKS = 4.4
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
        for band, mean_db in ((1, -12), (2, -19)):
            for row in range(0, GRID.height, PATCH_PX):
                shape = min(PATCH_PX, GRID.height - row), GRID.width
                power = random.standard_gamma(LOOKS, shape, np.float32) / np.float32(LOOKS)
                window = rasterio.windows.Window(0, row, GRID.width, shape[0])
                file.write(10 * np.log10(power) + np.float32(mean_db), band, window=window)
    # Once more in one go, as the pipeline keeps what was fetched: GDAL's small writes leave the file in small pieces in
    # the system's memory.
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)


class Methods:  # each is described above
    """Ways to write some rows of patches; each gets a folder of its own."""

    def __init__(self, raster: Path) -> None:
        self.raster = raster
        form = form_of_grid(patch_record(0, 0).grid)
        if form is None:
            raise SystemExit("this version of GDAL writes patches in a form that the writer cannot take over")
        self.form = form
        self.same = bytes(self.form.size)
        self.row = np.random.default_rng(1).standard_normal((2, PATCH_PX, GRID.width), np.float32) - 12
        starts = range(0, SIDE * PATCH_PX, PATCH_PX)
        self.patches = [[np.array(band[:, start : start + PATCH_PX]) for band in self.row] for start in starts]

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
        size = self.form.size
        strip = memoryview(bytearray(size * 2 * SIDE))
        with self.raster.open("rb", buffering=0) as raster:
            raster.seek(len(strip) * records[0].row)
            for place, record in enumerate(records):
                if place % SIDE == 0:
                    raster.readinto(strip)
                os.mkdir(f"{folder}/{record.name}")  # noqa: PTH102
                for which, band in enumerate(BANDS, start=place % SIDE * 2):
                    data = strip[size * which : size * (which + 1)]
                    create(f"{folder}/{record.name}/{record.name}_{band}.tif", data)

    def writer_memory(self, folder: Path, records: Sequence[PatchRecord]) -> None:  # noqa: D102
        writer = PatchWriter(folder, layout("v2"))
        bands = dict(zip(BANDS, self.row, strict=True))
        with writer.batch(checksums=False) as batch:
            for row in sorted({record.row for record in records}):
                some = [record for record in records if record.row == row]
                batch.cut(some, bands, GRID.window(0, row * PATCH_PX, GRID.width, PATCH_PX))

    def template(self, folder: Path, records: Sequence[PatchRecord]) -> None:  # noqa: D102
        folder.mkdir()
        for record in records:
            transform = record.grid.transform
            for band, pixels in zip(BANDS, self.patches[record.col], strict=True):
                descriptor = os.open(f"{folder}/{record.name}_{band}.tif", NEW_FILE, 0o666)
                os.writev(descriptor, (self.form.head(transform[2], transform[5]), pixels))
                os.close(descriptor)

    def template_cut(self, folder: Path, records: Sequence[PatchRecord]) -> None:  # noqa: D102
        folder.mkdir()
        for record in records:
            left, transform = record.col * PATCH_PX, record.grid.transform
            for band, pixels in zip(BANDS, self.row[:, :, left : left + PATCH_PX], strict=True):
                head = self.form.head(transform[2], transform[5])
                create(f"{folder}/{record.name}_{band}.tif", b"".join((head, np.ascontiguousarray(pixels))))

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


def create(path: str, data: bytes | bytearray | memoryview) -> None:
    descriptor = os.open(path, NEW_FILE, 0o666)
    os.write(descriptor, data)
    os.close(descriptor)


def compare_writing(methods: Methods, folder: Path, rows: int, turns: int, *, delete: bool) -> Timed:
    """Seconds a file of every method in every turn; rasterio writes one row of patches in each."""
    ways: dict[str, Callable[[Path, Sequence[PatchRecord]], None]] = {
        "raw": methods.raw,
        "raw + folders": methods.raw_folders,
        "raw, own bytes": methods.raw_own_bytes,
        "template": methods.template,
        "template, cut": methods.template_cut,
        "writer, memory": methods.writer_memory,
        "writer": methods.writer,
        "writer + SHA-256": methods.writer_checksums,
    }
    timed: Timed = {name: [] for name in (*ways, "rasterio")}
    for turn in range(turns):
        records = records_of_turn(turn, rows)
        order = list(ways)
        for name in order[turn % len(order) :] + order[: turn % len(order)]:
            place = folder / f"{turn}-{name.replace(' ', '')}"
            timed[name].append(seconds(partial(ways[name], place, records)) / (2 * len(records)))
            if delete and name != "writer":
                shutil.rmtree(place)
        some, place, ours = records[:SIDE], folder / f"{turn}-rasterio", folder / f"{turn}-writer"
        timed["rasterio"].append(seconds(partial(methods.by_rasterio, place, some)) / (2 * len(some)))
        check_bytes(place, ours)
        if delete:
            shutil.rmtree(place)
            if turn + 1 < turns:  # the last ones are read back
                shutil.rmtree(ours)
    return timed


def records_of_turn(turn: int, rows: int) -> list[PatchRecord]:
    """Patches of the next rows of the tile; after the last comes the first."""
    places = sorted((turn * rows + row) % SIDE for row in range(rows))
    return [patch_record(col, row) for row in places for col in range(SIDE)]


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


def compare_workers(methods: Methods, folder: Path, rows: int, turns: int, *, delete: bool) -> Timed:
    """Seconds a file of one process, two that are shards, and one with two threads; of ours and of raw files."""
    crews = {
        f"{way}, {crew}": (way, processes, threads)
        for way in ("raw", "writer", "+ SHA-256")
        for crew, processes, threads in (("one", 1, 1), ("two", 2, 1), ("threads", 1, 2))
        if (way, crew) != ("raw", "threads")
    }
    timed: Timed = {name: [] for name in crews}
    for turn in range(turns):
        for name, (way, processes, threads) in crews.items():
            place = folder / f"workers-{turn}-{name.replace(' ', '')}"
            place.mkdir()
            spent = run_workers(partial(work, methods, place, turn, rows, way, threads), processes)
            timed[name].append(spent / (2 * rows * SIDE))
            if delete:
                shutil.rmtree(place)
    return timed


def run_workers(job: Callable[[Shard, Barrier], None], processes: int) -> float:
    """Seconds from the moment when all are ready until all are done."""
    context = multiprocessing.get_context("fork")
    barrier: Barrier = context.Barrier(processes + 1)
    workers = [
        context.Process(target=job, args=(Shard(index, processes), barrier)) for index in range(1, processes + 1)
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
    methods: Methods, folder: Path, turn: int, rows: int, way: str, threads: int, shard: Shard, barrier: Barrier
) -> None:
    """Write a shard of the patches of a turn, as soon as all are ready."""
    records = records_of_turn(turn, rows)
    mine = set(shard.part(sorted({record.row for record in records})))
    part = [record for record in records if record.row in mine]
    barrier.wait()
    if way == "raw":
        methods.raw_folders(folder / str(shard.index), part)
    else:
        writer = PatchWriter(folder, layout("v2"), shard)
        cut_raster(methods.raster, GRID, BANDS, part, writer, workers=threads, checksums=way != "writer")


def seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def share(times: Timed, of: str, name: str, digits: int) -> str:
    """How fast a method is as a share of another: median over turns, and fastest turn against fastest turn."""
    paired = statistics.median(base / one for base, one in zip(times[of], times[name], strict=True))
    return f"{paired:.{digits}f} ({min(times[of]) / min(times[name]):.{digits}f})"


def table(title: str, times: Timed, bases: Sequence[str]) -> list[str]:
    """Lay results out for a terminal: files a second in the median turn, and shares of some of the methods."""
    lines = [f"{title:18}{'files/s':>9}" + "".join(f"{'of ' + base:>19}" for base in bases)]
    for name, spent in times.items():
        shares = "".join(f"{share(times, base, name, 1 if base == 'rasterio' else 2):>19}" for base in bases)
        lines.append(f"{name:18}{1 / statistics.median(spent):>9,.0f}{shares}")
    return lines


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="work in here; its file system is what is measured")
    parser.add_argument("--raster", type=Path, help="make the raster in here; beside the patches by default")
    parser.add_argument("--rows", type=int, default=SIDE, help="rows of 91 patches a turn; the whole tile by default")
    parser.add_argument("--turns", type=int, default=7, help="how often each method is measured")
    parser.add_argument("--delete", action="store_true", help="delete files as soon as they are written, untimed")
    parser.add_argument("--json", type=Path, help="write the results here as well")
    arguments = parser.parse_args()
    for wanted in (arguments.folder, arguments.raster):
        if wanted:
            wanted.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=arguments.folder)))
        beside = stack.enter_context(tempfile.TemporaryDirectory(dir=arguments.raster or folder))
        raster = Path(beside) / "tile.tif"
        make_raster(raster)
        methods = Methods(raster)
        writing = compare_writing(methods, folder, arguments.rows, arguments.turns, delete=arguments.delete)
        written = [path for turn in folder.glob("*-writer") for path in turn.rglob("*.tif")]
        reading = compare_reading(written, 13)
        workers = compare_workers(methods, folder, arguments.rows, arguments.turns, delete=arguments.delete)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    lines = [f"{cores} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}, {platform.machine()}"]
    lines += table("writing", writing, ("raw", "raw + folders", "raw, own bytes", "rasterio"))
    lines += table("reading", reading, ("rasterio",))
    lines += table("workers", workers, ("raw, one", "writer, one", "+ SHA-256, one"))
    sys.stdout.write("\n".join(lines) + "\n")
    if arguments.json:
        timed = {"writing": writing, "reading": reading, "workers": workers}
        arguments.json.write_text(json.dumps(timed, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
