"""Make the next passes of patches that lack pixels jobs of the ledger, as the first passes are."""

from __future__ import annotations

from collections.abc import Sequence

from gee_s1ben.pipeline.context import Exporting
from gee_s1ben.pipeline.incidence import fetch_angles
from gee_s1ben.pipeline.pixel_check import check_pixels
from gee_s1ben.pipeline.plan import load_plan
from gee_s1ben.pipeline.rebuild import take_over_plan


def plan_next_passes(exporting: Exporting, *, quiet: bool = True) -> tuple[str, ...]:
    """Look at what has come, and plan the next passes of patches that lack pixels; nothing is submitted.

    Returns
    -------
    tuple of str
        Keys of the targets that have other jobs than before.

    Raises
    ------
    WorkspaceError
        A window is broken.
    AccessError
        Only the user can fix it.
    ServiceError
        The service does not answer; another look goes on.
    StorageError
        The workspace cannot be read or written.
    """
    config, workspace = exporting.config, exporting.workspace

    def bring_angles(keys: Sequence[str]) -> None:
        fetch_angles(config, workspace, exporting.connection, load_plan(config, workspace), keys, quiet=quiet)

    found: dict[str, None] = {}
    # Again, since the windows of a next pass may be there, for another target of the tile or from before.
    while changed := check_pixels(config, workspace, exporting.ledger, bring_angles):
        exporting.book.forget(changed)
        take_over_plan(config, workspace, exporting.ledger)
        found |= dict.fromkeys(changed)
    return tuple(found)
