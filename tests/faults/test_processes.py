"""Rows 50, 53 and 55: killed, two at once, asked to stop."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import fault_effects as effects
import pytest
from command_line import start
from fault_arena import Arena
from forked_commands import Running
from killing import killed_at


@pytest.mark.row(50)
@pytest.mark.parametrize("transport", ["direct", "gcs", "drive"])
def test_killed_at_many_requests(new_arena: Callable[..., Arena], forks, report, transport: str) -> None:
    arena = new_arena(transport, prepared=transport != "direct")
    line = ("run", "--config", arena.path, "-q")
    kills = 0
    while True:
        kills += 1 if kills < 4 else 3
        codes = {killed_at(arena.proxy, forks, kills, where, *line).code for where in ("before", "after")}
        assert codes <= {-signal.SIGKILL, 0}
        if 0 in codes:
            break
        assert kills < 60
    assert kills > 4
    again = forks.run("run", "--config", arena.path, "--json")
    assert (again.code, again.data["verify"]["findings"]) == (0, [])
    assert arena.identical()
    report(
        "direct, gcs, drive: killed at many requests, before the service heard of them and after: the next run goes on",
        arena,
    )


def waiting(arena: Arena, route: str, running: Running) -> None:
    """Wait until somebody waits for an answer of this route."""
    until = time.monotonic() + 30
    while not arena.proxy.count(route):
        assert not running.ended, running.wait()
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.row(53)
def test_two_writers(arena: Arena, forks, report) -> None:
    arena.proxy.play("pixels", effects.black_hole)
    first = forks.start("run", "--config", arena.path, "-q")
    try:
        waiting(arena, "pixels", first)
        second = start("run", "--config", arena.path, "--json")
        out, _ = second.communicate(timeout=60)
        assert second.returncode == 2
        assert f"in use by process {first.pid}" in out
    finally:
        first.kill()
        first.wait()
    arena.proxy.forget()
    assert forks.run("run", "--config", arena.path, "-q").code == 0
    assert arena.identical()
    report(
        "the second is refused at once with the first's process number; when that is killed, the next goes on", arena
    )


@pytest.mark.row(55)
@pytest.mark.parametrize("route", ["pixels", "value", "algorithms"])
def test_asked_to_stop(new_arena: Callable[..., Arena], forks, report, route: str) -> None:
    arena = new_arena(prepared=False)
    arena.proxy.play(route, effects.black_hole)
    running = forks.start("run", "--config", arena.path, "-q", haste=1.0)
    waiting(arena, route, running)
    running.kill(signal.SIGTERM)
    ended = running.wait(5)
    assert ended.code == 143
    assert "continues" in ended.err
    assert not list(arena.folder.rglob(".partial-*"))
    arena.proxy.forget()
    assert forks.run("run", "--config", arena.path, "-q").code == 0
    assert arena.identical()
    report("stops within 5 s while an answer is waited for; the next run goes on", arena)


def test_the_process_that_forks_is_what_a_shell_starts(arena: Arena, forks) -> None:
    """The same command, started as a user does, leaves the same."""
    process = start("run", "--config", arena.path, "-q")
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert arena.identical()
