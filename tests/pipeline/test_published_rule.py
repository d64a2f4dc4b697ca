"""The figure that the documents give for the published rule is what its command counts."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]


def test_nearest_scene_that_contains_the_patch() -> None:
    spec = importlib.util.spec_from_file_location("published_rule", ROOT / "benchmarks" / "published_rule.py")
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = benchmark  # its dataclasses look themselves up
    spec.loader.exec_module(benchmark)
    total = benchmark.Counts()
    for found in benchmark.products():
        row, col = np.nonzero(found.index >= 0)
        away = [abs((scene.acquired - found.product.acquired).total_seconds()) for scene in found.scenes]
        total += benchmark._plainest(found, away, row, col, found.index[row, col])
    assert (total.cases, total.contradictions) == (426_331, 191)
    shown = (ROOT / "docs" / "matching.md").read_text("utf-8")
    assert re.search(r"^\| cases \| 426,331 \|$", shown, re.MULTILINE)
    assert re.search(r"^\| contradictions \| 191 ", shown, re.MULTILINE)
    # The whole test, the package's own selection in it, on one product.
    one = benchmark.count(next(benchmark.products()))
    assert one.patches == one.chosen
