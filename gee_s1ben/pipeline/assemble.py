"""Windows into patches: cut by grid, check, write, and say what is absent and why."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from gee_s1ben.config import Config
from gee_s1ben.dataset.layout import PatchRecord, layout
from gee_s1ben.dataset.layout_tables import carry_over, write_tables
from gee_s1ben.dataset.manifest import AbsentRow, PatchRow, record_target
from gee_s1ben.dataset.published_tables import TableEntry, open_tables
from gee_s1ben.dataset.validity import FillRule
from gee_s1ben.dataset.writer import PatchWriter
from gee_s1ben.domain.naming import S1PatchName
from gee_s1ben.domain.scene import Scene
from gee_s1ben.domain.tile import Target
from gee_s1ben.errors import RasterError, WorkspaceError
from gee_s1ben.pipeline.cutting import Bands, cut
from gee_s1ben.pipeline.ownership import claim
from gee_s1ben.pipeline.patch_names import s2_names
from gee_s1ben.pipeline.plan import Job, TargetPlan, load_plan, load_target_plan
from gee_s1ben.pipeline.progress import Progress, progress
from gee_s1ben.pipeline.windows import Window
from gee_s1ben.pipeline.workspace import Workspace, digest
from gee_s1ben.session.computing import decode_geotiff

Known = Mapping[tuple[int, int], TableEntry]
"""What the user's tables say, by (column, row) of a patch."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """What an assembly did."""

    written: int
    """Patches that stand in the dataset."""
    kept: int
    """Of these, patches that stood there already, byte for byte."""
    absent: int


@dataclass(frozen=True, slots=True)
class WindowRecord:
    """What became of a window's patches; kept in the workspace when they are on disk."""

    patches: tuple[PatchRow, ...]
    files: tuple[tuple[str, str], ...]
    """Path relative to the dataset and SHA-256."""
    absent: tuple[AbsentRow, ...]


def assemble(config: Config, workspace: Workspace, *, overwrite: bool = False, quiet: bool = False) -> Assembled:
    """Write the dataset from the fetched windows.

    Raises
    ------
    WorkspaceError
        A window is missing or broken, or the dataset's folder holds something else.
    StorageError
        The disk is full, read-only or failing.
    """
    plan = load_plan(config, workspace)
    claim(config, plan, overwrite=overwrite)
    writer = PatchWriter(config.dataset.path, layout(config.dataset.layout))
    tables = open_tables(config.dataset.tables) if config.dataset.tables else None
    written = kept = absent = 0
    with progress("assemble", plan.patches, quiet=quiet) as bar:
        for key in plan.targets:
            target_plan = load_target_plan(workspace, key)
            known = tables.of_target(target_plan.target.name, target_plan.target.acquired) if tables else {}
            files: list[tuple[str, str]] = []
            rows: list[PatchRow] = []
            missing = _planned_absent(config, target_plan)
            for record, old in _windows(config, workspace, target_plan, known, writer, bar):
                files += record.files
                rows += record.patches
                missing += record.absent
                kept += len(record.patches) if old else 0
            writer.flush()
            for name in record_target(config.dataset.path, key, files, rows, missing):
                writer.remove(name)
            written, absent = written + len(rows), absent + len(missing)
    write_tables(config.dataset.path, config.dataset.layout, tables)
    return Assembled(written, kept, absent)


def _windows(
    config: Config, workspace: Workspace, plan: TargetPlan, known: Known, writer: PatchWriter, bar: Progress
) -> Iterator[tuple[WindowRecord, bool]]:
    """What became of each window, and whether it stood already; one window in memory at a time."""
    for job in plan.jobs:
        for window in job.windows:
            if not window.cells:
                continue
            name = _record_name(config, plan, job, window, known)
            record = _standing(config, workspace, name)
            old = record is not None
            if record is None:
                record = _assemble_window(config, workspace, plan.target, job, window, known, writer)
                writer.flush()
                workspace.save(name, record)
            bar.update(len(window.cells))
            yield record, old


