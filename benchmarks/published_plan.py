"""A plan of the whole of BigEarthNet-S1, made from its published pairs alone: no catalog, no service.

For benchmarks that need the real sizes and numbers of rasters. Scenes stand with their published names and times; their
orbit numbers and footprints are placeholders, which decide nothing here.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from pathlib import Path

from gee_s1ben.config import Config, load_config
from gee_s1ben.domain.scene import Pass, Scene
from gee_s1ben.domain.tile import Target
from gee_s1ben.pipeline.assignment import PatchGroup
from gee_s1ben.pipeline.plan import PassPlan, Plan, TargetPlan, plan_digest
from gee_s1ben.pipeline.windows import trimmed_windows
from gee_s1ben.pipeline.workspace import Workspace, digest
from gee_s1ben.published import choice
from gee_s1ben.published.stored import PublishedScene

SAME_PASS = timedelta(seconds=120)
"""Slices of a pass follow one another every 25 s."""
RING = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.0))


def published_config(folder: Path, **export: object) -> Config:
    """Write and read a configuration that wants everything that was published."""
    path = folder / "config.yaml"
    keys = "".join(f"  {name}: {value}\n" for name, value in export.items())
    path.write_text(
        f"preset: published\ntiles: [published]\nexport:\n{keys}dataset: {{path: out, layout: v1}}\n", "utf-8"
    )
    return load_config(path)


def make_published_plan(config: Config, workspace: Workspace) -> Plan:
    """Put the plan of all that was published into a workspace."""
    keys, jobs, windows, pixels, patches = [], 0, 0, 0, 0
    for target in config.targets():
        plan = target_plan(config, target)
        workspace.save(f"plan/{target.key}", plan)
        keys.append(target.key)
        jobs += len(plan.jobs)
        for job in plan.jobs:
            windows += len(job.windows)
            pixels += sum(window.width * window.height for window in job.windows)
            patches += sum(len(group.cells) for group in job.groups)
    plan = Plan(
        digest=digest("published", keys), config_digest=plan_digest(config), targets=tuple(keys), patches=patches,
        absent=0, jobs=jobs, requests=windows, pixels=pixels, bytes=8 * pixels, client_version="", simulated=True,
    )  # fmt: skip
    workspace.save("plan", plan)
    return plan


def target_plan(config: Config, target: Target) -> TargetPlan:
    """Plan one target: a job for each pass that its published patches were cut from."""
    found = choice(target.name, target.acquired)
    assert found is not None
    cells: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for col, row in target.patches():
        if found.index[row, col] >= 0:
            cells[int(found.index[row, col])].append((col, row))
    jobs = []
    for number, slices in enumerate(passes([found.scenes[index] for index in sorted(cells)])):
        one = Pass(tuple(scene(slice_, number) for slice_ in slices))
        groups = tuple(_group(one, slice_, cells[found.scenes.index(slice_)]) for slice_ in slices)
        all_cells = [cell for group in groups for cell in group.cells]
        fingerprint = digest(target.key, [slice_.label for slice_ in slices])[:32]
        jobs.append(PassPlan(fingerprint, one, groups, trimmed_windows(target, all_cells, config.window_px)))
    return TargetPlan(target, tuple(jobs), (), ())


def _group(one: Pass, slice_: PublishedScene, cells: list[tuple[int, int]]) -> PatchGroup:
    scene_id = f"COPERNICUS/S1_GRD/{slice_.label}"
    return PatchGroup(one.key, scene_id, (scene_id,), tuple(cells))


def passes(scenes: list[PublishedScene]) -> list[list[PublishedScene]]:
    """Group scenes of one platform that follow one another."""
    groups: list[list[PublishedScene]] = []
    for one in sorted(scenes, key=lambda one: (one.platform, one.acquired)):
        last = groups[-1][-1] if groups else None
        if last and last.platform == one.platform and one.acquired - last.acquired <= SAME_PASS:
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def scene(published: PublishedScene, number: int) -> Scene:
    """Return a scene that stands for a published one."""
    return Scene(
        f"COPERNICUS/S1_GRD/{published.label}", published.label, published.acquired, published.platform,
        number + 1, number % 175 + 1, "ascending", ("VV", "VH", "angle"), RING,
    )  # fmt: skip
