"""One picture a target: which pass served which patch, and how the patches look."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from gee_s1ben.domain.plural import percent, plural
from gee_s1ben.errors import StorageError
from gee_s1ben.quality.colours import ABSENT, ALARM, INK, MUTED, Colour, pass_colours
from gee_s1ben.quality.sheet import draw_sheet
from gee_s1ben.quality.tile_map import draw_locator, draw_map
from gee_s1ben.quality.view import QuicklookView

WIDTH_IN, HEIGHT_IN = 16.6, 9.3
DPI = 110
SIMULATED = "SIMULATED SCENES"
LEGEND_ROWS = 7
SHEET_BOX = (7.1, 0.25, 9.15, 8.35)


def write_quicklook(path: Path, view: QuicklookView) -> None:
    """Draw a quick-look and write it as a PNG; the same view always gives the same bytes.

    Parameters
    ----------
    path : Path
        Where the PNG goes; what stood there is replaced at once or not at all.
    view : QuicklookView
        What to show.

    Raises
    ------
    StorageError
        The file cannot be written.
    """
    with matplotlib.style.context("default"):  # a user's matplotlibrc must not change the picture
        figure = draw_quicklook(view)
        encoded = BytesIO()
        # matplotlib's own Software entry would change the bytes with its version
        figure.savefig(encoded, format="png", metadata={"Software": None, **_metadata(view)})
    # By the name that the workspace's own unfinished files have, so that it sweeps this one too.
    temporary = path.with_name(f".partial-{secrets.token_hex(4)}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            file.write(encoded.getbuffer())
        temporary.replace(path)
    except OSError as error:
        raise StorageError(f"cannot write the quick-look {path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def draw_quicklook(view: QuicklookView) -> Figure:
    """Draw a quick-look on an Agg canvas of its own, without pyplot's global state."""
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    colours = pass_colours(view.passes, view.colours)
    _draw_header(figure, view)
    unit = draw_map(_axes(figure, 0.62, 2.55, 5.75, 5.75), view, colours)
    figure.text(*_at(0.62 + 5.75, 2.27), f"{view.grid.crs}, {unit}", fontsize=8, color=MUTED, ha="right", va="top")
    _draw_legend(_axes(figure, 0.35, 0.3, 4.7, 1.95), view, colours)
    if view.passes:
        draw_locator(_axes(figure, 5.0, 0.46, 1.6, 1.6), view, colours)
        figure.text(*_at(5.8, 0.44), "swaths, target, patches", fontsize=7.5, color=MUTED, ha="center", va="top")
    draw_sheet(figure, view, colours, SHEET_BOX)
    return figure


def _metadata(view: QuicklookView) -> dict[str, str]:
    counts = f"{plural(view.written, 'patch')}, {len(view.absent)} absent"
    text = {"Title": f"{view.title} {view.subtitle}".strip(), "Description": counts}
    return {**text, "Comment": SIMULATED} if view.simulated else text


def _at(x_in: float, y_in: float) -> tuple[float, float]:
    return x_in / WIDTH_IN, y_in / HEIGHT_IN


def _axes(figure: Figure, x_in: float, y_in: float, width_in: float, height_in: float) -> Axes:
    return figure.add_axes((*_at(x_in, y_in), *_at(width_in, height_in)))


def _draw_header(figure: Figure, view: QuicklookView) -> None:
    figure.text(*_at(0.35, 8.98), view.title, fontsize=19, fontweight="bold", color=INK, va="center")
    figure.text(*_at(0.35, 8.6), view.subtitle, fontsize=9.5, color=MUTED, va="center")
    patches = plural(view.written, "patch", grouped=True)
    used = sum(1 for one in view.passes if one.cells)
    passes = plural(used, "pass")
    figure.text(
        *_at(6.37, 8.95), f"{patches} from {passes} · {len(view.absent):,} absent",
        fontsize=10.5, color=INK, ha="right", va="center",
    )  # fmt: skip
    if view.simulated:
        figure.text(
            *_at(16.13, 8.93), f"{SIMULATED}: not radar data", fontsize=12.5, fontweight="bold", color="white",
            ha="right", va="center", bbox={"boxstyle": "round,pad=0.4", "facecolor": ALARM, "edgecolor": "none"},
        )  # fmt: skip


def _draw_legend(axes: Axes, view: QuicklookView, colours: Mapping[str, Colour]) -> None:
    """List the passes as a small table, those with most patches first."""
    axes.set_axis_off()
    axes.set_xlim(0, 4.7)
    axes.set_ylim(1.95, 0)
    columns = ((0.32, "left"), (1.52, "left"), (3.42, "right"), (4.55, "right"))
    for (x, side), head in zip(columns, ("pass", "relative orbit", "|Δt|", "patches"), strict=True):
        axes.text(x, 0.1, head, fontsize=8, color=MUTED, ha=side, va="center")
    order = sorted(view.passes, key=lambda one: (-len(one.cells), one.hours, one.key))
    total = max(view.written + len(view.absent), 1)
    for place, one in enumerate(order[:LEGEND_ROWS]):
        y = 0.32 + 0.2 * place
        axes.add_patch(Rectangle((0.05, y - 0.065), 0.18, 0.13, facecolor=colours[one.key], edgecolor="none"))
        arrow = "▲" if one.orbit_direction == "ascending" else "▼"
        key = f"{one.key} (simulated)" if one.simulated and not all(p.simulated for p in view.passes) else one.key
        orbit = f"{one.relative_orbit} {arrow} {one.orbit_direction}"
        texts = (key, orbit, f"{one.hours:.1f} h", f"{len(one.cells):,} ({percent(len(one.cells) / total)})")
        for (x, side), text in zip(columns, texts, strict=True):
            axes.text(x, y, text, fontsize=8.5, color=INK, ha=side, va="center")
    rest = order[LEGEND_ROWS:]
    y = 0.32 + 0.2 * min(len(order), LEGEND_ROWS)
    if rest:
        served = sum(len(one.cells) for one in rest)
        axes.text(
            0.32,
            y,
            f"and {plural(len(rest), 'more pass')}, {plural(served, 'patch', grouped=True)}",
            fontsize=8,
            color=MUTED,
            va="center",
        )
    if view.absent and len(order) < LEGEND_ROWS:
        swatch = Rectangle(
            (0.05, y - 0.065), 0.18, 0.13, facecolor=ABSENT, edgecolor="#8a8a8a", linewidth=0, hatch="/////"
        )
        axes.add_patch(swatch)
        axes.text(0.32, y, "absent", fontsize=8.5, color=INK, va="center")
        share = f"{len(view.absent):,} ({percent(len(view.absent) / total)})"
        axes.text(4.55, y, share, fontsize=8.5, color=INK, ha="right", va="center")
