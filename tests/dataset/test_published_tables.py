"""The user's BigEarthNet tables, and what a dataset takes from them."""

from __future__ import annotations

import bz2
import csv
import io
import json
import os
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import rasterio

from gee_s1ben.dataset.labels import CLASS_19_OF_43, CLASSES_19, CLASSES_43, to_19_classes
from gee_s1ben.dataset.layout import PatchRecord, layout, metadata_json
from gee_s1ben.dataset.layout_tables import carry_over, write_tables
from gee_s1ben.dataset.manifest import PatchRow, read_manifest
from gee_s1ben.dataset.published_tables import TableEntry, open_tables
from gee_s1ben.dataset.recording import record_target
from gee_s1ben.dataset.writer import PatchWriter
from gee_s1ben.domain.naming import S1PatchName, S1ProductName
from gee_s1ben.domain.tile import tile_grid
from gee_s1ben.errors import InputError

ACQUIRED = datetime(2017, 6, 13, 10, 10, 31, tzinfo=UTC)
KEY = "33UUP_20170613T101031"
V2 = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"
S1 = "S1A_IW_GRDH_1SDV_20170613T165043_33UUP"
OTHER_S1 = "S1B_IW_GRDH_1SDV_20170612T165809_33UUP"

FOREST = ("Coniferous forest", "Mixed forest")


def v2_row(col, row, **changes):
    return {
        "patch_id": f"{V2}_{col:02d}_{row:02d}", "labels": list(FOREST), "split": "test", "country": "Austria",
        "s1_name": f"{OTHER_S1}_{col}_{row}", "s2v1_name": f"S2A_MSIL2A_20170613T101032_{col}_{row}",
        "contains_seasonal_snow": False, "contains_cloud_or_shadow": True,
    } | changes  # fmt: skip


def v2_table(path, *rows):
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def v1_tables(folder, pairs, **lists):
    """As bigearthnet-common has them."""
    folder.mkdir(exist_ok=True)
    lines = ["s1_name,s2_name,country,season", *(",".join(pair) for pair in pairs)]
    (folder / "s1_s2_name_country_season.csv.bz2").write_bytes(bz2.compress("\n".join(lines).encode() + b"\n"))
    for name, names in lists.items():
        (folder / f"{name}.csv").write_text("".join(f"{one}\n" for one in names))
    return folder


def v1_json(folder, name, **changes):
    (folder / name).mkdir(parents=True)
    parsed = S1PatchName.parse(name)
    west, _, _, north = tile_grid("33UUP").window(120 * parsed.col, 120 * parsed.row, 120, 120).bounds
    content = {
        "labels": ["Peatbogs", "Airports", "Pastures"],
        "coordinates": {"ulx": int(west), "uly": int(north), "lrx": int(west) + 1200, "lly": int(north) - 1200},
        "corresponding_s2_patch": f"S2A_MSIL2A_20170613T101033_{parsed.col}_{parsed.row}",
    }
    (folder / name / f"{name}_labels_metadata.json").write_text(json.dumps(content | changes))


def test_the_classes():
    assert (len(CLASSES_43), len(CLASSES_19)) == (43, 19)
    assert sum(label is None for label in CLASS_19_OF_43.values()) == 11
    assert to_19_classes(["Salines", "Airports", "Sea and ocean", "Estuaries"]) == ("Coastal wetlands", "Marine waters")


def test_v2(tmp_path):
    path = v2_table(
        tmp_path / "metadata.parquet",
        v2_row(3, 4),
        v2_row(5, 6, patch_id="S2B_MSIL2A_20170616T101031_N9999_R022_T33UUP_05_06"),
    )
    for where in (path, tmp_path):
        assert open_tables(where).of_target("33UUP", ACQUIRED) == {
            (3, 4): TableEntry(
                s2_patch=f"{V2}_03_04", s2_v1="S2A_MSIL2A_20170613T101032_3_4", labels_19=FOREST, split="test",
                country="Austria", snow=False, cloud=True,
            )
        }  # fmt: skip


