"""Everything up to the plan, and what it will cost: nothing is asked for yet, and no dataset is touched."""

from __future__ import annotations

import time
from collections.abc import Callable

from gee_s1ben.config import Config
from gee_s1ben.pipeline.forecast import Forecast, forecast
from gee_s1ben.pipeline.incidence import fetch_angles
from gee_s1ben.pipeline.match import check_matched, match
from gee_s1ben.pipeline.plan import Plan, make_plan
from gee_s1ben.pipeline.showing import show_match
from gee_s1ben.pipeline.watching import Looked, probe
from gee_s1ben.pipeline.workspace import Workspace
from gee_s1ben.session.connection import Connection, connect
from gee_s1ben.session.destinations import open_destination


def rehearse(config: Config) -> tuple[Plan, Forecast]:
    """Match and plan, as a run does, and estimate the rest.

    Raises
    ------
    GeeS1benError
        What would stop a run stops this.
    """
    workspace = Workspace(config.workspace_path)
    with workspace.held(), connect(config) as connection:
        check_transport(config, connection)
        index = match(config, workspace)
        show_match(config, workspace, index)
        check_matched(config, workspace, index)
        plan = make_plan(config, workspace, connection)
        return plan, forecast(config, workspace)


def plan_and_forecast(
    config: Config,
    probes: int = 0,
    told: Callable[[Looked], object] = lambda _looked: None,
    *,
    quiet: bool = True,
    clock: Callable[[], float] = time.time,
    pause: Callable[[float], None] = time.sleep,
) -> tuple[Plan, Forecast]:
    """Plan what was matched, and estimate what it will cost; on request from jobs that are done for it first.

    Raises
    ------
    GeeS1benError
        There are no matches, or the service refuses, fails or does not answer.
    """
    workspace = Workspace(config.workspace_path)
    with workspace.held(), connect(config) as connection:
        check_transport(config, connection)
        plan = make_plan(config, workspace, connection)
        fetch_angles(config, workspace, connection, plan, quiet=quiet)
    if probes:
        probe(config, probes, told, clock=clock, pause=pause)
    return plan, forecast(config, workspace)


def check_transport(config: Config, connection: Connection) -> None:
    """Refuse before any work what could never be brought down, such as exports of a service account to Drive.

    Raises
    ------
    AccessError
        Only the user can fix it.
    """
    if config.export.transport != "direct":
        with open_destination(config, connection):
            pass
