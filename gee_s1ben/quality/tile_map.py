"""The map of a quick-look: the target, its patches coloured by their pass, the passes' footprints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path as Outline
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray
from pyproj import CRS

from gee_s1ben.quality.colours import ABSENT, INK, Colour, mix
from gee_s1ben.quality.view import Cell, QuicklookView

MARGIN = 0.07
"""Room around what is shown, as a share of its longer side."""
SMALL_BLOCK = 0.6
"""Patches that fill less than this share of the target's side fill the map; the locator shows where they are in it."""
BLACK = (0.0, 0.0, 0.0)

Bounds = tuple[float, float, float, float]
"""(west, south, east, north)."""


def draw_map(axes: Axes, view: QuicklookView, colours: Mapping[str, Colour]) -> str:
    """Draw the target in its own CRS, or the part of it that has patches where that is small.

    Returns
    -------
    str
        The unit of the axes: ``km``, or ``degrees`` where the CRS has no metres.
    """
    axes.set_facecolor("#fafafa")
    _limit(axes, _padded(_shown(view), MARGIN))
    _draw_cells(axes, view, colours)
    _draw_footprints(axes, view, colours)
    axes.add_patch(_box(view.grid.bounds, fill=False, edgecolor=INK, linewidth=1.8))
    _number_examples(axes, view)
    unit = "degrees" if CRS.from_user_input(view.grid.crs).is_geographic else "km"
    _label(axes, 1.0 if unit == "degrees" else 1000.0)
    return unit


def draw_locator(axes: Axes, view: QuicklookView, colours: Mapping[str, Colour]) -> None:
    """Draw the whole footprints, small, with the target and what the map shows of it."""
    west, south, east, north = view.grid.bounds
    corners = [point for one in view.passes for ring in one.footprints for point in ring]
    xs, ys = zip(*corners, (west, south), (east, north), strict=True)
    whole = (min(xs), min(ys), max(xs), max(ys))
    _limit(axes, _padded(whole, 0.04))
    axes.set_axis_off()
    for one in view.passes:
        edge = mix(colours[one.key], BLACK, 0.2)
        faces = (*colours[one.key], 0.22)
        axes.add_collection(PolyCollection(list(one.footprints), facecolors=faces, edgecolors=[edge], linewidths=0.8))
    axes.add_patch(_box(view.grid.bounds, fill=False, edgecolor=INK, linewidth=1.2))
    west, south, east, north = shown = _shown(view)
    if max(east - west, north - south) < 0.04 * max(whole[2] - whole[0], whole[3] - whole[1]):
        # a few patches are less than a pixel here
        axes.plot((west + east) / 2, (south + north) / 2, marker="s", markersize=4, color=INK, markeredgecolor="white")
    elif shown != view.grid.bounds:
        axes.add_patch(_box(shown, facecolor=INK, edgecolor="white", linewidth=0.5))


def _shown(view: QuicklookView) -> Bounds:
    """Bounds of the target, or of its patches where these are a small part of it."""
    cells = _all_cells(view)
    col, row, cols, rows = _block(cells)
    px = view.patch_px
    if not cells or max(cols, rows) * px >= SMALL_BLOCK * max(view.grid.width, view.grid.height):
        return view.grid.bounds
    return view.grid.window(col * px, row * px, cols * px, rows * px).bounds


def _padded(bounds: Bounds, share: float) -> Bounds:
    """A square around bounds, with room on all sides."""
    west, south, east, north = bounds
    half = (0.5 + share) * max(east - west, north - south)
    x, y = (west + east) / 2, (south + north) / 2
    return x - half, y - half, x + half, y + half


def _box(bounds: Bounds, **style: Any) -> Rectangle:
    west, south, east, north = bounds
    return Rectangle((west, south), east - west, north - south, **style)


def _all_cells(view: QuicklookView) -> list[Cell]:
    return [cell for one in view.passes for cell in one.cells] + list(view.absent)


