"""A datasheet of a dataset, after Gebru et al., "Datasheets for datasets" (2021), section by section.

What the program knows is filled in; what only the publisher knows is left to the publisher, and says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from gee_s1ben.dataset.citations import acknowledgement, citations
from gee_s1ben.dataset.contents import Contents
from gee_s1ben.dataset.patch_facts import BandStatistics, PatchFacts
from gee_s1ben.dataset.wording import lineage
from gee_s1ben.domain.plural import plural
from gee_s1ben.domain.printable import markdown

_TO_ANSWER = "*To be answered by whoever publishes the dataset.*"
_MOST_LISTED = 20

Key = TypeVar("Key")


@dataclass(slots=True)
class Totals:
    """What a dataset adds up to; grows with its passes and scenes, not with its patches."""

    patches: int = 0
    bytes: int = 0
    first: datetime | None = None
    last: datetime | None = None
    dt_sum: float = 0.0
    dt_max: float = 0.0
    passes: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    """Patches by (pass, direction, relative orbit)."""
    targets: Counter[str] = field(default_factory=Counter)
    scenes: set[str] = field(default_factory=set)
    bands: dict[str, tuple[float, float, float, float]] = field(default_factory=dict)
    """By polarisation: minimum, maximum, sum of means, sum of mean squares over patches."""

    def add(self, one: PatchFacts) -> None:
        """Count a patch."""
        row = one.patch.row
        self.patches += 1
        self.bytes += sum(one.patch.sizes.values())
        first, last = one.sensed
        self.first = first if self.first is None else min(self.first, first)
        self.last = last if self.last is None else max(self.last, last)
        self.dt_sum += row.dt_hours
        self.dt_max = max(self.dt_max, row.dt_hours)
        self.passes[row.pass_key, row.direction, row.relative_orbit] += 1
        self.targets[row.target] += 1
        self.scenes.update(one.scenes)
        for name, found in one.statistics.items():
            self.bands[name] = _added(self.bands.get(name), found)

    def statistics(self, polarisation: str) -> BandStatistics:
        """One polarisation over all patches, which all have the same number of pixels."""
        low, high, means, squares = self.bands[polarisation]
        mean = means / self.patches
        return BandStatistics(low, high, mean, max(squares / self.patches - mean**2, 0.0) ** 0.5)


def _added(
    before: tuple[float, float, float, float] | None, found: BandStatistics
) -> tuple[float, float, float, float]:
    square = found.stddev**2 + found.mean**2
    if before is None:
        return found.minimum, found.maximum, found.mean, square
    low, high, means, squares = before
    return min(low, found.minimum), max(high, found.maximum), means + found.mean, squares + square


def datasheet(contents: Contents, totals: Totals, absent: Mapping[str, int]) -> str:
    """Write the datasheet.

    Parameters
    ----------
    contents : Contents
        The dataset.
    totals : Totals
        All its patches, counted.
    absent : mapping of str to int
        Patches that were wanted and are not there, by reason.

    Returns
    -------
    str
        Markdown; the same dataset gives the same text.
    """
    # A dataset may be somebody else's: nothing in its tables may format, link or hold HTML here.
    contents = replace(contents, record=markdown(dict(contents.record)))
    totals = replace(
        totals,
        passes=Counter({(markdown(key), markdown(way), orbit): n for (key, way, orbit), n in totals.passes.items()}),
        targets=Counter({markdown(key): n for key, n in totals.targets.items()}),
    )
    absent = markdown(dict(absent))
    parts: list[str] = [f"# Datasheet\n\n{_preface(contents)}"]
    for heading, questions in _sections(contents, totals, absent):
        parts.append(f"## {heading}")
        parts += [f"**{question}**\n\n{answer}" for question, answer in questions]
    return "\n\n".join(parts) + "\n"


_Section = tuple[str, Sequence[tuple[str, str]]]


def _preface(contents: Contents) -> str:
    text = f"Written by {contents.record.get('made_by', 'gee-s1ben')} from the tables in this folder."
    if contents.simulated:
        return f"**The scenes are simulated: no satellite took them. Do not use this dataset as data.** {text}"
    return text


def _sections(contents: Contents, totals: Totals, absent: Mapping[str, int]) -> Iterable[_Section]:
    yield (
        "Motivation",
        [
            ("For what purpose was the dataset created?", _TO_ANSWER),
            ("Who created it, and who funded that?", _TO_ANSWER),
        ],
    )
    yield "Composition", _composition(contents, totals, absent)
    yield "Collection process", _collection(contents, totals)
    yield "Preprocessing, cleaning, labelling", _processing(contents)
    yield (
        "Uses",
        [
            ("Has the dataset been used already?", _TO_ANSWER),
            (
                "What could it be used for?",
                "For learning from Sentinel-1 patches, alone or paired with the Sentinel-2 patches of the same names.",
            ),
            (
                "Is there anything that should not be done with it?",
                (
                    "Backscatter is not terrain-flattened: on slopes it tells of the terrain as well as of the cover. "
                    "Incidence angles are not part of it. Patches of one tile lie side by side: a split by patch at "
                    "random puts neighbours on both sides."
                ),
            ),
        ],
    )
    yield (
        "Distribution",
        [
            ("How will it be distributed, and when?", _TO_ANSWER),
            ("Under which licence?", _licence(contents, totals)),
            ("What has to be cited?", _cited(contents)),
        ],
    )
    yield (
        "Maintenance",
        [
            ("Who maintains it, and how can they be reached?", _TO_ANSWER),
            (
                "How is an erratum found and stated?",
                (
                    "`manifest.sha256` names every file with its SHA-256; `sha256sum -c provenance/manifest.sha256`, "
                    "run in the dataset's folder, says what has changed."
                ),
            ),
            (
                "Can others extend it?",
                "The program and the plan that `dataset.json` names make the same files again, byte for byte.",
            ),
        ],
    )


def _composition(contents: Contents, totals: Totals, absent: Mapping[str, int]) -> list[tuple[str, str]]:
    patch_px = contents.record.get("patch_px")
    missing = sum(absent.values())
    were, are = ("was", "is") if missing == 1 else ("were", "are")
    reasons = "".join(f"\n- {count}: {reason}" for reason, count in _most(absent))
    rows = "".join(
        f"\n| {name} | {found.mean:.3f} | {found.stddev:.3f} | {found.minimum:.3f} | {found.maximum:.3f} |"
        for name, found in ((name, totals.statistics(name)) for name in contents.polarisations if totals.patches)
    )
    return [
        (
            "What does an instance stand for?",
            (
                f"A patch of {patch_px} × {patch_px} pixels of a Sentinel-2 tile's grid (or a grid of one's own), seen "
                f"by Sentinel-1: one float32 GeoTIFF a polarisation ({', '.join(contents.polarisations)}), in dB."
            ),
        ),
        (
            "How many instances are there?",
            (
                f"{plural(totals.patches, 'patch')}, {totals.bytes} bytes, from "
                f"{plural(len(totals.scenes), 'scene')} for "
                f"{plural(len(totals.targets), 'target')}."
            ),
        ),
        (
            "Is it a sample of something larger?",
            "It holds every whole patch asked for that a pass covered in full; for the others see below.",
        ),
        (
            "Is anything missing?",
            f"{plural(missing, 'patch')} that {were} wanted {are} absent; `absent.csv` says of each why.{reasons}",
        ),
        (
            "What are the values like?",
            (
                f"dB, over all patches; {_validity(contents)}.\n\n"
                "| band | mean | standard deviation | minimum | maximum |\n"
                f"|---|---|---|---|---|{rows}"
            ),
        ),
        ("Are there labels?", _labels(contents)),
        (
            "Are there recommended splits?",
            "Those of the tables beside the patches, where the user gave BigEarthNet's; else none.",
        ),
        ("Are there errors, noise, redundancies?", "Speckle remains. Patches do not overlap within a target."),
        ("Does it depend on outside resources?", "No; scenes are named only to say where pixels come from."),
        ("Does it hold anything confidential or of persons?", "No: radar backscatter at ten metres shows no persons."),
    ]


def _validity(contents: Contents) -> str:
    if contents.filled:
        return f"pixels without data were filled by the rule `{contents.record['fill']}`"
    return "every pixel was measured"


def _labels(contents: Contents) -> str:
    if contents.form.version == "v1":
        text = "In `_labels_metadata.json` beside each patch, carried over from BigEarthNet where given, else empty."
    else:
        text = "In `metadata.parquet` at the dataset's root, carried over from BigEarthNet, where given; else none."
    if contents.record.get("unknown_flags") is False:
        text += " Where nothing is known of snow and clouds, the columns that tell of them say false."
    return text


def _collection(contents: Contents, totals: Totals) -> list[tuple[str, str]]:
    match = contents.record.get("match") or {}
    count = totals.patches or 1
    passes = "".join(
        f"\n- {key}, {direction}, relative orbit {orbit}: {plural(patches, 'patch')}"
        for (key, direction, orbit), patches in _most(totals.passes)
    )
    more = len(totals.passes) - _MOST_LISTED
    return [
        (
            "How was the data acquired?",
            (
                "It was simulated."
                if contents.simulated
                else f"By the C-band radars of Sentinel-1; taken from `{contents.record.get('collection')}` "
                f"through {_backend(contents)}."
            ),
        ),
        (
            "How were the scenes chosen?",
            (
                f"Of the passes within {match.get('window_days', '?')} days of the target's time and flown "
                f"{' or '.join(match.get('directions', ['?']))}, each patch got the one nearest in time that contains "
                "it."
            ),
        ),
        (
            "Over what time was it collected?",
            (
                f"{_moment(totals.first)} to {_moment(totals.last)}; between Sentinel-1 and Sentinel-2 lie "
                f"{totals.dt_sum / count:.2f} hours in the mean and {totals.dt_max:.2f} at most."
            ),
        ),
        ("From which passes?", passes.strip() + (f"\n- and {more} more, in `patches.csv`" if more > 0 else "")),
    ]


def _processing(contents: Contents) -> list[tuple[str, str]]:
    return [
        ("What was done to the data?", lineage(contents)),
        ("Was the raw data kept?", "The scenes are not part of the dataset; `patches.csv` names those of each patch."),
        (
            "Is the software available?",
            (
                f"{contents.record.get('made_by')}, with earthengine-api {contents.record.get('earthengine_client')}; "
                f"the plan's digest is `{contents.record.get('plan')}`, its options are in `dataset.json`."
            ),
        ),
    ]


def _licence(contents: Contents, totals: Totals) -> str:
    years = (totals.first.year, totals.last.year) if totals.first and totals.last else (0, 0)
    notice = acknowledgement(contents, years)
    if notice is None:
        return _TO_ANSWER
    return f"Copernicus Sentinel data are free and open; whoever passes them on has to say: “{notice}” {_TO_ANSWER}"


def _cited(contents: Contents) -> str:
    lines = (
        f"- {entry.fields['title'].replace('{', '').replace('}', '')} ({entry.why})" for entry in citations(contents)
    )
    return "As BibTeX in `citations.bib`:\n" + "\n".join(lines)


def _backend(contents: Contents) -> str:
    return "Google Earth Engine" if contents.record.get("backend") == "earthengine" else "a local copy of its scenes"


def _moment(moment: datetime | None) -> str:
    return "?" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


def _most(counts: Mapping[Key, int]) -> list[tuple[Key, int]]:
    """The commonest first; of equals the first by text."""
    return sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))[:_MOST_LISTED]
