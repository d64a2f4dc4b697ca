"""The fault rows: a proxy before the embedded service, a clean run to compare with, and the table of what was seen."""

from __future__ import annotations

import itertools
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import fault_matrix
import pytest
from fault_arena import Arena, Clean, World, clean_run, simulated
from fault_matrix import ROWS, Seen, Zeros
from fault_proxy import FaultProxy
from forked_commands import Forks

from gee_s1ben.engine.exports.settings import QueueSettings
from gee_s1ben.engine.service import serving

TABLE = Path(__file__).parents[2] / "docs" / "faults.md"
Report = Callable[..., None]
NewArena = Callable[..., Arena]

_SEEN = pytest.StashKey[dict[int, list[Seen]]]()
_OPTION = "--write-fault-table"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(_OPTION, action="store_true", help="write docs/faults.md from what the fault rows report")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "row(*numbers): the rows of the fault matrix that a test plays")
    config.stash[_SEEN] = defaultdict(list)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if not session.config.getoption(_OPTION, default=False):
        return
    seen = session.config.stash[_SEEN]
    missing = sorted(ROWS.keys() - seen.keys())
    if exitstatus or missing:
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        reporter.write_line(f"\n{TABLE.name} is not written; rows without a report: {missing or 'none'}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    else:
        TABLE.write_text(fault_matrix.table(seen), "utf-8")


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Say what was seen of a test's rows; the zeros are asserted here."""
    numbers = [number for mark in request.node.iter_markers("row") for number in mark.args]
    assert numbers, "a test of a fault says which row it is"

    def report(figures: str, arena: Arena | Zeros | None = None, *, row: int | None = None) -> None:
        zeros = arena.zeros() if isinstance(arena, Arena) else arena
        assert zeros in (None, Zeros(0, 0, 0))
        assert not re.search(r"[|\n]", figures)
        for number in numbers if row is None else [row]:
            request.config.stash[_SEEN][number].append(Seen(figures, zeros))

    return report


@pytest.fixture(scope="session")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Simulated scenes over a block of nine patches."""
    return simulated(tmp_path_factory.mktemp("simulated"))


@pytest.fixture(scope="session")
def clean_runs(catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Clean]:
    """Undisturbed runs, by the sides of windows and patches, each made when it is first asked for."""

    @cache
    def clean(window_px: int, patch_px: int = 120) -> Clean:
        return clean_run(tmp_path_factory.mktemp("clean"), catalog, window_px, patch_px)

    return clean


@pytest.fixture(scope="session")
def closing() -> Iterator[ThreadPoolExecutor]:
    """Ends services beside the next test: one takes a tenth of a second to stop."""
    with ThreadPoolExecutor(1) as closing:
        yield closing


@pytest.fixture
def new_arena(
    catalog: Path, clean_runs: Callable[..., Clean], tmp_path: Path, closing: ThreadPoolExecutor
) -> Iterator[NewArena]:
    """Make a dataset on its way, planned and not yet fetched, before a service of its own.

    With ``seconds`` an operation takes that long by the arena's world, and nothing happens by the machine's clock.
    """
    number = itertools.count(1)
    with ExitStack() as stack:

        def make(
            transport: str = "direct",
            window_px: int = 360,
            patch_px: int = 120,
            *,
            folder: Path | None = None,
            seconds: float | None = None,
            clocked: bool = False,
            settings: dict[str, Any] | None = None,
            **options: Any,
        ) -> Arena:
            place = folder or tmp_path / f"arena{next(number)}"
            world = World()
            known: dict[str, Any] = dict(settings or {})
            if seconds is not None:
                known.setdefault("duration", lambda _: seconds)
            if seconds is not None or clocked:
                known["clock"] = world.clock
            service = stack.enter_context(ExitStack())

            def serve() -> str:
                service.close()
                exports = tmp_path / f"exports of {place.name}"
                return service.enter_context(serving(catalog, exports=exports, settings=QueueSettings(**known)))

            proxy = stack.enter_context(FaultProxy(serve()))
            clean = clean_runs(window_px, patch_px)
            more = {"world": world, "serve": serve, **options}
            return Arena(place, catalog, clean, proxy, transport, window_px, patch_px, **more)

        yield make
        closing.submit(stack.pop_all().close)


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """Commands in processes of their own."""
    with Forks(tmp_path_factory.mktemp("forks")) as forks:
        yield forks


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits between attempts, in seconds: they pass on a clock and not in the room."""
    from gee_s1ben.session import retrying

    made: list[float] = []
    clock = time.monotonic
    patience = retrying.Patience(clock=lambda: clock() + sum(made), pause=made.append)
    monkeypatch.setattr(retrying, "PATIENCE", patience)
    return made


@pytest.fixture
def short_deadline(monkeypatch: pytest.MonkeyPatch) -> float:
    """Let a whole answer take no longer than this, in seconds; it takes a twentieth of that."""
    from gee_s1ben.session import guarding

    seconds = 1.0
    monkeypatch.setattr(guarding, "REQUEST_SECONDS", seconds)
    return seconds


@pytest.fixture
def arena(new_arena: NewArena) -> Arena:
    """Three windows to be fetched directly."""
    return new_arena()
