"""A ledger that is broken is moved aside and made anew, from the plan, the operations list and what lies on disk.

What was exported and landed is found where it is: attempts in the operations list (by the token in the description),
windows in the workspace. The workspace's identity lives beside the ledger, so that request ids stay the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import count

from gee_s1ben.config import Config
from gee_s1ben.dataset.atomic import storage_errors
from gee_s1ben.errors import BrokenLedgerError
from gee_s1ben.ledger import Ledger, Owed
from gee_s1ben.pipeline.context import owed_digest
from gee_s1ben.pipeline.rasters import rasters
from gee_s1ben.pipeline.workspace import Workspace

_log = logging.getLogger(__name__)


def open_ledger(workspace: Workspace, clock: Callable[[], float]) -> Ledger:
    """Open the workspace's ledger; one that is broken is moved aside, and the next poll fills the new one.

    Raises
    ------
    LedgerError
        A newer version wrote it.
    StorageError
        The disk will not take it.
    """
    path = workspace.ledger_path
    try:
        return Ledger.open(path, clock)
    except BrokenLedgerError as error:
        aside = next(to for number in count(1) if not (to := path.with_name(f"{path.name}.broken-{number}")).exists())
        with storage_errors(path):
            for end in ("", "-wal", "-shm"):
                part = path.with_name(path.name + end)
                if part.exists():
                    part.rename(aside.with_name(aside.name + end))
        _log.warning("%s; it is now %s, and is rebuilt from the operations and what is on disk", error, aside.name)
        return Ledger.open(path, clock)


def take_over_plan(config: Config, workspace: Workspace, ledger: Ledger) -> bool:
    """Make the plan's jobs the ledger's, where they are not yet; return whether they were not.

    Raises
    ------
    WorkspaceError
        There is no plan, or it was made from another configuration.
    """
    plan = owed_digest(config, workspace)
    if ledger.plan() == plan:
        return False
    owed = (
        Owed(raster.job, config.export.transport, tuple(window.name for window in raster.windows))
        for raster in rasters(config, workspace)
    )
    ledger.add(owed, plan)
    return True
