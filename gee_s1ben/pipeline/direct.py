"""Rasters straight from Earth Engine's interactive side, as many in flight as it bears."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gee_s1ben.dataset.pieces import emptiness, encode_window_tif
from gee_s1ben.errors import AccessError, Reaction, ServiceError
from gee_s1ben.pipeline.landing import missing_windows
from gee_s1ben.pipeline.rasters import Raster
from gee_s1ben.pipeline.workspace import Workspace
from gee_s1ben.session.computing import Image, compute_geotiff, decode_geotiff
from gee_s1ben.session.connection import Connection
from gee_s1ben.session.pacing import Pacer

DIVISION = 2
"""What is too much for the service is asked for in so many parts each way, once."""
MOST_OF_A_PASS = 2
"""After so many windows of a pass have failed no more of it are asked for: the fault is the pass's."""
MOST_UNUSABLE = 3
"""After so many answers in a row that cannot be used, nothing more is asked for: the fault is the service's."""

_OWN = frozenset({Reaction.FAIL, Reaction.ABSENT, Reaction.SMALLER})
"""Reactions to failures that are a raster's own."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one raster."""

    raster: Raster
    state: Literal["kept", "landed", "absent", "failed"]
    """``kept``: it was in the workspace before."""
    reason: str = ""
    """Why it is absent or failed, in one line."""
    requests: int = 0
    """How many answers it took: more than one where it was asked for in parts."""
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Brought:
    """What a direct fetch did."""

    requested: int
    """Rasters that came."""
    kept: int
    """Rasters that were there from before."""
    absent: int
    failed: int
    bytes: int
    """Of what was requested, as it came."""


def fetch_direct(
    rasters: Iterable[Raster],
    workspace: Workspace,
    connection: Connection,
    *,
    in_flight: int,
    done: Callable[[Outcome], object],
) -> Brought:
    """Bring every raster down that the workspace does not hold yet; each is one window.

    Workers only ask; the calling thread alone writes and calls ``done``, so that an interrupt leaves nothing
    half-written. A failure that is a raster's own fails or absents that raster (``done`` is told), and the others go
    on.

    Raises
    ------
    AccessError
        Only the user can fix it; nothing more was asked.
    ServiceError
        The service as a whole does not answer; the others are kept, and another fetch asks only for what is missing.
    StorageError
        The workspace cannot be written.
    """
    return _Fetch(workspace, connection, in_flight, done).run(rasters)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a worker brings: the file, and what is wrong with its pixels as a whole."""

    content: bytes
    empty: str
    requests: int
    bytes: int


class _Fetch:
    """One fetch: workers ask, this thread writes and tells."""

    def __init__(
        self, workspace: Workspace, connection: Connection, in_flight: int, done: Callable[[Outcome], object]
    ) -> None:
        self._workspace = workspace
        self._pacer = connection.pacer
        self._pacer.allow(in_flight)
        self._in_flight = in_flight
        self._done = done
        self._counts: Counter[str] = Counter()
        self._bytes = 0
        self._failures: defaultdict[str, list[tuple[Literal["absent", "failed"], str]]] = defaultdict(list)
        self._unusable = 0
        self._graph: tuple[str, Image] | None = None

    def run(self, rasters: Iterable[Raster]) -> Brought:
        """Fetch them all."""
        owed = iter(rasters)
        running: dict[Future[_Answer], Raster] = {}
        pool = ThreadPoolExecutor(self._in_flight, thread_name_prefix="fetch")
        most = 1  # the first goes alone: what only the user can fix costs one request
        try:
            while True:
                while len(running) < most and (raster := next(owed, None)) is not None:
                    if not self._settled(raster):
                        running[pool.submit(_ask, raster, self._image(raster), self._pacer)] = raster
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    self._take(running.pop(future), future)
                most = self._in_flight
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        counts = self._counts
        return Brought(counts["landed"], counts["kept"], counts["absent"], counts["failed"], self._bytes)

    def _image(self, raster: Raster) -> Image:
        """Build the graph of a pass once for all of its windows, which follow each other."""
        if self._graph is None or self._graph[0] != raster.job.fingerprint:
            self._graph = raster.job.fingerprint, raster.image()
        return self._graph[1]

    def _settled(self, raster: Raster) -> bool:
        """Whether nothing has to be asked for a raster."""
        if not missing_windows(self._workspace, raster):
            self._tell(Outcome(raster, "kept"))
            return True
        failures = self._failures[raster.job.fingerprint]
        if len(failures) < MOST_OF_A_PASS:
            return False
        state, reason = failures[-1]
        self._tell(Outcome(raster, state, reason))
        return True

    def _take(self, raster: Raster, future: Future[_Answer]) -> None:
        try:
            answer = future.result()
        except AccessError:
            raise
        except ServiceError as error:
            if error.reaction is Reaction.RETRY and error.status == 200:
                self._unusable += 1
                if self._unusable >= MOST_UNUSABLE:
                    raise
            elif error.reaction not in _OWN:
                raise
            state: Literal["absent", "failed"] = "absent" if error.reaction is Reaction.ABSENT else "failed"
            _log.warning("%s", error)
            self._failures[raster.job.fingerprint].append((state, str(error)))
            self._tell(Outcome(raster, state, str(error), 1))
            return
        self._unusable = 0
        self._failures.pop(raster.job.fingerprint, None)
        if answer.empty:
            _log.warning("%s: %s", _label(raster), answer.empty)
            self._tell(Outcome(raster, "absent", answer.empty, answer.requests, answer.bytes))
            return
        (window,) = raster.windows
        self._workspace.keep_window(raster.job.fingerprint, window.name, answer.content)
        self._tell(Outcome(raster, "landed", "", answer.requests, answer.bytes))

    def _tell(self, outcome: Outcome) -> None:
        self._counts[outcome.state] += 1
        self._bytes += outcome.bytes
        self._done(outcome)


def _ask(raster: Raster, image: Image, pacer: Pacer) -> _Answer:
    """Ask for a raster, and where it is too much for the service, for its parts, once."""
    job, what = raster.job, _label(raster)
    try:
        content = compute_geotiff(image, job.grid, job.bands, what, pacer=pacer, unmasked=True)
        return _Answer(content, emptiness(decode_geotiff(content, job.grid, job.bands)), 1, len(content))
    except ServiceError as error:
        if error.reaction is not Reaction.SMALLER or min(job.grid.shape) < DIVISION:
            raise
        _log.warning("%s: asked for again in %d parts: %s", what, DIVISION**2, error)
    whole = {band: np.empty(job.grid.shape, np.float32) for band in job.bands}
    size = 0
    for index in range(DIVISION**2):
        col, row, grid = job.piece(index, DIVISION)
        told = f"{what}, part {index + 1} of {DIVISION**2}"
        part = compute_geotiff(image, grid, job.bands, told, pacer=pacer, unmasked=True)
        size += len(part)
        for band, pixels in decode_geotiff(part, grid, job.bands).items():
            whole[band][row : row + grid.height, col : col + grid.width] = pixels
    return _Answer(encode_window_tif(whole, job.grid), emptiness(whole), 1 + DIVISION**2, size)


def _label(raster: Raster) -> str:
    return f"{raster.job.target} {raster.job.pass_key}, window {raster.job.name}"
