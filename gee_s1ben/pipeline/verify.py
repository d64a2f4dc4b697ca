"""The dataset on disk against the plan: every planned patch present and right, or absent with a reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from gee_s1ben.config import Config
from gee_s1ben.dataset.layout import layout
from gee_s1ben.dataset.manifest import read_absent
from gee_s1ben.dataset.verification import ExpectedPatch, Finding, find_strays, verify_dataset
from gee_s1ben.domain.naming import S1PatchName
from gee_s1ben.pipeline.plan import TargetPlan, load_plan, load_target_plan
from gee_s1ben.pipeline.progress import progress
from gee_s1ben.pipeline.workspace import Workspace

Cell = tuple[int, int]
"""(column, row) of a patch in its target."""


@dataclass(frozen=True, slots=True)
class Verified:
    """Outcome of a verification."""

    right: int
    """Patches that are there and right."""
    absent: int
    """Patches that are absent with a reason."""
    findings: tuple[Finding, ...]
    """All that is not as it should be."""


def verify(config: Config, workspace: Workspace, *, quiet: bool = False) -> Verified:
    """Read the whole dataset again and compare it with the plan and its own manifest.

    Raises
    ------
    InputError
        A table of the dataset is broken.
    """
    root, form = config.dataset.path, layout(config.dataset.layout)
    plan = load_plan(config, workspace)
    right = absent = 0
    findings: list[Finding] = []
    with progress("verify", plan.patches + plan.absent, quiet=quiet) as bar:
        for key, reasons in _reasons(root, sorted(plan.targets)):
            target_plan = load_target_plan(workspace, key)
            expected = [patch for cell, patch in _planned(target_plan, config) if cell not in reasons]
            report = verify_dataset(root, expected, form, strays=False)
            right, absent = right + report.right, absent + len(reasons)
            findings += [*report.missing, *report.wrong, *_unexplained(target_plan, reasons)]
            bar.update(len(expected) + len(reasons))
    return Verified(right, absent, (*findings, *find_strays(root, form)))


def _reasons(root: Path, keys: Sequence[str]) -> Iterator[tuple[str, dict[Cell, str]]]:
    """Why patches of each target are absent; the table, which is in the order of the keys, is read once."""
    groups = groupby(read_absent(root), key=lambda row: row.target)
    found = next(groups, None)
    for key in keys:
        while found is not None and found[0] < key:
            found = next(groups, None)
        here = found[1] if found is not None and found[0] == key else ()
        yield key, {(row.col, row.row): row.reason for row in here}


def _planned(plan: TargetPlan, config: Config) -> Iterator[tuple[Cell, ExpectedPatch]]:
    target = plan.target
    for job in plan.jobs:
        labels = {scene.id: scene.label for scene in job.one_pass.slices}
        for group in job.groups:
            for col, row in group.cells:
                name = S1PatchName(labels[group.scene], target.name, col, row)
                yield (col, row), ExpectedPatch(name, target.patch_grid(col, row), config.radar.polarisations)


def _unexplained(plan: TargetPlan, reasons: dict[Cell, str]) -> Iterator[Finding]:
    """Patches that the plan knows to be absent and the table does not, or that the table says without a reason."""
    target = plan.target
    for group in plan.absent:
        for cell in group.cells:
            if cell not in reasons:
                yield Finding(target.s2_patch(*cell), "absent, and not in absent.csv")
    for cell, reason in reasons.items():
        if not reason:
            yield Finding(target.s2_patch(*cell), "absent without a reason")
