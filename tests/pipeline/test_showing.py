"""What was matched can be seen: the table, the report, the map, and the seed's dictionaries."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyarrow.parquet as pq
import pyproj
import pytest

from gee_s1ben.config import Config, load_config
from gee_s1ben.dataset.manifest import PATCH_ROWS
from gee_s1ben.footprints import seed
from gee_s1ben.pipeline import match as matching
from gee_s1ben.pipeline.candidates import Answer
from gee_s1ben.pipeline.match import TargetMatch, match, match_target
from gee_s1ben.pipeline.match_view import MapBuilder
from gee_s1ben.pipeline.showing import Shown, show_match, shown_colours, write_seed
from gee_s1ben.pipeline.workspace import Workspace
from gee_s1ben.quality.match_map import MapView, match_map

PRODUCT = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"
WHEN = datetime(2017, 6, 13, 5, 42, 35, tzinfo=UTC)
CONFIG = f"""\
tiles:
  - product: {PRODUCT}
    patches: {{columns: [44, 49], rows: [40, 45]}}
  - tile: 33UVP
    acquired: 2017-06-14T10:10:31Z
    patches: {{columns: [0, 2], rows: [0, 1]}}
dataset: {{path: made}}
"""


def entry(number: int, south: float, north: float, east: float = 14.0) -> dict[str, Any]:
    start, stop = (f"{WHEN + timedelta(seconds=25 * step):%Y%m%dT%H%M%S}" for step in (number, number + 1))
    return {
        "system:index": f"S1A_IW_GRDH_1SDV_{start}_{stop}_017011_01C5A5_000{number}",
        "system:time_start": round((WHEN + timedelta(seconds=25 * number)).timestamp() * 1000),
        "platform_number": "A", "orbitNumber_start": 17011, "relativeOrbitNumber_start": 139,
        "orbitProperties_pass": "DESCENDING", "bands": ["VV", "VH", "angle"], "simulated": True,
        "footprint": [[12.0, south], [east, south], [east, north], [12.0, north], [12.0, south]],
    }  # fmt: skip


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Config, Workspace, Shown]:
    """Two slices that meet in the first target's block, and end within it; nothing for the second."""
    (tmp_path / "config.yaml").write_text(CONFIG, "utf-8")
    config = load_config(tmp_path / "config.yaml")
    first = config.targets()[0]
    corners = [first.patch_grid(44, 42).bounds, first.patch_grid(48, 45).bounds]
    back = pyproj.Transformer.from_crs(first.grid.crs, "EPSG:4326", always_xy=True)
    seam = back.transform(corners[0][0], (corners[0][1] + corners[0][3]) / 2)[1]
    east = back.transform(corners[1][0] + 600, corners[1][1])[0]
    found = {first.key: [entry(0, seam, 49.5, east), entry(1, 47.0, seam, east)]}
    monkeypatch.setattr(matching, "find_candidates", lambda *_: found)
    monkeypatch.setattr(matching, "explain_absences", lambda *_: {})
    workspace = Workspace(config.workspace_path)
    workspace.path.mkdir(parents=True)
    index = match(config, workspace)
    assert (index.patches, index.absent) == (24, 18)
    return config, workspace, show_match(config, workspace, index)


def test_the_table_has_a_row_a_patch(shown: tuple[Config, Workspace, Shown]) -> None:
    config, _, paths = shown
    table = geopandas.read_parquet(paths.table)
    assert len(table) == 42
    made = {column.name for column in PATCH_ROWS.columns}
    assert made - {"name", "filled_px", "incidence_angle"} <= set(table.columns)  # known when it has been made
    assert table.crs == "EPSG:4326"
    first, second = config.targets()
    assert set(table.loc[table.reason.isna(), "corresponding_s2_patch"]) == {
        first.s2_patch(col, row) for col in range(44, 48) for row in range(40, 46)
    }
    assert set(table.loc[table.target == second.key, "reason"]) == {"no Sentinel-1 scene within 6 days"}
    row = table.set_index("corresponding_s2_patch").loc[f"{PRODUCT}_46_42"]
    assert row["pass"] == "S1A_017011"
    assert (row.platform, row.absolute_orbit, row.relative_orbit) == ("sentinel-1a", 17011, 139)
    assert row.orbit_direction == "descending"
    assert row.dt_hours == pytest.approx(-(4 + 27 / 60 + 56 / 3600))
    assert len(row.scenes) == 2
    assert row.scene in row.scenes
    assert len(table.set_index("corresponding_s2_patch").loc[f"{PRODUCT}_46_40"].scenes) == 1
    for patch in table.itertuples():
        target = first if patch.target == first.key else second
        back = geopandas.GeoSeries([patch.geometry], crs=4326).to_crs(target.grid.crs).total_bounds
        np.testing.assert_allclose(back, target.patch_grid(patch.col, patch.row).bounds, atol=1e-3)


