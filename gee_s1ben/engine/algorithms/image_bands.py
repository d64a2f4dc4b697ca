"""Images from the catalog and from numbers; choosing, naming and joining bands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gee_s1ben.engine.features import Element
from gee_s1ben.engine.patterns import pattern_of
from gee_s1ben.engine.registry import Context, algorithm
from gee_s1ben.engine.sources import ConstantSource
from gee_s1ben.engine.stored import load_image
from gee_s1ben.engine.values import DOUBLE, WGS84_ONE_DEGREE, Band, Image, PixelType
from gee_s1ben.errors import EngineError


@algorithm("Image.load")
def load(context: Context, id: str, version: int = -1) -> Image:  # noqa: A002, ARG001 -- there is one version
    """Return the image of an asset id."""
    record = context.catalog.get(id)
    if record is None:
        raise EngineError(
            f"Image.load: Image asset '{id}' not found (does not exist or caller does not have access).", status=404
        )
    return load_image(record)


@algorithm("Image.constant")
def constant(value: Any) -> Image:
    """Make an image that is a number everywhere: one band for a number or a list, named bands for a dictionary."""
    if isinstance(value, Mapping):
        return Image(tuple(_constant_band(str(name), number) for name, number in value.items()))
    numbers = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    names = ["constant"] if len(numbers) == 1 else [f"constant_{i}" for i in range(len(numbers))]
    return Image(tuple(_constant_band(name, number) for name, number in zip(names, numbers, strict=True)))


def _constant_band(name: str, number: Any) -> Band:
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise EngineError(f"Image.constant: Parameter 'value' must be a number or a list of numbers, not {number!r}.")
    whole = isinstance(number, int)
    pixel_type = PixelType("int", number, number) if whole else DOUBLE
    return Band(name, pixel_type, WGS84_ONE_DEGREE, ConstantSource(float(number)))


@algorithm("Image.select")
def select(input_: Image, bandSelectors: Sequence[Any], newNames: Sequence[str] | None = None) -> Image:
    """Choose bands by name, regular expression or index, in the order asked for."""
    chosen = [band for selector in bandSelectors for band in _matching(input_, selector)]
    if newNames is not None:
        if len(newNames) != len(chosen):
            raise EngineError(f"Image.select: Can't match {len(chosen)} bands to {len(newNames)} new names.")
        chosen = [band.renamed(name) for band, name in zip(chosen, newNames, strict=True)]
    return input_.with_bands(_distinct("select", chosen))


def _matching(image: Image, selector: Any) -> list[Band]:
    if isinstance(selector, bool) or not isinstance(selector, str | int | float):
        raise EngineError(f"Image.select: A band is selected by name or index, not by {selector!r}.")
    if isinstance(selector, int | float):
        index = int(selector)
        if not -len(image.bands) <= index < len(image.bands):
            raise EngineError(
                f"Image.select: Band index {index} is out of range: the image has {len(image.bands)} bands. "
                f"{image.available}"
            )
        return [image.bands[index]]
    exact = [band for band in image.bands if band.name == selector]
    if exact:
        return exact
    try:
        pattern = pattern_of("Image.select: Invalid pattern", selector)
    except EngineError:  # a plain name with characters of a pattern in it, and no band has it
        raise EngineError(
            f"Image.select: Band pattern '{selector}' did not match any bands. {image.available}"
        ) from None
    found = [band for band in image.bands if pattern.fullmatch(band.name)]
    if not found:
        raise EngineError(f"Image.select: Band pattern '{selector}' did not match any bands. {image.available}")
    return found


def _distinct(algorithm_name: str, bands: Iterable[Band]) -> list[Band]:
    """Refuse names that occur twice."""
    listed = list(bands)
    seen: set[str] = set()
    for band in listed:
        if band.name in seen:
            raise EngineError(f"Image.{algorithm_name}: Duplicate band name '{band.name}'.")
        seen.add(band.name)
    return listed


@algorithm("Image.rename")
def rename(input_: Image, names: Sequence[str]) -> Image:
    """Name all bands anew."""
    if len(names) != len(input_.bands):
        raise EngineError(
            f"Image.rename: The number of names ({len(names)}) must match the number of bands ({len(input_.bands)})."
        )
    renamed = [band.renamed(name) for band, name in zip(input_.bands, names, strict=True)]
    return input_.with_bands(_distinct("rename", renamed))


@algorithm("Image.addBands")
def add_bands(dstImg: Image, srcImg: Image, names: Sequence[str] | None = None, overwrite: bool = False) -> Image:
    """Append bands; a name that is taken gets ``_1``, or replaces the band with ``overwrite``."""
    added = srcImg.bands if names is None else tuple(srcImg.band(name) for name in names)
    bands = list(dstImg.bands)
    for band in added:
        taken = [known.name for known in bands]
        if band.name not in taken:
            bands.append(band)
        elif overwrite:
            bands[taken.index(band.name)] = band
        else:
            suffix = 1
            while f"{band.name}_{suffix}" in taken:
                suffix += 1
            bands.append(band.renamed(f"{band.name}_{suffix}"))
    return dstImg.with_bands(bands)


@algorithm("Image.bandNames")
def band_names(image: Image) -> list[str]:
    """List the names of the bands."""
    return list(image.names)


@algorithm("Image.bandTypes")
def band_types(image: Image) -> dict[str, PixelType]:
    """Return the pixel type of each band."""
    return {band.name: band.pixel_type for band in image.bands}


@algorithm("Image.id")
def image_id(element: Element) -> str | None:
    """Return the ``system:index``."""
    index: str | None = element.properties.get("system:index")
    return index
