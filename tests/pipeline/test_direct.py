"""Direct requests: what fails alone, what stops everything, what is split, and who writes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gee_s1ben.dataset.pieces import encode_window_tif
from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.job import Job
from gee_s1ben.domain.tile import PatchBlock, Target
from gee_s1ben.errors import AccessError, Reaction, ServiceError
from gee_s1ben.pipeline import direct
from gee_s1ben.pipeline.direct import Brought, Outcome, fetch_direct
from gee_s1ben.pipeline.rasters import Raster
from gee_s1ben.pipeline.windows import trimmed_windows
from gee_s1ben.pipeline.workspace import Workspace
from gee_s1ben.session.computing import decode_geotiff
from gee_s1ben.session.connection import Connection

BANDS = ("VV", "VH")
TARGET_GRID = Grid("EPSG:32633", (10.0, 0.0, 300_000.0, 0.0, -10.0, 5_900_040.0), 120, 80)
TARGET = Target("mine", TARGET_GRID, datetime(2017, 6, 13, tzinfo=UTC), None, 10, PatchBlock.whole(TARGET_GRID, 10))
WINDOWS = trimmed_windows(TARGET, [(col, row) for col in range(12) for row in range(8)], 20)


def rasters(passes: int = 1) -> list[Raster]:
    """Windows of passes, pass by pass."""
    found = []
    for number in range(passes):
        for window in WINDOWS:
            job = Job("0" * 16, TARGET.key, f"P{number}", f"{number:032x}", window.name, window.grid(TARGET), BANDS)
            found.append(Raster(job, TARGET, window.col, window.row, (window,), lambda number=number: number))  # type: ignore[misc]
    return found


def pixels(grid: Grid, seed: int = 0) -> dict[str, np.ndarray]:
    """Backscatter that is a function of the place, so that it is the same however it is asked for."""
    cols, rows = np.meshgrid(
        np.arange(grid.width) + (grid.transform[2] - 300_000) / 10,
        np.arange(grid.height) + (5_900_040 - grid.transform[5]) / 10,
    )
    return {
        band: (-12 + 0.01 * cols - 0.02 * rows - index - seed).astype(np.float32) for index, band in enumerate(BANDS)
    }


class Service:
    """Answers like the service, but for what a test says otherwise."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, str]] = []
        self.trouble: Callable[[int, Grid], Any] = lambda *_: None
        self.lock = threading.Lock()
        self.now = self.highest = 0
        self.wait: Callable[[], Any] = lambda: None

    def __call__(self, image: int, grid: Grid, _: Any, what: str, **__: Any) -> bytes:
        with self.lock:
            self.asked.append((image, what))
            self.now += 1
            self.highest = max(self.highest, self.now)
        try:
            self.wait()
            answer = self.trouble(image, grid)
        finally:
            with self.lock:
                self.now -= 1
        if isinstance(answer, BaseException):
            raise answer
        return encode_window_tif(answer or pixels(grid, image), grid)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    one = Service()
    monkeypatch.setattr(direct, "compute_geotiff", one)
    return one


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "work")


def fetched(workspace: Workspace, owed: list[Raster], in_flight: int = 4) -> tuple[Brought, list[Outcome]]:
    told: list[Outcome] = []
    here = threading.get_ident()

    def done(outcome: Outcome) -> None:
        assert threading.get_ident() == here
        told.append(outcome)

    connection = Connection("embedded", "http://127.0.0.1:1", "p", "1")
    return fetch_direct(iter(owed), workspace, connection, in_flight=in_flight, done=done), told


def bands_of(workspace: Workspace, raster: Raster) -> dict[str, np.ndarray]:
    path = workspace.window_path(raster.job.fingerprint, raster.job.name)
    return decode_geotiff(path.read_bytes(), raster.job.grid, BANDS)


def test_all_come_and_are_not_asked_for_again(service: Service, workspace: Workspace) -> None:
    owed = rasters(2)
    brought, told = fetched(workspace, owed)
    assert (brought.requested, brought.kept, brought.failed) == (len(owed), 0, 0)
    assert {outcome.state for outcome in told} == {"landed"}
    assert brought.bytes == sum(outcome.bytes for outcome in told) > 0
    for raster in owed:
        expected = pixels(raster.job.grid, int(raster.job.pass_key[1:]))
        for band in BANDS:
            np.testing.assert_array_equal(bands_of(workspace, raster)[band], expected[band])
    asked = len(service.asked)
    again, told = fetched(workspace, owed)
    assert (again.requested, again.kept, len(service.asked)) == (0, len(owed), asked)
    assert [outcome.raster for outcome in told] == owed


def test_as_many_in_flight_as_allowed_and_the_first_alone(service: Service, workspace: Workspace) -> None:
    together = threading.Barrier(5)
    first = threading.Event()

    def wait() -> None:
        if not first.is_set():
            first.set()
            assert service.now == 1
        elif service.now <= 5 and len(service.asked) <= 6:
            together.wait(30)  # passes only if five are in flight

    service.wait = wait
    fetched(workspace, rasters(), in_flight=5)
    assert service.highest == 5


