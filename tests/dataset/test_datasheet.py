"""What a dataset says of itself, for every value of its configuration: each statement stands where it is true."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, get_args

import pytest
import small_dataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gee_s1ben.config.model import DatasetSettings, MatchSettings, RadarSettings, SpeckleSettings
from gee_s1ben.dataset.carried_facts import CarriedFacts
from gee_s1ben.dataset.citations import bibtex, citations
from gee_s1ben.dataset.contents import CheckedReader, Contents
from gee_s1ben.dataset.datasheet import datasheet
from gee_s1ben.dataset.layout import layout
from gee_s1ben.dataset.manifest import read_patches
from gee_s1ben.dataset.manifest_index import ManifestIndex
from gee_s1ben.dataset.patch_facts import facts
from gee_s1ben.dataset.totals import Totals
from gee_s1ben.dataset.wording import description


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Contents and patches of a dataset of two patches."""
    made = small_dataset.make(tmp_path_factory.mktemp("dataset"), columns=2, rows=1, size=4, angles=True)
    contents = Contents.open(made.root)
    with ManifestIndex.open(made.root) as manifest:
        reader = CheckedReader(contents, manifest)
        return contents, [reader.read(row) for row in read_patches(made.root)]


def values(model: Any, name: str) -> st.SearchStrategy[Any]:
    """Every value that a choice in the configuration has, and one that this version does not know."""
    return st.sampled_from([*get_args(model.model_fields[name].annotation), "of tomorrow"])


RADAR = st.fixed_dictionaries(
    {
        "border_noise": st.booleans(),
        "speckle": st.fixed_dictionaries({"filter": values(SpeckleSettings, "filter")}),
        "resampling": values(RadarSettings, "resampling"),
    },
    optional={"terrain_flattening": st.just("volume")},
)
MATCH = st.fixed_dictionaries(
    {
        "window_days": st.sampled_from([3.5, 6.0]),
        "max_dt_days": st.sampled_from([None, 2.25]),
        "directions": st.sampled_from([["ascending"], ["ascending", "descending"]]),
        "platforms": st.sampled_from([["A"], ["A", "B", "C", "D"]]),
        "choice": values(MatchSettings, "choice"),
        "per_orbit": values(MatchSettings, "per_orbit"),
        "join_slices": st.booleans(),
        "min_coverage": st.sampled_from([0.0, 0.25]),
        "collection": st.just("x"),
    },
    optional={"weather": st.just("fine")},
)
TILES = {
    "tile": ([{"product": "S2A"}], ["33UUP_20170613T101031"]),
    "own": ([{"name": "spain", "crs": "EPSG:4326"}], ["spain_20181009T110000"]),
    "both": (
        [{"product": "S2A"}, {"name": "33UUQ", "crs": "EPSG:4326"}],
        ["33UUP_20170613T101031", "33UUQ_20170613T101031"],
    ),
}
RECORDS = st.fixed_dictionaries(
    {
        "simulated": st.booleans(),
        "layout": values(DatasetSettings, "layout").filter(lambda version: version in ("v1", "v2")),
        "backend": st.sampled_from(["embedded", "earthengine"]),
        "collection": st.sampled_from(["COPERNICUS/S1_GRD", "MINE/scenes"]),
        "fill": st.sampled_from(["none", "nearest", -30.0]),
        "tables": st.sampled_from([None, "metadata.parquet"]),
        "unknown_flags": st.sampled_from([None, False]),
        "radar": RADAR,
        "match": MATCH,
        "grid": st.sampled_from(sorted(TILES)),
        "polarisations": st.sampled_from([("VV", "VH"), ("VV",)]),
    }
)
PATCHES = st.fixed_dictionaries(
    {
        "filled_px": st.tuples(*[st.sampled_from([0, 7])] * 2),
        "angles": st.tuples(*[st.booleans()] * 2),
        "passed_over": st.tuples(*[st.sampled_from(["", "S1A_017018: 5 of 16 pixels have no data"])] * 2),
        "labels": st.tuples(*[st.sampled_from([(), ("Pastures",)])] * 2),
        "splits": st.tuples(*[st.sampled_from([None, "train", "test"])] * 2),
        "product": st.booleans(),
    }
)