def test_the_report_names_every_tile_and_patch_without_a_pass(shown: tuple[Config, Workspace, Shown]) -> None:
    config, _, paths = shown
    _, second = config.targets()
    report = json.loads(paths.report.read_text("utf-8"))
    assert (report["tiles"], report["patches"], report["served"]) == (2, 42, 24)
    assert report["tiles_without_a_patch"] == [second.key]
    named = {
        name: group["reason"] for tile in report["by_tile"] for group in tile["uncovered"] for name in group["names"]
    }
    table = geopandas.read_parquet(paths.table)
    without = table[table.reason.notna()]
    assert named == dict(zip(without.corresponding_s2_patch, without.reason, strict=True))
    assert report["by_tile"][0]["passes"] == [
        {
            "pass": "S1A_017011",
            "relative_orbit": 139,
            "orbit_direction": "descending",
            "dt_hours": -4.466,
            "patches": 24,
        }
    ]
    text = paths.report_text.read_text("utf-8")
    assert "24 of 42 patches of 2 tiles planned" in text
    assert "tiles planned whole: 0, in part: 1, not at all: 1" in text
    assert "no pass within 6 days contains it fully\n    48-49_40 48-49_41" in text
    assert "no Sentinel-1 scene within 6 days\n    0-2_0 0-2_1\n" in text


def page_data(page: str) -> dict[str, Any]:
    (data,) = re.findall(r"^const view = (.*);$", page, re.MULTILINE)
    value = json.loads(data)
    assert isinstance(value, dict)
    return value


def test_the_map_shows_what_the_table_says(shown: tuple[Config, Workspace, Shown]) -> None:
    _, workspace, paths = shown
    page = paths.map.read_text("utf-8")
    view = page_data(page)
    assert "SIMULATED" in view["notice"]
    assert [len(one["slices"]) for one in view["passes"]] == [2]
    assert {one["relative_orbit"]: one["colour"] for one in view["passes"]} == shown_colours(workspace) != {}
    first, second = view["tiles"]
    assert (first["first"], first["size"], second["size"]) == ([44, 40], [6, 6], [3, 2])
    drawn = {}
    for row, col, length, index in np.array(first["runs"]).reshape(-1, 4).tolist():
        for place in range(col, col + length):
            group = first["groups"][index] if index >= 0 else None
            drawn[44 + place, 40 + row] = group and (group["slice"], tuple(group["sources"]))
    matched = workspace.load("match/33UUP_20170613T101031", TargetMatch, "match")
    order = [scene.id for scene in matched.scenes]
    expected: dict[tuple[int, int], Any] = {cell: None for group in matched.assignment.absent for cell in group.cells}
    for group in matched.assignment.groups:
        seen = order.index(group.scene), tuple(order.index(source) for source in group.sources)
        expected |= dict.fromkeys(group.cells, seen)
    assert drawn == expected
    assert first["absent"] == [["no pass within 6 days contains it fully", 12]]


