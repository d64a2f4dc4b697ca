"""Jobs for tests of the ledger, without a plan behind them."""

from __future__ import annotations

import uuid

from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.job import Job, request_id, token
from gee_s1ben.ledger import Intended, Owed

IDENTITY = uuid.UUID("6f1c2d3e-4b5a-4678-9abc-def012345678")
GRID = Grid("EPSG:32633", (10.0, 0.0, 300000.0, 0.0, -10.0, 5400000.0), 10980, 10980)


def job(number: int) -> Job:
    return Job(
        id=f"{number:016x}",
        target=f"tile{number // 10}",
        pass_key=f"pass{number % 10}",
        fingerprint=f"fingerprint{number}",
        name="c000000_r000000_10980x10980",
        grid=GRID,
        bands=("VV", "VH"),
    )


def owed(number: int, windows: int = 2, transport: str = "gcs") -> Owed:
    return Owed(job(number), transport, tuple(f"w{index}" for index in range(windows)))


def pieces(identifier: str, attempt: int, division: int) -> list[Intended]:
    return [
        Intended(
            request_id(IDENTITY, identifier, attempt, piece),
            piece,
            str(token(IDENTITY, identifier, attempt, piece)),
            f"something-{token(IDENTITY, identifier, attempt, piece)}",
        )
        for piece in range(division**2)
    ]
