"""Windows into patches: cut by grid, check, write, and say what is absent and why."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from gee_s1ben.config import Config
from gee_s1ben.dataset.batch import CutReport
from gee_s1ben.dataset.cutting import cut_raster, usable_cores
from gee_s1ben.dataset.layout import PatchRecord, layout
from gee_s1ben.dataset.layout_tables import carry_over, write_tables
from gee_s1ben.dataset.manifest import AbsentRow, PatchRow
from gee_s1ben.dataset.published_tables import PublishedTables
from gee_s1ben.dataset.recording import Recording
from gee_s1ben.dataset.validity import FillRule
from gee_s1ben.dataset.writer import PatchWriter
from gee_s1ben.domain.naming import S1PatchName
from gee_s1ben.domain.scene import Scene
from gee_s1ben.domain.shard import Shard
from gee_s1ben.domain.tile import Target
from gee_s1ben.errors import EmptyDatasetError, InputError, RasterError, WorkspaceError
from gee_s1ben.ledger import JobState, Ledger
from gee_s1ben.pipeline.assignment import PatchGroup
from gee_s1ben.pipeline.incidence import Angles, angles_of
from gee_s1ben.pipeline.ownership import claim
from gee_s1ben.pipeline.patch_names import s2_names
from gee_s1ben.pipeline.pixel_check import checked_windows, window_key
from gee_s1ben.pipeline.plan import PassPlan, Plan, TargetPlan, load_plan, load_target_plan
from gee_s1ben.pipeline.progress import progress
from gee_s1ben.pipeline.replacement import replacing
from gee_s1ben.pipeline.showing import show_made
from gee_s1ben.pipeline.user_tables import Known, check_tables, known_patches, user_tables
from gee_s1ben.pipeline.windows import Window
from gee_s1ben.pipeline.workspace import Workspace, digest

Lacking = Mapping[tuple[str, str], str]
"""Why there is no such window, by fingerprint and name, as the ledger has it."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """What an assembly did."""

    written: int
    """Patches that stand in the dataset."""
    kept: int
    """Of these, patches that stood there already, byte for byte."""
    absent: int
    seconds: float = 0.0
    """It took."""


@dataclass(frozen=True, slots=True)
class WindowRecord:
    """What became of a window's patches; kept in the workspace when they are on disk."""

    patches: tuple[PatchRow, ...]
    files: tuple[tuple[str, str], ...]
    """Path relative to the dataset and SHA-256."""
    absent: tuple[AbsentRow, ...]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A window, and all that is needed to make its patches."""

    target: Target
    job: PassPlan
    window: Window
    served: Mapping[tuple[int, int], PatchGroup]
    """What each patch of the job is made from, by (column, row)."""
    known: Known
    lacking: str
    """Why the ledger says that there is no such window; empty if it does not."""
    over: Mapping[tuple[int, int], str]
    """The passes that do not have a patch whole and were tried before, by (column, row)."""
    checked: bool
    """Whether it is known what its patches lack, so that those that lack something have got their next pass."""


def assemble(
    config: Config,
    workspace: Workspace,
    *,
    shard: Shard | None = None,
    overwrite: bool = False,
    checked: bool = False,
    quiet: bool = False,
) -> Assembled:
    """Write the dataset from the fetched windows.

    Parameters
    ----------
    config : Config
        What is wanted.
    workspace : Workspace
        Where the plan and the windows are; held by the caller.
    shard : Shard or None
        Write the patches of this part of the windows only, beside other shards, and leave the tables to a later call
        without a shard.
    overwrite : bool
        Replace a dataset that another plan made; it stands aside until this one is complete.
    checked : bool
        The user's tables were looked at already, by :func:`~gee_s1ben.pipeline.user_tables.check_tables`.
    quiet : bool
        Show no progress.

    Raises
    ------
    EmptyDatasetError
        Not one patch can be made.
    WorkspaceError
        A window is missing or broken, or the dataset's folder holds something else.
    InputError
        A shard is to replace a dataset, which others may be writing; or the tables are broken or do not fit the layout.
    StorageError
        The disk is full, read-only or failing.
    """
    start = time.perf_counter()
    plan = load_plan(config, workspace)
    if shard is not None and overwrite:
        raise InputError(f"a shard replaces no dataset: remove {config.dataset.path} before the shards begin")
    if shard is not None:
        tables = user_tables(config)
        claim(config, plan)
        done = _assemble_shard(config, workspace, plan, tables, shard, quiet=quiet)
    else:
        if not checked:
            check_tables(config, workspace, plan)
        with replacing(config.dataset.path):
            claim(config, plan, overwrite=overwrite)
            done = _assemble_all(config, workspace, plan, quiet=quiet)
        show_made(config, workspace)
    return replace(done, seconds=time.perf_counter() - start)


def _assemble_all(config: Config, workspace: Workspace, plan: Plan, *, quiet: bool) -> Assembled:
    writer = PatchWriter(config.dataset.path, layout(config.dataset.layout))
    tables, lacking = user_tables(config), _lacking(workspace)
    written = kept = absent = 0
    commonest = 0, ""
    with Recording(config.dataset.path) as recording, progress("assemble", plan.patches, quiet=quiet) as bar:
        for key in plan.targets:
            target_plan = load_target_plan(workspace, key)
            over = target_plan.passes_over()
            angles: dict[tuple[int, int], float] = {}
            for job in target_plan.jobs:
                angles |= angles_of(workspace, target_plan, job)
            files: list[tuple[str, str]] = []
            rows: list[PatchRow] = []
            missing = _planned_absent(config, target_plan)
            for piece in _pieces(config, workspace, target_plan, tables, lacking):
                record, old = _made(config, workspace, piece, writer)
                bar.update(len(piece.window.cells))
                files += record.files
                rows += _with_plan(record.patches, angles, over)
                missing += record.absent
                kept += len(record.patches) if old else 0
            recording.add(key, files, rows, missing)
            for why, count in Counter(row.reason for row in missing).most_common(1):
                commonest = max(commonest, (count, why))
            written, absent = written + len(rows), absent + len(missing)
        if not written:
            raise _empty(workspace)(f"not one patch can be made: {commonest[1]}")
        recording.finish(writer.remove)
    write_tables(config.dataset.path, config.dataset.layout, tables, unknown_flags=config.dataset.unknown_flags)
    return Assembled(written, kept, absent)


def _assemble_shard(
    config: Config,
    workspace: Workspace,
    plan: Plan,
    tables: PublishedTables | None,
    shard: Shard,
    *,
    quiet: bool,
) -> Assembled:
    writer = PatchWriter(config.dataset.path, layout(config.dataset.layout), shard)
    lacking = _lacking(workspace)
    targets = (load_target_plan(workspace, key) for key in plan.targets)
    pieces = (piece for target in targets for piece in _pieces(config, workspace, target, tables, lacking))
    written = kept = absent = 0
    with progress(f"assemble {shard}", -(-plan.patches // shard.count), quiet=quiet) as bar:
        for piece in shard.part(pieces):
            record, old = _made(config, workspace, piece, writer)
            bar.update(len(piece.window.cells))
            written, absent = written + len(record.patches), absent + len(record.absent)
            kept += len(record.patches) if old else 0
    return Assembled(written, kept, absent)


def _empty(workspace: Workspace) -> type[EmptyDatasetError | WorkspaceError]:
    """Tell apart what the pixels do not give and what a fetch did not bring: the latter may be mended."""
    if not workspace.ledger_path.exists():
        return EmptyDatasetError
    with Ledger.read(workspace.ledger_path) as ledger:
        return WorkspaceError if ledger.reasons(JobState.FAILED, JobState.CANCELLED) else EmptyDatasetError


def _lacking(workspace: Workspace) -> Lacking:
    if not workspace.ledger_path.exists():
        return {}
    with Ledger.read(workspace.ledger_path) as ledger:
        return ledger.reasons()


def _pieces(
    config: Config, workspace: Workspace, plan: TargetPlan, tables: PublishedTables | None, lacking: Lacking
) -> Iterator[_Piece]:
    """Windows of a target that hold patches, in the order of the plan."""
    known, over = known_patches(tables, plan.target), plan.passes_over()
    checked = checked_windows(config, workspace, plan.target.key)
    for job in plan.jobs:
        served = {cell: group for group in job.groups for cell in group.cells}
        for window in job.windows:
            if window.cells:
                reason = lacking.get((job.fingerprint, window.name), "")
                key = window_key(job, window)
                yield _Piece(plan.target, job, window, served, known, reason, over, key in checked)


def _made(config: Config, workspace: Workspace, piece: _Piece, writer: PatchWriter) -> tuple[WindowRecord, bool]:
    """What became of a window, and whether it stood already; its patches are on disk before it is recorded."""
    if piece.lacking and workspace.window_digest(piece.job.fingerprint, piece.window.name) is None:
        return _all_absent(config, piece), False
    path = workspace.window_path(piece.job.fingerprint, piece.window.name)
    if workspace.window_digest(piece.job.fingerprint, piece.window.name) is None:
        state = "has no checksum" if path.exists() else "has not been fetched"
        raise WorkspaceError(f"window {path} {state}: run 'gee-s1ben fetch' first")
    if not piece.checked:
        raise WorkspaceError(f"it is not known yet which patches {path} lacks: run 'gee-s1ben fetch' first")
    name = _record_name(config, piece)
    record = _standing(config, workspace, name)
    if record is not None:
        return record, True
    record = _assemble_window(config, workspace, piece, writer)
    writer.flush()
    workspace.save(name, record)
    return record, False


def _all_absent(config: Config, piece: _Piece) -> WindowRecord:
    """Patches of a window that there is not; kept nowhere, because another fetch may bring it."""
    target, cells = piece.target, piece.window.cells
    names = zip(cells, s2_names(config, target, cells), strict=True)
    absent = (AbsentRow(target.key, *cell, name, _reason(piece, cell, piece.lacking)) for cell, name in names)
    return WindowRecord((), (), tuple(absent))


def _reason(piece: _Piece, cell: tuple[int, int], reason: str) -> str:
    """Say why a patch is absent, by what is wrong with its last pass; every pass that was tried is named."""
    last = f"{piece.job.one_pass.key}: {reason}"
    return f"{piece.over[cell]}; {last}" if cell in piece.over else last


def _record_name(config: Config, piece: _Piece) -> str:
    job, window, known = piece.job, piece.window, piece.known
    cells = [[list(cell), piece.served[cell].scene, *piece.served[cell].sources] for cell in window.cells]
    carried = [[list(cell), asdict(known[cell])] for cell in window.cells if cell in known]
    made: list[Any] = [config.dataset.layout, config.match.choice, config.dataset.fill, config.dataset.min_valid]
    what = digest(made, str(piece.target.product), piece.target.key, cells, carried)
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


def _assemble_window(config: Config, workspace: Workspace, piece: _Piece, writer: PatchWriter) -> WindowRecord:
    target, job, window = piece.target, piece.job, piece.window
    path = workspace.window_path(job.fingerprint, window.name)
    checksum = workspace.window_digest(job.fingerprint, window.name)
    grid, bands, records = window.grid(target), config.radar.polarisations, _patch_records(config, piece)
    rule = FillRule(config.dataset.fill, config.dataset.min_valid)
    try:
        report = cut_raster(
            path, grid, bands, records, writer, fill=rule, workers=usable_cores(), sha256=checksum, named=False
        )
    except RasterError as error:
        raise WorkspaceError(f"{path} is broken: {_short(error, path)}; run 'gee-s1ben fetch' again") from error
    absent = (
        AbsentRow(target.key, record.col, record.row, record.s2_patch, _reason(piece, (record.col, record.row), reason))
        for record, reason in report.absent
    )
    return WindowRecord(tuple(_rows(target, job, report)), tuple(report.files), tuple(absent))


def _with_plan(rows: Iterable[PatchRow], angles: Angles, over: Mapping[tuple[int, int], str]) -> Iterator[PatchRow]:
    """Say how a patch was seen, and which passes were tried before.

    That is known by the plan and not by the window's pixels, so windows are recorded without it.
    """
    for row in rows:
        cell = row.col, row.row
        yield replace(row, incidence_angle=angles.get(cell), passed_over=over.get(cell, ""))


def _rows(target: Target, job: PassPlan, report: CutReport) -> Iterator[PatchRow]:
    dt_hours = abs((job.one_pass.acquired - target.acquired).total_seconds()) / 3600
    for record in report.written:
        yield PatchRow(
            name=str(record.name),
            s2_patch=record.s2_patch,
            target=target.key,
            col=record.col,
            row=record.row,
            scene=" ".join([record.scene, *(source for source in record.scenes if source != record.scene)]),
            pass_key=job.one_pass.key,
            relative_orbit=job.one_pass.relative_orbit,
            orbit_direction=job.one_pass.orbit_direction,
            dt_hours=dt_hours,
            filled_px=report.filled.get(str(record.name), 0),
        )


def _patch_records(config: Config, piece: _Piece) -> list[PatchRecord]:
    target, job, cells = piece.target, piece.job, piece.window.cells
    scenes = {scene.id: scene for scene in job.one_pass.slices}
    records = []
    for (col, row), s2_name in zip(cells, s2_names(config, target, cells), strict=True):
        group = piece.served[col, row]
        sources = [scenes[source] for source in group.sources]
        record = _patch_record(target, scenes[group.scene], sources, s2_name, col, row)
        if (col, row) in piece.known:
            record = carry_over(record, piece.known[col, row], config.dataset.layout)
        records.append(record)
    return records


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


def _short(error: RasterError, path: Path) -> str:
    """What is wrong with a raster, without its path."""
    return str(error).removeprefix(f"{path}: ")


def _planned_absent(config: Config, plan: TargetPlan) -> list[AbsentRow]:
    target = plan.target
    return [
        AbsentRow(target.key, col, row, s2_name, group.reason)
        for group in plan.absent
        for (col, row), s2_name in zip(group.cells, s2_names(config, target, group.cells), strict=True)
    ]
