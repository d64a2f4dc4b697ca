"""The user's own BigEarthNet tables, and what they say of the patches of a plan."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from gee_s1ben.config import Config
from gee_s1ben.dataset.published_tables import PublishedTables, TableEntry, open_tables
from gee_s1ben.domain.tile import Target
from gee_s1ben.pipeline.plan import Plan, load_target_plan
from gee_s1ben.pipeline.workspace import Workspace

_log = logging.getLogger(__name__)
_MOST_NAMED = 5
"""Targets that a warning names."""

Known = Mapping[tuple[int, int], TableEntry]
"""What the user's tables say, by (column, row) of a patch."""


def user_tables(config: Config) -> PublishedTables | None:
    """Open the tables that a configuration names; None where it names none.

    Raises
    ------
    InputError
        They are broken, or their labels are of other classes than the layout's.
    """
    if config.dataset.tables is None:
        return None
    tables = open_tables(config.dataset.tables)
    tables.check_layout(config.dataset.layout)
    return tables


def known_patches(tables: PublishedTables | None, target: Target) -> Known:
    """Return what the tables say of the patches of a target."""
    return tables.of_target(target.name, target.acquired) if tables else {}


def check_tables(config: Config, workspace: Workspace, plan: Plan) -> None:
    """Look all patches up in the user's tables, before anything is made that depends on them.

    Of how many they know nothing, or no labels, is said; these stay empty.

    Raises
    ------
    InputError
        They are broken, or their labels are of other classes than the layout's.
    """
    tables = user_tables(config)
    if tables is None:
        return
    unknown: Counter[str] = Counter()
    bare: Counter[str] = Counter()
    for key in plan.targets:
        target_plan = load_target_plan(workspace, key)
        known = known_patches(tables, target_plan.target)
        for cell in (cell for job in target_plan.jobs for group in job.groups for cell in group.cells):
            entry = known.get(cell)
            unknown[key] += entry is None
            bare[key] += entry is not None and entry.labels(config.dataset.layout) is None
    _tell_gaps(tables.path, unknown, plan.patches, "are not there: their labels, split and country stay empty")
    _tell_gaps(tables.path, bare, plan.patches, "have no labels there: theirs stay empty")


def _tell_gaps(path: Path, gaps: Counter[str], patches: int, what: str) -> None:
    """Say in one line of how many patches, and of which targets, the tables do not know something."""
    targets = [f"{key}: {count}" for key, count in gaps.items() if count]
    if targets:
        more = f", and {len(targets) - _MOST_NAMED} more targets" if len(targets) > _MOST_NAMED else ""
        named = f"{', '.join(targets[:_MOST_NAMED])}{more}"
        _log.warning("%s: %d of %d patches %s (%s)", path, gaps.total(), patches, what, named)
