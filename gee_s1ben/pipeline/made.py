"""What became of a target's patches: its matches as they stand in the dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from gee_s1ben.pipeline.assignment import Cell, absent_groups
from gee_s1ben.pipeline.match import TargetMatch
from gee_s1ben.pipeline.plan import TargetPlan
from gee_s1ben.pipeline.selection import by_nearness


@dataclass(frozen=True, slots=True)
class Made:
    """Which pass serves which patch, as planned or as made."""

    matched: TargetMatch
    passed_over: Mapping[Cell, str] = field(default_factory=dict)
    """By (column, row), the passes that came first and do not have a patch whole."""


def made_of(matched: TargetMatch, plan: TargetPlan, absent: Mapping[Cell, str]) -> Made:
    """Say what was made.

    Parameters
    ----------
    matched : TargetMatch
        As it was matched by footprints.
    plan : TargetPlan
        With the next passes.
    absent : mapping
        By (column, row), why a patch is absent; all others were made.
    """
    groups, passes = [], []
    for job in plan.jobs:
        served = (
            replace(group, cells=tuple(cell for cell in group.cells if cell not in absent)) for group in job.groups
        )
        made = [group for group in served if group.cells]
        if made and job.one_pass not in passes:
            passes.append(job.one_pass)
        groups += made
    cells = np.array(list(absent), dtype=np.int64).reshape(-1, 2)
    assignment = replace(
        matched.assignment,
        passes=tuple(by_nearness(passes, plan.target.acquired)),
        groups=tuple(groups),
        absent=absent_groups(cells, absent.values()),
    )
    return Made(replace(matched, assignment=assignment), plan.passes_over())
