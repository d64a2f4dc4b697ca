"""A datasheet of a dataset, after Gebru et al., "Datasheets for datasets" (2021), section by section.

What the program knows is filled in; what only the publisher knows is left to the publisher, and says so. Each statement
is made from the values that it is about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from gee_s1ben import __version__
from gee_s1ben.dataset.citations import acknowledgement, citations
from gee_s1ben.dataset.contents import Contents
from gee_s1ben.dataset.totals import Totals
from gee_s1ben.dataset.wording import (
    choice_of_scenes,
    fill_rule,
    filters_speckle,
    grids,
    is_product,
    lineage,
    source_unit,
)
from gee_s1ben.domain.plural import plural
from gee_s1ben.domain.printable import markdown
from gee_s1ben.domain.unit import unit_name

_TO_ANSWER = "*To be answered by whoever publishes the dataset.*"
_MOST_LISTED = 20

Key = TypeVar("Key")


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
        splits=Counter({markdown(split): n for split, n in totals.splits.items()}),
    )
    absent = markdown(dict(absent))
    parts: list[str] = [f"# Datasheet\n\n{_preface(contents)}"]
    for heading, questions in _sections(contents, totals, absent):
        parts.append(f"## {heading}")
        parts += [f"**{question}**\n\n{answer}" for question, answer in questions]
    return "\n\n".join(parts) + "\n"


_Section = tuple[str, Sequence[tuple[str, str]]]


def _preface(contents: Contents) -> str:
    text = f"Written by gee-s1ben {__version__} from the tables in this folder."
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
                _uses(contents, totals),
            ),
            ("Is there anything that should not be done with it?", _limits(contents, totals)),
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
                    "`manifest.sha256` names every file outside `provenance/` with its SHA-256; "
                    "`sha256sum -c provenance/manifest.sha256`, run in the dataset's folder, says what has changed."
                ),
            ),
            (
                "Can others extend it?",
                (
                    "`dataset.json` names the versions, the options, and of each target the scenes and a fingerprint "
                    "of what was computed from them: with the same of all these the same files are made again."
                ),
            ),
        ],
    )


def _uses(contents: Contents, totals: Totals) -> str:
    if contents.simulated:
        return "For trying programs that read such datasets; not for learning anything of the Earth."
    pairs = ", alone or paired with the Sentinel-2 patches that `patches.csv` names" if totals.paired else ""
    return f"For learning from Sentinel-1 patches{pairs}."


def _limits(contents: Contents, totals: Totals) -> str:
    terrain = any("terrain" in name for name in contents.record.get("radar") or {})
    slopes = "Backscatter is not terrain-flattened: on slopes it tells of the terrain as well as of the cover. "
    text = "" if terrain else slopes
    if totals.angles:
        which = "each patch" if totals.angles == totals.patches else f"{totals.angles} of {totals.patches} patches"
        text += f"The incidence angle at the centre of {which} is in `patches.csv`, that of each pixel is not. "
    else:
        text += "Incidence angles are not part of it. "
    if max(totals.targets.values(), default=0) < 2:
        return text.strip()
    return text + "Patches of one target lie side by side: a split by patch at random puts neighbours on both sides."


def _composition(contents: Contents, totals: Totals, absent: Mapping[str, int]) -> list[tuple[str, str]]:
    patch_px = contents.record.get("patch_px", "?")
    rows = "".join(
        f"\n| {name} | {found.mean:.3f} | {found.stddev:.3f} | {found.minimum:.3f} | {found.maximum:.3f} |"
        for name, found in ((name, totals.statistics(name)) for name in contents.polarisations if totals.patches)
    )
    return [
        (
            "What does an instance stand for?",
            (
                f"A patch of {patch_px} × {patch_px} pixels, "
                f"{'simulated' if contents.simulated else 'seen by Sentinel-1'}, on {grids(contents)}: one float32 "
                f"GeoTIFF a polarisation ({', '.join(contents.polarisations)}), in dB."
            ),
        ),
        (
            "How many instances are there?",
            (
                f"{plural(totals.patches, 'patch')}, {totals.bytes} bytes, from "
                f"{plural(len(totals.scenes), 'scene')} for {plural(len(totals.targets), 'target')}."
            ),
        ),
        (
            "Is it a sample of something larger?",
            "It holds those of the patches asked for that could be made; for the others see below.",
        ),
        ("Is anything missing?", _missing(absent)),
        (
            "What are the values like?",
            (
                f"dB, over all patches; {_validity(contents, totals)}.\n\n"
                "| band | mean | standard deviation | minimum | maximum |\n"
                f"|---|---|---|---|---|{rows}"
            ),
        ),
        ("Are there labels?", _labels(contents, totals)),
        ("Are there recommended splits?", _splits(contents, totals)),
        ("Are there errors, noise, redundancies?", _noise(contents, totals)),
        ("Does it depend on outside resources?", "No; scenes are named only to say where pixels come from."),
        ("Does it hold anything confidential or of persons?", "No: radar images of this resolution show no persons."),
    ]


def _missing(absent: Mapping[str, int]) -> str:
    missing = sum(absent.values())
    if not missing:
        return "No: every patch that was wanted is there."
    reasons = "".join(f"\n- {count}: {reason}" for reason, count in _most(absent))
    more = f"\n- and {plural(len(absent) - _MOST_LISTED, 'more reason')}" if len(absent) > _MOST_LISTED else ""
    verbs = "that was wanted is" if missing == 1 else "that were wanted are"
    return f"{plural(missing, 'patch')} {verbs} absent; `absent.csv` says of each why.{reasons}{more}"


def _validity(contents: Contents, totals: Totals) -> str:
    if not contents.filled:
        return "no pixel was filled: each patch has data in all of its pixels"
    if totals.filled.total() < totals.patches:
        return f"pixels without data were {fill_rule(contents)}; how many of them is not recorded"
    if not totals.filled_px:
        return f"pixels without data would have been {fill_rule(contents)}, and there were none"
    verb = "was" if totals.filled_px == 1 else "were"
    return (
        f"{plural(totals.filled_px, 'pixel')} without data, in {plural(totals.filled[True], 'patch')}, {verb} "
        f"{fill_rule(contents)}"
    )


def _labels(contents: Contents, totals: Totals) -> str:
    classes, where = (
        ("43", "in `_labels_metadata.json` beside each patch, and in `metadata.parquet`")
        if contents.form.version == "v1"
        else ("19", "in `metadata.parquet` at the dataset's root")
    )
    if totals.labelled:
        text = (
            f"{totals.labelled} of {plural(totals.patches, 'patch')} have labels of BigEarthNet's {classes} classes, "
            f"carried over from its tables: {where}."
        )
    else:
        text = "No patch has any."
    if contents.record.get("unknown_flags") is False:
        text += " Where nothing is known of snow and clouds, the columns that tell of them say false."
    return text


def _splits(contents: Contents, totals: Totals) -> str:
    found = [(split, count) for split, count in sorted(totals.splits.items(), key=str) if split is not None]
    if not found:
        return "No."
    if contents.record.get("tables") is None:
        return "No: without BigEarthNet's tables all patches stand in `train`, since loaders ask for a split."
    without = [f"{totals.splits[None]} in none"] if totals.splits[None] else []
    counts = ", ".join([*(f"{count} in `{split}`" for split, count in found), *without])
    return f"Those of BigEarthNet's tables: {counts}."


def _noise(contents: Contents, totals: Totals) -> str:
    text = "Speckle was filtered; some of it remains." if filters_speckle(contents) else "Speckle was not filtered."
    text += " Patches do not overlap within a target"
    return text + (", but those of neighbouring targets may." if len(totals.targets) > 1 else ".")


def _collection(contents: Contents, totals: Totals) -> list[tuple[str, str]]:
    count = totals.patches or 1
    passes = "".join(
        f"\n- {key}, {direction}, relative orbit {orbit}: {plural(patches, 'patch')}"
        for (key, direction, orbit), patches in _most(totals.passes)
    )
    more = len(totals.passes) - _MOST_LISTED
    other = "Sentinel-2" if totals.paired == totals.patches else "the targets' times"
    return [
        ("How was the data acquired?", _acquired(contents, totals)),
        ("How were the scenes chosen?", choice_of_scenes(contents) + _next_passes(totals)),
        (
            "Over what time was it collected?",
            (
                f"{_moment(totals.first)} to {_moment(totals.last)}; between Sentinel-1 and {other} lie "
                f"{totals.dt_sum / count:.2f} hours in the mean and {totals.dt_max:.2f} at most."
            ),
        ),
        ("From which passes?", passes.strip() + (f"\n- and {more} more, in `patches.csv`" if more > 0 else "")),
    ]


def _next_passes(totals: Totals) -> str:
    if not totals.passed_over:
        return ""
    return (
        f" {plural(totals.passed_over, 'patch')} got a later pass in that order, because no earlier one has all pixels "
        "(`passed_over` in `patches.csv` names these passes)."
    )


def _acquired(contents: Contents, totals: Totals) -> str:
    if contents.simulated:
        return "It was simulated: no satellite took the scenes."
    strangers = sum(not is_product(scene) for scene in totals.scenes)
    unit = unit_name(source_unit(contents))
    text = f"Taken from `{contents.record.get('collection')}` ({unit}) {_backend(contents)}. "
    if strangers:
        named = f"{plural(strangers, 'scene')} {'bears' if strangers == 1 else 'bear'}"
        return f"{text}{named} no name of a Sentinel-1 product: whoever publishes the dataset has to say what they are."
    return f"By the C-band radars of Sentinel-1. {text}".strip()


def _processing(contents: Contents) -> list[tuple[str, str]]:
    return [
        ("What was done to the data?", lineage(contents)),
        ("Was the raw data kept?", "The scenes are not part of the dataset; `patches.csv` names those of each patch."),
        (
            "Is the software available?",
            (
                f"{contents.record.get('made_by', 'gee-s1ben')}, with earthengine-api "
                f"{contents.record.get('earthengine_client', '(unknown)')}; the plan's digest is "
                f"`{contents.record.get('plan', '?')}`, its options are in `dataset.json`."
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
    backend = contents.record.get("backend")
    known = {
        "earthengine": "through Google Earth Engine",
        "embedded": "of a local catalog, and computed by the embedded service of the program",
    }
    return known.get(str(backend), f"through `{backend}`")


def _moment(moment: datetime | None) -> str:
    return "?" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


def _most(counts: Mapping[Key, int]) -> list[tuple[Key, int]]:
    """The commonest first; of equals the first by text."""
    return sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))[:_MOST_LISTED]