def _block(cells: Iterable[Cell]) -> tuple[int, int, int, int]:
    """(first column, first row, columns, rows) of the box around cells, all 0 for no cells."""
    array = np.array(list(cells), dtype=int).reshape(-1, 2)
    if not len(array):
        return 0, 0, 0, 0
    (col, row), (last_col, last_row) = array.min(axis=0), array.max(axis=0)
    return int(col), int(row), int(last_col - col + 1), int(last_row - row + 1)


def _limit(axes: Axes, bounds: Bounds) -> None:
    west, south, east, north = bounds
    axes.set_xlim(west, east)
    axes.set_ylim(south, north)
    axes.set_aspect("equal", adjustable="box")
    axes.set_autoscale_on(False)


def _label(axes: Axes, unit: float) -> None:
    def text(value: float, _: int | None = None) -> str:
        return f"{value / unit:,.10g}".replace(",", "\N{THIN SPACE}")

    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5))
        axis.set_major_formatter(FuncFormatter(text))
        axis.set_tick_params(labelsize=8, length=3, color="#777777", labelcolor="#444444")
    for side in axes.spines.values():
        side.set_color("#bbbbbb")
    for label in axes.get_yticklabels():
        label.set_rotation(90)
        label.set_verticalalignment("center")


def _draw_cells(axes: Axes, view: QuicklookView, colours: Mapping[str, Colour]) -> None:
    """Colour the cells as one image, in exact colours, and hatch the absent ones as one path."""
    cells = _all_cells(view)
    if not cells:
        return
    first_col, first_row, cols, rows = _block(cells)
    image: NDArray[np.uint8] = np.zeros((rows, cols, 4), dtype=np.uint8)
    for group, colour in [(one.cells, colours[one.key]) for one in view.passes] + [(view.absent, ABSENT)]:
        if group:
            at = np.array(group) - (first_col, first_row)
            image[at[:, 1], at[:, 0]] = (*(round(255 * part) for part in colour), 255)
    px = view.patch_px
    west, south, east, north = view.grid.window(first_col * px, first_row * px, cols * px, rows * px).bounds
    axes.imshow(
        image, extent=(west, east, south, north), interpolation="nearest", resample=False, aspect="equal", zorder=1
    )
    if view.absent:
        outline = Outline.make_compound_path(*(Outline(_cell_corners(view, cell), closed=True) for cell in view.absent))
        axes.add_patch(PathPatch(outline, facecolor="none", edgecolor="#8a8a8a", linewidth=0, hatch="/////", zorder=2))
    if max(cols, rows) <= 40:
        xs = [view.grid.xy(col * px, 0)[0] for col in range(first_col, first_col + cols + 1)]
        ys = [view.grid.xy(0, row * px)[1] for row in range(first_row, first_row + rows + 1)]
        axes.vlines(xs, south, north, color="white", linewidth=0.7, zorder=3)
        axes.hlines(ys, west, east, color="white", linewidth=0.7, zorder=3)


def _cell_corners(view: QuicklookView, cell: Cell) -> list[tuple[float, float]]:
    px = view.patch_px
    west, south, east, north = view.grid.window(cell[0] * px, cell[1] * px, px, px).bounds
    return [(west, south), (east, south), (east, north), (west, north), (west, south)]


def _draw_footprints(axes: Axes, view: QuicklookView, colours: Mapping[str, Colour]) -> None:
    for one in view.passes:
        edge = mix(colours[one.key], BLACK, 0.35)
        for linewidth, colour in ((2.7, "white"), (1.3, edge)):
            rings = PolyCollection(list(one.footprints), facecolors="none", edgecolors=[colour], linewidths=linewidth)
            rings.set_zorder(4)
            axes.add_collection(rings)


def _number_examples(axes: Axes, view: QuicklookView) -> None:
    for number, example in enumerate(view.examples, start=1):
        corners = _cell_corners(view, example.cell)
        x, y = (corners[0][0] + corners[2][0]) / 2, (corners[0][1] + corners[2][1]) / 2
        axes.annotate(
            str(number), (x, y), ha="center", va="center", fontsize=7.5, color="white", zorder=7, annotation_clip=True,
            bbox={"boxstyle": "circle,pad=0.25", "facecolor": INK, "edgecolor": "white", "linewidth": 0.7},
        )  # fmt: skip