def test_v1(tmp_path):
    s2 = [f"S2A_MSIL2A_20170613T1010{second}_{cell}" for second, cell in (("32", "1_2"), ("26", "1_3"), ("59", "1_4"))]
    pairs = [
        (f"{S1}_1_2", s2[0], "Austria", "Summer"),
        (f"{S1}_1_3", s2[1], "Austria", "Summer"),
        (f"{S1}_1_4", s2[2], "Austria", "Summer"),  # another product: 28 s later
        (f"{S1.replace('33UUP', '33UUQ')}_1_5", "S2A_MSIL2A_20170613T101032_1_5", "Austria", "Summer"),
    ]
    folder = v1_tables(
        tmp_path / "v1", pairs, train=s2[:1], val=s2[1:2], test=[], patches_with_seasonal_snow=s2[:1]
    )  # fmt: skip
    assert open_tables(folder).of_target("33UUP", ACQUIRED) == {
        (1, 2): TableEntry(s2_v1=s2[0], split="train", country="Austria", season="Summer", snow=True),
        (1, 3): TableEntry(s2_v1=s2[1], split="validation", country="Austria", season="Summer", snow=False),
    }


def test_names_with_impossible_times(tmp_path):
    """As published: an hour without its zero, and 61 seconds."""
    pairs = [
        ("S1A_IW_GRDH_1SDV_20170925T043256_35VPK_69_24", "S2B_MSIL2A_20170924T93020_69_24", "Finland", "Fall"),
        ("S1A_IW_GRDH_1SDV_20180204T043253_35VPK_57_38", "S2B_MSIL2A_20180204T94161_57_38", "Finland", "Winter"),
    ]
    tables = open_tables(v1_tables(tmp_path / "v1", pairs))
    assert list(tables.of_target("35VPK", datetime(2017, 9, 24, 9, 30, 20, tzinfo=UTC))) == [(69, 24)]
    assert list(tables.of_target("35VPK", datetime(2018, 2, 4, 9, 42, 1, tzinfo=UTC))) == [(57, 38)]


def test_labels_of_sentinel_1_and_of_sentinel_2(tmp_path):
    v1_json(tmp_path / "both" / "BigEarthNet-S1-v1.0", f"{S1}_7_8")
    v1_json(tmp_path / "both" / "BigEarthNet-S1-v1.0", f"{S1.replace('33UUP', '33UUQ')}_7_8")
    expected = TableEntry(
        s2_v1="S2A_MSIL2A_20170613T101033_7_8",
        labels_43=("Peatbogs", "Airports", "Pastures"),
        labels_19=("Inland wetlands", "Pastures"),
    )
    assert open_tables(tmp_path / "both").of_target("33UUP", ACQUIRED) == {(7, 8): expected}

    s2 = "S2A_MSIL2A_20170613T101033_7_8"
    folder = v1_tables(tmp_path / "s2", [(f"{S1}_7_8", s2, "Austria", "Summer")])
    (folder / "BigEarthNet-v1.0" / s2).mkdir(parents=True)
    (folder / "BigEarthNet-v1.0" / s2 / f"{s2}_labels_metadata.json").write_text(json.dumps({"labels": ["Airports"]}))
    (entry,) = open_tables(folder).of_target("33UUP", ACQUIRED).values()
    assert (entry.labels_43, entry.labels_19, entry.country) == (("Airports",), (), "Austria")


def test_v2_and_v1_together(tmp_path):
    """v2 decides what both say; v1 adds season and the 43 classes."""
    v2_table(tmp_path / "metadata.parquet", v2_row(7, 8, s2v1_name="S2A_MSIL2A_20170613T101033_7_8"))
    v1_tables(tmp_path, [(f"{S1}_7_8", "S2A_MSIL2A_20170613T101033_7_8", "Germany", "Summer")])
    v1_json(tmp_path / "BigEarthNet-S1-v1.0", f"{S1}_7_8")
    (entry,) = open_tables(tmp_path).of_target("33UUP", ACQUIRED).values()
    assert (entry.country, entry.season, entry.labels_19) == ("Austria", "Summer", FOREST)
    assert entry.labels_43 == ("Peatbogs", "Airports", "Pastures")


# Tables that do not match.


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"labels": ["Forest"]}, "label 'Forest' is none of BigEarthNet's 19 classes"),
        ({"labels": ["Peatbogs"]}, "none of BigEarthNet's 19"),
        ({"split": "val"}, "split 'val' is none of train, validation, test"),
        ({"patch_id": "../../etc"}, "not a BigEarthNet v2 patch name"),
        ({"patch_id": None}, "not a BigEarthNet v2 patch name"),
    ],
)
def test_rows_that_are_wrong(tmp_path, changes, reason):
    tables = open_tables(v2_table(tmp_path / "metadata.parquet", v2_row(3, 4, **changes)))
    with pytest.raises(InputError, match=reason) as caught:
        tables.of_target("33UUP", ACQUIRED)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("tile", ["33UUQ", "32TNT"])
