"""What survives when the service stops or is killed, and what an exports folder is refused for."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pytest
import rasterio
from command_line import start as start_command
from exports_client import CONSTANT, GRID, SMALL, drive, ended, folder_of, storage, storage_body

from gee_s1ben.config import Config
from gee_s1ben.engine.catalog import Catalog
from gee_s1ben.engine.exports import Exports, QueueSettings
from gee_s1ben.engine.registry import Context
from gee_s1ben.engine.service import serving
from gee_s1ben.errors import InputError
from gee_s1ben.session.connection import connect, connected

ID = "COPERNICUS/S1_GRD/A_first"
LARGE = {**GRID, "dimensions": {"width": 3000, "height": 3000}}
ENDLESS = {**GRID, "dimensions": {"width": 400_000, "height": 400_000}}
IDLE = QueueSettings(running=0)
"""Nothing runs: what is pending stays so."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "exports"


@contextmanager
def opened(catalog: Path, folder: Path, settings: QueueSettings = IDLE) -> Iterator[Exports]:
    exports = Exports(folder, Context(Catalog.open(catalog)), settings)
    try:
        yield exports
    finally:
        exports.close()


@contextmanager
def command(catalog: Path, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """``engine serve`` with the client connected to it."""
    process = start_command("engine", "serve", "--catalog", catalog, "--exports", folder)
    try:
        assert process.stdout is not None
        with connected(process.stdout.readline().strip(), "embedded"):
            yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


def large(prefix: str, grid: dict[str, Any]) -> dict[str, Any]:
    size = grid["dimensions"]
    pixels = {"value": str(size["width"] * size["height"])}
    return storage_body(ee.Image(ID).resample(), prefix, grid=grid, maxPixels=pixels, description=prefix)


def until_it_runs(name: str) -> None:
    ticking = threading.Event()
    for _ in range(6000):
        metadata = ee.data.getOperation(name)["metadata"]
        if metadata["progress"] > 0:
            return
        ticking.wait(0.005)
    raise AssertionError("it does not run")


def test_a_killed_service_goes_on_where_it_was(small_catalog: Path, folder: Path) -> None:
    """Into Drive, where a file that was written twice would be there twice."""
    names: list[str] = []

    def export(number: int) -> str:
        body = large(f"n{number}", LARGE)
        options = {**body["fileExportOptions"], "driveDestination": {"filenamePrefix": f"n{number}", "folder": "f"}}
        del options["cloudStorageDestination"]
        return str(ee.data.exportImage(f"r{number}", {**body, "fileExportOptions": options})["name"])

    for kill in range(3):
        with command(small_catalog, folder) as process:
            assert [one["name"] for one in ee.data.listOperations()] == names[::-1]
            assert [export(number) for number in range(len(names))] == names
            names += [export(len(names)), export(len(names) + 1)]
            unfinished = [name for name in names if not ee.data.getOperation(name).get("done")]
            until_it_runs(unfinished[0])
            process.send_signal(signal.SIGKILL if kill != 1 else signal.SIGTERM)
            process.wait(30)
    with command(small_catalog, folder):
        cancelled = ee.data.exportImage("", storage_body(CONSTANT, grid=SMALL, priority={"value": 0}))["name"]
        ee.data.cancelOperation(cancelled)
        assert [one["metadata"]["state"] for one in ended(ee, *names)] == ["SUCCEEDED"] * 6
        assert ee.data.getOperation(cancelled)["metadata"]["state"] == "CANCELLED"
        files = drive(ee.data._get_state().cloud_api_base_url).files()
        found = files.list(q="name contains 'n'", fields="files(id,name,md5Checksum)").execute()["files"]
        assert sorted(file["name"] for file in found) == [f"n{number}.tif" for number in range(6)]
        assert len({file["md5Checksum"] for file in found}) == 1
        image = {"expression": ee.Image(ID).resample(), "fileFormat": "NUMPY_NDARRAY", "grid": GRID}
        direct = ee.data.computePixels(image)
        data = files.get_media(fileId=found[0]["id"]).execute()
        with rasterio.MemoryFile(data) as memory, memory.open() as file:
            corner = np.nan_to_num(file.read(1)[:600, :700])
            np.testing.assert_array_equal(corner, direct["VV"])
    assert len(folder_of(folder / "files")) == 6  # what the killed services had begun was swept away


def test_whoever_asks_is_answered_while_exports_run_and_stopping_does_not_wait(
    small_catalog: Path, folder: Path
) -> None:
    with serving(small_catalog, exports=folder) as url, connected(url, "embedded"):
        names = [ee.data.exportImage("", large(f"endless-{n}", ENDLESS))["name"] for n in range(2)]
        for name in names:
            until_it_runs(name)
        seen = [ee.data.getOperation(name)["metadata"]["progress"] for name in names]
        array = ee.data.computePixels({"expression": ee.Image(ID), "fileFormat": "NUMPY_NDARRAY", "grid": GRID})
        assert array["VV"].any()
        assert ee.Number(1).add(1).getInfo() == 2
        assert not list(storage(url).list_blobs("bucket-a"))
        found = [ee.data.getOperation(name)["metadata"] for name in names]
        assert [one["state"] for one in found] == ["RUNNING", "RUNNING"]
        assert all(0 < before <= one["progress"] < 1 for one, before in zip(found, seen, strict=True))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("export-")]
    with opened(small_catalog, folder) as exports:
        states = [(one.state, one.started, one.progress, one.attempt) for one in exports.operations]
        assert states == [("PENDING", None, 0.0, 1)] * 2
    assert folder_of(folder / "files") == set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_stops_while_exports_run(small_catalog: Path, folder: Path, number: int) -> None:
    with command(small_catalog, folder) as process:
        until_it_runs(ee.data.exportImage("", large("endless", ENDLESS))["name"])
        process.send_signal(number)
        process.wait(30)
    with opened(small_catalog, folder) as exports:
        assert [one.state for one in exports.operations] == ["PENDING"]


