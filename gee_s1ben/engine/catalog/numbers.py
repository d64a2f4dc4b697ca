"""Find out what the numbers of a raster mean: scale and offset, no data, decibels or linear power."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from gee_s1ben.domain.unit import NEAR_DB, Unit, known_unit, most_zeros_by_chance, unit_name
from gee_s1ben.errors import RasterError

_log = logging.getLogger(__name__)

POLARISATIONS = ("VV", "VH", "HH", "HV")
Numbers = npt.NDArray[Any]
NoData = float | Literal["none"]
"""The number that stands for no data, or ``none``: exact zeros are data."""

_STAND_INS = (-99.0, -100.0, -999.0, -9999.0, -99999.0, -32768.0, -32767.0, 9999.0, 32767.0, 65535.0, 255.0)
"""Stored numbers that stand for no data where no tag says so and they are far from any backscatter."""
_HUGE = 1e9
"""A stored number beyond this, such as the lowest or the highest float32, is no count and no decibel."""
_USUAL_DB = (-60.0, 40.0)
_LIMITS: dict[Unit | None, tuple[float, float]] = {
    "decibel": (-200.0, 100.0),
    "linear": (0.0, 1e5),
    None: (-200.0, 1e5),
}
"""Beyond these no number is backscatter; at or below 0 no number is power."""
_MEANS: dict[Unit, tuple[float, float]] = {"decibel": (-40.0, 10.0), "linear": (1e-4, 10.0)}
_FEW = 0.01
"""Share of numbers that may lie beyond: a few are damage, many have another meaning."""
_FEW_ZEROS = 3
"""Fewer zeros in one band alone are data; so many in all bands at once are no chance, unless steps are coarse."""
_HOW = "say what they are with --units, or name the number that stands for no data with --nodata"


@dataclass(frozen=True, slots=True)
class Reading:
    """How the stored numbers of a band become values, which are floating-point numbers with NaN for no data."""

    dtype: str
    """``float32`` or ``float64``."""
    scale: float = 1.0
    offset: float = 0.0
    """A value is the stored number × scale + offset, as GDAL's tags say."""
    radar: bool = False
    """Whether the values are backscatter."""
    doubted: bool = False
    """Whether numbers that cannot be backscatter are no data."""
    unit: Unit | None = None
    """Of the values before they are converted."""
    into: Unit | None = None
    """What they are converted into; None: they are not."""
    nodata: float | None = None
    """Stored number that stands for no data, as the user says."""
    zero_is_nodata: bool = False

    def values(self, stored: Numbers, valid: npt.NDArray[np.bool_] | None = None) -> Numbers:
        """Read stored numbers.

        Parameters
        ----------
        stored : ndarray, shape (rows, columns)
            As they stand in the file.
        valid : ndarray of bool, optional
            False where the raster's own tags or masks say that there is no data.
        """
        numbers, absent = self.scaled(stored), self.without_data(stored)
        numbers[absent if valid is None else absent | ~valid] = np.nan
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.into == "decibel":
                numbers = 10 * np.log10(numbers)
            elif self.into == "linear":
                numbers = 10 ** (numbers / 10)
        result: Numbers = numbers.astype(self.dtype, copy=False)
        result[~np.isfinite(result)] = np.nan
        return result

    def scaled(self, stored: Numbers) -> Numbers:
        """Apply scale and offset, in doubles where there are any."""
        if (self.scale, self.offset) == (1.0, 0.0):
            return stored.astype(self.dtype, copy=True)
        return np.asarray(stored.astype(np.float64) * self.scale + self.offset)

    def without_data(self, stored: Numbers) -> npt.NDArray[np.bool_]:
        """Pixels that have no data although no tag of the raster says so."""
        numbers = self.scaled(stored)
        absent: npt.NDArray[np.bool_] = ~np.isfinite(numbers)
        if self.nodata is not None:
            absent |= stored == self.nodata
        if self.zero_is_nodata:
            absent |= stored == 0
        if self.doubted:
            low, high = _LIMITS[self.unit]
            with np.errstate(invalid="ignore"):
                absent |= (numbers < low) | (numbers > high)
                if self.unit == "linear":
                    absent |= numbers == 0
                else:
                    unusual = (numbers < _USUAL_DB[0]) | (numbers > _USUAL_DB[1])
                    if unusual.any():
                        absent |= unusual & _is_stand_in(stored)
        return absent


def _is_stand_in(stored: Numbers) -> npt.NDArray[np.bool_]:
    """Whether stored numbers are usual for no data, provided that they are far from any backscatter."""
    return np.isin(stored, _STAND_INS) | (np.abs(stored) > _HUGE)


def plain_reading(name: str, dtype: str, scale: float, offset: float, nodata: float | None) -> Reading | None:
    """Return how a band is to be read by what its tags say; None if its numbers are values as they are.

    Raises
    ------
    RasterError
        The scale or the offset is no number, or the scale is zero.
    """
    if not np.isfinite([scale, offset]).all() or scale == 0:
        raise RasterError(
            f"band {name} has the scale {scale:g} and the offset {offset:g}, by which nothing can be read"
        )
    radar, floating = name in POLARISATIONS, np.dtype(dtype).kind == "f"
    if not radar and (scale, offset) == (1.0, 0.0) and (nodata is None or not floating):
        return None
    wide = dtype in ("float64", "int32", "uint32")
    return Reading("float64" if wide else "float32", scale, offset, radar=radar, nodata=nodata)


