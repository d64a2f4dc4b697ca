"""What the numbers of a collection of Sentinel-1 images mean: decibels or linear power."""

from __future__ import annotations

import math
from typing import Literal

from gee_s1ben.errors import InputError

Unit = Literal["decibel", "linear"]
"""``decibel``: 10·log10 of sigma nought; ``linear``: sigma nought itself, which is power and not amplitude."""

UNITS: dict[str, Unit] = {"COPERNICUS/S1_GRD": "decibel", "COPERNICUS/S1_GRD_FLOAT": "linear"}
"""Source: the pages of the two collections in Earth Engine's data catalog."""

NEAR_DB = 1.0
"""Numbers so near to zero tell how frequent an exact zero is by chance."""

_PUBLIC = "projects/earthengine-public/assets/"


def known_unit(collection: str) -> Unit | None:
    """Return the unit of one of Earth Engine's own collections; None for others."""
    return UNITS.get(collection.removeprefix(_PUBLIC))


def unit_of(collection: str, told: Unit | None = None) -> Unit:
    """Return the unit of a collection's numbers.

    Parameters
    ----------
    collection : str
        Its id.
    told : str, optional
        What the user says of it.

    Raises
    ------
    InputError
        Nobody says what it is, or the user says something else than Earth Engine of its own collection.
    """
    known = known_unit(collection)
    if known is None and told is None:
        raise InputError(
            f"it is not known whether the numbers of {collection} are decibels or linear power: set match.units to "
            "decibel or linear"
        )
    if known is not None and told not in (None, known):
        raise InputError(f"the numbers of {collection} are {known}, not {told}: leave match.units out")
    return known or told or "decibel"


def unit_name(unit: Unit) -> str:
    """Say a unit in a sentence."""
    return "linear power" if unit == "linear" else "dB"


def most_zeros_by_chance(near: int, step: float) -> float:
    """How many exact zeros decibels may have by chance; floats have none, rounded numbers as many as of any other step.

    Parameters
    ----------
    near : int
        How many numbers lie within :data:`NEAR_DB` of zero, but are not zero.
    step : float
        The least distance from zero of any number that is not zero, in dB.

    Returns
    -------
    float
        Twice what is expected of numbers that are spread evenly there, and five standard deviations.
    """
    expected = near * step / (2 * NEAR_DB) if near else 0.0
    return 2 * expected + 5 * math.sqrt(expected)
