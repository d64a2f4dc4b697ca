"""A small job, planned and not yet exported, before an embedded service whose time passes only when it is told."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from command_line import tree
from fault_arena import PLANNED, World, write_config

from gee_s1ben.ledger import JobRecord, Ledger
from gee_s1ben.pipeline.exporting import Exporting, exporting
from gee_s1ben.pipeline.polling import Polled, poll
from gee_s1ben.pipeline.workspace import Workspace

JOBS = 3
"""Passes, and so rasters, of the small job."""
SECONDS = 60.0
"""That an operation takes."""


@dataclass
class Planned:
    """A job that was planned and fetched directly, to start from and to compare with."""

    folder: Path
    catalog: Path

    @property
    def windows(self) -> dict[str, str]:
        """Every window and its SHA-256."""
        return tree(self.folder / "dataset.work" / "windows")


@dataclass
class Desk:
    """One workspace, one service."""

    folder: Path
    planned: Planned
    url: str
    transport: str = "gcs"
    window_px: int = 360
    world: World = field(default_factory=World)

    def __post_init__(self) -> None:
        work = self.folder / "dataset.work"
        work.mkdir(parents=True)
        for name in PLANNED:
            source = self.planned.folder / "dataset.work" / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, work / name)

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.folder / "dataset.work")

    def config(self, **export: Any) -> Any:
        """The configuration; ``export`` replaces keys of that section."""
        from gee_s1ben.config import load_config

        path = write_config(self.folder, self.planned.catalog, self.url, self.transport, self.window_px)
        config = load_config(path)
        return config.model_copy(update={"export": config.export.model_copy(update=export)})

    @contextmanager
    def open(self, **export: Any) -> Iterator[Exporting]:
        """Everything opened, as a process of its own would."""
        from gee_s1ben.session.connection import connected

        with (
            self.workspace.held(),
            connected(self.url, "embedded") as connection,
            exporting(
                self.config(**export), self.workspace, connection, clock=self.world.clock, pause=self.world.pause
            ) as context,
        ):
            yield context

    def poll(self, times: int = 1, apart: float = SECONDS, **export: Any) -> Polled:
        """Poll as cron does."""
        for _ in range(times):
            with self.open(**export) as context:
                polled = poll(context)
            self.world.now += apart
        return polled

    def finish(self, **export: Any) -> Polled:
        """Poll until nothing is left."""
        for _ in range(50):
            polled = self.poll(**export)
            if not polled.left:
                return polled
        raise AssertionError(self.jobs())

    def jobs(self) -> list[JobRecord]:
        with Ledger.read(self.workspace.ledger_path) as ledger:
            return ledger.jobs()

    def states(self) -> list[str]:
        return sorted(str(record.state) for record in self.jobs())

    def operations(self) -> list[dict[str, Any]]:
        """What the service has; fewer than a page."""
        answer = requests.get(f"{self.url}/v1/projects/embedded/operations", params={"pageSize": 500}, timeout=30)
        found: list[dict[str, Any]] = answer.json().get("operations", [])
        return found

    def windows(self) -> dict[str, str]:
        """Every window in the workspace and its SHA-256."""
        return tree(self.folder / "dataset.work" / "windows")


NewDesk = Callable[..., Desk]
Serve = Callable[..., AbstractContextManager[str]]
