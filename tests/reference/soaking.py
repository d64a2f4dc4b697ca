"""A long run through faults and kills, by a seed: what came of it."""

from __future__ import annotations

import random
import signal
import threading
from collections import Counter
from dataclasses import dataclass, field

import fault_effects as effects
from fault_arena import Arena
from fault_matrix import Zeros
from fault_proxy import Asked, Effect, Exchange
from forked_commands import Forks
from killing import killed_at

FAULTS: dict[str, Effect] = {
    "429": effects.error(429, "Too Many Requests: the request rate or concurrency limit was exceeded."),
    "403 rateLimit": effects.error(403, "Rate Limit Exceeded", "rateLimitExceeded"),
    "500": effects.error(500, "Internal error. Please try again."),
    "503 HTML": effects.page(503),
    "200 HTML": effects.page(200),
    "reset before": effects.reset_before,
    "reset after": effects.reset_after,
    "short body": effects.cut_short(),
    "short body ended by EOF": effects.ended_by_eof(),
    "truncated gzip": effects.truncated_gzip,
    "late": effects.late(0.2),
}
"""What may pass by itself; what only the user can fix is not among it."""
MOST_RUNS = 40
"""Runs without a kill, after the last one, until everything has to be there."""


@dataclass
class Soaked:
    """What came of it."""

    zeros: Zeros
    identical: bool
    """Whether every file of the dataset, the manifest among them, is byte-equal to the clean run's."""
    requests: int
    faults: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    stops: int = 0
    """Runs that ended by themselves before everything was there, with one line."""
    operations: int = 0


def soak(arena: Arena, forks: Forks, *, seed: int, share: float, kills: int, requests: int, flushes: int) -> Soaked:
    """Run and kill, and run to the end.

    Parameters
    ----------
    arena : Arena
        Nothing of it is made yet.
    forks : Forks
        Starts the runs.
    seed : int
        Decides faults and kills; how threads take turns is left to them.
    share : float
        Of all requests that a fault is played on.
    kills : int
        How many. A run that ends before its kill is not counted, and the next one has fewer windows to begin with.
    requests, flushes : int
        A run is killed at a request or a flush to disk of a number up to these.
    """
    chance, lock, faults = random.Random(seed), threading.Lock(), Counter[str]()

    def unlucky(asked: Asked) -> bool:
        with lock:
            return chance.random() < share

    def fault(exchange: Exchange) -> None:
        with lock:
            name = chance.choice(sorted(FAULTS))
            faults[name] += 1
        FAULTS[name](exchange)

    arena.proxy.play("*", fault, when=unlucky)
    done = Soaked(Zeros(0, 0, 0), False, 0, faults)
    schedule = random.Random(seed + 1)
    line = ("run", "--config", arena.path, "-q")
    while done.kills < kills:
        if schedule.random() < 0.5:
            where = schedule.choice(["before", "after"])
            ended = killed_at(arena.proxy, forks, schedule.randint(1, requests), where, *line)
        else:
            journal = arena.folder.parent / "journal"
            ended = forks.run(*line, journal=journal, die_at=schedule.randint(1, flushes))
        if ended.code == -signal.SIGKILL:
            done.kills += 1
        elif ended.code:
            done.stops += 1
            assert ended.code == 2, ended.err
            assert "Traceback" not in ended.err
        else:
            lose_windows(arena, schedule)
    for _ in range(MOST_RUNS):
        ended = forks.run(*line)
        if ended.code == 0 and not arena.given_up():
            break
        done.stops += 1
        if arena.given_up():
            assert forks.run("retry", "--config", arena.path, "-q").code == 0
    done.identical = arena.identical()
    arena.proxy.rules.clear()
    done.requests, done.zeros, done.operations = arena.proxy.count(), arena.zeros(), len(arena.operations())
    return done


def lose_windows(arena: Arena, chance: random.Random) -> None:
    """Take a tenth of the windows away, so that there is something to do again."""
    windows = arena.windows()
    for window in chance.sample(windows, len(windows) // 10 + 1):
        window.unlink()
