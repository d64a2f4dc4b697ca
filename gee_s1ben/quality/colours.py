"""One colour a relative orbit, told apart by colour-blind eyes too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gee_s1ben.quality.view import PassView

Colour = tuple[float, float, float]
"""Red, green, blue in 0..1."""

ORBIT_COLOURS: tuple[str, ...] = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#B8A800", "#7A5BC4",
)  # fmt: skip
"""After Okabe and Ito (2008, "Color universal design"): without black, a darker yellow, and a violet more."""

ABSENT: Colour = (0.86, 0.86, 0.86)
INK: Colour = (0.13, 0.13, 0.13)
MUTED: Colour = (0.42, 0.42, 0.42)
ALARM: Colour = (0.70, 0.09, 0.09)


def mix(colour: Colour, other: Colour, share: float) -> Colour:
    """Blend ``share`` of ``other`` into ``colour``."""
    red, green, blue = (a + (b - a) * share for a, b in zip(colour, other, strict=True))
    return red, green, blue


def orbit_colours(tiles: Iterable[Iterable[int]]) -> dict[int, str]:
    """Give every relative orbit a colour, the same in all pictures; those over one tile differ while there are colours.

    Parameters
    ----------
    tiles : iterable of iterables of int
        Of each tile the relative orbits over it, those that matter most first.

    Returns
    -------
    dict of int to str
        Relative orbit to a colour such as ``#0072B2``.
    """
    found: dict[int, str] = {}
    for tile in tiles:
        orbits = list(dict.fromkeys(tile))
        used = {found[orbit] for orbit in orbits if orbit in found}
        for orbit in orbits:
            if orbit not in found:
                first = orbit % len(ORBIT_COLOURS)
                order = ORBIT_COLOURS[first:] + ORBIT_COLOURS[:first]
                found[orbit] = next((colour for colour in order if colour not in used), order[0])
                used.add(found[orbit])
    return found


def pass_colours(passes: Sequence[PassView], orbits: Mapping[int, str] | None = None) -> dict[str, Colour]:
    """Give every pass the colour of its relative orbit.

    Parameters
    ----------
    passes : sequence of PassView
        The passes of one picture.
    orbits : mapping, optional
        What :func:`orbit_colours` gave the map; orbits that it lacks get a colour of their own.

    Returns
    -------
    dict of str to (red, green, blue)
        Pass key to its colour.
    """
    known = {**orbit_colours([[one.relative_orbit for one in passes]]), **(orbits or {})}
    return {one.key: _rgb(known[one.relative_orbit]) for one in passes}


def _rgb(code: str) -> Colour:
    red, green, blue = (int(code[start : start + 2], 16) / 255 for start in (1, 3, 5))
    return red, green, blue
