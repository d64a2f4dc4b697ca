"""Look at the pixels of what was fetched, and plan the next passes of the patches that lack some.

A target is looked at when nothing of it is out. What its windows lack is kept in the workspace, so that each is decoded
once, and so is the plan that follows; an index says with which outcome of its jobs a target was looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gee_s1ben.config import Config
from gee_s1ben.dataset.unusable import unusable_patches
from gee_s1ben.dataset.validity import FillRule
from gee_s1ben.domain.scene import Pass
from gee_s1ben.errors import RasterError, WorkspaceError
from gee_s1ben.ledger import JobState, Ledger
from gee_s1ben.pipeline.assignment import Cell, PatchGroup
from gee_s1ben.pipeline.next_passes import reassign
from gee_s1ben.pipeline.plan import (
    PassPlan,
    Plan,
    Reassignment,
    TargetPlan,
    WindowFinding,
    load_first_plan,
    load_plan,
    load_reassignment,
    plan_pass,
    reassignment_name,
)
from gee_s1ben.pipeline.windows import Window, trimmed_windows
from gee_s1ben.pipeline.workspace import Workspace, digest

_INDEX = "next_passes"
_OPEN = frozenset({JobState.PLANNED, JobState.SUBMITTED, JobState.EXPORTED})
_ONE_SCENE = "match.choice is published, which names this scene alone"


@dataclass(frozen=True, slots=True)
class CheckedTarget:
    """With which outcome a target was looked at."""

    signature: str
    """Of the fill rule and of the state of each job."""
    further: str
    """Of the jobs of its next passes; empty without any."""
    whole: int
    """Patches that can be made, or that are still to come."""
    reason: str
    """Why most of the others cannot be made."""
    fingerprints: tuple[str, ...]
    """Of all its passes."""


@dataclass(frozen=True, slots=True)
class CheckIndex:
    """All targets that were looked at."""

    plan: str
    """Of the content of the plan that they are of."""
    targets: Mapping[str, CheckedTarget] = field(default_factory=dict)

    @property
    def further(self) -> str:
        """Digest of the jobs of all next passes; empty without any."""
        found = {key: target.further for key, target in self.targets.items() if target.further}
        return digest(found) if found else ""


def load_index(workspace: Workspace, plan: Plan) -> CheckIndex:
    """Read what was looked at of a plan."""
    try:
        index = workspace.load(_INDEX, CheckIndex, "fetch")
    except WorkspaceError:  # not there, or of another version
        return CheckIndex(plan.content)
    return index if index.plan == plan.content else CheckIndex(plan.content)


def unchecked(config: Config, workspace: Workspace, plan: Plan, ledger: Ledger) -> Iterator[tuple[str, str]]:
    """Yield key and signature of every target of which nothing is out and whose pixels were not looked at since."""
    index, states = load_index(workspace, plan), ledger.states_by_fingerprint()
    for key in plan.targets:
        known = index.targets.get(key)
        passes = known.fingerprints if known is not None else plan.fingerprints[key]
        jobs = {job: state for one in passes for job, state in states.get(one, {}).items()}
        if _OPEN.isdisjoint(jobs.values()):
            signature = digest(fill_rule(config), sorted((job, _outcome(state)) for job, state in jobs.items()))
            if known is None or known.signature != signature:
                yield key, signature


def check_pixels(
    config: Config, workspace: Workspace, ledger: Ledger, prepare: Callable[[Sequence[str]], object]
) -> tuple[str, ...]:
    """Look at the targets that are to be looked at, and keep what follows in the workspace.

    Needs a connection where a patch lacks pixels: the graph of its next pass is built.

    Parameters
    ----------
    config, workspace, ledger
        Whose windows; the workspace is held.
    prepare : callable
        Given the keys of the targets whose jobs are others than before, does what must be done before they count as
        looked at.

    Returns
    -------
    tuple of str
        Keys of the targets whose jobs are others than before; the ledger does not have them yet.

    Raises
    ------
    WorkspaceError
        A window is broken.
    StorageError
        The workspace cannot be read or written.
    """
    plan = load_plan(config, workspace)
    due = list(unchecked(config, workspace, plan, ledger))
    if not due:
        return ()
    index = load_index(workspace, plan)
    targets = dict(index.targets)
    absent, given_up = ledger.reasons(JobState.ABSENT), ledger.reasons()
    for key, signature in due:
        check = _TargetCheck(config, workspace, plan, key, absent, given_up)
        targets[key] = check.run(signature)
    before = {key: target.further for key, target in index.targets.items()}
    changed = tuple(key for key, _ in due if targets[key].further != before.get(key, ""))
    if changed:
        prepare(changed)
    workspace.save(_INDEX, CheckIndex(plan.content, targets))
    return changed


def why_empty(workspace: Workspace, plan: Plan) -> str:
    """Return why not one patch can be made, as soon as that is known; empty otherwise."""
    index = load_index(workspace, plan)
    if any(key not in index.targets or index.targets[key].whole for key in plan.targets):
        return ""
    return Counter(target.reason for target in index.targets.values()).most_common(1)[0][0]


def checked_windows(config: Config, workspace: Workspace, key: str) -> Collection[str]:
    """Return of which windows of a target it is known what their patches lack, by :func:`window_key`."""
    record = load_reassignment(workspace, key)
    return record.findings if record is not None and record.rule == fill_rule(config) else ()


def fill_rule(config: Config) -> str:
    """Return what a patch may lack, as text."""
    return f"{config.dataset.fill} {config.dataset.min_valid:g}"


def window_key(job: PassPlan, window: Window) -> str:
    """Return under what name it is kept what a window lacks."""
    return f"{job.fingerprint}/{window.name}"


class _TargetCheck:
    """Looks at one target."""

    def __init__(
        self,
        config: Config,
        workspace: Workspace,
        plan: Plan,
        key: str,
        absent: Mapping[tuple[str, str], str],
        given_up: Mapping[tuple[str, str], str],
    ) -> None:
        self._config, self._workspace, self._plan, self._key = config, workspace, plan, key
        self._absent, self._given_up = absent, given_up
        self._first = load_first_plan(workspace, key)
        before = load_reassignment(workspace, key)
        self._known = before.findings if before and before.rule == fill_rule(config) else {}
        self._findings: dict[str, WindowFinding] = {}

    def run(self, signature: str) -> CheckedTarget:
        """Look, and keep what follows."""
        first = self._first
        closing = _ONE_SCENE if self._config.match.choice == "published" else ""
        effective = reassign(first, self._find, self._make, closing)
        record = Reassignment(
            plan=self._workspace.file_digest(f"plan/{self._key}") or "",
            rule=fill_rule(self._config),
            findings=self._findings,
            effective=None if effective is first else effective,
        )
        self._workspace.save(reassignment_name(self._key), record)
        further = [[job.fingerprint, [window.name for window in job.windows]] for job in effective.jobs]
        whole, reason = self._whole(effective)
        fingerprints = tuple(dict.fromkeys(job.fingerprint for job in effective.jobs))
        return CheckedTarget(
            signature, digest(further) if len(further) > len(first.jobs) else "", whole, reason, fingerprints
        )

    def _find(self, job: PassPlan, window: Window) -> WindowFinding | None:
        """Say what a window lacks: all, where it is absent; nothing is known, where it was given up and may come."""
        place = job.fingerprint, window.name
        path = self._workspace.window_path(*place)
        if path.exists():
            key = window_key(job, window)
            checksum = self._workspace.window_digest(*place)
            found = self._findings.get(key) or self._known.get(key)
            if found is None or found.checksum != checksum:
                found = WindowFinding(checksum, self._inspect(job, window, checksum))
            self._findings[key] = found
            return found
        if place in self._absent:
            return WindowFinding(None, ((self._absent[place], window.cells),))
        return WindowFinding(None, ()) if place in self._given_up else None

    def _inspect(self, job: PassPlan, window: Window, checksum: str | None) -> tuple[tuple[str, tuple[Cell, ...]], ...]:
        target, settings = self._first.target, self._config.dataset
        path = self._workspace.window_path(job.fingerprint, window.name)
        try:
            found = unusable_patches(
                path,
                window.grid(target),
                self._config.radar.polarisations,
                target.patch_px,
                FillRule(settings.fill, settings.min_valid),
                checksum,
            )
        except RasterError as error:
            raise WorkspaceError(f"{error}; run 'gee-s1ben fetch' again") from error
        left, top = window.col // target.patch_px, window.row // target.patch_px
        by_reason: dict[str, list[Cell]] = {}
        for (col, row), reason in found.items():
            by_reason.setdefault(reason, []).append((left + col, top + row))
        return tuple((reason, tuple(cells)) for reason, cells in by_reason.items())

    def _make(self, one: Pass, groups: tuple[PatchGroup, ...]) -> PassPlan:
        target, cells = self._first.target, [cell for group in groups for cell in group.cells]
        windows = trimmed_windows(target, cells, self._config.window_px)
        digests, version = self._first.digests, self._plan.client_version
        return plan_pass(self._config, target, one, groups, windows, digests, version)

    def _whole(self, effective: TargetPlan) -> tuple[int, str]:
        """Count the patches that can be made or are still to come; return also why most of the others cannot."""
        reasons = Counter({group.reason: len(group.cells) for group in effective.absent})
        whole = 0
        for job in effective.jobs:
            for window in job.windows:
                place = job.fingerprint, window.name
                if place in self._given_up and not self._workspace.window_path(*place).exists():
                    reasons[f"{job.one_pass.key}: {self._given_up[place]}"] += len(window.cells)
                else:
                    whole += len(window.cells)
        return whole, reasons.most_common(1)[0][0] if reasons else ""


def _outcome(state: JobState) -> str:
    """Return what matters here of a state."""
    if state in (JobState.LANDED, JobState.DONE):
        return "landed"
    return "absent" if state is JobState.ABSENT else "given up"
