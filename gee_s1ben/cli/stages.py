"""``run`` and its stages."""

from __future__ import annotations

import inspect
from pathlib import Path

import typer

from gee_s1ben.cli.options import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigPath,
    Overrides,
    Overwrite,
    Quiet,
    Verbose,
    set_up_logging,
)
from gee_s1ben.cli.outcome import Outcome

_EXAMPLES = """

Examples:

  gee-s1ben {name}

  gee-s1ben {name} --config job/config.yaml --set export.in_flight=8

  gee-s1ben {name} --json | jq .
"""


def add_to(app: typer.Typer) -> None:
    """Add the commands to the tree."""
    for command in (run, match, plan, fetch, assemble, verify):
        text = inspect.cleandoc(command.__doc__ or "") + _EXAMPLES.format(name=command.__name__)
        app.command(command.__name__, help=text)(command)


def run(
    config: ConfigPath = DEFAULT_CONFIG,
    overrides: Overrides = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Make the dataset: match, plan, fetch, assemble, verify, report.

    A stopped run is continued by the same command; what was fetched and written is kept.
    """
    return _stage("run", config, overrides, overwrite=overwrite, verbose=verbose, quiet=quiet or as_json)


def match(
    config: ConfigPath = DEFAULT_CONFIG,
    overrides: Overrides = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Find the Sentinel-1 scenes near each tile's time, and give each patch its pass.

    A patch gets the pass nearest in time that fully contains it.
    """
    return _stage("match", config, overrides, verbose=verbose, quiet=quiet or as_json)


def plan(
    config: ConfigPath = DEFAULT_CONFIG,
    overrides: Overrides = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Say which windows of which pass will be asked for, and what they cost. Needs 'match'."""
    return _stage("plan", config, overrides, verbose=verbose, quiet=quiet or as_json)


def fetch(
    config: ConfigPath = DEFAULT_CONFIG,
    overrides: Overrides = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Compute the planned windows and keep them in the workspace. Needs 'plan'."""
    return _stage("fetch", config, overrides, verbose=verbose, quiet=quiet or as_json)


def assemble(
    config: ConfigPath = DEFAULT_CONFIG,
    overrides: Overrides = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Cut the fetched windows into patches and write the dataset. Needs 'fetch', but no connection."""
    return _stage("assemble", config, overrides, overwrite=overwrite, verbose=verbose, quiet=quiet or as_json)


def verify(
    config: ConfigPath = DEFAULT_CONFIG,
    overrides: Overrides = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Read the whole dataset again and compare it with the plan. Exit code 1 where something is not right."""
    return _stage("verify", config, overrides, verbose=verbose, quiet=quiet or as_json)


def _stage(
    name: str,
    config_path: Path,
    overrides: list[str] | None,
    *,
    overwrite: bool = False,
    verbose: bool,
    quiet: bool,
) -> Outcome:
    set_up_logging(verbose=verbose, quiet=quiet)
    from gee_s1ben.cli import running  # slow to load, and --help does not need it
    from gee_s1ben.config import load_config

    return running.STAGES[name](load_config(config_path, overrides or ()), overwrite, quiet)
