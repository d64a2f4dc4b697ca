"""How long each stage of a run takes, how many patches a second, and how much memory, for blocks of several sizes.

Makes simulated scenes in a temporary folder, then runs the whole job through the command line, once a size::

    python benchmarks/stages.py --sizes 16 32 91 --json stages.json

Peak memory is that of the run's own process, as the operating system counted it. It must not grow with the patches.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PRODUCT = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"
TILE_PATCHES = 91


@dataclass(frozen=True, slots=True)
class Measured:
    """One run."""

    side: int
    """Patches along each side of the block."""
    patches: int
    absent: int
    seconds: float
    """Of the whole process, start-up included."""
    stage_seconds: dict[str, float]
    peak_mib: float


def config_text(folder: Path, side: int) -> str:
    """Write a configuration for a block in the middle of the tile."""
    first = (TILE_PATCHES - side) // 2
    span = f"[{first}, {first + side - 1}]"
    return json.dumps(  # JSON is YAML
        {
            "backend": "embedded",
            "embedded": {"catalog": str(folder / "catalog")},
            "tiles": [{"product": PRODUCT, "patches": {"columns": json.loads(span), "rows": json.loads(span)}}],
            "dataset": {"path": str(folder / f"out-{side}")},
        },
        indent=1,
    )


def run(folder: Path, *words: str) -> tuple[dict[str, Any], float, float]:
    """Run one command; return its JSON, its seconds, and its peak memory in MiB."""
    with tempfile.TemporaryFile() as printed:
        started = time.perf_counter()
        child = subprocess.Popen([sys.executable, "-m", "gee_s1ben", *words, "--json"], cwd=folder, stdout=printed)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        printed.seek(0)
        text = printed.read().decode()
    if child.returncode:
        raise SystemExit(f"gee-s1ben {' '.join(words)} ended with exit code {child.returncode}")
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return json.loads(text), seconds, usage.ru_maxrss / scale


def measure(folder: Path, side: int) -> Measured:
    """Run the whole job over one block."""
    config = folder / f"config-{side}.yaml"
    config.write_text(config_text(folder, side), encoding="utf-8")
    summary, seconds, peak = run(folder, "run", "--config", str(config))
    return Measured(side, summary["patches"], summary["absent"], seconds, summary["stages"], peak)


def table(results: Sequence[Measured]) -> str:
    """Lay the results out for a terminal."""
    lines = [f"{'block':>8}{'patches':>9}{'absent':>8}{'seconds':>9}{'patches/s':>11}{'peak MiB':>10}  share by stage"]
    for one in results:
        whole = sum(one.stage_seconds.values())
        shares = "  ".join(f"{name} {100 * part / whole:.0f} %" for name, part in one.stage_seconds.items())
        block = f"{one.side}×{one.side}"
        lines.append(
            f"{block:>8}{one.patches:>9,}{one.absent:>8,}{one.seconds:>9.1f}"
            f"{one.patches / one.seconds:>11.1f}{one.peak_mib:>10.0f}  {shares}"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[16, 32, 91], help="patches along a block's side")
    parser.add_argument("--json", type=Path, help="write the results here as well")
    parser.add_argument("--folder", type=Path, help="work here and keep it, so that scenes are made only once")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        whole = folder / "config-simulate.yaml"
        whole.write_text(config_text(folder, max(arguments.sizes)), encoding="utf-8")
        _, seconds, _ = run(folder, "simulate", "--config", str(whole))
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        print(
            f"{cores} cores, Python {platform.python_version()}, {platform.machine()}; scenes made in {seconds:.1f} s"
        )
        results = [measure(folder, side) for side in arguments.sizes]
    print(table(results))
    if arguments.json:
        content = {"cores": cores, "python": platform.python_version(), "runs": [asdict(one) for one in results]}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
