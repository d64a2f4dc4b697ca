"""A small dataset to be made through a proxy that plays faults, and what must not happen to it, counted."""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from command_line import tree
from fault_matrix import Zeros
from fault_proxy import FaultProxy

PRODUCT = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"
BUCKET = "a-bucket"
FIRST_PX = 5400
"""First column and row of the tile that is wanted."""
PLAIN = """\
embedded:
  catalog: {catalog}
  exports: {folder}/exports
  {url}
tiles:
  - product: {product}
    patches: {{columns: [{first}, {last}], rows: [{first}, {last}]}}
radar: {{border_noise: false, speckle: {{filter: none}}, resampling: nearest}}
export: {{window_px: {window_px}, transport: {transport}, bucket: a-bucket, raster_px: {raster_px}}}
dataset: {{path: {folder}/dataset, patch_px: {patch_px}}}
"""
"""No filters: what is computed does not matter here, and takes time."""
PLANNED = ("match.json", "match", "plan.json", "plan", "angles", "gee-s1ben.workspace")
"""What the stages before the fetch leave in a workspace."""


def write_config(
    folder: Path,
    catalog: Path,
    url: str | None = None,
    transport: str = "direct",
    window_px: int = 360,
    patch_px: int = 120,
    side_px: int = 360,
    raster_px: int = 10_980,
) -> Path:
    """Write a configuration into a folder, and return its path; it wants a square that always begins at one place."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.yaml"
    text = PLAIN.format(
        catalog=catalog,
        folder=folder,
        url=f"url: {url}" if url else "url: null",
        product=PRODUCT,
        transport=transport,
        window_px=window_px,
        patch_px=patch_px,
        raster_px=raster_px,
        first=FIRST_PX // patch_px,
        last=(FIRST_PX + side_px) // patch_px - 1,
    )
    path.write_text(text, "utf-8")
    return path


@dataclass(frozen=True)
class Clean:
    """What an undisturbed run leaves."""

    folder: Path
    files: dict[str, str]
    """Every file of the dataset and its SHA-256."""


def clean_run(folder: Path, catalog: Path, window_px: int = 360, patch_px: int = 120, side_px: int = 360) -> Clean:
    """Run undisturbed."""
    from gee_s1ben.cli.app import run

    config = write_config(folder, catalog, window_px=window_px, patch_px=patch_px, side_px=side_px)
    assert run(["run", "--config", str(config), "-q"]) == 0
    return Clean(folder, tree(folder / "dataset"))


def simulated(folder: Path, side_px: int = 360) -> Path:
    """Simulate scenes over the square, and return their catalog."""
    from gee_s1ben.cli.app import run

    config = write_config(folder, folder / "catalog", side_px=side_px)
    assert run(["simulate", "--config", str(config), "-q"]) == 0
    return folder / "catalog"


@dataclass
class World:
    """Time that passes only when somebody waits."""

    now: float = 1_750_000_000.0
    pauses: list[float] = field(default_factory=list)

    def clock(self) -> float:
        """Epoch seconds."""
        return self.now

    def pause(self, seconds: float) -> None:
        """Wait."""
        self.pauses.append(seconds)
        self.now += seconds


@dataclass
class Arena:
    """One dataset on its way through one proxy."""

    folder: Path
    catalog: Path
    clean: Clean
    proxy: FaultProxy
    transport: str = "direct"
    window_px: int = 360
    patch_px: int = 120
    side_px: int = 360
    raster_px: int = 10_980
    prepared: bool = True
    """Whether the stages before the fetch are over."""
    world: World = field(default_factory=World)
    serve: Callable[[], str] | None = None
    """Ends the service and starts another over the same folder."""
    skew: float = 0.0
    """How far the clock of the pipeline is ahead of the service's, in seconds."""
    upstream: str = field(init=False)

    def __post_init__(self) -> None:
        self.upstream = self.proxy.upstream
        if not self.prepared:
            return
        work = self.folder / "dataset.work"
        work.mkdir(parents=True)
        for name in PLANNED:
            source = self.clean.folder / "dataset.work" / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, work / name)

    @property
    def path(self) -> Path:
        """Of the configuration, written anew."""
        return write_config(
            self.folder,
            self.catalog,
            self.proxy.url,
            self.transport,
            self.window_px,
            self.patch_px,
            self.side_px,
            self.raster_px,
        )

    def config(self, **export: Any) -> Any:
        """Read the configuration; ``export`` replaces values of that section."""
        from gee_s1ben.config import load_config

        config = load_config(self.path)
        return config.model_copy(update={"export": config.export.model_copy(update=export)})

    @property
    def workspace(self) -> Any:
        from gee_s1ben.pipeline.workspace import Workspace

        return Workspace(self.folder / "dataset.work")

    @contextmanager
    def connected(self, credentials: Any = None, **export: Any) -> Iterator[tuple[Any, Any]]:
        """Hold the workspace and connect through the proxy."""
        from gee_s1ben.session.connection import connected

        config = self.config(**export)
        with self.workspace.held(), connected(self.proxy.url, "embedded", credentials) as connection:
            yield config, connection

    def fetch(self, credentials: Any = None, **export: Any) -> tuple[int, int]:
        """Bring the windows down; return how many came and how many were there."""
        from gee_s1ben.pipeline.fetch import fetch

        with self.connected(credentials, **export) as (config, connection):
            try:
                fetched = fetch(config, self.workspace, connection, quiet=True)
            finally:
                for thread in threading.enumerate():  # what a process would leave behind at its end
                    if thread.name.startswith("fetch"):
                        thread.join(30)
        return fetched.requested, fetched.kept

    @contextmanager
    def exporting(self, **export: Any) -> Iterator[Any]:
        """Hold the workspace, connect, and open ledger and destination, all by the world's clock."""
        from gee_s1ben.pipeline.exporting import exporting

        with (
            self.connected(**export) as (config, connection),
            exporting(
                config,
                self.workspace,
                connection,
                clock=lambda: self.world.now + self.skew,
                pause=self.world.pause,
            ) as context,
        ):
            yield context

    def poll(self, times: int = 1, apart: float = 0.0, **export: Any) -> Any:
        """Poll as cron does, each time with everything opened anew; return what the last poll said."""
        from gee_s1ben.pipeline.polling import poll

        polled = None
        for _ in range(times):
            with self.exporting(**export) as context:
                polled = poll(context)
            self.world.now += apart
        return polled

    def export(self, every: float = 15.0, **export: Any) -> Counter[str]:
        """Poll until nothing is left; return how many jobs are in which state."""
        from gee_s1ben.pipeline.exporting import polls, settle

        with self.exporting(**export) as context:
            settle(context)
            for _ in polls(context, every=every):
                pass
        return Counter(self.states())

    def restart_service(self) -> None:
        """End the service, and start one over what it left."""
        assert self.serve is not None
        self.proxy.upstream = self.serve()

    def jobs(self) -> list[Any]:
        """Jobs of the ledger."""
        with self.ledger() as ledger:
            return list(ledger.jobs())

    def given_up(self) -> list[str]:
        """Reasons of jobs that failed or were found absent."""
        return [record.reason for record in self.jobs() if record.state in ("failed", "absent", "cancelled")]

    def states(self) -> list[str]:
        """States of the jobs, in the order of the plan."""
        return [str(record.state) for record in self.jobs()]

    @contextmanager
    def ledger(self) -> Iterator[Any]:
        """Read the ledger."""
        from gee_s1ben.ledger import Ledger

        with Ledger.read(self.folder / "dataset.work" / "ledger.sqlite") as ledger:
            yield ledger

    def finish(self) -> Any:
        """Assemble and verify; return what the verification says."""
        from gee_s1ben.pipeline.assemble import assemble
        from gee_s1ben.pipeline.verify import verify

        config = self.config()
        assemble(config, self.workspace, quiet=True)
        return verify(config, self.workspace, quiet=True)

    def windows(self) -> list[Path]:
        """Windows in the workspace."""
        return sorted((self.folder / "dataset.work" / "windows").rglob("[!.]*.tif"))

    def operations(self) -> list[dict[str, Any]]:
        """What the service itself says of its operations, asked past the proxy."""
        found: list[dict[str, Any]] = []
        token = ""
        while True:
            answer = requests.get(
                f"{self.proxy.upstream}/v1/projects/embedded/operations",
                params={"pageSize": 500, "pageToken": token},
                timeout=30,
            ).json()
            found += answer.get("operations", [])
            token = answer.get("nextPageToken", "")
            if not token:
                return found

    def zeros(self) -> Zeros:
        """Count what must not happen, on a dataset that is finished."""
        from gee_s1ben.dataset.manifest import read_absent, read_patches
        from gee_s1ben.pipeline.plan import load_plan

        root = self.folder / "dataset"
        tokens = Counter(operation["metadata"]["description"][-60:] for operation in self.operations())
        files = {path: digest for path, digest in tree(root).items() if path.endswith(".tif")}
        plan = load_plan(self.config(), self.workspace)
        absent = [row for row in read_absent(root) if row.reason]
        # A patch of which a window is absent comes from its next pass, under a name that the clean run does not have.
        others = {row.name for row in read_patches(root) if row.passed_over}
        return Zeros(
            duplicates=sum(count - 1 for count in tokens.values()),
            lost=plan.patches + plan.absent - len(files) // 2 - len(absent),
            wrong=sum(
                self.clean.files.get(path) != digest
                for path, digest in files.items()
                if path in self.clean.files or path.split("/")[-2] not in others
            ),
        )

    def identical(self) -> bool:
        """Whether the dataset is the clean one, byte for byte: patches, tables, manifest."""
        return tree(self.folder / "dataset") == self.clean.files
