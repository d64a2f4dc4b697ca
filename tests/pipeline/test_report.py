"""The picture of a target shows each pass once, under the key that its patches have."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gee_s1ben.config import load_config
from gee_s1ben.domain.scene import OrbitDirection, Pass, Scene
from gee_s1ben.domain.tile import Target, tile_grid
from gee_s1ben.pipeline import report
from gee_s1ben.pipeline.plan import PassPlan, TargetPlan
from gee_s1ben.quality.view import QuicklookView

START = datetime(2017, 6, 13, 16, 50, 43, tzinfo=UTC)
RING = ((12.0, 48.0), (14.0, 48.0), (14.0, 50.0), (12.0, 50.0), (12.0, 48.0))


def scene(number: int, direction: OrbitDirection = "ascending") -> Scene:
    acquired = START + timedelta(seconds=25 * number)
    return Scene(f"x/s{number}", f"s{number}", acquired, "A", 17018, 146, direction, ("VV", "VH"), RING)


def test_passes_are_drawn_once_under_their_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two directions of one orbit, each pass alone; slices that are not joined; a pass that comes again."""
    up, down, other = (Pass((scene(number, way),), key) for number, way, key in (
        (0, "ascending", "S1A_017018A"), (1, "descending", "S1A_017018D"), (2, "ascending", "S1A_017018A"),
    ))  # fmt: skip
    target = Target("33UUP", tile_grid("33UUP"), START)
    jobs = tuple(PassPlan(f"{number}", one, (), ()) for number, one in enumerate((down, up, other, up)))
    drawn: list[QuicklookView] = []
    monkeypatch.setattr(report, "write_quicklook", lambda _path, view: drawn.append(view))
    (tmp_path / "config.yaml").write_text("tiles: [{tile: 33UUP, acquired: 2017-06-13T16:50:43Z}]\n")
    plan = TargetPlan(target, jobs, (), ("x/s1",))
    report.draw(load_config(tmp_path / "config.yaml"), plan, (), (), tmp_path / "picture.png", {146: "#000000"})
    (view,) = drawn
    assert [(one.key, one.orbit_direction, len(one.footprints), one.simulated) for one in view.passes] == [
        ("S1A_017018A", "ascending", 2, False),
        ("S1A_017018D", "descending", 1, True),
    ]
