"""One colour a relative orbit, told apart by colour-blind eyes too."""

from __future__ import annotations

from collections.abc import Sequence

from gee_s1ben.quality.view import PassView

Colour = tuple[float, float, float]
"""Red, green, blue in 0..1."""

ORBIT_COLOURS: tuple[str, ...] = ("0072B2", "E69F00", "009E73", "CC79A7", "56B4E9", "D55E00", "F0E442")
"""Okabe and Ito's palette without its black (Okabe, Ito 2008, "Color universal design")."""

ABSENT: Colour = (0.86, 0.86, 0.86)
INK: Colour = (0.13, 0.13, 0.13)
MUTED: Colour = (0.42, 0.42, 0.42)
ALARM: Colour = (0.70, 0.09, 0.09)


def mix(colour: Colour, other: Colour, share: float) -> Colour:
    """Blend ``share`` of ``other`` into ``colour``."""
    red, green, blue = (a + (b - a) * share for a, b in zip(colour, other, strict=True))
    return red, green, blue


def pass_colours(passes: Sequence[PassView]) -> dict[str, Colour]:
    """Give every pass a colour: one hue a relative orbit, paler for each further pass of the same orbit.

    Returns
    -------
    dict of str to (red, green, blue)
        Pass key to its colour.
    """
    orbits = sorted({one.relative_orbit for one in passes})
    colours: dict[str, Colour] = {}
    for place, orbit in enumerate(orbits):
        code = ORBIT_COLOURS[place % len(ORBIT_COLOURS)]
        base = (int(code[:2], 16) / 255, int(code[2:4], 16) / 255, int(code[4:], 16) / 255)
        same = sorted((one for one in passes if one.relative_orbit == orbit), key=lambda one: (one.hours, one.key))
        for again, one in enumerate(same):
            colours[one.key] = mix(base, (1.0, 1.0, 1.0), min(0.4 * again, 0.8))
    return colours
