"""Batch exports as commands, from ``submit`` to ``retry``; ``status`` and ``doctor``."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gee_s1ben.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, Overrides, Quiet, Verbose, set_up_logging
from gee_s1ben.cli.outcome import Outcome

if TYPE_CHECKING:
    from gee_s1ben.config import Config

Jobs = Annotated[
    list[str] | None,
    typer.Argument(help="Jobs: an id or the beginning of one, a target, or a pass.", metavar="JOB", show_default=False),
]
OptionalJob = Annotated[
    str | None,
    typer.Argument(help="A job, target or pass, to show its history.", metavar="JOB", show_default=False),
]
Every = Annotated[
    float | None,
    typer.Option(
        "--every",
        help="From one poll to the next; 60 if it is not said, 1 with the embedded service.",
        min=0.1,
        metavar="SECONDS",
    ),
]

_EXAMPLES = {
    "submit": ("submit", "submit --set export.transport=drive", "submit --count 5"),
    "poll": ("poll", "poll --config job/config.yaml --json | jq .jobs"),
    "watch": ("watch", "watch --every 20"),
    "wait": ("wait && gee-s1ben run", "wait --at-most 12 || echo 'not yet, or not all'"),
    "cancel": ("cancel 33UUP_20170613T101031", "cancel --all"),
    "retry": ("retry", "retry 3f2a"),
    "status": ("status", "status 33UUP_20170613T101031", "status --json | jq .owed.hours"),
    "doctor": ("doctor", "doctor --notify", "doctor --json | jq '.checks[] | select(.level == \"to do\")'"),
}


def add_to(app: typer.Typer) -> None:
    """Add the commands to the tree."""
    for command in (submit, poll, watch, wait, cancel, retry, status, doctor):
        lines = "\n\n".join(f"  gee-s1ben {line}" for line in _EXAMPLES[command.__name__])
        text = f"{inspect.cleandoc(command.__doc__ or '')}\n\nExamples:\n\n{lines}\n"
        app.command(command.__name__, help=text)(command)


def submit(
    config: ConfigPath = DEFAULT_CONFIG,
    overrides: Overrides = None,
    count: Annotated[
        int | None, typer.Option("--count", help="Submit no more than so many jobs.", min=1, metavar="N")
    ] = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Put the plan's exports into Earth Engine's queue and return.

    As many as export.queue_depth allows. Nothing is submitted twice, however often this is called. Needs 'plan', and
    export.transport drive or gcs.
    """
    from gee_s1ben.cli import exports_doing  # slow to load, and --help does not need it

    return exports_doing.submit(_read(config, overrides, verbose=verbose, quiet=quiet or as_json), count)


def poll(
    config: ConfigPath = DEFAULT_CONFIG,
    overrides: Overrides = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Carry the exports on once, and end.

    It asks how they stand, brings down what is ready, and submits what there is room for. Made for cron and systemd
    timers. Exit code 1 where jobs have failed or were cancelled.
    """
    from gee_s1ben.cli import exports_doing  # slow to load, and --help does not need it

    return exports_doing.poll(_read(config, overrides, verbose=verbose, quiet=quiet or as_json))


def watch(
    config: ConfigPath = DEFAULT_CONFIG,
    overrides: Overrides = None,
    every: Every = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Poll until nothing is left to wait for, and show progress.

    With rate and expected end. Ctrl-C ends the watching; the exports go on. Exit code 1 where jobs have failed or were
    cancelled.
    """
    from gee_s1ben.cli import exports_doing  # slow to load, and --help does not need it

    return exports_doing.watch(
        _read(config, overrides, verbose=verbose, quiet=quiet or as_json), every, quiet=quiet or as_json
    )


def wait(
    config: ConfigPath = DEFAULT_CONFIG,
    overrides: Overrides = None,
    every: Every = None,
    at_most: Annotated[
        float | None, typer.Option("--at-most", help="Give up waiting after so long.", min=0, metavar="HOURS")
    ] = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Poll in silence until nothing is left to wait for.

    Exit code 0: everything has come. 1: some jobs failed or were cancelled. 124: --at-most has passed.
    """
    from gee_s1ben.cli import exports_doing  # slow to load, and --help does not need it

    return exports_doing.wait(_read(config, overrides, verbose=verbose, quiet=quiet or as_json), every, at_most)


def cancel(
    jobs: Jobs = None,
    everything: Annotated[bool, typer.Option("--all", help="All jobs that have not come yet.")] = False,
    config: ConfigPath = DEFAULT_CONFIG,
    overrides: Overrides = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Cancel jobs, and their operations at Earth Engine. 'retry' takes them up again."""
    from gee_s1ben.cli import exports_doing  # slow to load, and --help does not need it

    return exports_doing.cancel(
        _read(config, overrides, verbose=verbose, quiet=quiet or as_json), jobs or (), everything=everything
    )


def retry(
    jobs: Jobs = None,
    everything: Annotated[bool, typer.Option("--all", help="Those that were cancelled or are absent, too.")] = False,
    config: ConfigPath = DEFAULT_CONFIG,
    overrides: Overrides = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Let jobs be tried again: those that failed, or are named.

    The next 'submit' or 'poll' sends them.
    """
    from gee_s1ben.cli import exports_doing  # slow to load, and --help does not need it

    return exports_doing.retry(
        _read(config, overrides, verbose=verbose, quiet=quiet or as_json), jobs or (), everything=everything
    )


def status(
    job: OptionalJob = None,
    config: ConfigPath = DEFAULT_CONFIG,
    overrides: Overrides = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Say how the exports stand, or what happened to a JOB.

    Read from the ledger on this disk: nobody is asked, and nothing at work is disturbed. Exit code 1 where jobs have
    failed or were cancelled.
    """
    from gee_s1ben.cli import exports_doing  # slow to load, and --help does not need it

    return exports_doing.status(_read(config, overrides, verbose=verbose, quiet=quiet or as_json), job)


def doctor(
    config: ConfigPath = DEFAULT_CONFIG,
    overrides: Overrides = None,
    notify: Annotated[
        bool, typer.Option("--notify", help="Send a test message to every address of GEE_S1BEN_NOTIFY.")
    ] = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Check what everything leans on, and say what to do.

    Exit code 1 where something is to be done. Versions, disk space, folders, notifications, project, credentials, the
    service, the clock, the destination of exports (a small file is written there and removed), and the budget.
    """
    from gee_s1ben.cli import exports_doing  # slow to load, and --help does not need it

    read = _read(config, overrides, verbose=verbose, quiet=quiet or as_json)
    return exports_doing.doctor(read, notify=notify, as_json=as_json, quiet=quiet)


def _read(path: Path, overrides: list[str] | None, *, verbose: bool, quiet: bool) -> Config:
    set_up_logging(verbose=verbose, quiet=quiet)
    from gee_s1ben.config import load_config

    return load_config(path, overrides or ())
