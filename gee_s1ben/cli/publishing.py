"""``pack``, ``describe`` and ``compare``: what is done with a dataset once it stands."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gee_s1ben.cli.options import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigPath,
    OptionalDataset,
    Overrides,
    Quiet,
    Verbose,
    dataset_folder,
    set_up_logging,
)
from gee_s1ben.cli.outcome import DONE, FINDINGS, Outcome
from gee_s1ben.domain.plural import plural
from gee_s1ben.errors import InputError

if TYPE_CHECKING:
    from gee_s1ben.dataset.comparison import Comparison, Spread

MOST_LINES = 20
"""Longer lists are cut for people; machines get all."""

_PACK = """Write a dataset in a form that training loaders stream.

Every pixel stays as it is. zarr: one Zarr v3 array of all patches, many in a shard. webdataset: tars of .npy and .json.
lmdb: safetensors by patch name, as rico-hdl writes them and ConfigILM reads them. Needs pip install
'gee-s1ben[packed]'.

Each file is compared with the manifest on the way. A stopped command is continued by the same command.

Examples:

  gee-s1ben pack --format zarr --out patches.zarr

  gee-s1ben pack out/BigEarthNet --format lmdb --out Encoded-BigEarthNet
"""
_DESCRIBE = """Write STAC, GeoParquet, a datasheet and citations.

They are written into the dataset's folder provenance/, and outlive the program: patches.parquet (GeoParquet), stac/ (a
static STAC catalog), datasheet.md, citations.bib. Reads every patch once and compares it with the manifest. The same
dataset gives the same bytes.

Examples:

  gee-s1ben describe

  gee-s1ben describe out/BigEarthNet --items tile
"""
_COMPARE = """Compare a dataset with the published BigEarthNet-S1.

PUBLISHED is the folder that holds BigEarthNet-S1 or BigEarthNet-S1-v1.0; a part of it is enough. DATASET is by default
the configuration's. Per patch: correlation, bias in dB and shift in pixels. Where the published dataset chose another
scene, as its metadata.parquet tells, the patch is marked and stays out of the summary. Exit code 1 where published
patches could not be compared.

Examples:

  gee-s1ben compare /data/BigEarthNet

  gee-s1ben compare out/BigEarthNet /data/BigEarthNet --report comparison.parquet --json
"""


class Form(enum.StrEnum):
    """Packed forms."""

    zarr = "zarr"
    webdataset = "webdataset"
    lmdb = "lmdb"


class Items(enum.StrEnum):
    """What a STAC item stands for."""

    patch = "patch"
    tile = "tile"


def add_to(app: typer.Typer) -> None:
    """Add the commands to the tree."""
    app.command("pack", help=_PACK)(pack)
    app.command("describe", help=_DESCRIBE)(describe)
    app.command("compare", help=_COMPARE)(compare)


def pack(
    form: Annotated[Form, typer.Option("--format", help="The packed form.")],
    out: Annotated[Path, typer.Option("--out", help="The folder to write.", metavar="PATH")],
    dataset: OptionalDataset = None,
    shard: Annotated[
        int | None, typer.Option("--shard-patches", help="Patches of a shard; by default the form's own.", metavar="N")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace another pack.")] = False,
    config: ConfigPath = DEFAULT_CONFIG,
    overrides: Overrides = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Write the patches of a dataset in a form that training loaders stream."""
    set_up_logging(verbose=verbose, quiet=quiet)
    from gee_s1ben.dataset.packed import pack as pack_dataset
    from gee_s1ben.pipeline.progress import progress

    folder = dataset_folder(dataset, config, overrides)
    with progress("pack", 1, quiet=quiet or as_json) as bar:
        told = 0

        def tell(done: int, total: int) -> None:
            nonlocal told
            bar.total = total
            bar.update(done - told)
            told = done

        packed = pack_dataset(folder, out, form.value, block=shard, overwrite=overwrite, advance=tell)
    data = {
        "path": str(packed.path),
        "format": packed.format,
        "patches": packed.patches,
        "kept": packed.kept,
        "bytes": packed.bytes,
    }
    line = f"{plural(packed.patches, 'patch')} in {packed.path} ({packed.kept} were there), {packed.bytes / 1e6:.1f} MB"
    return Outcome(data, [line])


