"""Row 56, in short; ``benchmarks/soak.py`` has it whole."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fault_arena import Arena
from soaking import soak


@pytest.mark.row(56)
@pytest.mark.parametrize("transport", ["gcs", "direct"])
def test_short_soak(new_arena: Callable[..., Arena], forks, report, transport: str) -> None:
    arena = new_arena(transport, window_px=120, patch_px=40, prepared=False)
    done = soak(arena, forks, seed=4, share=0.05, kills=6, requests=12, flushes=12)
    assert done.identical
    assert done.kills == 6
    report(
        "direct, gcs: 81 patches, faults on 5 % of requests, 6 kills: every file identical to a clean run "
        "(10,000 patches and 50 kills in benchmarks/soak.py)",
        done.zeros,
    )
