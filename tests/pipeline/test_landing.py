"""From exported files to windows: the same pixels whatever the pieces and shards, or nothing at all."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.job import Job, token
from gee_s1ben.domain.tile import PatchBlock, Target
from gee_s1ben.errors import RasterError, StorageError
from gee_s1ben.pipeline.landing import land, missing_windows
from gee_s1ben.pipeline.rasters import Raster
from gee_s1ben.pipeline.windows import Window, trimmed_windows
from gee_s1ben.pipeline.workspace import Workspace
from gee_s1ben.session.computing import decode_geotiff

BANDS = ("VV", "VH")
TARGET_GRID = Grid("EPSG:32633", (10.0, 0.0, 300_000.0, 0.0, -10.0, 5_900_040.0), 200, 160)
TARGET = Target(
    "mine", TARGET_GRID, datetime(2017, 6, 13, tzinfo=UTC), None, 20, PatchBlock.whole(TARGET_GRID, 20)
)  # fmt: skip
COL, ROW, WIDTH, HEIGHT = 20, 40, 160, 100
WINDOWS = trimmed_windows(TARGET, [(col, row) for col in range(1, 9) for row in range(2, 7)], 60)
GRID = TARGET_GRID.window(COL, ROW, WIDTH, HEIGHT)
VALUES = np.random.default_rng(5).normal(-12, 4, (2, HEIGHT, WIDTH)).astype(np.float32)
JOB = Job("0123456789abcdef", TARGET.key, "S1A_017022", "f" * 32, "c000020_r000040_160x100", GRID, BANDS)
RASTER = Raster(JOB, TARGET, COL, ROW, WINDOWS, lambda: None)  # type: ignore[arg-type, return-value]


def write(path: Path, col: int, row: int, values: np.ndarray) -> None:
    grid = GRID.window(col, row, values.shape[2], values.shape[1])
    with rasterio.open(
        path, "w", driver="GTiff", height=values.shape[1], width=values.shape[2], count=2, dtype="float32",
        crs=grid.crs, transform=rasterio.Affine(*grid.transform), tiled=True, blockxsize=16, blockysize=16,
        compress="deflate", interleave="pixel",
    ) as file:  # fmt: skip
        file.write(values)
        file.descriptions = BANDS


def exported(
    folder: Path, division: int = 1, shard: int | None = None, values: np.ndarray = VALUES
) -> dict[int, list[tuple[str, Path]]]:
    """Files as the service writes them: one for each piece, or several where a piece is longer than a file may be."""
    files: dict[int, list[tuple[str, Path]]] = {}
    for piece in range(division**2):
        left, top, grid = JOB.piece(piece, division)
        description = f"x-{token(uuid.UUID(int=7), JOB.id, 1, piece)}"
        step = shard or max(grid.shape)
        for row in range(0, grid.height, step):
            for col in range(0, grid.width, step):
                name = f"{description}-{row:010d}-{col:010d}.tif" if shard else f"{description}.tif"
                path = folder / f"{len(list(folder.iterdir()))}.tif"
                below, right = min(top + row + step, top + grid.height), min(left + col + step, left + grid.width)
                write(path, left + col, top + row, values[:, top + row : below, left + col : right])
                files.setdefault(piece, []).append((name, path))
    return files


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "work")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "down").mkdir()
    return tmp_path / "down"


def landed(workspace: Workspace) -> dict[str, bytes]:
    paths = (workspace.window_path(JOB.fingerprint, window.name) for window in WINDOWS)
    return {path.name: path.read_bytes() for path in paths if path.exists()}


def test_windows_hold_the_rasters_pixels(workspace: Workspace, folder: Path) -> None:
    assert missing_windows(workspace, RASTER) == list(WINDOWS)
    result = land(workspace, RASTER, 1, exported(folder))
    assert result.windows == tuple(window.name for window in WINDOWS)
    assert not result.empty
    assert missing_windows(workspace, RASTER) == []
    for window in WINDOWS:
        content = workspace.window_path(JOB.fingerprint, window.name).read_bytes()
        bands = decode_geotiff(content, window.grid(TARGET), BANDS)
        rows, cols = slice(window.row - ROW, None), slice(window.col - COL, None)
        for index, band in enumerate(BANDS):
            expected = VALUES[index, rows, cols][: window.height, : window.width]
            np.testing.assert_array_equal(bands[band], expected)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(division=st.sampled_from([1, 2]), shard=st.sampled_from([None, 16, 32, 48, 256]))
def test_the_same_bytes_whatever_the_pieces_and_shards(
    tmp_path_factory: pytest.TempPathFactory, division: int, shard: int | None
) -> None:
    one, other = (Workspace(tmp_path_factory.mktemp("w")) for _ in range(2))
    land(one, RASTER, 1, exported(tmp_path_factory.mktemp("whole")))
    land(other, RASTER, division, exported(tmp_path_factory.mktemp("cut"), division, shard))
    assert landed(one) == landed(other)
    assert len(landed(one)) == len(WINDOWS)


def test_a_missing_piece_a_missing_shard_and_an_extra_one(workspace: Workspace, folder: Path) -> None:
    files = exported(folder, 2, 32)
    wrong = [
        ({**files, 3: []}, "piece 4 of 4 has no file"),
        ({**files, 3: files[3][:-1]}, "missing"),
        ({**files, 3: [*files[3], files[3][0]]}, "too many"),
        ({**files, 3: [*files[3], files[2][0]]}, "off its place"),
        ({**files, 4: files[3]}, "piece 4"),
        ({**files, 2: files[3]}, "too many|off its place|reaches out"),
    ]
    for one, words in wrong:
        with pytest.raises(RasterError, match=words):
            land(workspace, RASTER, 2, one)
    assert landed(workspace) == {}


@pytest.mark.parametrize(("value", "reason"), [(0, "zero"), (np.nan, "NaN"), (-9999, "without data")])
def test_what_is_empty_is_reported_and_not_written_as_data(
    workspace: Workspace, folder: Path, value: float, reason: str
) -> None:
    window: Window = WINDOWS[1]
    values = VALUES.copy()
    rows, cols = slice(window.row - ROW, None), slice(window.col - COL, None)
    values[1, rows, cols][: window.height, : window.width] = value
    result = land(workspace, RASTER, 1, exported(folder, values=values))
    assert list(result.empty) == [window.name]
    assert reason in result.empty[window.name]
    assert set(result.windows) == {one.name for one in WINDOWS if one != window}
    assert missing_windows(workspace, RASTER) == [window]


def test_a_window_that_is_broken_counts_as_missing(workspace: Workspace, folder: Path) -> None:
    land(workspace, RASTER, 1, exported(folder))
    path = workspace.window_path(JOB.fingerprint, WINDOWS[2].name)
    path.write_bytes(path.read_bytes()[:500])
    assert missing_windows(workspace, RASTER) == [WINDOWS[2]]


def test_a_window_without_its_checksum_counts_as_missing(
    workspace: Workspace, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    land(workspace, RASTER, 1, exported(folder))
    path = workspace.window_path(JOB.fingerprint, WINDOWS[2].name)
    check = path.with_suffix(".sha256")
    told = check.read_bytes()
    for wrong in (None, b"", b"0" * 64, told.upper()[:63]):
        check.unlink() if wrong is None else check.write_bytes(wrong)
        assert missing_windows(workspace, RASTER) == [WINDOWS[2]]
        assert workspace.read_window(JOB.fingerprint, WINDOWS[2].name) is None
    assert f"{path} has no checksum and is fetched again" in caplog.messages
    check.write_bytes(told)
    assert missing_windows(workspace, RASTER) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a process of its own")
@pytest.mark.parametrize("before", [None, b"an older window"])
def test_killed_at_any_change_of_a_file_and_then_a_flipped_bit(workspace: Workspace, before: bytes | None) -> None:
    """A window is whole, older or missing after a kill; with one bit flipped it is missing, wherever the kill was."""
    content, seen = b"a newer window", set()
    path = workspace.window_path("f", "w")
    for change in range(1, 20):
        shutil.rmtree(workspace.path, ignore_errors=True)
        if before is not None:
            workspace.keep_window("f", "w", before)
        child = os.fork()
        if not child:
            _die_at(change)
            workspace.keep_window("f", "w", content)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        found = workspace.read_window("f", "w")
        assert found in (None, before, content)
        seen.add(found)
        if path.exists():
            data = bytearray(path.read_bytes())
            data[0] ^= 0x40
            path.write_bytes(data)
            assert workspace.read_window("f", "w") is None
        if code == 0:
            assert found == content
            assert change > 5
            break
        assert code == -signal.SIGKILL
    else:
        pytest.fail("it never came to an end")
    assert seen == {None, before, content}


def _die_at(change: int) -> None:
    """Kill this process just before its nth opening, renaming or removal of a file."""
    left = [change]

    def hook(event: str, _arguments: tuple[object, ...]) -> None:
        if event not in ("open", "os.rename", "os.remove"):
            return
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def test_a_workspace_that_cannot_be_written(workspace: Workspace, folder: Path) -> None:
    workspace.path.write_text("a file stands where the folder should be")
    with pytest.raises(StorageError, match="a file stands"):
        land(workspace, RASTER, 1, exported(folder))
