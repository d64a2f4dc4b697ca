"""``published check``: the published pairs against the public tables."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from gee_s1ben.cli.options import AsJson, Quiet, Verbose, set_up_logging
from gee_s1ben.cli.outcome import DONE, FINDINGS, Outcome
from gee_s1ben.domain.plural import plural

app = typer.Typer(help="The published pairs of BigEarthNet.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Know which Sentinel-1 scene every published patch was cut from."""


@app.command(
    help="Rebuild every published name of BigEarthNet-S1, and compare.\n\n"
    "The names are made from the pairs that come with this package, read back, and compared with the public tables. "
    "FILE.csv is s1_s2_name_country_season.csv.bz2 of the Python package bigearthnet-common; FILE.parquet is a table "
    "of BigEarthNet v2: metadata.parquet, or metadata_for_patches_with_snow_cloud_or_shadow.parquet. Give one of them, "
    "or both with --metadata twice; a part of the names is said to be one. Exit code 1 where a row is wrong.\n\n"
    "Example:\n\n  gee-s1ben published check --metadata metadata.parquet"
)
def check(
    csv: Annotated[Path | None, typer.Option("--csv", help="All pairs of version 1.", metavar="FILE.csv")] = None,
    metadata: Annotated[
        list[Path] | None,
        typer.Option("--metadata", help="Pairs of version 2; may be repeated.", metavar="FILE.parquet"),
    ] = None,
    as_json: AsJson = False,  # noqa: ARG001  # read from the arguments, where errors need it too
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Rebuild every name of BigEarthNet-S1 and compare."""
    set_up_logging(verbose=verbose, quiet=quiet)
    from gee_s1ben.published.check import check as compare

    started = time.perf_counter()
    done = compare(csv, metadata or ())
    seconds = time.perf_counter() - started
    data = {
        "checks": [
            {
                "what": one.what,
                "published": one.published,
                "names": one.names,
                "wrong": one.wrong,
                "examples": one.examples,
            }
            for one in done
        ],
        "seconds": round(seconds, 3),
    }
    lines = []
    for one in done:
        of = f" of {one.published:,}" if one.names < one.published else ""
        names = f"{one.names:,}{of} names" if of else plural(one.names, "name", grouped=True)
        lines.append(f"{one.what:<16}{names}, {f'{one.wrong:,} wrong' if one.wrong else 'all right'}")
        lines += [f"  {example}" for example in one.examples]
    lines.append(f"{'time':<16}{seconds:.1f} s")
    return Outcome(data, lines, FINDINGS if any(one.wrong for one in done) else DONE)
