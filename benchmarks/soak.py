"""Soak: 10,000 patches through 5 % faults and 50 kills, and what is left to tell from an undisturbed run.

    python benchmarks/soak.py [--transport gcs] [--patches 10000] [--share 0.05] [--kills 50] [--seed 1]

A proxy plays faults on a share of all requests between the commands and an embedded service: refusals, server errors,
pages of HTML, resets before and after the service has heard of it, bodies that are cut off, late answers. Commands are
killed with SIGKILL at a request or at a flush to disk, and started again. In the end the service's own list tells how
many operations there were for each attempt, the plan which patches are missing, and the clean run which are wrong.

The patches are small, 12 pixels a side, and filters are off: what is counted is bookkeeping, and pixels would only take
time. Waits between attempts and polls are made fifty times as short.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "reference"))

from fault_arena import Arena, clean_run, simulated
from fault_proxy import FaultProxy
from forked_commands import Forks
from soaking import soak

from gee_s1ben.engine.service import serving

PATCH_PX, WINDOW_PATCHES = 12, 5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--transport", choices=["gcs", "drive", "direct"], default="gcs")
    parser.add_argument("--patches", type=int, default=10_000)
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    side_px = math.isqrt(asked.patches) * PATCH_PX
    size = {"window_px": PATCH_PX * WINDOW_PATCHES, "patch_px": PATCH_PX, "side_px": side_px}
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = Path(name)
        catalog = simulated(folder / "simulated", side_px)
        start = time.perf_counter()
        clean = clean_run(folder / "clean", catalog, **size)
        undisturbed = time.perf_counter() - start
        start = time.perf_counter()
        with (
            serving(catalog, exports=folder / "exports") as url,
            FaultProxy(url) as proxy,
            Forks(folder) as forks,
        ):
            arena = Arena(
                folder / "arena",
                catalog,
                clean,
                proxy,
                asked.transport,
                **size,
                raster_px=2 * size["window_px"],
                prepared=False,
            )
            done = soak(arena, forks, seed=asked.seed, share=asked.share, kills=asked.kills, requests=16, flushes=10)
        patches = sum(1 for path in clean.files if path.endswith("_VV.tif"))
        result = {
            "transport": asked.transport,
            "patches": patches,
            "requests": done.requests,
            "faults": dict(done.faults.most_common()),
            "kills": done.kills,
            "stops": done.stops,
            "operations": done.operations,
            "duplicate_operations": done.zeros.duplicates,
            "lost_patches": done.zeros.lost,
            "wrong_patches": done.zeros.wrong,
            "identical": done.identical,
            "seconds": round(time.perf_counter() - start, 1),
            "undisturbed_seconds": round(undisturbed, 1),
        }
    print(json.dumps(result, indent=2))
    return 0 if done.identical and str(done.zeros) == "0 / 0 / 0" else 1


if __name__ == "__main__":
    sys.exit(main())
