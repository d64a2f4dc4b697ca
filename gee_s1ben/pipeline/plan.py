"""From matches to jobs: which windows of which pass on which grid, and what they will cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from gee_s1ben.config import Config
from gee_s1ben.config.model import ITEM_BYTES
from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.scene import Pass
from gee_s1ben.domain.tile import PatchBlock, Target, tile_grid
from gee_s1ben.domain.unit import unit_of
from gee_s1ben.errors import NamingError, WorkspaceError
from gee_s1ben.graph.backscatter import pass_backscatter
from gee_s1ben.graph.incidence_angle import ANGLE, pass_incidence_angle
from gee_s1ben.pipeline.assignment import AbsentGroup, Cell, PatchGroup
from gee_s1ben.pipeline.match import MatchIndex, TargetMatch, match_digest
from gee_s1ben.pipeline.windows import Window, covering_windows, trimmed_windows
from gee_s1ben.pipeline.workspace import Workspace, digest
from gee_s1ben.session.computing import Image, serialized
from gee_s1ben.session.connection import Connection


@dataclass(frozen=True, slots=True)
class PassPlan:
    """What is owed of one pass for one target."""

    fingerprint: str
    """Of the graph, the scenes, the grid and the client: what decides the pixels."""
    one_pass: Pass
    groups: tuple[PatchGroup, ...]
    windows: tuple[Window, ...]
    angle_fingerprint: str = ""
    """Of the incidence angles at its patches, likewise; empty where no slice tells them."""
    given_up: tuple[Cell, ...] = ()
    """Patches that it was asked for, does not have whole, and does not serve any more."""


@dataclass(frozen=True, slots=True)
class PassedOver:
    """Patches that a pass does not have whole, and that were therefore given to the next one."""

    pass_key: str
    reason: str
    """What they lack."""
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class TargetPlan:
    """All that is to be made for one target."""

    target: Target
    jobs: tuple[PassPlan, ...]
    absent: tuple[AbsentGroup, ...]
    simulated: tuple[str, ...]
    """Ids of simulated scenes among the sources."""
    allowed: tuple[Pass, ...] = ()
    """The passes that the rules let serve, nearest in time first."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """Scene id → digest of all its properties, of every slice of these."""
    passed_over: tuple[PassedOver, ...] = ()
    """In the order in which the passes were tried."""

    def passes_over(self) -> dict[Cell, str]:
        """Return for each patch that got another pass, or none, the passes that do not have it whole, and why."""
        found: dict[Cell, str] = {}
        for tried in self.passed_over:
            for cell in tried.cells:
                text = f"{tried.pass_key}: {tried.reason}"
                found[cell] = f"{found[cell]}; {text}" if cell in found else text
        return found


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole plan in numbers; the targets' own plans are kept one by one."""

    digest: str
    """Of all that decides the dataset's content."""
    config_digest: str
    """Of the configuration it was made from."""
    targets: tuple[str, ...]
    """Keys, in the order of the configuration."""
    patches: int
    absent: int
    jobs: int
    requests: int
    pixels: int
    bytes: int
    """Uncompressed, of all requests."""
    client_version: str
    simulated: bool
    """Whether any scene was simulated."""
    content: str = ""
    """Of the targets' own plans, all that they say."""
    fingerprints: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Key of a target → what the pixels of its passes are known by; two targets of a tile may share some."""


def plan_digest(config: Config) -> str:
    """Digest of what in a configuration decides a plan."""
    radar = config.radar.model_dump(mode="json")
    return digest(match_digest(config), radar, config.window_px, config.dataset.layout)


def make_plan(config: Config, workspace: Workspace, connection: Connection) -> Plan:
    """Plan the windows of every matched target, and keep the plans in the workspace.

    Raises
    ------
    WorkspaceError
        The matches are missing or were made from another configuration.
    """
    index = workspace.load("match", MatchIndex, "match")
    if index.digest != match_digest(config):
        raise WorkspaceError("the matches were made from another configuration: run 'gee-s1ben match' again")
    plans, saved, fingerprints = [], [], {}
    for key in index.targets:
        matched = workspace.load(f"match/{key}", TargetMatch, "match")
        plan = plan_target(config, matched, connection.client_version)
        saved.append(workspace.save(f"plan/{key}", plan))
        fingerprints[key] = tuple(job.fingerprint for job in plan.jobs)
        plans.append(_numbers(plan, len(config.radar.polarisations)))
    total = Plan(
        digest=digest([numbers.digest for numbers in plans], config.dataset.layout, connection.backend),
        config_digest=plan_digest(config),
        targets=index.targets,
        patches=sum(numbers.patches for numbers in plans),
        absent=sum(numbers.absent for numbers in plans),
        jobs=sum(numbers.jobs for numbers in plans),
        requests=sum(numbers.requests for numbers in plans),
        pixels=sum(numbers.pixels for numbers in plans),
        bytes=sum(numbers.bytes for numbers in plans),
        client_version=connection.client_version,
        simulated=any(numbers.simulated for numbers in plans),
        content=digest(saved),
        fingerprints=fingerprints,
    )
    workspace.save("plan", total)
    return total


def load_plan(config: Config, workspace: Workspace) -> Plan:
    """Read the plan of this configuration.

    Raises
    ------
    WorkspaceError
        There is none, or it was made from another configuration.
    """
    plan = workspace.load("plan", Plan, "plan")
    if plan.config_digest != plan_digest(config):
        raise WorkspaceError("the plan was made from another configuration: run 'gee-s1ben plan' again")
    if not plan.content:
        raise WorkspaceError("the plan was made by an older version: run 'gee-s1ben plan' again")
    return plan


def load_first_plan(workspace: Workspace, key: str) -> TargetPlan:
    """Read the plan of one target as it was made from the matches, before any pixel was known."""
    return workspace.load(f"plan/{key}", TargetPlan, "plan")


def load_target_plan(workspace: Workspace, key: str) -> TargetPlan:
    """Read the plan of one target as it stands: with the next passes of patches that the first lacks pixels of."""
    record = load_reassignment(workspace, key)
    return record.effective if record and record.effective else load_first_plan(workspace, key)


@dataclass(frozen=True, slots=True)
class WindowFinding:
    """Which patches of a window cannot be made of it."""

    checksum: str | None
    """Of the window; None where nobody wrote it down."""
    lacking: tuple[tuple[str, tuple[Cell, ...]], ...]
    """What patches lack, and which they are, (column, row)."""


@dataclass(frozen=True, slots=True)
class Reassignment:
    """What the pixels of a target have taught, and the plan that follows from it."""

    plan: str
    """SHA-256 of the plan that was made from the matches."""
    rule: str
    """What a patch may lack, by ``dataset.fill`` and ``dataset.min_valid``."""
    findings: Mapping[str, WindowFinding]
    """By fingerprint and name of a window, joined by ``/``."""
    effective: TargetPlan | None
    """None where the first plan stands."""


def load_reassignment(workspace: Workspace, key: str) -> Reassignment | None:
    """Read what was learnt of a target's pixels; None where that is nothing, or belongs to another plan."""
    name = reassignment_name(key)
    if not (workspace.path / f"{name}.json").exists():
        return None
    try:
        record = workspace.load(name, Reassignment, "fetch")
    except WorkspaceError:  # of another version: what it says is learnt again
        return None
    return record if record.plan == workspace.file_digest(f"plan/{key}") else None


