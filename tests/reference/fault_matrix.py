"""The faults that the package is held against, row by row, and the table of what a test run saw of each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

GROUPS: Final = {
    "HTTP": {
        1: "429 three times, recovers",
        2: "429 for ever, stops resumable",
        3: "Retry-After honoured",
        4: "mixed 500/502/503",
        5: "HTML 503 classed by status",
        6: "403 rateLimit retried",
        7: "403 not registered: one request, then stop",
        8: "401 once: one refresh",
        9: "invalid_grant: stop, ask",
        10: "token endpoint 503",
        11: "reset before commit",
        12: "reset after commit, replay refused: attach",
        13: "reset after commit, replay returns the original",
        14: "the same, and the list lags 60 s",
        15: "black hole: deadline",
        16: "byte drip: total deadline",
        17: "short Content-Length",
        18: "short body ended by EOF",
        19: "truncated gzip",
        20: "200 with HTML, `{}`, bad JSON, 204",
        21: "redirect to another host refused",
        22: "page token that repeats",
        23: "10 MB + 1 expression split",
        24: "48 MiB + 1 window split, pixels equal",
        25: "discovery fails",
        26: "latency to 60 s: never more than 40 in flight",
    },
    "Operations": {
        27: "queue full: hold and drain",
        28: "READY for five simulated days",
        29: "RUNNING back to READY",
        30: "FAILED memory: smaller once",
        31: "FAILED no VH: absence recorded, no retry",
        32: "FAILED internal: one new attempt",
        33: "unknown state",
        34: "operation 404: look for outputs first",
        35: "CANCELLING then SUCCEEDED",
        36: "SUCCEEDED, file ten minutes late",
        37: "SUCCEEDED, no file",
        38: "restricted quota header: slow down",
        39: "an asset vanishes: that job alone fails",
        40: "clock ±1 day",
    },
    "Storage": {
        41: "Drive duplicates: id and token decide",
        42: "missing or extra shard refused",
        43: "destination full: pause, others go on",
        44: "bucket 403 found before work starts",
        45: "same-length bit flip",
        46: "Range ignored: restart",
        47: "overwritten mid-download",
        48: "121×120, half-pixel shift, VV/VH swapped, wrong CRS or dtype: each refused",
        49: "all masked, NaN or zero: reported, not written as data",
    },
    "Process and disk": {
        50: "SIGKILL at many points",
        51: "ENOSPC, EIO, EROFS, once and for ever",
        52: "unsynced data lost",
        53: "two writers",
        54: "corrupt ledger: rebuilt from operations list and manifest",
        55: "SIGTERM: stops within 5 s, resumable",
        56: "soak: 10,000 patches, 5 % seeded faults, 50 kills: manifest identical to a clean run",
    },
    "Hostile input": {
        57: "`../`, NUL, 300-byte names",
        58: "archive slip, links, bombs",
        59: "pickles, YAML tags, DOCTYPE, deep JSON",
        60: "canary secrets",
        61: "world-readable key, foreign token URI, http to a host that is not loopback",
    },
}
"""Number and fault, by group."""

ROWS: Final = {number: text for rows in GROUPS.values() for number, text in rows.items()}


@dataclass(frozen=True)
class Zeros:
    """What must not happen, counted."""

    duplicates: int
    """Operations of the service beyond one for each attempt at a piece."""
    lost: int
    """Patches that were planned, and are neither written nor absent with a reason."""
    wrong: int
    """Patches admitted that differ from those of a clean run."""

    def __str__(self) -> str:
        return f"{self.duplicates} / {self.lost} / {self.wrong}"


@dataclass(frozen=True)
class Seen:
    """What one test saw of a row."""

    figures: str
    zeros: Zeros | None = None


INTRODUCTION: Final = """\
# Faults

What goes wrong between a dataset and a service, one row a fault, and what the package made of it. Each row is at least
one test in `tests/faults`: a proxy before the embedded service plays the fault on real HTTP, the real client and real
commands run against it, and processes are killed for real. The last column counts what must not happen: operations
started twice for one attempt / patches lost in silence / wrong patches admitted. It is counted on the service's own
list of operations, on the plan, and against an undisturbed run's bytes; `–` stands where there is nothing to count.

Nothing here was seen on Google's live service: the faults are those that its documentation and its users report.

The table is written by the test run: `pytest tests/faults --write-fault-table`.
"""


SOAK: Final = """\
## Soak

`python benchmarks/soak.py`: 10,000 patches of 12 × 12 pixels without filters (what is counted is bookkeeping), faults
on 5 % of the requests by a seed, 50 times SIGKILL at a request or at a flush to disk, each time started again.

| transport | requests | faults | kills | runs that stopped by themselves | operations | zeros | against the clean run |
|---|---|---|---|---|---|---|---|
| `gcs` | 779 | 46 | 50 | 1 | 165 | 0 / 0 / 0 | every file byte-equal, the manifest too |
| `direct` | 812 | 47 | 50 | 1 | – | 0 / 0 / 0 | every file byte-equal, the manifest too |
"""


def table(seen: Mapping[int, list[Seen]]) -> str:
    """Return the page of documentation that a test run's findings make."""
    parts = [INTRODUCTION]
    for group, rows in GROUPS.items():
        parts.append(f"## {group}\n\n| | fault | what the test run saw | zeros |\n|---|---|---|---|")
        for number, text in rows.items():
            found = seen.get(number, [])
            figures = "; ".join(dict.fromkeys(one.figures for one in found)) or "not tested"
            counted = [one.zeros for one in found if one.zeros]
            total = (
                Zeros(*(sum(getattr(one, name) for one in counted) for name in ("duplicates", "lost", "wrong")))
                if counted
                else "–"
            )
            parts.append(f"| {number} | {text} | {figures} | {total} |")
        parts.append("")
    return "\n".join([*parts, SOAK])


def rows_of(page: str) -> dict[int, str]:
    """Return number and fault of the rows of such a page."""
    return {int(number): text for number, text in re.findall(r"^\| (\d+) \| (.+?) \| .+ \| .+ \|$", page, re.MULTILINE)}
