"""Which passes may serve a target, and which of them are used: pure functions over passes and what they contain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gee_s1ben.domain.scene import OrbitDirection, Pass, Scene, group_passes

Choice = Literal["nearest", "fewest"]
PerOrbit = Literal["all", "nearest"]


@dataclass(frozen=True, slots=True)
class Rules:
    """How passes are chosen."""

    polarisations: tuple[str, ...]
    """Bands that a scene must have."""
    window_days: float
    """How far from the target's time scenes are looked for."""
    max_dt_days: float | None = None
    """How far a pass may be that serves; None for the whole window."""
    directions: tuple[OrbitDirection, ...] = ("ascending", "descending")
    platforms: tuple[str, ...] = ("A", "B", "C", "D")
    choice: Choice = "nearest"
    """Each patch its nearest pass, or as few passes as serve as many patches."""
    per_orbit: PerOrbit = "all"
    """Whether all passes of a relative orbit count, or only the nearest in time."""
    join_slices: bool = True
    """Whether the slices of a pass are joined before it is asked what they contain."""
    min_coverage: float = 0.0
    """Share of the wanted area that the passes together must cover, or none of it is made."""

    @property
    def reach(self) -> timedelta:
        """How far a pass may be that serves."""
        return timedelta(days=self.window_days if self.max_dt_days is None else self.max_dt_days)

    @property
    def within(self) -> str:
        """The window in words: ``within 6 days``."""
        return f"within {self.window_days:g} day{'' if self.window_days == 1 else 's'}"


def passes_of(scenes: Sequence[Scene], *, joined: bool) -> tuple[Pass, ...]:
    """Group scenes into passes; not joined, each slice is a pass of its own under the key of the one it belongs to."""
    passes = group_passes(scenes)
    if joined:
        return passes
    return tuple(Pass((scene,), one.key) for one in passes for scene in one.slices)


def by_nearness(passes: Sequence[Pass], moment: datetime) -> list[Pass]:
    """Sort passes by |Δt|; of two equally near the earlier comes first, then the one whose key sorts first."""
    return sorted(passes, key=lambda one: (abs(one.acquired - moment), one.acquired, one.key, one.slices[0].id))


def nearest_per_orbit(passes: Sequence[Pass]) -> list[Pass]:
    """Keep the first pass of each relative orbit and direction; passes come nearest first.

    Slices that are not joined are kept together: all of the first pass's.
    """
    first: dict[tuple[int, str], str] = {}
    for one in passes:
        first.setdefault((one.relative_orbit, one.orbit_direction), one.key)
    return [one for one in passes if first[one.relative_orbit, one.orbit_direction] == one.key]


def fewest(contained: NDArray[np.bool_], costs: Sequence[float]) -> list[int]:
    """Choose the smallest set of passes that serves every patch that any of them serves.

    Exact: patches that the same passes contain count once, and every way to serve the patch with the fewest choices is
    tried, none further than the best so far. Of sets of equal size one of least cost wins.

    Parameters
    ----------
    contained : ndarray of bool, shape (passes, patches)
        Which pass contains which patch.
    costs : sequence of float
        Of each pass; decides between sets of equal size.

    Returns
    -------
    list of int
        Indices of passes, ascending.
    """
    if not contained.size:
        return []
    kinds = np.unique(contained, axis=1)
    kinds = kinds[:, kinds.any(axis=0)]
    usable = _undominated(kinds, costs)
    masks = {index: _mask(kinds[index]) for index in usable}
    whole = (1 << kinds.shape[1]) - 1
    best: tuple[int, float, tuple[int, ...]] | None = None

    def search(left: int, chosen: tuple[int, ...], cost: float) -> None:
        nonlocal best
        if not left:
            found = (len(chosen), cost, tuple(sorted(chosen)))
            best = found if best is None or found < best else best
            return
        # Even if each further pass served as many patches as the best one does.
        most = max((masks[index] & left).bit_count() for index in usable)
        at_least = len(chosen) + -(-left.bit_count() // most)
        if best is not None and at_least > best[0]:
            return
        options = min(([index for index in usable if masks[index] >> kind & 1] for kind in _bits(left)), key=len)
        for index in options:
            search(left & ~masks[index], (*chosen, index), cost + costs[index])

    search(whole, (), 0.0)
    return list(best[2]) if best is not None else []


def _undominated(kinds: NDArray[np.bool_], costs: Sequence[float]) -> list[int]:
    """Leave out what another pass does as well for no more cost; the first of equals stays."""
    kept: list[int] = []
    order = sorted(range(len(kinds)), key=lambda index: (-int(kinds[index].sum()), costs[index], index))
    for index in order:
        if not kinds[index].any():
            continue
        if not any(costs[other] <= costs[index] and not (kinds[index] & ~kinds[other]).any() for other in kept):
            kept.append(index)
    return sorted(kept)


def _mask(row: NDArray[np.bool_]) -> int:
    return sum(1 << place for place in np.flatnonzero(row).tolist())


def _bits(mask: int) -> list[int]:
    return [place for place in range(mask.bit_length()) if mask >> place & 1]
