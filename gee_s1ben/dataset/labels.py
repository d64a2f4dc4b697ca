"""The two land-cover nomenclatures of BigEarthNet.

Sources: the 43 level-3 classes of CORINE Land Cover 2018 that occur in BigEarthNet v1 (G. Sumbul et al.,
"BigEarthNet", IGARSS 2019), and the 19 classes made of them (G. Sumbul et al., "BigEarthNet-MM", IEEE GRSM 2021,
table II), which BigEarthNet v2 uses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from gee_s1ben.errors import InputError

CLASS_19_OF_43: Mapping[str, str | None] = MappingProxyType(
    {
        "Continuous urban fabric": "Urban fabric",
        "Discontinuous urban fabric": "Urban fabric",
        "Industrial or commercial units": "Industrial or commercial units",
        "Road and rail networks and associated land": None,
        "Port areas": None,
        "Airports": None,
        "Mineral extraction sites": None,
        "Dump sites": None,
        "Construction sites": None,
        "Green urban areas": None,
        "Sport and leisure facilities": None,
        "Non-irrigated arable land": "Arable land",
        "Permanently irrigated land": "Arable land",
        "Rice fields": "Arable land",
        "Vineyards": "Permanent crops",
        "Fruit trees and berry plantations": "Permanent crops",
        "Olive groves": "Permanent crops",
        "Pastures": "Pastures",
        "Annual crops associated with permanent crops": "Permanent crops",
        "Complex cultivation patterns": "Complex cultivation patterns",
        "Land principally occupied by agriculture, with significant areas of natural vegetation": (
            "Land principally occupied by agriculture, with significant areas of natural vegetation"
        ),
        "Agro-forestry areas": "Agro-forestry areas",
        "Broad-leaved forest": "Broad-leaved forest",
        "Coniferous forest": "Coniferous forest",
        "Mixed forest": "Mixed forest",
        "Natural grassland": "Natural grassland and sparsely vegetated areas",
        "Moors and heathland": "Moors, heathland and sclerophyllous vegetation",
        "Sclerophyllous vegetation": "Moors, heathland and sclerophyllous vegetation",
        "Transitional woodland/shrub": "Transitional woodland, shrub",
        "Beaches, dunes, sands": "Beaches, dunes, sands",
        "Bare rock": None,
        "Sparsely vegetated areas": "Natural grassland and sparsely vegetated areas",
        "Burnt areas": None,
        "Inland marshes": "Inland wetlands",
        "Peatbogs": "Inland wetlands",
        "Salt marshes": "Coastal wetlands",
        "Salines": "Coastal wetlands",
        "Intertidal flats": None,
        "Water courses": "Inland waters",
        "Water bodies": "Inland waters",
        "Coastal lagoons": "Marine waters",
        "Estuaries": "Marine waters",
        "Sea and ocean": "Marine waters",
    }
)
"""Class of the 19 that each class of the 43 belongs to; None for those that were left out."""

CLASSES_43 = frozenset(CLASS_19_OF_43)
"""Nomenclature of BigEarthNet v1."""
CLASSES_19 = frozenset(label for label in CLASS_19_OF_43.values() if label is not None)
"""Nomenclature of BigEarthNet v2."""


def to_19_classes(labels: Iterable[str]) -> tuple[str, ...]:
    """Translate labels of the 43 classes into the 19, sorted; what was left out of the 19 is left out."""
    return tuple(sorted({label for name in labels if (label := CLASS_19_OF_43[name]) is not None}))


def check_labels(labels: Iterable[object], classes: frozenset[str], where: str) -> tuple[str, ...]:
    """Return labels if all are of a nomenclature.

    Raises
    ------
    InputError
        One is not; ``where`` is named.
    """
    checked = []
    for label in labels:
        if not isinstance(label, str) or label not in classes:
            raise InputError(f"{where}: the label {str(label)[:80]!r} is none of BigEarthNet's {len(classes)} classes")
        checked.append(label)
    return tuple(checked)
