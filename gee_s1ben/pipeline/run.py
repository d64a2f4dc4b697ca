"""All stages, one after the other."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from gee_s1ben.config import Config
from gee_s1ben.pipeline.assemble import Assembled, assemble
from gee_s1ben.pipeline.exporting import exporting, remove_remote
from gee_s1ben.pipeline.fetch import Fetched, fetch
from gee_s1ben.pipeline.finishing import finish
from gee_s1ben.pipeline.match import check_matched, match
from gee_s1ben.pipeline.ownership import claim
from gee_s1ben.pipeline.plan import Plan, make_plan
from gee_s1ben.pipeline.report import Summary, summarise
from gee_s1ben.pipeline.showing import show_match
from gee_s1ben.pipeline.user_tables import check_tables
from gee_s1ben.pipeline.verify import Verified, verify
from gee_s1ben.pipeline.workspace import Workspace
from gee_s1ben.session.connection import connect


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did and what it came to."""

    summary: Summary
    plan: Plan
    fetched: Fetched
    assembled: Assembled
    verified: Verified
    seconds: float
    stages: Mapping[str, float]
    """Seconds by stage, in order."""

    @property
    def patches_per_second(self) -> float:
        """Patches that stand in the dataset, by the time of the whole run."""
        return self.summary.patches / self.seconds if self.seconds else 0.0


@dataclass
class _Clock:
    """Seconds by stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start


def run(config: Config, *, overwrite: bool = False, quiet: bool = False) -> Report:
    """Make the dataset of a configuration, from wherever an earlier run was stopped.

    Raises
    ------
    GeeS1benError
        One line that says what is wrong; what is done is kept.
    """
    workspace = Workspace(config.workspace_path)
    clock = _Clock()
    start = time.perf_counter()
    with workspace.held():
        with ExitStack() as stack:
            with clock.stage("connect"):
                connection = stack.enter_context(connect(config))
            with clock.stage("match"):
                index = match(config, workspace)
                show_match(config, workspace, index)
                check_matched(config, workspace, index)
            with clock.stage("plan"):
                plan = make_plan(config, workspace, connection)
                check_tables(config, workspace, plan)
                claim(config, plan, overwrite=overwrite, replace=False)
            with clock.stage("fetch"):
                fetched = fetch(config, workspace, connection, quiet=quiet)
        with clock.stage("assemble"):
            assembled = assemble(config, workspace, overwrite=overwrite, checked=True, quiet=quiet)
        with clock.stage("verify"):
            verified = verify(config, workspace, quiet=quiet)
            finish(config, workspace, verified)
            _remove_remote(config, workspace)
        with clock.stage("report"):
            summary = summarise(config, workspace)
    return Report(summary, plan, fetched, assembled, verified, time.perf_counter() - start, clock.seconds)


def _remove_remote(config: Config, workspace: Workspace) -> None:
    """Where it is asked for, remove from the destination what was verified here."""
    if config.export.remove_remote and config.export.transport != "direct":
        with connect(config) as connection, exporting(config, workspace, connection) as context:
            remove_remote(context)