def said(small: Any, record: dict[str, Any], patches: dict[str, Any]) -> tuple[str, str, str]:
    """Return datasheet, description and citations."""
    contents, read = small
    tiles, targets = TILES[record["grid"]]
    whole = {**contents.record, **record, "tiles": tiles, "targets": targets}
    whole["radar"] = {**record["radar"], "polarisations": list(record["polarisations"])}
    contents = replace(contents, record=whole, form=layout(record["layout"]), polarisations=record["polarisations"])
    totals = Totals()
    for place, patch in enumerate(read):
        row = replace(
            patch.row,
            filled_px=patches["filled_px"][place] if record["fill"] != "none" else 0,
            passed_over=patches["passed_over"][place],
            incidence_angle=38.0 if patches["angles"][place] else None,
            s2_patch=patch.row.s2_patch if patches["product"] else "33UUP_20170613T101031_0_0",
        )
        carried = CarriedFacts(labels=patches["labels"][place], split=patches["splits"][place])
        totals.add(facts(replace(patch, row=row, carried=carried)))
    return datasheet(contents, totals, {}), description(contents), bibtex(citations(contents))


STATEMENTS = {
    # words: whether they are true, by the values of record and patches
    "no satellite took them": lambda v: v["simulated"],
    "It was simulated": lambda v: v["simulated"],
    "By the C-band radars of Sentinel-1": lambda v: not v["simulated"],
    "Contains modified Copernicus Sentinel data": lambda v: not v["simulated"],
    "through Google Earth Engine": lambda v: not v["simulated"] and v["backend"] == "earthengine",
    "by the embedded service": lambda v: not v["simulated"] and v["backend"] == "embedded",
    "For learning from Sentinel-1 patches": lambda v: not v["simulated"],
    "paired with the Sentinel-2 patches": lambda v: not v["simulated"] and v["product"],
    "between Sentinel-1 and Sentinel-2 lie": lambda v: v["product"],
    "the targets' times lie": lambda v: not v["product"],
    "not terrain-flattened": lambda v: "terrain_flattening" not in v["radar"],
    "terrain_flattening `volume`": lambda v: "terrain_flattening" in v["radar"],
    "Incidence angles are not part of it": lambda v: not any(v["angles"]),
    "at the centre of each patch is in": lambda v: all(v["angles"]),
    "at the centre of 1 of 2 patches is in": lambda v: sum(v["angles"]) == 1,
    "no pixel was filled": lambda v: v["fill"] == "none",
    "and there were none": lambda v: v["fill"] != "none" and not any(v["filled_px"]),
    "7 pixels without data, in 1 patch, were filled": lambda v: v["fill"] != "none" and sum(v["filled_px"]) == 7,
    "14 pixels without data, in 2 patches": lambda v: v["fill"] != "none" and sum(v["filled_px"]) == 14,
    "the nearest valid pixel": lambda v: v["fill"] == "nearest",
    "filled with -30.0 dB": lambda v: v["fill"] == -30.0,
    "every pixel was measured": lambda _: False,
    "Speckle was filtered": lambda v: v["radar"]["speckle"]["filter"] != "none",
    "Speckle was not filtered": lambda v: v["radar"]["speckle"]["filter"] == "none",
    "refined Lee filter 7×7": lambda v: v["radar"]["speckle"]["filter"] == "refined_lee",
    "no speckle filter": lambda v: v["radar"]["speckle"]["filter"] == "none",
    "speckle filter `of tomorrow`": lambda v: v["radar"]["speckle"]["filter"] == "of tomorrow",
    "Refined filtering of image noise": lambda v: v["radar"]["speckle"]["filter"] == "refined_lee",
    "border noise masked": lambda v: v["radar"]["border_noise"],
    "bilinear interpolation onto": lambda v: v["radar"]["resampling"] == "bilinear",
    "nearest neighbour onto": lambda v: v["radar"]["resampling"] == "nearest",
    "`of tomorrow` onto": lambda v: v["radar"]["resampling"] == "of tomorrow",
    "slices of a pass joined": lambda v: v["match"]["join_slices"] and v["match"]["choice"] != "published",
    "slices were not joined": lambda v: v["match"]["choice"] == "published",
    "Each slice counts by itself": lambda v: not v["match"]["join_slices"] and v["match"]["choice"] != "published",
    "each patch got the pass nearest in time": lambda v: v["match"]["choice"] == "nearest",
    "as few were taken as serve": lambda v: v["match"]["choice"] == "fewest",
    "that BigEarthNet-S1 was published with": lambda v: v["match"]["choice"] == "published",
    "each patch got one by the rule `of tomorrow`": lambda v: v["match"]["choice"] == "of tomorrow",
    "1 patch got a later pass in that order": lambda v: sum(map(bool, v["passed_over"])) == 1,
    "2 patches got a later pass in that order": lambda v: all(v["passed_over"]),
    "within 3.5 days of the target's time": lambda v: v["match"]["window_days"] == 3.5,
    "no more than 2.25 days away": lambda v: _ruled(v) and v["match"]["max_dt_days"] == 2.25,
    "flown ascending or descending": lambda v: len(v["match"]["directions"]) == 2,
    "by Sentinel-1 A or B or C or D": lambda v: len(v["match"]["platforms"]) == 4,
    "of each relative orbit only": lambda v: _ruled(v) and v["match"]["per_orbit"] == "nearest",
    "per orbit `of tomorrow`": lambda v: _ruled(v) and v["match"]["per_orbit"] == "of tomorrow",
    "a smaller share than 0.25": lambda v: _ruled(v) and v["match"]["min_coverage"] == 0.25,
    "`weather`: `fine`": lambda v: "weather" in v["match"],
    "on the grids of Sentinel-2 tiles": lambda v: v["grid"] != "own",
    "on grids of the maker's own": lambda v: v["grid"] == "own",
    "on other grids of the maker's": lambda v: v["grid"] == "both",
    "(VV, VH)": lambda v: len(v["polarisations"]) == 2,
    "(VV)": lambda v: len(v["polarisations"]) == 1,
    "| VH |": lambda v: len(v["polarisations"]) == 2,
    "No patch has any": lambda v: not any(v["labels"]),
    "1 of 2 patches have labels": lambda v: sum(map(len, v["labels"])) == 1,
    "2 of 2 patches have labels": lambda v: sum(map(len, v["labels"])) == 2,
    "of BigEarthNet's 43 classes": lambda v: v["layout"] == "v1" and any(v["labels"]),
    "of BigEarthNet's 19 classes": lambda v: v["layout"] == "v2" and any(v["labels"]),
    "the columns that tell of them say false": lambda v: v["unknown_flags"] is False,
    "all patches stand in `train`": lambda v: v["tables"] is None and any(v["splits"]),
    "Those of BigEarthNet's tables": lambda v: v["tables"] is not None and any(v["splits"]),
    "1 in none": lambda v: v["tables"] is not None and v["splits"].count(None) == 1,
    "2 in `test`": lambda v: v["tables"] is not None and v["splits"] == ("test", "test"),
    "every patch that was wanted is there": lambda _: True,
}


