"""``stats`` and ``diff``: what a dataset holds, and in what it differs from another."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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

if TYPE_CHECKING:
    from gee_s1ben.dataset.verification import VerificationReport

MOST_LINES = 20
"""Longer lists are cut for people; machines get all."""

_STATS_HELP = """Mean, standard deviation and range of each band, in dB.

In one pass over a dataset. DATASET is one of ours, or a published BigEarthNet-S1; by default the configuration's. With
--split the patches of one split of its metadata.parquet count; training recipes want those of 'train'.

Examples:

  gee-s1ben stats

  gee-s1ben stats out/BigEarthNet --split train --percentile 1 --percentile 99 --json
"""

_DIFF_HELP = """Compare two datasets patch by patch.

Exit code 1 where they differ. Patches are matched by name, whatever the layout. Said are how many both have; patches
that only one has; bands, grids and metadata that differ; and of pixels how many differ and by how many dB at most.
Files that hold the same pixels in other bytes do not differ.

Examples:

  gee-s1ben diff out/BigEarthNet other/BigEarthNet

  gee-s1ben diff out/BigEarthNet other/BigEarthNet --tolerance 0.001
"""

SampleCount = Annotated[
    int | None, typer.Option("--sample", min=1, metavar="N", help="Only so many patches, drawn at random.")
]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the tree."""
    app.command("stats", help=_STATS_HELP)(stats)
    app.command("diff", help=_DIFF_HELP)(diff)


def stats(
    dataset: OptionalDataset = None,
    split: Annotated[
        str | None, typer.Option("--split", metavar="NAME", help="Only this split: train, validation or test.")
    ] = None,
    percentiles: Annotated[
        list[float] | None,
        typer.Option("--percentile", metavar="P", help="A percentile as well, to 0.01 dB; may be repeated."),
    ] = None,
    sample_count: SampleCount = None,
    config: ConfigPath = DEFAULT_CONFIG,
    overrides: Overrides = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Mean, standard deviation and more of each band."""
    set_up_logging(verbose=verbose, quiet=quiet)
    from gee_s1ben.dataset.layout_tables import names_of_split
    from gee_s1ben.dataset.sampling import sample
    from gee_s1ben.dataset.statistics import band_statistics
    from gee_s1ben.dataset.stored import open_dataset
    from gee_s1ben.pipeline.progress import progress

    folder = dataset_folder(dataset, config, overrides)
    opened = open_dataset(folder)
    wanted = None if split is None else names_of_split(folder, split)
    patches = (patch for patch in opened.patches() if wanted is None or str(patch.name) in wanted)
    count = 0
    with progress("stats", len(opened) if wanted is None else len(wanted), quiet=quiet or as_json) as bar:

        def read() -> Any:
            nonlocal count
            for patch in sample(patches, sample_count):
                yield opened.read(patch)
                count += 1
                bar.update(1)

        found = band_statistics(read(), percentiles or ())
    data = {
        "dataset": str(folder),
        "split": split,
        "patches": count,
        "bands": {name: one.as_dict() for name, one in found.items()},
    }
    lines = [f"{plural(count, 'patch')} of {folder}" + (f", split {split}" if split else "")]
    for name, one in found.items():
        line = f"  {name}  mean {one.mean:.4f} dB  std {one.std:.4f}  min {one.min:.2f}  max {one.max:.2f}"
        line += "".join(f"  p{at:g} {value:.2f}" for at, value in one.percentiles)
        lines.append(line + (f"  ({plural(one.invalid, 'pixel')} left out: NaN or infinite)" if one.invalid else ""))
    return Outcome(data, lines)


def diff(
    one: Annotated[Path, typer.Argument(metavar="A", help="Folder of a dataset.")],
    other: Annotated[Path, typer.Argument(metavar="B", help="Folder of the dataset to compare it with.")],
    tolerance: Annotated[
        float, typer.Option("--tolerance", min=0, metavar="DB", help="Pixels that differ by no more are equal.")
    ] = 0.0,
    metadata: Annotated[bool, typer.Option(help="Compare the metadata JSON of patches, where both have it.")] = True,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Compare two datasets patch by patch."""
    set_up_logging(verbose=verbose, quiet=quiet)
    from gee_s1ben.dataset.difference import diff_datasets
    from gee_s1ben.dataset.stored import open_dataset
    from gee_s1ben.pipeline.progress import progress

    a, b = open_dataset(one), open_dataset(other)
    common = differing = pixels = 0
    alone = Counter[str]()
    largest = 0.0
    kept: list[dict[str, Any]] = []
    with progress("diff", max(len(a), len(b)), quiet=quiet or as_json) as bar:
        for compared in diff_datasets(a, b, tolerance_db=tolerance, metadata=metadata):
            bar.update(1)
            if compared.only_in is None:
                common += 1
                differing += bool(compared.differences)
            else:
                alone[compared.only_in] += 1
            for difference in compared.differences:
                pixels += difference.pixels
                largest = max(largest, difference.max_db)
                if as_json or len(kept) < MOST_LINES:
                    kept.append({"patch": difference.patch, "what": difference.what})
    data = {
        "a": str(one), "b": str(other), "patches": common, "differing": differing, "only_in_a": alone["a"],
        "only_in_b": alone["b"], "pixels": pixels, "max_db": largest, "differences": kept,
    }  # fmt: skip
    lines = [f"{plural(common, 'patch')} compared, {differing} {'differs' if differing == 1 else 'differ'}"]
    if pixels:
        lines[0] += f": {plural(pixels, 'pixel')}, by at most {largest:.6g} dB"
    if not common:
        lines = ["no patch in common (patches are matched by name)"]
    lines += [
        f"{plural(alone[side], 'patch')} only in {path}" for side, path in (("a", one), ("b", other)) if alone[side]
    ]
    lines += [f"  {difference['patch']}: {difference['what']}" for difference in kept]
    if differing + alone.total() > len(kept):
        lines.append("  … and more (--json lists all)")
    return Outcome(data, lines, FINDINGS if differing or alone else DONE)


def verified(dataset: Path, sample_count: int | None) -> Outcome:
    """Verify a dataset against its own manifest, whole or a sample of it: ``verify DATASET [--sample N]``."""
    from gee_s1ben.dataset.verification import verify_stored

    report: VerificationReport = verify_stored(dataset, sample_count)
    findings = [*report.missing, *report.wrong, *report.extra]
    data = {
        "dataset": str(dataset),
        "checked": report.checked,
        "right": report.right,
        "findings": [{"what": finding.what, "reason": finding.reason} for finding in findings],
    }
    lines = [f"{report.right} of {report.checked} patches right, {plural(len(findings), 'finding')}"]
    lines += [f"  {finding.what}: {finding.reason}" for finding in findings[:MOST_LINES]]
    if len(findings) > MOST_LINES:
        lines.append(f"  … and {len(findings) - MOST_LINES} more (--json lists all)")
    return Outcome(data, lines, FINDINGS if findings else DONE)
