"""The incidence angle of every patch: asked for on a grid whose pixels are the patches, a small raster a pass.

So small a raster comes directly, whatever the transport. It is asked for when the job is planned, so that whatever
leads from a plan to a dataset gives the same tables; a fetch brings what is missing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial

from gee_s1ben.config import Config
from gee_s1ben.graph.incidence_angle import ANGLE, pass_incidence_angle
from gee_s1ben.pipeline.direct import fetch_direct
from gee_s1ben.pipeline.landing import missing_windows
from gee_s1ben.pipeline.plan import PassPlan, Plan, TargetPlan, load_target_plan
from gee_s1ben.pipeline.progress import progress
from gee_s1ben.pipeline.rasters import Raster, job_of
from gee_s1ben.pipeline.windows import Window
from gee_s1ben.pipeline.workspace import Workspace
from gee_s1ben.session.computing import decode_geotiff
from gee_s1ben.session.connection import Connection

_log = logging.getLogger(__name__)

Angles = Mapping[tuple[int, int], float]
"""Degrees at the centre of a patch, by its (column, row)."""


def fetch_angles(
    config: Config,
    workspace: Workspace,
    connection: Connection,
    plan: Plan,
    keys: Sequence[str] | None = None,
    *,
    quiet: bool = False,
) -> None:
    """Bring the angles of every pass that tells them into the workspace, if they are not there; of all targets or some.

    Raises
    ------
    AccessError
        Only the user can fix it.
    ServiceError
        The service does not answer; those that came are kept.
    StorageError
        The workspace cannot be written.
    """
    targets = (load_target_plan(workspace, key) for key in (plan.targets if keys is None else keys))
    owed = ((target, job) for target in targets for job in target.jobs if job.angle_fingerprint)
    rasters = (_angle_raster(target, job) for target, job in owed)
    with progress("angles", plan.jobs, quiet=quiet) as bar:
        fetch_direct(
            rasters,
            _shelf(workspace),
            connection,
            in_flight=config.export.in_flight,
            done=lambda _outcome: bar.update(),
        )


def angles_of(workspace: Workspace, plan: TargetPlan, owed: PassPlan) -> Angles:
    """Read what was fetched of a pass's angles; nothing where that is nothing.

    Raises
    ------
    StorageError
        The workspace cannot be read.
    """
    if not owed.angle_fingerprint:
        return {}
    raster, shelf = _angle_raster(plan, owed), _shelf(workspace)
    (window,) = raster.windows
    content = shelf.read_window(owed.angle_fingerprint, window.name)
    if content is None or missing_windows(shelf, raster):
        _log.warning(
            "%s %s: its incidence angles are not there, and left out; 'gee-s1ben fetch' brings them",
            plan.target.key, owed.one_pass.key,
        )  # fmt: skip
        return {}
    degrees = decode_geotiff(content, raster.job.grid, raster.job.bands)[ANGLE]
    served = (cell for group in owed.groups for cell in group.cells)
    found = {(col, row): float(degrees[row - window.row, col - window.col]) for col, row in served}
    return {cell: angle for cell, angle in found.items() if 0 <= angle <= 90}


def _shelf(workspace: Workspace) -> Workspace:
    """Return the part of a workspace where they are kept, apart from the windows of pixels."""
    return Workspace(workspace.path / "angles")


def _angle_raster(plan: TargetPlan, owed: PassPlan) -> Raster:
    lattice = plan.target.lattice()
    cells = (*(cell for group in owed.groups for cell in group.cells), *owed.given_up)
    cols, rows = zip(*cells, strict=True)
    window = Window(min(cols), min(rows), max(cols) - min(cols) + 1, max(rows) - min(rows) + 1, cells)
    job = job_of(lattice, owed.one_pass, owed.angle_fingerprint, window, (ANGLE,))
    image = partial(pass_incidence_angle, owed.one_pass.slices)
    return Raster(job, lattice, window.col, window.row, (window,), image)