@pytest.mark.parametrize(
    "words", ["User memory limit exceeded.", "Total request size (9 bytes)", "Computation timed out."]
)
def test_what_is_too_much_is_split_once_and_the_pixels_are_equal(
    service: Service, workspace: Workspace, tmp_path: Path, words: str
) -> None:
    whole = max(window.width * window.height for window in WINDOWS)
    service.trouble = lambda _, grid: (
        ServiceError(words, 400, Reaction.SMALLER) if grid.width * grid.height >= whole else None
    )
    owed = rasters()
    _, told = fetched(workspace, owed)
    assert {outcome.state for outcome in told} == {"landed"}
    assert {outcome.requests for outcome in told} == {5}
    service.trouble = lambda *_: None
    other = Workspace(tmp_path / "other")
    fetched(other, owed)
    for raster in owed:
        paths = [one.window_path(raster.job.fingerprint, raster.job.name) for one in (workspace, other)]
        assert paths[0].read_bytes() == paths[1].read_bytes()


def test_what_is_too_much_twice_fails_alone(service: Service, workspace: Workspace) -> None:
    bad = WINDOWS[3]
    left, top = bad.grid(TARGET).transform[2], bad.grid(TARGET).transform[5]

    def trouble(_: int, grid: Grid) -> Any:
        inside = left <= grid.transform[2] < left + 200 and top >= grid.transform[5] > top - 200
        return ServiceError("User memory limit exceeded.", 400, Reaction.SMALLER) if inside else None

    service.trouble = trouble
    brought, told = fetched(workspace, rasters())
    assert (brought.requested, brought.failed) == (len(WINDOWS) - 1, 1)
    (failed,) = [outcome for outcome in told if outcome.state == "failed"]
    assert failed.raster.windows == (bad,)
    assert "memory" in failed.reason
    assert sum(what.split(",")[1].endswith(bad.name) for _, what in service.asked) == 2


@pytest.mark.parametrize(("reaction", "state"), [(Reaction.FAIL, "failed"), (Reaction.ABSENT, "absent")])
def test_a_pass_that_is_gone_fails_alone(
    service: Service, workspace: Workspace, reaction: Reaction, state: str
) -> None:
    service.trouble = lambda image, _: ServiceError("Image asset 'x' not found", 404, reaction) if image == 1 else None
    brought, told = fetched(workspace, rasters(3), in_flight=2)
    assert brought.requested == 2 * len(WINDOWS)
    ended = [outcome for outcome in told if outcome.state == state]
    assert {outcome.raster.job.pass_key for outcome in ended} == {"P1"}
    assert len(ended) == len(WINDOWS)
    assert all("not found" in outcome.reason for outcome in ended)
    # Not each of its windows is asked for to learn the same.
    assert sum(image == 1 for image, _ in service.asked) <= direct.MOST_OF_A_PASS + 1


def test_what_only_the_user_can_fix_costs_one_request(service: Service, workspace: Workspace) -> None:
    service.trouble = lambda *_: AccessError("not registered", 403)
    with pytest.raises(AccessError, match="not registered"):
        fetched(workspace, rasters(), in_flight=8)
    assert len(service.asked) == 1


@pytest.mark.parametrize("reaction", [Reaction.RETRY, Reaction.SLOW_DOWN])
def test_a_service_that_is_gone_stops_and_what_came_is_kept(
    service: Service, workspace: Workspace, reaction: Reaction
) -> None:
    service.trouble = lambda *_: ServiceError("busy", 503, reaction) if len(service.asked) > 6 else None
    owed = rasters()
    with pytest.raises(ServiceError, match="busy"):
        fetched(workspace, owed, in_flight=1)
    assert len(service.asked) == 7
    service.trouble = lambda *_: None
    brought, _ = fetched(workspace, owed)
    assert (brought.kept, brought.requested) == (6, len(owed) - 6)


def test_unusable_answers_are_the_windows_own_at_first_and_the_services_then(
    service: Service, workspace: Workspace
) -> None:
    bad = {"one": WINDOWS[2].grid(TARGET)}
    unusable = ServiceError("not what was asked for", 200, Reaction.RETRY)
    service.trouble = lambda _, grid: unusable if grid in bad.values() else None
    brought, _ = fetched(workspace, rasters(), in_flight=1)
    assert (brought.failed, brought.requested) == (1, len(WINDOWS) - 1)
    service.trouble = lambda *_: unusable
    with pytest.raises(ServiceError, match="not what was asked for"):
        fetched(workspace, [raster for raster in rasters(4) if raster.job.pass_key != "P0"], in_flight=1)
    assert len(service.asked) == len(WINDOWS) + direct.MOST_UNUSABLE


@pytest.mark.parametrize(("value", "reason"), [(0.0, "zero"), (np.nan, "NaN"), (-9999.0, "without data")])
def test_what_is_empty_is_absent_and_not_written(
    service: Service, workspace: Workspace, value: float, reason: str
) -> None:
    empty = WINDOWS[1].grid(TARGET)

    def trouble(image: int, grid: Grid) -> Any:
        bands = pixels(grid, image)
        return {**bands, "VH": np.full(grid.shape, value, np.float32)} if grid == empty else None

    service.trouble = trouble
    brought, told = fetched(workspace, rasters())
    assert (brought.absent, brought.requested) == (1, len(WINDOWS) - 1)
    (absent,) = [outcome for outcome in told if outcome.state == "absent"]
    assert reason in absent.reason
    assert not workspace.window_path(absent.raster.job.fingerprint, absent.raster.job.name).exists()


def test_an_interrupt_leaves_nothing_half_written(service: Service, workspace: Workspace) -> None:
    connection = Connection("embedded", "http://127.0.0.1:1", "p", "1")

    def done(_: Outcome) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_direct(rasters(), workspace, connection, in_flight=4, done=done)
    written = list(workspace.path.rglob("*.tif"))
    assert len(written) == 1
    assert written[0].suffix == ".tif"
