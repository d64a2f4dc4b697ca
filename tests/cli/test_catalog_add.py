"""Adding an image, as a user does it."""

import json

import numpy as np
import pytest
import rasterio
import yaml
from affine import Affine

from gee_s1ben.config import load_config
from gee_s1ben.engine.catalog.identifiers import spelled_image_id

NAME = "S1A_IW_GRDH_1SDV_20170613T165043_20170613T165108_017018_01C579_7EEC"
ID = f"COPERNICUS/S1_GRD/{NAME}"


@pytest.fixture
def export(tmp_path):
    """Two files of one export; the left one lies in 33UUP alone, both together reach into 33UVP."""
    for col, width in ((0, 500), (500, 700)):
        with rasterio.open(
            tmp_path / f"x-0000000000-{col:010d}.tif", "w", driver="GTiff", dtype="float32", count=1, width=width,
            height=20, crs="EPSG:32633", transform=Affine(10, 0, 393000 + 10 * col, 0, -10, 5350000),
        ) as file:  # fmt: skip
            file.write(np.full((1, 20, width), -11, np.float32))
            file.descriptions = ("VV",)
    (tmp_path / "about.json").write_text(json.dumps({"orbitProperties_pass": "ASCENDING"}))
    return tmp_path


def test_one_file_of_an_export_brings_the_others_and_the_tiles_are_named(command, export):
    arguments = ["catalog", "add", "--catalog", export / "catalog", "--properties", export / "about.json"]
    arguments += ["--id", f"{NAME}.SAFE/", export / "x-0000000000-0000000500.tif"]
    ended = command(*arguments)
    assert ended.code == 0
    assert "1 more beside it are read (x-0000000000-0000000000.tif …)" in ended.err
    lines = ended.out.splitlines()
    assert lines[0] == f"{ID}  VV"
    # What is printed can be copied into a configuration as it is.
    entries = yaml.safe_load("\n".join(line for line in lines if line.startswith("  - ")))
    assert [entry["tile"] for entry in entries] == ["33UUP", "33UVP"]
    config = export / "config.yaml"
    config.write_text("tiles:\n" + "\n".join(line for line in lines if line.startswith("  - ")))
    assert [target.key for target in load_config(config).targets()] == [
        "33UUP_20170613T165043",
        "33UVP_20170613T165043",
    ]
    again = command(*arguments, "--overwrite", "--json")
    assert again.data["tiles"] == [
        # From 393000 to 405000 E; the tiles begin at 300000 and 399960 E, a patch is 1200 m wide.
        {"tile": "33UUP", "acquired": "2017-06-13T16:50:43Z", "patches": {"columns": [77, 87], "rows": [41, 41]}},
        {"tile": "33UVP", "acquired": "2017-06-13T16:50:43Z", "patches": {"columns": [0, 4], "rows": [41, 41]}},
    ]


def test_a_file_that_is_missing_is_bad_input(command, export):
    (export / "x-0000000000-0000000000.tif").unlink()
    ended = command(
        "catalog", "add", "--catalog", export / "catalog", "--properties", export / "about.json", "--id", NAME,
        export / "x-0000000000-0000000500.tif",
    )  # fmt: skip
    assert ended.code == 2
    assert "x-0000000000-0000000000.tif of the export x is missing" in ended.err
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "image_id"),
    [
        (ID, ID),
        (f"projects/earthengine-public/assets/{ID}", ID),
        (NAME, ID),
        (f"{NAME}.SAFE", ID),
        (f"{NAME}.SAFE.zip", ID),
        (f"'{NAME}.zip'", ID),
        (f"/data/{NAME}.SAFE/", ID),
        (f"./{NAME}.SAFE", ID),
        (f"{NAME}_COG.SAFE", f"{ID}_COG"),
        (f"COPERNICUS/S1_GRD_FLOAT/{NAME}.SAFE", f"COPERNICUS/S1_GRD_FLOAT/{NAME}"),
        ("my/scene_1", "my/scene_1"),
        ("../x", "../x"),
        ("", ""),
    ],
)
def test_ids_as_they_are_spelled(text, image_id):
    assert spelled_image_id(text) == image_id
