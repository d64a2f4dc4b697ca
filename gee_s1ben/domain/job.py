"""A job: one raster that is owed. How Earth Engine's operations for it are told from all others.

A job is ours, an operation is Earth Engine's task for a piece of one attempt at it. The request id makes submission
exactly-once (Earth Engine starts at most one operation for an id); the token, in the description and in the names of
the files, finds the operation and its files again when an answer was lost.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Self

from gee_s1ben.domain.grid import Grid

_TOKEN = re.compile(r"(?<![A-Za-z0-9])s1ben-([0-9a-f]{8})-([0-9a-f]{16})-([0-9]{1,3})-([0-9]{1,4})(?![0-9])")

JOB_ID_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Job:
    """One raster that is owed: a window, or a whole pass over a tile."""

    id: str
    """Sixteen hexadecimal digits of the digest of what decides the pixels: fingerprint, grid, bands."""
    target: str
    """Key of the target, such as ``33UUP_20170613T101031``."""
    pass_key: str
    """Such as ``S1A_017022``."""
    fingerprint: str
    """Of the graph, the scenes, the target's grid and the client."""
    name: str
    """Place and size in the target's raster, such as ``c000000_r000000_10920x10920``."""
    grid: Grid
    bands: tuple[str, ...]

    @property
    def pixels(self) -> int:
        """How many, of all bands together counted once."""
        return self.grid.width * self.grid.height

    def piece(self, index: int, division: int) -> tuple[int, int, Grid]:
        """Return a piece of the raster that is cut ``division`` times each way.

        Parameters
        ----------
        index : int
            From 0, row by row; there are ``division``² pieces.
        division : int
            1 is the whole raster.

        Returns
        -------
        col, row : int
            Of the piece's first pixel in the job's grid.
        grid : Grid
            Of the piece.
        """
        down, across = divmod(index, division)
        cols = [self.grid.width * part // division for part in (across, across + 1)]
        rows = [self.grid.height * part // division for part in (down, down + 1)]
        return cols[0], rows[0], self.grid.window(cols[0], rows[0], cols[1] - cols[0], rows[1] - rows[0])


@dataclass(frozen=True, slots=True)
class Token:
    """What in a description or a file name says whose it is: ``s1ben-<owner>-<job>-<attempt>-<piece>``."""

    owner: str
    """Eight hexadecimal digits of the workspace's identity: two workspaces may owe the same raster."""
    job: str
    attempt: int
    """From 1."""
    piece: int
    """From 0."""

    def __str__(self) -> str:
        return f"s1ben-{self.owner}-{self.job}-{self.attempt}-{self.piece}"

    @classmethod
    def find(cls, text: str) -> Self | None:
        """Return the token in a description or a file name, or None."""
        found = _TOKEN.search(text)
        return cls(found[1], found[2], int(found[3]), int(found[4])) if found else None


def token(identity: uuid.UUID, job: str, attempt: int, piece: int) -> Token:
    """Return the token of a piece of an attempt at a job of a workspace."""
    return Token(identity.hex[:8], job, attempt, piece)


def request_id(identity: uuid.UUID, job: str, attempt: int, piece: int) -> str:
    """Return the id that makes submission exactly-once: the name-based UUID of piece, attempt, job and workspace."""
    return str(uuid.uuid5(identity, f"{job}/{attempt}/{piece}"))