def _record_name(config: Config, plan: TargetPlan, job: Job, window: Window, known: Known) -> str:
    cells = [asdict(group) for group in job.groups]
    carried = [[list(cell), asdict(known[cell])] for cell in window.cells if cell in known]
    made = [str(config.dataset.path), config.dataset.layout, config.dataset.fill, config.match.choice]
    what = digest(made, str(plan.target.product), plan.target.key, cells, carried)
    return f"assembled/{job.fingerprint}/{window.name}_{what[:16]}"


def _standing(config: Config, workspace: Workspace, name: str) -> WindowRecord | None:
    """Return the record of a window whose patches are all on disk, byte for byte."""
    try:
        record = workspace.load(name, WindowRecord, "assemble")
        for path, expected in record.files:
            if hashlib.sha256((config.dataset.path / path).read_bytes()).hexdigest() != expected:
                return None
    except (WorkspaceError, OSError):
        return None
    return record


def _assemble_window(
    config: Config, workspace: Workspace, target: Target, job: Job, window: Window, known: Known, writer: PatchWriter
) -> WindowRecord:
    bands = _read(workspace.window_path(job.fingerprint, window.name), target, window, config.radar.polarisations)
    served = {cell: group for group in job.groups for cell in group.cells}
    scenes = {scene.id: scene for scene in job.one_pass.slices}
    dt_hours = abs((job.one_pass.acquired - target.acquired).total_seconds()) / 3600
    rule = FillRule(config.dataset.fill)
    rows: list[PatchRow] = []
    files: list[tuple[str, str]] = []
    absent: list[AbsentRow] = []
    for col, row in window.cells:
        (s2_name,) = s2_names(config, target, [(col, row)])
        whole = rule.apply(cut(bands, window, target, col, row))
        if isinstance(whole, str):
            absent.append(AbsentRow(target.key, col, row, s2_name, f"{job.one_pass.key}: {whole}"))
            continue
        pixels, _ = whole
        group = served[col, row]
        record = _patch_record(
            target, scenes[group.scene], [scenes[source] for source in group.sources], s2_name, col, row
        )
        if (col, row) in known:
            record = carry_over(record, known[col, row], config.dataset.layout)
        files += writer.write(record, pixels)
        rows.append(
            PatchRow(
                name=str(record.name),
                s2_patch=record.s2_patch,
                target=target.key,
                col=col,
                row=row,
                scene=" ".join([record.scene, *(source for source in record.scenes if source != record.scene)]),
                pass_key=job.one_pass.key,
                relative_orbit=job.one_pass.relative_orbit,
                direction=job.one_pass.orbit_direction,
                dt_hours=dt_hours,
            )
        )
    return WindowRecord(tuple(rows), tuple(files), tuple(absent))


def _patch_record(
    target: Target, scene: Scene, sources: Sequence[Scene], s2_patch: str, col: int, row: int
) -> PatchRecord:
    return PatchRecord(
        name=S1PatchName(scene.label, target.name, col, row),
        grid=target.patch_grid(col, row),
        scene=scene.index,
        scenes=tuple(source.index for source in sources),
        s2_patch=s2_patch,
        acquired=scene.acquired,
        target_key=target.key,
        col=col,
        row=row,
    )


def _read(path: Path, target: Target, window: Window, polarisations: Sequence[str]) -> Bands:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise WorkspaceError(f"window {path} has not been fetched: run 'gee-s1ben fetch' first") from None
    except OSError as error:
        raise WorkspaceError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        return decode_geotiff(content, window.grid(target), polarisations)
    except RasterError as error:
        raise WorkspaceError(f"{path} is broken: {error}; run 'gee-s1ben fetch' again") from error


def _planned_absent(config: Config, plan: TargetPlan) -> list[AbsentRow]:
    target = plan.target
    return [
        AbsentRow(target.key, col, row, s2_name, group.reason)
        for group in plan.absent
        for (col, row), s2_name in zip(group.cells, s2_names(config, target, group.cells), strict=True)
    ]