def test_a_target_that_the_tables_do_not_have(tmp_path, tile):
    tables = open_tables(v2_table(tmp_path / "metadata.parquet", v2_row(3, 4)))
    assert tables.of_target(tile, ACQUIRED) == {}
    assert tables.of_target("33UUP", ACQUIRED.replace(year=2018)) == {}


def test_labels_of_19_classes_are_refused_for_version_1(tmp_path):
    path = v2_table(tmp_path / "metadata.parquet", v2_row(7, 8, s2v1_name="S2A_MSIL2A_20170613T101033_7_8"))
    with pytest.raises(InputError, match=r"19 classes .* takes the 43 of v1, .*BigEarthNet-S1-v1\.0"):
        open_tables(path).check_layout("v1")
    open_tables(path).check_layout("v2")
    v1_json(tmp_path / "BigEarthNet-S1-v1.0", f"{S1}_7_8")
    for version, labels in (("v1", ("Peatbogs", "Airports", "Pastures")), ("v2", FOREST)):
        tables = open_tables(tmp_path)
        tables.check_layout(version)
        assert tables.of_target("33UUP", ACQUIRED)[7, 8].labels(version) == labels
    (tmp_path / "metadata.parquet").unlink()
    open_tables(tmp_path).check_layout("v2")  # the 43 classes can be turned into the 19
    assert open_tables(tmp_path).of_target("33UUP", ACQUIRED)[7, 8].labels("v2") == ("Inland wetlands", "Pastures")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"labels": ["Forest"]}, "43 classes"),
        ({"labels": "Pastures"}, "no list of labels"),
        ({"corresponding_s2_patch": "S2A_MSIL2A_20170613T101033_8_8"}, "not where its folder says"),
        ({"corresponding_s2_patch": "x"}, "not a BigEarthNet v1 patch name"),
        ({"coordinates": {"ulx": 1, "uly": 2}}, "is not that of"),
        ({"coordinates": 3}, "not where"),
    ],
)
def test_labels_that_contradict_their_patch(tmp_path, changes, reason):
    v1_json(tmp_path / "labels", f"{S1}_7_8", **changes)
    with pytest.raises(InputError, match=reason):
        open_tables(tmp_path / "labels").of_target("33UUP", ACQUIRED)


def test_labels_that_contradict_the_pairs(tmp_path):
    v1_tables(tmp_path, [(f"{S1}_7_8", "S2A_MSIL2A_20170613T101031_7_8", "Austria", "Summer")])
    v1_json(tmp_path / "labels", f"{S1}_7_8")
    with pytest.raises(InputError, match="in the tables of"):
        open_tables(tmp_path).of_target("33UUP", ACQUIRED)


