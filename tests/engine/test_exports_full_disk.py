"""A disk without room under the exports folder: nothing is lost, one line is said, and exports go on with room."""

from __future__ import annotations

import errno
import logging
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import ee
import pytest
from exports_client import CONSTANT, GRID, SMALL, ended, storage_body

import gee_s1ben.engine.exports.raster as writing
from gee_s1ben.engine.catalog import Catalog
from gee_s1ben.engine.exports import Exports, QueueSettings
from gee_s1ben.engine.exports.operation import State
from gee_s1ben.engine.exports.room import FullDiskError
from gee_s1ben.engine.registry import Context
from gee_s1ben.engine.service import serving
from gee_s1ben.errors import Reaction
from gee_s1ben.session.connection import connected
from gee_s1ben.session.failures import as_service_error


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("a small disk cannot be mounted here (needs root)")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(disk: Path, left: int) -> Path:
    """Write a file that leaves so many bytes of a disk, and return it."""
    ballast = disk / "ballast"
    descriptor = os.open(ballast, os.O_WRONLY | os.O_CREAT)
    os.posix_fallocate(descriptor, 0, shutil.disk_usage(disk).free - left)
    os.close(descriptor)
    return ballast


def submit_many() -> None:
    """Until the pages that SQLite has at hand are used up."""
    for _ in range(300):
        ee.data.exportImage("", storage_body(CONSTANT, secrets.token_hex(400), grid=SMALL))


@pytest.mark.parametrize("left", [0, 60 * 1024])
def test_exports_wait_for_room_and_go_on(
    small_catalog: Path, disk: Path, caplog: pytest.LogCaptureFixture, left: int
) -> None:
    """No room for the rows of an operation, or for its raster."""
    caplog.set_level(logging.INFO, logger="gee_s1ben")
    folder = disk / "exports"
    with serving(small_catalog, exports=folder) as url, connected(url, "embedded"):
        (first,) = ended(ee, ee.data.exportImage("", storage_body(CONSTANT, grid=SMALL))["name"])
        assert first["metadata"]["state"] == "SUCCEEDED"
        ballast = fill(disk, left)
        if left:
            grid = {**GRID, "dimensions": {"width": 300, "height": 300}}
            image = ee.serializer.encode(ee.Image("COPERNICUS/S1_GRD/A_first").resample("bilinear"))
            name = ee.data.exportImage("", storage_body(image, "large", grid=grid))["name"]
            for _ in range(200):
                if "the disk of" in caplog.text:
                    break
                assert ee.data.getOperation(name)["metadata"]["state"] in ("PENDING", "RUNNING")
                time.sleep(0.02)
        else:
            with pytest.raises(ee.EEException, match=r"^The disk of the exports folder is full\.$"):
                submit_many()
        said = [record for record in caplog.records if "the disk of" in record.message]
        assert len(said) == 1 or not left
        assert all(record.exc_info is None for record in caplog.records)
        ballast.unlink()
        if not left:
            name = ee.data.exportImage("", storage_body(CONSTANT, "small", grid=SMALL))["name"]
        (operation,) = ended(ee, name)
        assert operation["metadata"]["state"] == "SUCCEEDED"
        assert all(one["metadata"]["state"] != "FAILED" for one in ee.data.listOperations())


def test_what_did_not_last_is_forgotten_in_memory(small_catalog: Path, tmp_path: Path) -> None:
    exports = Exports(tmp_path / "exports", Context(Catalog.open(small_catalog)), QueueSettings(running=0))
    try:
        kept = exports.submit("p", storage_body(CONSTANT, "kept", grid=SMALL, requestId="a"))
        connection = exports._database._connection
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        large = storage_body({**CONSTANT, "pad": secrets.token_hex(30_000)}, "large", grid=SMALL, requestId="b")
        with pytest.raises(FullDiskError):
            exports.submit("p", large)
        assert [one.number for one in exports.operations] == [kept.number]
        assert exports.operations.of_request("p", "b") is None
        connection.execute("PRAGMA max_page_count = 1000000")
        again = exports.submit("p", large)
        assert (again.number, again.state) == (kept.number + 1, State.PENDING)
        queue = exports._queue
        assert [queue.take(), queue.take(), queue.take()] == [
            exports.operations.current(kept.number), exports.operations.current(again.number), None,
        ]  # fmt: skip
    finally:
        exports.close()


def test_an_operation_that_could_not_be_taken_waits_still(
    small_catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exports = Exports(tmp_path / "exports", Context(Catalog.open(small_catalog)), QueueSettings(running=0))
    try:
        operation = exports.submit("p", storage_body(CONSTANT, grid=SMALL))

        def full(*_: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(exports._database, "change", full)
            for attempt in (exports._queue.take, lambda: exports.cancel(operation)):
                with pytest.raises(FullDiskError):
                    attempt()
        assert exports.operations.current(operation.number).state is State.PENDING
        taken = exports._queue.take()
        assert taken is not None
        assert taken.state is State.RUNNING
    finally:
        exports.close()


def test_a_raster_that_gdal_could_not_write_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def full(folder: Path, size: int) -> None:
        asked.append((folder, size))
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writing, "check_room", full)
    from gee_s1ben.domain.grid import Grid
    from gee_s1ben.engine.algorithms.image_bands import constant
    from gee_s1ben.engine.exports.request import GeoTiffOptions

    grid = Grid("EPSG:32633", (10.0, 0.0, 3e5, 0.0, -10.0, 5e6), 10, 10)
    with pytest.raises(OSError, match="No space left") as raised:
        writing.write_rasters(
            constant([1.5]), grid, GeoTiffOptions(), lambda: tmp_path / "no folder" / "x", lambda *_: None
        )
    assert raised.value.errno == errno.ENOSPC
    assert len(asked) == 1


def test_the_client_holds() -> None:
    error = as_service_error(ee.EEException(str(FullDiskError())), "submitting")
    assert getattr(error, "reaction", None) is Reaction.HOLD