def describe(
    dataset: OptionalDataset = None,
    items: Annotated[
        Items | None,
        typer.Option(
            "--items", help="What a STAC item stands for; by default as the configuration says, else a patch."
        ),
    ] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    overrides: Overrides = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Write metadata that outlives the program."""
    set_up_logging(verbose=verbose, quiet=quiet)
    from gee_s1ben.dataset.describing import describe as describe_dataset
    from gee_s1ben.pipeline.progress import progress

    folder, kind = _to_describe(dataset, config, overrides)
    with progress("describe", 1, quiet=quiet or as_json) as bar:

        def tell(_done: int, total: int) -> None:
            bar.total = total
            bar.update(1)

        described = describe_dataset(folder, items=kind if items is None else items.value, advance=tell)
    data = {
        "patches": described.patches,
        "stac_items": described.items,
        "stac": str(described.catalog),
        "geoparquet": str(described.table),
        "datasheet": str(described.datasheet),
        "citations": str(described.citations),
    }
    lines = [f"{plural(described.patches, 'patch')} described, {plural(described.items, 'STAC item')}"]
    lines += [f"  {name:<11} {data[name]}" for name in ("stac", "geoparquet", "datasheet", "citations")]
    return Outcome(data, lines)


def _to_describe(
    dataset: Path | None, config: Path, overrides: list[str] | None
) -> tuple[Path, Literal["patch", "tile"]]:
    """Folder of the dataset that is named, or else of the configuration's, and what its STAC items stand for."""
    if dataset is not None:
        return dataset, "patch"
    from gee_s1ben.config import load_config

    chosen = load_config(config, overrides or ()).dataset
    return chosen.path, chosen.stac_items


def compare(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="[DATASET] PUBLISHED",
            help="Folder of a dataset, by default the configuration's; and of the published one.",
        ),
    ],
    report: Annotated[
        Path | None,
        typer.Option("--report", help="The table, .csv or .parquet; by default comparison.csv in provenance/."),
    ] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    overrides: Overrides = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Compare a dataset with the published BigEarthNet-S1."""
    set_up_logging(verbose=verbose, quiet=quiet)
    from gee_s1ben.dataset.comparison import compare_dataset
    from gee_s1ben.dataset.contents import Contents
    from gee_s1ben.dataset.manifest import PROVENANCE
    from gee_s1ben.pipeline.progress import progress

    if len(folders) > 2:
        raise InputError(f"two folders are compared, not {len(folders)}: [DATASET] PUBLISHED")
    *named, published = folders
    dataset = dataset_folder(named[0] if named else None, config, overrides)
    total = sum(1 for _ in Contents.open(dataset).rows())
    path = report or dataset / PROVENANCE / "comparison.csv"
    with progress("compare", total, quiet=quiet or as_json) as bar:
        outcome = compare_dataset(dataset, published, path, advance=bar.update)
    return Outcome(_compare_data(outcome), _compare_lines(outcome), FINDINGS if outcome.failures else DONE)


def _compare_data(outcome: Comparison) -> dict[str, Any]:
    return {
        "report": str(outcome.report),
        "same_scene": outcome.same_scene,
        "other_scene": outcome.other_scene,
        "unmatched": outcome.unmatched,
        "spread": {column: _spread_data(outcome.spread(column)) for column in outcome.numbers},
        "failures": [{"patch": name, "reason": reason} for name, reason in outcome.failures],
    }


def _spread_data(spread: Spread | None) -> dict[str, float] | None:
    return None if spread is None else {"median": spread.median, "p5": spread.low, "p95": spread.high}


def _compare_lines(outcome: Comparison) -> list[str]:
    counts = f"{outcome.same_scene} of the same scene, {outcome.other_scene} of another"
    lines = [f"patches     {counts}, {outcome.unmatched} without a published one"]
    for column in outcome.numbers:
        spread = outcome.spread(column)
        if spread is not None:
            lines.append(f"  {column:<15} median {spread.median:8.4f}   5–95 % {spread.low:.4f} to {spread.high:.4f}")
    lines += [f"  not compared: {reason}" for _, reason in outcome.failures[:MOST_LINES]]
    if len(outcome.failures) > MOST_LINES:
        lines.append(f"  … and {len(outcome.failures) - MOST_LINES} more (--json lists all)")
    return [*lines, f"table       {outcome.report}"]