def test_pairs_of_two_places(tmp_path):
    folder = v1_tables(tmp_path / "v1", [(f"{S1}_7_8", "S2A_MSIL2A_20170613T101031_8_8", "Austria", "Summer")])
    with pytest.raises(InputError, match="columns or rows differ"):
        open_tables(folder).of_target("33UUP", ACQUIRED)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metadata.parquet", b""),
        ("metadata.parquet", b"PAR1 but no more"),
        ("metadata.csv", b"a,b\n1,2\n"),
        ("s1_s2_name_country_season.csv.bz2", b"no bzip2"),
        ("s1_s2_name_country_season.csv", b"s1_name,s2_name\na,b\n"),
        ("notes.txt", b"hello"),
    ],
)
def test_what_is_no_table(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    for where in (tmp_path, tmp_path / name):
        with pytest.raises(InputError) as caught:
            open_tables(where)
        assert "\n" not in str(caught.value)
        assert str(tmp_path) in str(caught.value)


def test_a_parquet_with_other_columns(tmp_path):
    pq.write_table(pa.table({"patch_id": ["x"]}), tmp_path / "metadata.parquet")
    with pytest.raises(InputError, match="no column labels, split"):
        open_tables(tmp_path)
    with pytest.raises(InputError, match="there is no"):
        open_tables(tmp_path / "nowhere")


# What a dataset takes from them.

ROWS = [
    PatchRow(
        f"{S1}_{col}_{row}", f"{V2.replace('N9999', 'N0205')}_{col:02d}_{row:02d}", KEY, col, row, "S", "S1A_017018",
        22, "ascending", 6.7,
    )
    for row in range(2)
    for col in range(3)
]  # fmt: skip


@pytest.fixture
def dataset(tmp_path):
    root = tmp_path / "out"
    record_target(root, KEY, [("BigEarthNet-S1/a/b/c.tif", "0" * 64)], ROWS, [])
    return root


def test_metadata_of_v2(dataset, tmp_path):
    tables = open_tables(v2_table(tmp_path / "metadata.parquet", v2_row(1, 0), v2_row(2, 1, split="train")))
    ((name, digest),) = write_tables(dataset, "v2", tables)
    assert name == "metadata.parquet"
    found = pq.read_table(dataset / name)
    assert found.schema.equals(pq.read_schema(tmp_path / "metadata.parquet"), check_metadata=False)
    rows = {row["s1_name"]: row for row in found.to_pylist()}
    assert list(rows) == [row.name for row in ROWS]
    assert rows[f"{S1}_1_0"] == v2_row(1, 0, s1_name=f"{S1}_1_0")
    assert rows[f"{S1}_2_1"]["split"] == "train"
    unknown = rows[f"{S1}_0_0"]
    assert (unknown["split"], unknown["labels"], unknown["patch_id"]) == (None, [], ROWS[0].s2_patch)
    assert dict(read_manifest(dataset)) == {"BigEarthNet-S1/a/b/c.tif": "0" * 64, name: digest}


def test_tables_twice_are_the_same_bytes(dataset):
    first = write_tables(dataset, "v1")
    assert write_tables(dataset, "v1") == first
    assert [name for name, _ in first] == [
        "bigearthnet-test.csv", "bigearthnet-train.csv", "bigearthnet-val.csv", "metadata.parquet",
    ]  # fmt: skip


def test_without_tables_all_is_for_training(dataset):
    write_tables(dataset, "v2")
    found = pq.read_table(dataset / "metadata.parquet")
    assert found["split"].to_pylist() == ["train"] * 6
    assert found["labels"].to_pylist() == [[]] * 6
    assert "season" not in found.column_names


@pytest.mark.parametrize("unknown", [None, False])
def test_flags_of_patches_that_no_table_knows(dataset, tmp_path, unknown):
    flagged = v2_row(1, 0, contains_seasonal_snow=True, contains_cloud_or_shadow=False)
    tables = open_tables(v2_table(tmp_path / "metadata.parquet", flagged))
    write_tables(dataset, "v2", tables, unknown_flags=unknown)
    found = pq.read_table(dataset / "metadata.parquet").to_pylist()
    assert [row["contains_seasonal_snow"] for row in found] == [unknown, True, unknown, unknown, unknown, unknown]
    assert [row["contains_cloud_or_shadow"] for row in found] == [unknown, False, unknown, unknown, unknown, unknown]


def test_lists_of_v1(dataset, tmp_path):
    s2 = [f"S2A_MSIL2A_20170613T101033_{cell}" for cell in ("0_0", "1_0", "2_0", "0_1")]
    cells = ["0_0", "1_0", "2_0", "0_1"]
    folder = v1_tables(
        tmp_path / "v1",
        [(f"{OTHER_S1}_{cell}", name, "Austria", "Summer") for cell, name in zip(cells, s2, strict=True)],
        train=s2[:2], val=s2[2:3], test=s2[3:],
    )  # fmt: skip
    v1_json(folder / "labels", f"{OTHER_S1}_1_0")
    write_tables(dataset, "v1", open_tables(folder))
    lists = {name: list(csv.reader((dataset / f"bigearthnet-{name}.csv").open())) for name in ("train", "val", "test")}
    assert lists == {
        "train": [[s2[0], f"{S1}_0_0"], [s2[1], f"{S1}_1_0"]],
        "val": [[s2[2], f"{S1}_2_0"]],
        "test": [[s2[3], f"{S1}_0_1"]],
    }
    rows = pq.read_table(dataset / "metadata.parquet").to_pylist()
    assert [row["season"] for row in rows] == ["Summer"] * 4 + [None] * 2
    assert [row["labels"] for row in rows][1] == ["Peatbogs", "Airports", "Pastures"]


def test_labels_that_do_not_match_leave_the_tables_as_they_were(dataset, tmp_path):
    write_tables(dataset, "v2")
    before = {path: path.read_bytes() for path in dataset.rglob("*") if path.is_file()}
    tables = open_tables(v2_table(tmp_path / "metadata.parquet", v2_row(1, 0, labels=["Forest"])))
    with pytest.raises(InputError, match="Forest"):
        write_tables(dataset, "v2", tables)
    assert {path: path.read_bytes() for path in dataset.rglob("*") if path.is_file()} == before


# The published data.


@pytest.mark.shared_data
def test_the_published_table_gives_itself(shared_data, tmp_path):
    """A dataset of exactly one published product's patches gets the published rows back."""
    path = shared_data / "bigearthnet" / "metadata.parquet"
    whole = pq.read_table(path)
    published = whole.filter(pc.starts_with(whole["patch_id"], V2 + "_")).to_pylist()
    assert len(published) > 1000
    tables = open_tables(path)
    assert len(tables.of_target("33UUP", ACQUIRED)) == len(published)
    rows = []
    for row in published:
        name = S1PatchName.parse(row["s1_name"])
        rows.append(
            PatchRow(row["s1_name"], row["patch_id"], KEY, name.col, name.row, "S", "P", 22, "ascending", 1.0)
        )  # fmt: skip
    record_target(tmp_path, KEY, [], rows, [])
    write_tables(tmp_path, "v2", tables)
    ours = sorted(pq.read_table(tmp_path / "metadata.parquet").to_pylist(), key=lambda row: row["patch_id"])
    assert ours == sorted(published, key=lambda row: row["patch_id"])
    assert pq.read_schema(tmp_path / "metadata.parquet").equals(pq.read_schema(path), check_metadata=False)


WHEEL = os.environ.get("BIGEARTHNET_COMMON_WHEEL", "")


@pytest.mark.skipif(not Path(WHEEL).is_file(), reason="BIGEARTHNET_COMMON_WHEEL does not name the 2.8.0 wheel")
def test_the_six_published_patches(tmp_path):
    """Our writer, given their pixels and tables: the same rasters to a reader, and the same JSON to the byte."""
    with zipfile.ZipFile(WHEEL) as wheel:
        for member in wheel.namelist():
            if member.endswith(".csv.bz2"):
                (tmp_path / "tables").mkdir(exist_ok=True)
                (tmp_path / "tables" / Path(member).name).write_bytes(wheel.read(member))
        data = wheel.read("bigearthnet_common/BigEarthNet-S1-Example.tar.bz2")
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        archive.extractall(tmp_path / "tables", filter="data")
    tables = open_tables(tmp_path / "tables")
    writer = PatchWriter(tmp_path / "out", layout("v1"))
    folders = sorted((tmp_path / "tables" / "BigEarthNet-S1-Example").iterdir())
    assert len(folders) == 6
    for folder in folders:
        name = S1PatchName.parse(folder.name)
        content = json.loads((folder / f"{name}_labels_metadata.json").read_text())
        s2_times = {"33UUP": "20170613T101031", "29UPU": "20170617T113321", "35VPK": "", "29SND": "20171221T112501"}
        stamp = (
            s2_times[name.tile] or {"69_24": "20170924T093020", "57_38": "20180204T094201"}[f"{name.col}_{name.row}"]
        )
        acquired = datetime.strptime(stamp, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        product = S1ProductName.parse(content["scene_source"])
        record = PatchRecord(
            name, tile_grid(name.tile).window(120 * name.col, 120 * name.row, 120, 120), str(product), (str(product),),
            "unknown", product.start, f"{name.tile}_{stamp}", name.col, name.row,
        )  # fmt: skip
        entry = tables.of_target(name.tile, acquired)[name.col, name.row]
        assert entry.country
        assert entry.season
        record = carry_over(record, entry, "v1")
        bands = {}
        for band in ("VV", "VH"):
            with rasterio.open(folder / f"{name}_{band}.tif") as file:
                bands[band] = file.read(1)
        writer.write(record, bands)
        assert metadata_json(record) == (folder / f"{name}_labels_metadata.json").read_text()
        for path in sorted(folder.iterdir()):
            ours = tmp_path / "out" / "BigEarthNet-S1-v1.0" / folder.name / path.name
            if path.suffix == ".json":
                assert ours.read_bytes() == path.read_bytes()
                continue
            with rasterio.open(path) as theirs, rasterio.open(ours) as file:
                np.testing.assert_array_equal(file.read(), theirs.read())
                assert (file.profile, file.tags(), file.crs.to_wkt()) == (
                    theirs.profile,
                    theirs.tags(),
                    theirs.crs.to_wkt(),
                )
