"""What everything about exports works with: ledger, connection, destination, and a clock that can be another."""

from __future__ import annotations

import re
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gee_s1ben.config import Config
from gee_s1ben.domain.job import Job, request_id, token
from gee_s1ben.ledger import Intended, Ledger
from gee_s1ben.pipeline.pixel_check import load_index
from gee_s1ben.pipeline.plan import load_plan, load_target_plan
from gee_s1ben.pipeline.rasters import Raster, target_rasters
from gee_s1ben.pipeline.workspace import Workspace, digest
from gee_s1ben.session.connection import Connection
from gee_s1ben.session.destinations import Destination

LONGEST_DESCRIPTION = 100
"""Characters that Earth Engine allows."""

_UNWELCOME = re.compile(r"[^A-Za-z0-9._-]")
_PLACE = re.compile(r"c(\d+)_r(\d+)_")


class RasterBook:
    """The plan's rasters by job id; the plans of a few targets are kept in memory."""

    KEPT = 4

    def __init__(self, config: Config, workspace: Workspace) -> None:
        self._config = config
        self._workspace = workspace
        self._targets = frozenset(load_plan(config, workspace).targets)
        self._books: OrderedDict[str, dict[str, Raster]] = OrderedDict()

    def raster(self, job: Job) -> Raster | None:
        """Return the raster of a job, or None where the plan does not have it."""
        if job.target not in self._targets:
            return None
        book = self._books.get(job.target)
        if book is None:
            plan = load_target_plan(self._workspace, job.target)
            book = {raster.job.id: raster for raster in target_rasters(self._config, plan)}
            self._books[job.target] = book
            while len(self._books) > self.KEPT:
                self._books.popitem(last=False)
        self._books.move_to_end(job.target)
        return book.get(job.id)

    def forget(self, targets: Iterable[str]) -> None:
        """Read the plans of some targets anew when they are needed next."""
        for key in targets:
            self._books.pop(key, None)


@dataclass(frozen=True, slots=True)
class Exporting:
    """What the stages of exporting share."""

    config: Config
    workspace: Workspace
    ledger: Ledger
    connection: Connection
    destination: Destination | None
    """None where rasters come directly."""
    identity: uuid.UUID
    """Of the workspace."""
    book: RasterBook
    clock: Callable[[], float]
    """Epoch seconds; only differences between readings decide anything, and none of them much."""
    pause: Callable[[float], None]
    """Waits for so many seconds."""

    def intended(self, job: Job, attempt: int, division: int) -> list[Intended]:
        """Return the operations of an attempt, as they are written down before they are sent."""
        return [intended(self.identity, job, attempt, piece, division) for piece in range(division**2)]


def intended(identity: uuid.UUID, job: Job, attempt: int, piece: int, division: int) -> Intended:
    """Return the operation of a piece of an attempt: its ids and its description."""
    mark = str(token(identity, job.id, attempt, piece))
    end = f"-{piece_name(job, piece, division)}-{mark}"
    front = f"{job.target}-{job.pass_key}"[: LONGEST_DESCRIPTION - len(end)]
    description = _UNWELCOME.sub("_", f"{front}{end}")
    return Intended(request_id(identity, job.id, attempt, piece), piece, mark, description)


def piece_name(job: Job, piece: int, division: int) -> str:
    """Return place and size of a piece in the target's raster, in the form of the job's own name."""
    found = _PLACE.match(job.name)
    left, top = (int(found[1]), int(found[2])) if found else (0, 0)
    col, row, grid = job.piece(piece, division)
    return f"c{left + col:06d}_r{top + row:06d}_{grid.width}x{grid.height}"


def destination_name(config: Config) -> str:
    """Return where files go, for people and to notice a change."""
    export = config.export
    return {
        "direct": "",
        "gcs": f"gs://{export.bucket}/{export.prefix}",
        "drive": f"Drive folder {export.drive_folder}",
    }[export.transport]


def owed_digest(config: Config, workspace: Workspace) -> str:
    """Digest of all that decides which jobs there are.

    Raises
    ------
    WorkspaceError
        There is no plan, or it was made from another configuration.
    """
    radar, export = config.radar, config.export
    plan = load_plan(config, workspace)
    further = load_index(workspace, plan).further
    sizes = config.dataset.patch_px, config.window_px, export.raster_px
    owed = [plan.digest, *([further] if further else [])]
    return digest(*owed, export.transport, list(sizes), list(radar.polarisations))