@dataclass(slots=True)
class _Tally:
    """What the numbers of a band add up to."""

    name: str
    count: int = 0
    """Pixels with data, zeros included."""
    zeros: int = 0
    candidates: int = 0
    """Pixels that are neither zero nor a usual stand-in."""
    outside: int = 0
    negative: int = 0
    near: int = 0
    """Pixels near to zero, but not of it."""
    step: float = np.inf
    """The smallest distance from zero of any other number, which is the step of rounded ones."""
    total: float = 0.0
    low: float = np.inf
    high: float = -np.inf

    def include(self, stored: Numbers, valid: npt.NDArray[np.bool_], reading: Reading) -> None:
        zero = (stored == 0) & valid
        self.count += int(np.count_nonzero(valid))
        self.zeros += int(np.count_nonzero(zero))
        usual = valid & ~zero & np.isfinite(stored)
        distance = np.abs(stored[usual].astype(np.float64) * reading.scale)
        self.near += int(np.count_nonzero(distance <= NEAR_DB))
        self.step = min(self.step, float(distance.min(initial=np.inf)))
        numbers = reading.scaled(stored)[usual].astype(np.float64)
        far = (numbers < _USUAL_DB[0]) | (numbers > _USUAL_DB[1])
        if far.any():
            numbers = numbers[~(far & _is_stand_in(stored[usual]))]
        if not len(numbers):
            return
        low, high = _LIMITS[reading.unit]
        beyond = (numbers < low) | (numbers > high)
        self.candidates += len(numbers)
        self.outside += int(np.count_nonzero(beyond))
        self.negative += int(np.count_nonzero(numbers < 0))
        self.low, self.high = min(self.low, float(numbers.min())), max(self.high, float(numbers.max()))
        self.total += float(numbers[~beyond].sum())

    @property
    def by_chance(self) -> float:
        """How many exact zeros may be data; no power is zero."""
        is_power = self.negative == 0 and self.low >= 0
        return 0.0 if is_power else most_zeros_by_chance(self.near, self.step)


def radar_readings(
    collection: str,
    bands: Sequence[tuple[str, Reading]],
    strips: Iterator[Sequence[tuple[Numbers, npt.NDArray[np.bool_]]]],
    *,
    nodata: NoData | None,
    units: Unit | None,
) -> list[Reading]:
    """Say how the bands of backscatter of an image are to be read.

    Parameters
    ----------
    collection : str
        Id of the collection that the image becomes part of: the values get its unit, where that is known.
    bands : sequence of (str, Reading)
        Name and what the tags say.
    strips : iterator of sequence of (ndarray, ndarray of bool)
        The stored numbers and where they are data by the raster's own tags, of each band; strips of an image, or of
        one band after the other where these lie on different grids: the others are then empty.
    nodata : float or str, optional
        What the user says of it.
    units : str, optional
        What the user says the values are, which is then not doubted.

    Raises
    ------
    RasterError
        The numbers cannot be what they should be.
    """
    wanted = known_unit(collection)
    unit = units or wanted
    into = wanted if units and wanted and units != wanted else None
    doubted = nodata != "none"
    readings = [replace(reading, unit=unit, into=into, doubted=doubted) for _, reading in bands]
    if units and nodata is not None:
        return readings
    tallies, joint = [_Tally(name) for name, _ in bands], 0
    for strip in strips:
        for tally, reading, (stored, valid) in zip(tallies, readings, strip, strict=True):
            tally.include(stored, valid, reading)
        if len({stored.shape for stored, _ in strip}) == 1 and len(strip) > 1:
            joint += int(np.count_nonzero(np.logical_and.reduce([(stored == 0) & valid for stored, valid in strip])))
    if units is None and wanted is not None:
        _check_unit(tallies, wanted, collection)
    if nodata is not None:
        return readings
    # Zeros of all bands at once are rarer than those of one by the share of the others.
    shares = [tally.by_chance / max(tally.count, 1) for tally in tallies]
    together = joint >= _FEW_ZEROS and joint > float(np.prod(shares)) * max(tally.count for tally in tallies)
    zeros = [
        together or (tally.zeros > tally.by_chance and (joint > 0 or tally.zeros >= _FEW_ZEROS)) for tally in tallies
    ]
    shown = ", ".join(f"{tally.name} {tally.zeros}" for tally, zero in zip(tallies, zeros, strict=True) if zero)
    if shown:
        _log.warning(
            "pixels of exactly 0 count as no data, though no tag says so (%s); --nodata none keeps them", shown
        )
    return [replace(reading, zero_is_nodata=zero) for reading, zero in zip(readings, zeros, strict=True)]


def _check_unit(tallies: Sequence[_Tally], unit: Unit, collection: str) -> None:
    """Refuse numbers that cannot be of the unit that the collection has."""
    known = [tally for tally in tallies if tally.candidates]
    for tally in known:
        told = f"{tally.name}: numbers from {tally.low:.4g} to {tally.high:.4g}"
        if unit == "linear" and tally.negative > _FEW * tally.candidates:
            raise RasterError(
                f"{told} look like dB, where images of {collection} are linear power; add it as COPERNICUS/S1_GRD, or "
                "convert it with --units decibel"
            )
        if tally.outside > _FEW * tally.candidates:
            raise RasterError(f"{told} are no {unit_name(unit)} of backscatter; {_HOW}")
        mean = tally.total / max(1, tally.candidates - tally.outside)
        low, high = _MEANS[unit]
        if not low <= mean <= high:
            raise RasterError(f"{told}, in the mean {mean:.4g}, are no {unit_name(unit)} of backscatter; {_HOW}")
    if unit == "decibel" and known and not any(tally.negative for tally in known):
        names = ", ".join(tally.name for tally in known)
        low, high = min(tally.low for tally in known), max(tally.high for tally in known)
        raise RasterError(
            f"{names}: numbers from {low:.4g} to {high:.4g} look like linear power, where images of {collection} are "
            "in dB; add it as COPERNICUS/S1_GRD_FLOAT, or convert it with --units linear"
        )
