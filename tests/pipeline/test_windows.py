"""Laws of the windows: each patch in exactly one, none too large, none without need."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.tile import PatchBlock, Target
from gee_s1ben.pipeline.windows import Window, covering_windows, trimmed_windows

WHEN = datetime(2017, 6, 13, 10, 10, 31, tzinfo=UTC)


@st.composite
def wanted(draw: st.DrawFn) -> tuple[Target, list[tuple[int, int]], int]:
    patch_px = draw(st.integers(1, 7))
    columns, rows = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    width = columns * patch_px + draw(st.integers(0, patch_px - 1))
    height = rows * patch_px + draw(st.integers(0, patch_px - 1))
    target = Target(
        "own", Grid("EPSG:32633", (10.0, 0.0, 5e5, 0.0, -10.0, 5e6), width, height), WHEN, patch_px=patch_px
    )
    cells = draw(st.lists(st.sampled_from(list(target.patches())), unique=True))
    return target, cells, patch_px * draw(st.integers(1, 5))


def holds(window: Window, cell: tuple[int, int], px: int) -> bool:
    col, row = cell[0] * px, cell[1] * px
    return (
        window.col <= col
        and window.row <= row
        and col + px <= window.col + window.width
        and row + px <= window.row + window.height
    )


@given(wanted())
def test_trimmed(case: tuple[Target, list[tuple[int, int]], int]) -> None:
    target, cells, side = case
    windows = trimmed_windows(target, cells, side)
    assert Counter(cell for window in windows for cell in window.cells) == Counter(cells)
    for window in windows:
        assert window.cells
        assert window.width <= side
        assert window.height <= side
        assert all(holds(window, cell, target.patch_px) for cell in window.cells)
        # Trimmed: every edge is touched by a patch.
        cols, rows = zip(*window.cells, strict=True)
        assert (min(cols) * target.patch_px, min(rows) * target.patch_px) == (window.col, window.row)
        assert (max(cols) + 1) * target.patch_px == window.col + window.width
        assert (max(rows) + 1) * target.patch_px == window.row + window.height
    for cell in cells:
        inside = [window for window in windows if holds(window, cell, target.patch_px)]
        assert len(inside) == 1
    assert len({window.name for window in windows}) == len(windows)


@given(wanted())
def test_covering(case: tuple[Target, list[tuple[int, int]], int]) -> None:
    target, cells, side = case
    windows = covering_windows(target, cells, side)
    covered = Counter(
        (col, row)
        for window in windows
        for col in range(window.col, window.col + window.width)
        for row in range(window.row, window.row + window.height)
    )
    assert covered == Counter((col, row) for col in range(target.grid.width) for row in range(target.grid.height))
    assert Counter(cell for window in windows for cell in window.cells) == Counter(cells)
    assert all(holds(window, cell, target.patch_px) for window in windows for cell in window.cells)
    assert all(max(window.width, window.height) <= side for window in windows)


def test_whole_tile_at_the_default_size() -> None:
    grid = Grid("EPSG:32633", (10.0, 0.0, 3e5, 0.0, -10.0, 5.9e6), 10980, 10980)
    target = Target("33UUP", grid, WHEN)
    windows = trimmed_windows(target, target.patches(), 1920)
    assert len(windows) == 36
    assert sum(len(window.cells) for window in windows) == 8281
    assert max(window.width * window.height * 2 * 4 for window in windows) <= 50_331_648
    assert windows[-1].grid(target) == grid.window(9600, 9600, 1320, 1320)


def test_block_of_few_patches_asks_for_those_only() -> None:
    grid = Grid("EPSG:32633", (10.0, 0.0, 3e5, 0.0, -10.0, 5.9e6), 10980, 10980)
    target = Target("33UUP", grid, WHEN, block=PatchBlock(15, 16, 3, 3))
    windows = trimmed_windows(target, target.patches(), 1920)
    assert [(window.col, window.row, window.width, window.height) for window in windows] == [
        (1800, 360, 120, 120),
        (1920, 360, 120, 120),
    ]
