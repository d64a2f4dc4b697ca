"""A small job before an embedded service with a clock of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from export_desk import SECONDS, Desk, NewDesk, Planned
from fault_arena import World, write_config


@pytest.fixture(scope="session")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Planned:
    """Simulated scenes over nine patches; matched, planned and fetched directly."""
    from gee_s1ben.cli.app import run

    folder = tmp_path_factory.mktemp("planned")
    config = write_config(folder, folder / "catalog")
    for stage in ("simulate", "match", "plan", "fetch"):
        assert run([stage, "--config", str(config), "-q"]) == 0
    return Planned(folder, folder / "catalog")


@pytest.fixture
def new_desk(planned: Planned, tmp_path: Path) -> Iterator[NewDesk]:
    """Make a workspace of the small job, not yet fetched, and a service for it; ``settings`` are the service's."""
    from gee_s1ben.engine.exports import QueueSettings
    from gee_s1ben.engine.service import serving

    number = itertools.count(1)
    with ExitStack() as stack:

        def make(transport: str = "gcs", seconds: float = SECONDS, **settings: Any) -> Desk:
            folder = tmp_path / f"desk{next(number)}"
            world = World()
            known = {"duration": lambda _: seconds, "clock": world.clock, "running": 100, **settings}
            url = stack.enter_context(
                serving(planned.catalog, exports=folder / "exports", settings=QueueSettings(**known))
            )
            return Desk(folder, planned, url, transport, world=world)

        yield make


@pytest.fixture
def desk(new_desk: NewDesk) -> Desk:
    """Exports to Cloud Storage."""
    return new_desk()
