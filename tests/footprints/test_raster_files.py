"""A raster as an input, and as the grid of a target."""

from datetime import UTC, datetime

import pytest
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint

from gee_s1ben.config import load_config
from gee_s1ben.domain.grid import Grid
from gee_s1ben.errors import ConfigError
from gee_s1ben.footprints import Span, collect
from gee_s1ben.pipeline.match import match_digest

MOMENT = Span.at("2017-06-13T10:10:31Z")


PLACE = Affine(20, 0, 320000, 0, -20, 5340000)


def write(path, transform=PLACE, crs="EPSG:32633", size=(120, 240), tags=(), **more):
    path.parent.mkdir(exist_ok=True)
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint8", count=1, width=size[0], height=size[1], crs=crs, transform=transform,
        compress="deflate", SPARSE_OK=True, **more,
    ) as file:  # fmt: skip
        file.update_tags(**dict(tags))
    return path


def test_a_raster_is_the_patches_it_lies_on(tmp_path):
    (row, *others) = collect([str(write(tmp_path / "a.tif"))], MOMENT).rows[::-1]
    assert row.key == "33UUP_20170613T101031"
    assert row.span is None
    # It begins 20 km east and 60 km south of the tile's corner, and has 2.4 km by 4.8 km; patches have 1200 m.
    assert {cell[0] for cell in row.patches} == {16, 17, 18}
    assert {cell[1] for cell in row.patches} == {50, 51, 52, 53}
    assert {other.tile[:2] for other in others} <= {"32", "33"}


def test_a_raster_of_a_whole_tile_is_that_tile_alone(tmp_path):
    path = write(tmp_path / "T33UUP_20170613T101031_B09.tif", Affine(60, 0, 300000, 0, -60, 5400000), size=(1830, 1830))
    (row,) = collect([str(path)]).rows
    assert (row.key, row.patches) == ("33UUP_20170613T101031", None)


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        ("field_20170613T101031_x.tif", {"TIFFTAG_DATETIME": "2020:01:01 00:00:00"}),
        ("a.tif", {"TIFFTAG_DATETIME": "2017:06:13 10:10:31"}),
        ("a.tif", {"system_time_start": "1497348631000"}),
        ("a.tif", {"acquired": "2017-06-13T12:10:31.5+02:00", "TIFFTAG_DATETIME": "2020:01:01 00:00:00"}),
    ],
)
def test_a_raster_tells_its_time_by_name_or_tags(tmp_path, name, tags):
    rows = collect([str(write(tmp_path / name, tags=tags))]).rows
    assert {row.acquired for row in rows} == {datetime(2017, 6, 13, 10, 10, 31, tzinfo=UTC)}


@pytest.mark.parametrize("tags", [{}, {"acquired": "2017-06-13"}, {"acquired": "?"}, {"TIFFTAG_DATETIME": "9" * 99}])
def test_a_raster_without_a_time_is_refused(tmp_path, tags):
    assert "give --acquired" in collect([str(write(tmp_path / "a.tif", tags=tags))]).refused[0].reason


def _gcps(path):
    points = [GroundControlPoint(row, col, 12.5 + col / 1000, 48.2 - row / 1000) for row in (0, 99) for col in (0, 99)]
    return write(path, Affine.identity(), gcps=points)


UNUSABLE = [
    (lambda path: write(path, crs=None), "no coordinate reference system"),
    (lambda path: write(path, Affine.identity()), "no transform"),
    (_gcps, "4 ground control points and has no grid: warp it"),
    (lambda path: path.write_text("<VRTDataset rasterXSize='9' rasterYSize='9'/>"), "not a readable GeoTIFF"),
]


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(("make", "words"), UNUSABLE)
def test_rasters_without_a_grid_are_refused_in_both_places(tmp_path, make, words):
    path = tmp_path / "a.tif"
    make(path)
    assert words in collect([str(path)], MOMENT).refused[0].reason
    with pytest.raises(ConfigError, match=r"config.yaml line 1: tiles\[0\]") as caught:
        config(tmp_path, "{like: a.tif, acquired: 2017-06-13T10:10:31Z}")
    assert words in str(caught.value)


def config(folder, entry):
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(f"tiles: [{entry}]\nembedded: {{catalog: /catalog}}\n")
    return load_config(folder / "config.yaml")


def test_a_target_takes_the_grid_of_a_file_exactly(tmp_path):
    rotated = Affine(8.25, 1.5, 320000.125, -1.5, -8.25, 5340000.0625)
    write(tmp_path / "my field_2.tif", rotated, size=(130, 250))
    (target,) = config(tmp_path, "{like: my field_2.tif, acquired: 2017-06-13T10:10:31Z}").targets()
    assert target.grid == Grid("EPSG:32633", tuple(rotated)[:6], 130, 250)
    assert (target.name, target.acquired) == ("my-field-2", MOMENT.start)
    assert list(target.patches()) == [(0, 0), (0, 1)]
    named = "{like: my field_2.tif, acquired: 2017-06-13T10:10:31Z, name: x, patches: {columns: [0, 0], rows: [1, 1]}}"
    (chosen,) = config(tmp_path, named).targets()
    assert (chosen.name, list(chosen.patches())) == ("x", [(0, 1)])


def test_the_grid_of_a_file_is_that_written_out_and_its_place_does_not_matter(tmp_path):
    for folder in ("one", "two"):
        write(tmp_path / folder / "a_20170613T101031.tif")
    first, second = (config(tmp_path / folder, "{like: a_20170613T101031.tif}") for folder in ("one", "two"))
    assert match_digest(first) == match_digest(second)
    written = config(
        tmp_path / "three",
        "{name: a-20170613T101031, crs: EPSG:32633, transform: [20, 0, 320000, 0, -20, 5340000], width: 120, "
        "height: 240, acquired: 2017-06-13T10:10:31Z}",
    )
    assert match_digest(written) == match_digest(first)
    write(tmp_path / "one" / "a_20170613T101031.tif", Affine(20, 0, 320020, 0, -20, 5340000))
    assert match_digest(first) != match_digest(second)


def test_a_grid_without_a_file_or_without_a_time_is_refused_with_its_line(tmp_path):
    write(tmp_path / "a.tif")
    write(tmp_path / "small.tif", size=(100, 100))
    for entry, words in (
        ("{like: a.tif}", "add acquired:"),
        ("{like: b.tif}", "does not exist"),
        ("{like: small.tif, acquired: 2017-06-13T10:10:31Z}", "holds no patch"),
        ("{like: a.tif, acquired: 2017-06-13T10:10:31Z, crs: EPSG:4326}", "crs is not a key"),
    ):
        with pytest.raises(ConfigError, match=r"^config.yaml line 1: ") as caught:
            config(tmp_path, entry)
        assert words in str(caught.value)


def test_an_export_in_several_files_has_one_grid(tmp_path):
    for col in (0, 120):
        write(tmp_path / f"x-0000000000-{col:010d}.tif", Affine(20, 0, 320000 + 20 * col, 0, -20, 5340000))
    entry = "{like: x-0000000000-0000000120.tif, acquired: 2017-06-13T10:10:31Z}"
    (target,) = config(tmp_path, entry).targets()
    assert target.grid == Grid("EPSG:32633", (20, 0, 320000, 0, -20, 5340000), 240, 240)
