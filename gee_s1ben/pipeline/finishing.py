"""The last step of a job: its patches are in the dataset and were verified."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from gee_s1ben.config import Config
from gee_s1ben.domain.naming import S1PatchName
from gee_s1ben.ledger import JobState, Ledger
from gee_s1ben.pipeline.plan import TargetPlan, load_plan, load_target_plan
from gee_s1ben.pipeline.rasters import target_rasters
from gee_s1ben.pipeline.verify import Verified
from gee_s1ben.pipeline.workspace import Workspace


def finish(config: Config, workspace: Workspace, verified: Verified) -> int:
    """Mark the jobs done whose patches verified; the caller holds the workspace.

    Returns
    -------
    int
        How many jobs are done now. A job that was done and has a finding is not any more.

    Raises
    ------
    LedgerError
        The ledger is broken or of another version.
    StorageError
        The disk is full, read-only or failing.
    """
    if not workspace.ledger_path.exists():
        return 0
    wrong = {finding.what for finding in verified.findings}
    with Ledger.open(workspace.ledger_path) as ledger:
        states = {record.job.id: record.state for record in ledger.jobs(JobState.LANDED, JobState.DONE)}
        bad = _with_findings(config, workspace, wrong) if wrong else set()
        with ledger.transaction():
            ledger.move(
                [job for job, state in states.items() if state is JobState.LANDED and job not in bad], JobState.DONE
            )
            ledger.move(
                [job for job, state in states.items() if state is JobState.DONE and job in bad], JobState.LANDED
            )
        return len(states.keys() - bad)


def _with_findings(config: Config, workspace: Workspace, wrong: set[str]) -> set[str]:
    """Ids of jobs that a patch with a finding was cut from."""
    found = set()
    for key in load_plan(config, workspace).targets:
        plan = load_target_plan(workspace, key)
        names = _names(plan)
        for raster in target_rasters(config, plan):
            of_pass = names[raster.job.fingerprint]
            if any(of_pass.get(cell) in wrong for window in raster.windows for cell in window.cells):
                found.add(raster.job.id)
    return found


def _names(plan: TargetPlan) -> Mapping[str, Mapping[tuple[int, int], str]]:
    """Names of patches by fingerprint of the pass and by (column, row)."""
    names: defaultdict[str, dict[tuple[int, int], str]] = defaultdict(dict)
    for job in plan.jobs:  # a pass may come again, as the next one of some patches
        labels = {scene.id: scene.label for scene in job.one_pass.slices}
        names[job.fingerprint] |= {
            (col, row): str(S1PatchName(labels[group.scene], plan.target.name, col, row))
            for group in job.groups
            for col, row in group.cells
        }
    return names
