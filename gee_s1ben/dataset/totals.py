"""What the patches of a dataset add up to, for its datasheet."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from gee_s1ben.dataset.patch_facts import BandStatistics, PatchFacts


@dataclass(slots=True)
class Totals:
    """What a dataset adds up to; grows with its passes and scenes, not with its patches."""

    patches: int = 0
    bytes: int = 0
    first: datetime | None = None
    last: datetime | None = None
    dt_sum: float = 0.0
    dt_max: float = 0.0
    passes: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    """Patches by (pass, direction, relative orbit)."""
    targets: Counter[str] = field(default_factory=Counter)
    scenes: set[str] = field(default_factory=set)
    angles: int = 0
    """Patches of which the incidence angle is known."""
    filled: Counter[bool] = field(default_factory=Counter)
    """Patches by whether any of their pixels were filled, of those of which it is known."""
    filled_px: int = 0
    """Pixels that were filled."""
    passed_over: int = 0
    """Patches that got another pass than their first, which lacks pixels of them."""
    paired: int = 0
    """Patches of a Sentinel-2 product; the others are of a tile or grid and a time."""
    labelled: int = 0
    """Patches with labels."""
    splits: Counter[str | None] = field(default_factory=Counter)
    bands: dict[str, tuple[float, float, float, float]] = field(default_factory=dict)
    """By polarisation: minimum, maximum, sum of means, sum of mean squares over patches."""

    def add(self, one: PatchFacts) -> None:
        """Count a patch."""
        row = one.patch.row
        self.patches += 1
        self.bytes += sum(one.patch.sizes.values())
        first, last = one.sensed
        self.first = first if self.first is None else min(self.first, first)
        self.last = last if self.last is None else max(self.last, last)
        self.dt_sum += row.dt_hours
        self.dt_max = max(self.dt_max, row.dt_hours)
        self.passes[row.pass_key, row.orbit_direction, row.relative_orbit] += 1
        self.targets[row.target] += 1
        self.scenes.update(one.scenes)
        self.angles += row.incidence_angle is not None
        if row.filled_px is not None:
            self.filled[row.filled_px > 0] += 1
            self.filled_px += row.filled_px
        self.passed_over += bool(row.passed_over)
        self.paired += row.s2_patch.startswith("S2")
        self.labelled += bool(one.patch.carried.labels)
        self.splits[one.patch.carried.split] += 1
        for name, found in one.statistics.items():
            self.bands[name] = _added(self.bands.get(name), found)

    def statistics(self, polarisation: str) -> BandStatistics:
        """One polarisation over all patches, which all have the same number of pixels."""
        low, high, means, squares = self.bands[polarisation]
        mean = means / self.patches
        return BandStatistics(low, high, mean, max(squares / self.patches - mean**2, 0.0) ** 0.5)


def _added(
    before: tuple[float, float, float, float] | None, found: BandStatistics
) -> tuple[float, float, float, float]:
    square = found.stddev**2 + found.mean**2
    if before is None:
        return found.minimum, found.maximum, found.mean, square
    low, high, means, squares = before
    return min(low, found.minimum), max(high, found.maximum), means + found.mean, squares + square
