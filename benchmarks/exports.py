"""Exports at the size of BigEarthNet-S1: whether limits hold, whether expected hours are right, what a poll costs.

Plans all that was published (125 Sentinel-2 products, each with the passes that its patches were cut from), and lets
the real planner, ledger, submission and polling work it off against the embedded service's queue over HTTP, in
simulated time; nothing is rendered or brought down::

    python benchmarks/exports.py whole                  # one operation a pass and tile, as a run would have it
    python benchmarks/exports.py whole --raster-px 1200 # one a window: thousands in the queue
    python benchmarks/exports.py luck                   # how good estimates are, over many seeds, without HTTP
    python benchmarks/exports.py poll                   # a poll of 3,000 running operations
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

from published_plan import make_published_plan, published_config
from simulated_service import EECU_SECONDS_PER_PX, START, SharedClock, seconds_of, simulated

from gee_s1ben.config import Config
from gee_s1ben.ledger import JobRecord, JobState
from gee_s1ben.pipeline import polling
from gee_s1ben.pipeline.arriving import Arrived
from gee_s1ben.pipeline.context import Exporting
from gee_s1ben.pipeline.costs import remaining
from gee_s1ben.pipeline.estimate import ASSUMED_BATCH, BATCH_SLOTS, Measured, estimate, fitted, makespan, most_at_a_time
from gee_s1ben.pipeline.exporting import exporting
from gee_s1ben.pipeline.matching import OUT
from gee_s1ben.pipeline.polling import poll
from gee_s1ben.pipeline.rasters import rasters
from gee_s1ben.pipeline.submission import submit
from gee_s1ben.pipeline.workspace import Workspace
from gee_s1ben.session.connection import connect
from gee_s1ben.session.exports import list_operations
from gee_s1ben.session.transport import Transport

PENDING_LIMIT = 3000
"""Operations that Earth Engine lets wait for a project."""


@dataclass
class Requests:
    """How many HTTP requests were sent."""

    count: int = 0


@contextmanager
def counted() -> Iterator[Requests]:
    """Count the requests of a ``with`` block."""
    found, real = Requests(), Transport.request

    def request(self: Transport, *arguments: Any, **named: Any) -> Any:
        found.count += 1
        return real(self, *arguments, **named)

    with mock.patch.object(Transport, "request", request):
        yield found


def landed(context: Exporting, record: JobRecord, _waited: float) -> Arrived:
    """Take a job for brought down; downloads are measured elsewhere."""
    context.ledger.move(record.job.id, JobState.LANDED)
    return Arrived(landed=True)


@contextmanager
def prepared(folder: Path, clock: SharedClock, url: str, **export: object) -> Iterator[Exporting]:
    """Plan everything, and connect."""
    (folder / "client").mkdir()
    config = published_config(folder / "client", transport="gcs", bucket="bucket", **export)
    config = config.model_copy(update={"embedded": config.embedded.model_copy(update={"url": url})})
    workspace = Workspace(config.workspace_path)
    with ExitStack() as stack:
        stack.enter_context(workspace.held())
        make_published_plan(config, workspace)
        connection = stack.enter_context(connect(config))
        yield stack.enter_context(exporting(config, workspace, connection, clock=clock, pause=clock.advance))


def whole(folder: Path, raster_px: int, depth: int, every: float) -> dict[str, Any]:
    """Work everything off, and compare."""
    started, most_out, polls, expected = time.perf_counter(), 0, 0, {}
    with ExitStack() as stack:
        url, clock = stack.enter_context(simulated(folder / "service"))
        requests = stack.enter_context(counted())
        context = stack.enter_context(prepared(folder, clock, url, raster_px=raster_px, queue_depth=depth))
        stack.enter_context(mock.patch.object(polling, "bring_down", landed))
        ledger = context.ledger
        jobs = sum(ledger.counts().values())
        expected["before anything was measured"] = remaining(context.config, ledger).hours
        probes = iter((1, 5, 20, jobs // 5))
        probe = next(probes)
        while True:
            polled = poll(context, most=probe - len(ledger.finished()) if probe in (1, 5) else None)
            polls += 1
            counts = ledger.operation_counts()
            most_out = max(most_out, sum(counts[one] for one in OUT))
            known = len(ledger.finished())
            if probe and known >= probe:
                passed = (clock() - START) / 3600
                expected[f"after {probe} operations"] = passed + remaining(context.config, ledger).hours
                probe = next(probes, 0)
            if not polled.left:
                break
            context.pause(every)
        sizes = sum(record.job.pixels for record in ledger.jobs())
        operations = list_operations(context.connection)
        spent = ledger.eecu_seconds() / 3600
    waits = [(one.created, one.started) for one in operations if one.created and one.started]
    intervals = [(one.started, one.ended) for one in operations if one.started and one.ended]
    took = (max(end for _, end in intervals) - START) / 3600
    return {
        "jobs": jobs, "operations": len(operations), "duplicates": len(operations) - jobs,
        "gigapixels": round(sizes / 1e9, 2),
        "most_running": most_at_a_time(intervals), "running_limit": BATCH_SLOTS,
        "most_out": most_out, "queue_depth": depth,
        "most_waiting": most_at_a_time(waits),
        "waiting_limit": PENDING_LIMIT,
        "simulated_hours": round(took, 2),
        "expected_hours": {name: round(hours, 2) for name, hours in expected.items()},
        "off_percent": {name: round(100 * (hours / took - 1), 1) for name, hours in expected.items()},
        "eecu_hours": round(spent, 2), "true_eecu_hours": round(sizes * EECU_SECONDS_PER_PX / 3600, 2),
        "polls": polls, "requests": requests.count, "seconds": round(time.perf_counter() - started, 1),
    }  # fmt: skip


def luck(folder: Path, rounds: int) -> dict[str, Any]:
    """Estimate from a few operations what all will take, for many seeds of their times."""
    config = published_config(folder, transport="gcs", bucket="bucket")
    workspace = Workspace(config.workspace_path)
    with workspace.held():
        make_published_plan(config, workspace)
    sizes = [raster.job.pixels for raster in rasters(config, workspace)]
    rows: dict[int, list[float]] = {1: [], 3: [], 5: [], 10: [], 20: [], 60: []}
    inside: dict[int, int] = dict.fromkeys(rows, 0)
    for seed in range(rounds):
        times = [seconds_of(pixels, f"{seed}/{number}") for number, pixels in enumerate(sizes)]
        random.Random(seed).shuffle(order := list(range(len(sizes))))  # noqa: S311 - luck, no secret
        sizes_now, times_now = [sizes[one] for one in order], [times[one] for one in order]
        took = makespan(times_now, BATCH_SLOTS)
        for known, offs in rows.items():
            measured = [Measured(*one) for one in zip(sizes_now[:known], times_now[:known], strict=True)]
            found = estimate(sizes_now[known:], fitted(measured, ASSUMED_BATCH), slots=BATCH_SLOTS, bytes_per_px=8)
            left = took - makespan(times_now[:known], BATCH_SLOTS)
            offs.append(found.hours * 3600 / left - 1)
            inside[known] += found.least_hours <= left / 3600 <= found.most_hours
    return {
        str(known): {
            "median_off_percent": round(100 * statistics.median(map(abs, offs)), 1),
            "within_20_percent": round(sum(abs(off) <= 0.2 for off in offs) / rounds, 3),
            "inside_the_range": round(inside[known] / rounds, 3),
        }
        for known, offs in rows.items()
    }


def poll_of(folder: Path, count: int) -> dict[str, Any]:
    """Measure a poll of so many running operations, in a process of its own as cron would start it."""
    with simulated(folder / "service", running=count, endless=True) as (url, clock):
        with prepared(folder, clock, url, raster_px=1200) as context:
            config = context.config
            export = config.export.model_copy(update={"queue_depth": count})
            submitted = submit(replace(context, config=config.model_copy(update={"export": export})))
            assert submitted.sent == count
            context.pause(60)
            with counted() as requests:
                started = time.perf_counter()
                polled = poll(context, most=0)
                inside = time.perf_counter() - started
            assert polled.listed == count
            with counted() as again:
                poll(context, most=0)
        first = command(config, url, "poll")
        running = json.loads(first[0])["operations"]["running"]
        assert running == count
        return {
            "operations": count, "running": running,
            "requests": requests.count, "requests_again": again.count, "seconds_of_the_poll": round(inside, 2),
            "seconds_of_the_command": round(first[1], 2), "peak_mib": round(first[2]),
            "ledger_mib": round(Workspace(config.workspace_path).ledger_path.stat().st_size / 2**20, 1),
        }  # fmt: skip


def command(config: Config, url: str, *words: str) -> tuple[str, float, float]:
    """Run a command; return what it printed, its seconds, and its peak memory in MiB."""
    path = config.workspace_path.parent / "config.yaml"
    line = [sys.executable, "-m", "gee_s1ben", *words, "--json", "-q", "-c", str(path), "--set", f"embedded.url={url}"]
    with tempfile.TemporaryFile() as printed:
        started = time.perf_counter()
        child = subprocess.Popen(line, stdout=printed)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        printed.seek(0)
        text = printed.read().decode()
    assert child.returncode == 0, text
    return text, seconds, usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def main(words: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["whole", "luck", "poll"])
    parser.add_argument("--raster-px", type=int, default=10_980, help="whole: side of the largest raster")
    parser.add_argument("--depth", type=int, default=100, help="whole: export.queue_depth")
    parser.add_argument("--every", type=float, default=600.0, help="whole: simulated seconds between polls")
    parser.add_argument("--rounds", type=int, default=300, help="luck: seeds")
    parser.add_argument("--counts", type=int, nargs="+", default=[30, 300, 3000], help="poll: running operations")
    arguments = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if arguments.what == "whole":
            found: Any = whole(folder, arguments.raster_px, arguments.depth, arguments.every)
        elif arguments.what == "luck":
            found = luck(folder, arguments.rounds)
        else:
            found = []
            for count in arguments.counts:
                (folder / str(count)).mkdir()
                found.append(poll_of(folder / str(count), count))
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