def test_what_was_being_cancelled_is_cancelled_at_the_next_start(small_catalog: Path, folder: Path) -> None:
    gate = threading.Event()
    settings = QueueSettings(trouble=lambda *_: gate.wait(60) and None)  # type: ignore[func-returns-value]
    with opened(small_catalog, folder, settings) as exports:
        operation = exports.submit("p", storage_body(CONSTANT, grid=SMALL))
        ticking = threading.Event()
        for _ in range(6000):
            if exports.operations.current(operation.number).state == "RUNNING":
                break
            ticking.wait(0.005)
        assert exports.cancel(operation).state == "CANCELLING"
        copy = folder.with_name("as-a-kill-leaves-it")
        copy.mkdir()
        for name in folder_of(folder):
            if name.startswith("exports.sqlite"):
                (copy / name).write_bytes((folder / name).read_bytes())
        gate.set()
    with opened(small_catalog, copy) as exports:
        assert [one.state for one in exports.operations] == ["CANCELLED"]


def test_one_service_at_a_time(small_catalog: Path, folder: Path) -> None:
    with serving(small_catalog, exports=folder):
        with (
            pytest.raises(InputError, match=rf"in use by an embedded service \(process {os.getpid()}\).*embedded\.url"),
            serving(small_catalog, exports=folder),
        ):
            pass
        with serving(small_catalog):  # without exports nothing is shared
            pass
    with serving(small_catalog, exports=folder):
        pass


def test_a_folder_of_another_version(small_catalog: Path, folder: Path) -> None:
    with opened(small_catalog, folder):
        pass
    connection = sqlite3.connect(folder / "exports.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(InputError, match=r"exports\.sqlite is of version 99, and this service reads version 1"):
        Exports(folder, Context(Catalog.open(small_catalog)))


@pytest.mark.parametrize("content", [b"no database, but long enough to have been read as the header of one" * 20, None])
def test_a_folder_of_something_else(small_catalog: Path, folder: Path, content: bytes | None) -> None:
    folder.mkdir()
    if content is None:
        connection = sqlite3.connect(folder / "exports.sqlite")
        connection.execute("CREATE TABLE mine (a)")
        connection.close()
    else:
        (folder / "exports.sqlite").write_bytes(content)
    with pytest.raises(InputError, match=r"exports\.sqlite (is something else|cannot be used)"):
        Exports(folder, Context(Catalog.open(small_catalog)))
    (folder / "exports.sqlite").rename(folder / "mine.txt")
    with pytest.raises(InputError, match="holds something else than exports"):
        Exports(folder, Context(Catalog.open(small_catalog)))


def test_the_exports_folder_is_a_file(small_catalog: Path, folder: Path) -> None:
    folder.write_text("mine")
    command = [sys.executable, "-m", "gee_s1ben", "engine", "serve", "--catalog", small_catalog, "--exports", folder]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "cannot use the exports folder" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_command_serves_the_exports_folder_or_connects_to_who_does(small_catalog: Path, folder: Path) -> None:
    def config(transport: str, url: str | None = None) -> Config:
        return Config.model_validate(
            {
                "tiles": ["S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"],
                "embedded": {"catalog": str(small_catalog), "exports": str(folder), "url": url},
                "export": {"transport": transport, "bucket": "bucket-a"},
            }
        )

    with serving(small_catalog, exports=folder) as url, connect(config("gcs", url)) as connection:
        assert connection.url == url
        ended(ee, ee.data.exportImage("", storage_body(CONSTANT, grid=SMALL))["name"])
    with connect(config("drive")):
        assert [one["metadata"]["state"] for one in ee.data.listOperations()] == ["SUCCEEDED"]
        with pytest.raises(InputError, match="in use by an embedded service"), connect(config("gcs")):
            pass
    with connect(config("direct")):
        assert ee.data.listOperations() == []
        with pytest.raises(ee.EEException, match="does not have POST"):
            ee.data.exportImage("", storage_body(CONSTANT, grid=SMALL))


FILLED = """
import resource, signal, sys
from pathlib import Path
from gee_s1ben.domain.grid import Grid
from gee_s1ben.engine.algorithms.image_bands import constant
from gee_s1ben.engine.exports.raster import write_rasters
from gee_s1ben.engine.exports.request import GeoTiffOptions
path, missing = Path(sys.argv[1]), int(sys.argv[2])

def write():
    grid = Grid("EPSG:32633", (10.0, 0.0, 3e5, 0.0, -10.0, 5e6), 1100, 1300)
    write_rasters(constant([1.5, 2.5]), grid, GeoTiffOptions(), lambda: path, lambda done, wanted: None)

write()
size = path.stat().st_size
path.unlink()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (size - missing, size - missing))
try:
    write()
except OSError:
    sys.exit(0 if not path.exists() else 3)
sys.exit(4)
"""


@pytest.mark.parametrize("missing", [1, 500, 5_000, 20_000])
def test_a_disk_that_fills_up_is_noticed(tmp_path: Path, missing: int) -> None:
    """Also where it is the very end of the file that does not fit, which GDAL says nothing of."""
    command = [sys.executable, "-c", FILLED, tmp_path / "raster.tif", str(missing)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr
