"""The sheet of a quick-look: a few patches in grey and in false colour, all with the same stretch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from gee_s1ben.quality.colours import INK, MUTED, Colour
from gee_s1ben.quality.stretch import DECIBEL_RANGE, RATIO_RANGE, false_colour, stretch
from gee_s1ben.quality.view import EXAMPLES, ExampleView, QuicklookView

LARGEST_IN = 3.0
"""No panel is drawn larger, however few patches there are."""
TITLE_IN = 0.36
GROUP_GAP_IN = 0.3
PANEL_GAP_IN = 0.06
FALSE_COLOUR = "false colour"
TAG = {"boxstyle": "square,pad=0.2", "facecolor": (0.0, 0.0, 0.0, 0.55), "edgecolor": "none"}


def draw_sheet(
    figure: Figure, view: QuicklookView, colours: Mapping[str, Colour], box: tuple[float, float, float, float]
) -> None:
    """Draw the examples and their key.

    Parameters
    ----------
    figure : Figure
    view : QuicklookView
    colours : mapping of str to (red, green, blue)
        By pass key.
    box : (left, bottom, width, height)
        Where, in inches.
    """
    left, bottom, width, height = box
    examples = view.examples[:EXAMPLES]
    _text(figure, left, bottom + height, "Example patches", fontsize=12, fontweight="bold", color=INK, va="top")
    if not examples:
        _text(figure, left, bottom + height - 0.45, "no patch was written", fontsize=10, color=MUTED, va="top")
        return
    panels = max(len(_panel_names(example)) for example in examples)
    top, key_in = bottom + height - 0.26, 0.55
    columns, rows, side = _arrange(len(examples), panels, width, top - bottom - key_in)
    group = panels * side + (panels - 1) * PANEL_GAP_IN
    step = min((top - bottom - key_in) / rows, side + 2 * TITLE_IN)
    for place, example in enumerate(examples):
        column, row = place % columns, place // columns
        x = left + column * (group + GROUP_GAP_IN)
        y = top - row * step - TITLE_IN - side
        title = f"{place + 1}  {example.name}"
        _text(figure, x, y + side + 0.06, title, fontsize=8, color=INK, va="bottom")
        for number, (name, image) in enumerate(_panels(example).items()):
            axes = _axes(figure, x + number * (side + PANEL_GAP_IN), y, side, side)
            axes.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="antialiased", aspect="equal")
            axes.set_axis_off()
            axes.text(0.03, 0.97, name, transform=axes.transAxes, fontsize=6.5, color="white", va="top", bbox=TAG)
        x_fraction, y_fraction = _fraction(figure, x - 0.09, y)
        w_fraction, h_fraction = _fraction(figure, 0.06, side)
        figure.add_artist(
            Rectangle((x_fraction, y_fraction), w_fraction, h_fraction, facecolor=colours[example.pass_key])
        )
    _draw_key(figure, examples, left, bottom)


def _panel_names(example: ExampleView) -> list[str]:
    names = list(example.bands)
    return [*names, FALSE_COLOUR] if {"VV", "VH"} <= set(names) else names


def _panels(example: ExampleView) -> dict[str, NDArray[np.float32]]:
    """Each panel's name and image, grey (rows, columns) or colour (rows, columns, 3)."""
    panels = {name: stretch(band, _limits(name)) for name, band in example.bands.items()}
    if FALSE_COLOUR in _panel_names(example):
        panels[FALSE_COLOUR] = false_colour(example.bands["VV"], example.bands["VH"])
    return panels


def _limits(polarisation: str) -> tuple[float, float]:
    return DECIBEL_RANGE.get(polarisation, DECIBEL_RANGE["VV"])


def _arrange(count: int, panels: int, width: float, height: float) -> tuple[int, int, float]:
    """Columns and rows of groups, and the panel's side in inches, that make the panels largest."""
    choices = []
    for columns in (2, 1) if count > 1 else (1,):
        rows = -(-count // columns)
        group = (width - (columns - 1) * GROUP_GAP_IN) / columns
        side = min((group - (panels - 1) * PANEL_GAP_IN) / panels, height / rows - TITLE_IN, LARGEST_IN)
        choices.append((columns, rows, side))
    return max(choices, key=lambda choice: choice[2] * (1.1 if choice[0] > 1 else 1.0))  # a wide sheet looks better


def _draw_key(figure: Figure, examples: tuple[ExampleView, ...], left: float, bottom: float) -> None:
    """Say what black and white mean, and what the colours of the false-colour panel are."""
    names = list(dict.fromkeys(name for example in examples for name in example.bands))
    x = left
    for name in names:
        low, high = _limits(name)
        axes = _axes(figure, x + 0.32, bottom + 0.08, 1.1, 0.12)
        axes.imshow(np.linspace(0, 1, 64).reshape(1, -1), cmap="gray", aspect="auto", vmin=0, vmax=1)
        axes.set_xticks([])
        axes.set_yticks([])
        _text(figure, x, bottom + 0.14, name, fontsize=8, color=INK, va="center")
        _text(figure, x + 0.32, bottom + 0.03, f"{low:.0f}", fontsize=7, color=MUTED, va="top")
        _text(figure, x + 1.42, bottom + 0.03, f"{high:.0f} dB", fontsize=7, color=MUTED, va="top", ha="right")
        x += 1.75
    if {"VV", "VH"} <= set(names):
        low, high = RATIO_RANGE
        channels = (("#c00000", "VV"), ("#00902f", "VH"), ("#1f3fd0", f"VV−VH {low:.0f}..{high:.0f} dB"))
        _text(figure, x + 0.1, bottom + 0.14, FALSE_COLOUR, fontsize=8, color=INK, va="center")
        for place, (colour, text) in enumerate(channels):
            _text(figure, x + 1.05 + 0.42 * place, bottom + 0.14, f"■ {text}", fontsize=8, color=colour, va="center")


def _fraction(figure: Figure, x_in: float, y_in: float) -> tuple[float, float]:
    width, height = figure.get_size_inches()
    return x_in / width, y_in / height


def _axes(figure: Figure, x: float, y: float, width: float, height: float) -> Axes:
    return figure.add_axes((*_fraction(figure, x, y), *_fraction(figure, width, height)))


def _text(figure: Figure, x: float, y: float, text: str, **style: Any) -> None:
    figure.text(*_fraction(figure, x, y), text, **style)
