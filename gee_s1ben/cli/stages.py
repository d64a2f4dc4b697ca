"""``run`` and its stages."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated

import typer

from gee_s1ben.cli.inspecting import SampleCount
from gee_s1ben.cli.options import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigPath,
    OptionalDataset,
    Overrides,
    Overwrite,
    Quiet,
    ShardOption,
    Verbose,
    dataset_folder,
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
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Match and plan only, and say what the rest will take: hours, EECU-hours, bytes."
        ),
    ] = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Make the dataset: every stage, from match to verify.

    At the end stand a summary and pictures. A stopped run is continued by the same command; what was fetched and
    written is kept.
    """
    if dry_run:
        set_up_logging(verbose=verbose, quiet=quiet or as_json)
        from gee_s1ben.cli import exports_doing  # slow to load, and --help does not need it
        from gee_s1ben.config import load_config

        return exports_doing.dry_run(load_config(config, overrides or ()))
    return _stage("run", config, overrides, overwrite=overwrite, verbose=verbose, quiet=quiet or as_json)


def match(
    config: ConfigPath = DEFAULT_CONFIG,
    overrides: Overrides = None,
    seed_dictionaries: Annotated[
        Path | None,
        typer.Option(
            "--seed-dictionaries",
            help="Write the two .npy dictionaries of BigEarthNet-Sen1 here as well.",
            metavar="DIR",
        ),
    ] = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Find the scenes near each tile's time: a pass for each patch.

    A patch gets the pass nearest in time that fully contains it, unless match.choice says otherwise. What was matched
    is in the workspace: match.parquet (a row a patch), coverage.txt and coverage.json (what is left uncovered, and
    why), and match.html (a map).
    """
    set_up_logging(verbose=verbose, quiet=quiet or as_json)
    from gee_s1ben.cli import running  # slow to load, and --help does not need it
    from gee_s1ben.config import load_config

    return running.match_and_show(load_config(config, overrides or ()), seed_dictionaries)


def plan(
    config: ConfigPath = DEFAULT_CONFIG,
    overrides: Overrides = None,
    probe: Annotated[
        int,
        typer.Option(
            "--probe",
            help="First export so many jobs of the plan (drive, gcs), to know what one costs.",
            min=0,
            metavar="N",
        ),
    ] = 0,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Say what will be asked for, how long that takes, and its cost.

    The windows of each pass, hours, EECU-hours, files and bytes. Needs 'match'.
    """
    set_up_logging(verbose=verbose, quiet=quiet or as_json)
    from gee_s1ben.cli import exports_doing  # slow to load, and --help does not need it
    from gee_s1ben.config import load_config

    return exports_doing.plan(load_config(config, overrides or ()), probe, quiet=quiet or as_json)


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
    shard: ShardOption = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Cut the fetched windows into patches and write the dataset. Needs 'fetch', but no connection.

    With --shard 1/8 to 8/8, eight of them at once; the same command without --shard then writes the tables.
    """
    if shard is None:
        return _stage("assemble", config, overrides, overwrite=overwrite, verbose=verbose, quiet=quiet or as_json)
    set_up_logging(verbose=verbose, quiet=quiet or as_json)
    from gee_s1ben.cli import running  # slow to load, and --help does not need it
    from gee_s1ben.config import load_config

    return running.assemble_shard(
        load_config(config, overrides or ()), shard, overwrite=overwrite, quiet=quiet or as_json
    )


def verify(
    dataset: OptionalDataset = None,
    sample_count: SampleCount = None,
    config: ConfigPath = DEFAULT_CONFIG,
    overrides: Overrides = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Read the whole dataset again and compare it with the plan. Exit code 1 where something is not right.

    With a DATASET, that one is compared with its own manifest and needs no configuration and no plan; so is the
    configuration's with --sample.
    """
    if dataset is None and sample_count is None:
        return _stage("verify", config, overrides, verbose=verbose, quiet=quiet or as_json)
    set_up_logging(verbose=verbose, quiet=quiet)
    from gee_s1ben.cli.inspecting import verified

    return verified(dataset_folder(dataset, config, overrides), sample_count)


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
