"""Windows from Earth Engine to the workspace, several in flight; what is there already is not asked for again."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from gee_s1ben.config import Config
from gee_s1ben.domain.grid import Grid
from gee_s1ben.errors import AccessError, RasterError, ServiceError, StorageError
from gee_s1ben.pipeline.plan import job_image, load_plan, load_target_plan
from gee_s1ben.pipeline.progress import progress
from gee_s1ben.pipeline.workspace import Workspace, keep
from gee_s1ben.session.computing import Image, compute_geotiff, decode_geotiff

MOST_FAILURES = 3
"""After so many windows have failed no more are asked for: the fault is not the window's."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch did."""

    requested: int
    kept: int
    """Windows that were there from before."""
    bytes: int
    """Of what was requested, as it came."""


@dataclass(frozen=True, slots=True)
class _Request:
    image: Image
    grid: Grid
    path: Path
    name: str


def fetch(config: Config, workspace: Workspace, *, quiet: bool = False) -> Fetched:
    """Fetch every window of the plan that the workspace does not hold yet.

    Workers only ask; the calling thread alone writes, so that an interrupt leaves nothing half-written.

    Raises
    ------
    ServiceError
        Windows failed; the others are kept, and another fetch asks only for what is missing.
    StorageError
        The workspace cannot be written.
    """
    plan = load_plan(config, workspace)
    bands = config.radar.polarisations
    requested = kept = size = 0
    failures: list[ServiceError] = []
    requests = _requests(config, workspace, plan.targets)
    pool = ThreadPoolExecutor(config.export.in_flight, thread_name_prefix="fetch")
    try:
        with progress("fetch", plan.requests, quiet=quiet) as bar:
            running: dict[Future[bytes], _Request] = {}
            exhausted = False
            while True:
                while not exhausted and len(running) < config.export.in_flight and len(failures) < MOST_FAILURES:
                    request = next(requests, None)
                    if request is None:
                        exhausted = True
                    elif _is_there(request, bands):
                        kept += 1
                        bar.update()
                    else:
                        running[pool.submit(compute_geotiff, request.image, request.grid, bands, request.name)] = (
                            request
                        )
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    request = running.pop(future)
                    try:
                        content = future.result()
                    except AccessError:
                        raise
                    except ServiceError as error:
                        if failures:  # the first is told at the end
                            _log.warning("%s", error)
                        failures.append(error)
                        continue
                    keep(request.path, content)
                    requested, size = requested + 1, size + len(content)
                    bar.update()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    if failures:
        raise ServiceError(
            f"{len(failures)} of {plan.requests} windows failed, the first with: {failures[0]}", failures[0].status
        )
    return Fetched(requested, kept, size)


def _requests(config: Config, workspace: Workspace, targets: Sequence[str]) -> Iterator[_Request]:
    for key in targets:
        plan = load_target_plan(workspace, key)
        for job in plan.jobs:
            image = job_image(config, job.one_pass)
            for window in job.windows:
                yield _Request(
                    image,
                    window.grid(plan.target),
                    workspace.window_path(job.fingerprint, window.name),
                    f"{key} {job.one_pass.key}, window {window.name}",
                )


def _is_there(request: _Request, bands: Sequence[str]) -> bool:
    try:
        decode_geotiff(request.path.read_bytes(), request.grid, bands)
    except FileNotFoundError:
        return False
    except RasterError as error:
        _log.warning("%s is broken and is fetched again: %s", request.path, error)
        return False
    except OSError as error:
        raise StorageError(f"cannot read {request.path}: {error.strerror or error}") from error
    return True