def test_across_the_antimeridian_the_table_is_cut_and_the_map_stays_in_one_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Patches of 01KAB around column 65, through which 180° runs, with a scene whose ring begins in the east."""
    path = tmp_path / "config.yaml"
    path.write_text(
        "tiles:\n  - {tile: 01KAB, acquired: 2020-06-13T22:19:41Z, patches: {columns: [64, 67], rows: [40, 40]}}\n"
    )
    config = load_config(path)
    (target,) = config.targets()
    ring = [(179.5, -17.2), (179.5, -16.2), (-179.5, -16.2), (-179.5, -17.2), (179.5, -17.2)]
    index = "S1A_IW_GRDH_1SDV_20200613T173231_20200613T173256_033000_03D2AB_ABCD"
    scene = {
        **entry(0, 0, 1), "footprint": ring, "system:index": index, "system:time_start": 1592069551000,
        "orbitNumber_start": 33000,
    }  # fmt: skip
    monkeypatch.setattr(matching, "find_candidates", lambda *_: {target.key: [scene]})
    monkeypatch.setattr(matching, "explain_absences", lambda *_: {})
    workspace = Workspace(config.workspace_path)
    workspace.path.mkdir(parents=True)
    index = match(config, workspace)
    paths = show_match(config, workspace, index)
    table = geopandas.read_parquet(paths.table)
    assert sorted(table.geometry.geom_type) == ["MultiPolygon", "Polygon", "Polygon", "Polygon"]
    assert table.geometry.is_valid.all()
    assert np.abs(table.geometry.bounds.to_numpy()[:, [0, 2]]).max() <= 180
    crossing = table.geometry[table.geometry.geom_type == "MultiPolygon"].iloc[0]
    assert crossing.area < 0.0002
    geo = json.loads(pq.read_metadata(paths.table).metadata[b"geo"])["columns"]["geometry"]
    west, _, east, _ = geo["bbox"]
    assert (179.9 < west < 180, -180 < east < -179.9) == (True, True)
    assert geo["geometry_types"] == ["MultiPolygon", "Polygon"]
    view = page_data(paths.map.read_text("utf-8"))
    drawn = [point for row in view["tiles"][0]["mesh"] for point in row]
    seen = [point for each in view["passes"] for scene in each["slices"] for point in scene["ring"]]
    assert min(lon for lon, _ in seen) < min(lon for lon, _ in drawn)
    assert max(lon for lon, _ in drawn) < max(lon for lon, _ in seen)


def test_the_map_needs_no_network_and_runs_nothing_it_was_given(shown: tuple[Config, Workspace, Shown]) -> None:
    page = shown[2].map.read_text("utf-8")
    assert not re.findall(r"(?i)https?://|//cdn|@import|<link|<img|\bfetch\(|XMLHttpRequest|\bimport\(", page)
    assert "default-src 'none'" in page
    hostile = "</script><script>alert(1)</script>"
    page = match_map(MapView(hostile, hostile, (), ()))
    assert page.count("</script>") == 1
    assert page_data(page)["title"] == hostile


def test_the_map_tells_two_directions_of_one_orbit_apart(tmp_path: Path) -> None:
    """Targets far from one another see one orbit in its two directions; each calls the pass by the orbit alone."""
    (tmp_path / "config.yaml").write_text(CONFIG, "utf-8")
    config = load_config(tmp_path / "config.yaml")
    builder, keys = MapBuilder(), []
    for number, target in enumerate(config.targets()):
        seen = entry(number, 47.0, 49.5, 17.0) | {"orbitProperties_pass": ("ASCENDING", "DESCENDING")[number]}
        matched = match_target(config, target, Answer([seen]))
        assert not matched.assignment.absent
        builder.add(matched)
        keys += [group.pass_key for group in matched.assignment.groups]
    assert keys == ["S1A_017011", "S1A_017011"]
    view = builder.view("two")
    assert [(one.key, one.orbit_direction) for one in view.passes] == [
        ("S1A_017011", "ascending"),
        ("S1A_017011", "descending"),
    ]
    assert [tile.candidates for tile in view.tiles] == [(0,), (1,)]


def test_the_seed_reads_its_dictionaries(
    shown: tuple[Config, Workspace, Shown], tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    config, workspace, _ = shown
    from gee_s1ben.pipeline.match import MatchIndex

    index = workspace.load("match", MatchIndex, "match")
    (tiles, links), left_out = write_seed(workspace, index, tmp_path / "seed")
    assert left_out == (config.targets()[1].key,)
    # As the seed's scripts read them, and by the reader that runs nothing.
    info = np.load(tiles, allow_pickle=True)[()]["tile_info"]
    names = np.load(links, allow_pickle=True)[()]["Sen2UUID_2_Sen1ProdName"]
    ((identifier, record),) = info["33UUP"].items()
    assert record["product_name"] == f"{PRODUCT}.SAFE"
    assert record["EPSG"] == b"32633"
    assert record["coordinate"].tolist() == [300_000.0, 5_400_000.0, 409_800.0, 5_290_200.0]
    assert record["acquisition_time"] == "2017-06-13 10:10:31.000000"
    expected = [entry(number, 0, 1)["system:index"] for number in (0, 1)]
    assert names == {identifier: expected}
    (row,) = seed.read(tiles, None)
    assert (row.tile, str(row.product)) == ("33UUP", PRODUCT)  # type: ignore[union-attr]
    assert {key: [str(name) for name in found] for key, found in seed.read_links(links).items()} == names
    assert b"_core" not in tiles.read_bytes()


@pytest.mark.shared_data
def test_the_dictionaries_have_the_seeds_own_shape(
    shown: tuple[Config, Workspace, Shown], tmp_path: Path, shared_data: Path
) -> None:
    from gee_s1ben.footprints.unpickling import load_object
    from gee_s1ben.pipeline.match import MatchIndex

    _, workspace, _ = shown
    index = workspace.load("match", MatchIndex, "match")
    (tiles, links), _ = write_seed(workspace, index, tmp_path / "seed")
    theirs = load_object(shared_data / "bigearthnet" / tiles.name)["tile_info"]
    ours = load_object(tiles)["tile_info"]
    record = next(iter(theirs["33UUP"].values()))
    (mine,) = ours["33UUP"].values()
    left_out = {name for name in record if name.endswith("_stats")} | {"cloud_coverage"}
    assert set(mine) == set(record) - left_out
    assert mine["EPSG"] == record["EPSG"]
    # GDAL of 2020 wrote the axes of the geographic part as well.
    assert pyproj.CRS.from_wkt(mine["projection"].decode()) == pyproj.CRS.from_wkt(record["projection"].decode())
    assert mine["coordinate"].tolist() == record["coordinate"].tolist()
    np.testing.assert_allclose(mine["GPS_coordinate"], record["GPS_coordinate"], atol=1e-6)
    assert load_object(links).keys() == load_object(shared_data / "bigearthnet" / links.name).keys()


def test_nothing_found_is_reported_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ee_on: Callable[..., Any]
) -> None:
    from gee_s1ben.cli.app import run
    from gee_s1ben.engine.catalog import Catalog

    Catalog.create(tmp_path / "catalog")
    (tmp_path / "config.yaml").write_text(CONFIG, "utf-8")
    monkeypatch.setattr(matching, "find_candidates", lambda *_: {})
    monkeypatch.setattr(matching, "explain_absences", lambda *_: {})
    assert run(["match", "--config", str(tmp_path / "config.yaml"), "-q"]) == 2
    assert "0 of 42 patches" in (tmp_path / "made.work" / "coverage.txt").read_text("utf-8")


def test_a_scene_of_two_targets_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "tiles:\n"
        "  - {tile: 33UUP, acquired: 2017-06-13T10:10:31Z, patches: {columns: [44, 45], rows: [42, 42]}}\n"
        "  - {tile: 33UUP, acquired: 2017-06-14T10:10:31Z, patches: {columns: [46, 46], rows: [42, 42]}}\n",
        "utf-8",
    )
    config = load_config(path)
    found = [entry(0, 48.2, 49.5), entry(1, 47.0, 48.2)]
    monkeypatch.setattr(matching, "find_candidates", lambda *_: {target.key: found for target in config.targets()})
    workspace = Workspace(config.workspace_path)
    workspace.path.mkdir(parents=True)
    index = match(config, workspace)
    assert (len(index.targets), index.patches, index.scenes, index.passes) == (2, 3, 2, 1)