def reassignment_name(key: str) -> str:
    """Return under what name the workspace keeps it."""
    return f"next_passes/{key}"


def plan_target(config: Config, matched: TargetMatch, client_version: str) -> TargetPlan:
    """Plan one target: a job for each pass that serves a patch."""
    jobs = []
    target, assignment = matched.target, matched.assignment
    digests = {scene.id: matched.digests[scene.id] for one in assignment.allowed for scene in one.slices}
    windows_of = covering_windows if _wants_all(target) else trimmed_windows
    for one in assignment.passes:
        ids = {scene.id for scene in one.slices}
        # Slices that were not joined are passes of one key.
        groups = tuple(
            group for group in assignment.groups if group.pass_key == one.key and ids.issuperset(group.sources)
        )
        cells = [cell for group in groups for cell in group.cells]
        windows = windows_of(target, cells, config.window_px)
        jobs.append(plan_pass(config, target, one, groups, windows, matched.digests, client_version))
    return TargetPlan(target, tuple(jobs), assignment.absent, matched.simulated, assignment.allowed, digests)


def plan_pass(
    config: Config,
    target: Target,
    one: Pass,
    groups: tuple[PatchGroup, ...],
    windows: tuple[Window, ...],
    digests: Mapping[str, str],
    client_version: str,
) -> PassPlan:
    """Plan what is owed of a pass: its graph's fingerprint is part of it, which needs a connection."""
    decided = [digests[scene.id] for scene in one.slices], client_version
    fingerprint = _fingerprint(job_image(config, one), target.grid, *decided)
    told = any(ANGLE in scene.bands for scene in one.slices)
    of_angle = _fingerprint(pass_incidence_angle(one.slices), target.lattice().grid, *decided) if told else ""
    return PassPlan(fingerprint, one, groups, windows, of_angle)


def _fingerprint(image: Image, grid: Grid, scenes: Sequence[str], client_version: str) -> str:
    return digest(serialized(image), scenes, grid.to_pixel_grid(), client_version)[:32]


def job_image(config: Config, one: Pass) -> Image:
    """Build the graph of a pass."""
    radar = config.radar
    return pass_backscatter(
        one.slices,
        radar.polarisations,
        unit=unit_of(config.match.collection, config.match.units),
        border_noise=radar.border_noise,
        speckle=radar.speckle.filter,
        resampling=radar.resampling,
    )


def _wants_all(target: Target) -> bool:
    """Whether the whole raster is wanted: a grid of one's own, all of its patches."""
    try:
        tile = tile_grid(target.name) == target.grid
    except NamingError:
        tile = False
    return not tile and target.block == PatchBlock.whole(target.grid, target.patch_px)


def _numbers(plan: TargetPlan, bands: int) -> Plan:
    windows = [window for job in plan.jobs for window in job.windows]
    pixels = sum(window.width * window.height for window in windows)
    content = [[job.fingerprint, [asdict(group) for group in job.groups]] for job in plan.jobs]
    return Plan(
        digest=digest(plan.target.key, str(plan.target.product), content, [asdict(group) for group in plan.absent]),
        config_digest="",
        targets=(plan.target.key,),
        patches=sum(len(group.cells) for job in plan.jobs for group in job.groups),
        absent=sum(len(group.cells) for group in plan.absent),
        jobs=len(plan.jobs),
        requests=len(windows),
        pixels=pixels,
        bytes=pixels * bands * ITEM_BYTES,
        client_version="",
        simulated=bool(plan.simulated),
    )