def _ruled(record: dict[str, Any]) -> bool:
    return record["match"]["choice"] != "published"


@given(record=RECORDS, patches=PATCHES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_statement_stands_where_it_is_true(small, record, patches):
    sheet, text, works = said(small, record, patches)
    for words, condition in STATEMENTS.items():
        assert (words in sheet) == bool(condition(record | patches)), words
    assert ("SIMULATED" in text) == record["simulated"]
    assert ("gorelick2017google" in works) == (
        not record["simulated"]
        and (record["backend"] == "earthengine" or record["collection"].startswith("COPERNICUS/"))
    )
    assert ("the service that holds and processed" in works) == (
        not record["simulated"] and record["backend"] == "earthengine"
    )
    assert ("lee1981refined" in works) == (record["radar"]["speckle"]["filter"] == "refined_lee")
    for document in (sheet, text):
        assert "None" not in document
        assert not [words for words in ("1 patches", "1 scenes", "1 targets", "1 pixels") if f" {words}" in document]


def test_every_key_of_the_configuration_is_spoken_of(small):
    """A key that is added later is named as it stands, until somebody words it."""
    record = {"radar": {"new": {"a": [1, "ä"]}}, "match": {"other": True}}
    contents, _ = small
    whole = {**contents.record, "radar": {**RadarSettings().model_dump(mode="json"), **record["radar"]}}
    whole["match"] = {**MatchSettings().model_dump(mode="json"), **record["match"]}
    sheet = datasheet(replace(contents, record=json.loads(json.dumps(whole))), Totals(), {})
    assert 'new `{"a": [1, "ä"]}`' in sheet
    assert "`other`: `true`." in sheet
    assert sheet.count("`other`") == 1
    unknown = {key for key in whole["match"] if f"`{key}`" in sheet}
    assert unknown == {"other"}
