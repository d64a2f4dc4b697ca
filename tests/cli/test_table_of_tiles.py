"""A configuration whose tiles are in a table: what stands in the table decides, not its path."""

from __future__ import annotations

from pathlib import Path

import geopandas
import pandas as pd
import shapely
from command_line import Command, Write

from gee_s1ben.domain.tile import tile_grid
from gee_s1ben.footprints import collect, write_tiles

PRODUCT = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"


def write_table(folder: Path, *cells: str) -> None:
    """Write the table of a few patches of one tile."""
    pd.DataFrame({"patch_id": [f"{PRODUCT}_{cell}" for cell in cells]}).to_parquet(folder / "patches.parquet")
    write_tiles(collect([str(folder / "patches.parquet")]).rows, folder / "tiles.parquet")


def test_another_table_at_the_same_path_is_another_configuration(write: Write, command: Command) -> None:
    usual = write("table.yaml")
    product_entry = usual.read_text().split("tiles:\n")[1].split("export:")[0]
    config = write("table.yaml", text=usual.read_text().replace(product_entry, "  - file: tiles.parquet\n"))

    def patches(stage: str, *options: str) -> int:
        ended = command(stage, "--config", config, "--json", *options)
        assert ended.code == 0
        return int(ended.data["patches"])

    write_table(config.parent, "44_44", "45_44")
    assert (patches("match"), patches("plan")) == (2, 2)
    write_table(config.parent, "44_44", "46_46")
    refused = command("plan", "--config", config)
    assert refused.code == 2
    assert "matches were made from another configuration" in refused.err
    assert (patches("match"), patches("plan"), patches("run")) == (2, 2, 2)
    written = [path.name for path in (config.parent / "dataset").rglob("*_33UUP_*") if path.is_dir()]
    assert sorted(name[-5:] for name in written) == ["44_44", "46_46"]
    # A table that says the same is the same configuration, however its file came about.
    write_table(config.parent, "46_46", "44_44")
    assert patches("plan") == 2
    # A run of another table matches again by itself.
    write_table(config.parent, "45_45")
    assert patches("run", "--overwrite") == 1


def test_areas_that_are_moved_to_another_file_are_the_same_configuration(write: Write, command: Command) -> None:
    usual = write("area.yaml").read_text()
    product_entry = usual.split("tiles:\n")[1].split("export:")[0]

    def configured(name: str) -> Path:
        entry = f"  - {{area: {name}, from: 2017-06-13, to: 2017-06-13}}\n"
        return write("area.yaml", text=usual.replace(product_entry, entry))

    config = configured("aoi.geojson")
    grid = tile_grid("33UUP").window(44 * 120 + 10, 45 * 120 + 10, 200, 100)
    area = geopandas.GeoDataFrame(geometry=[shapely.box(*grid.bounds)], crs=grid.crs).to_crs(4326)
    area.to_file(config.parent / "aoi.geojson")
    matched = command("match", "--config", config)
    assert matched.code == 0
    assert "2017-06-13 12:00:00 UTC, the middle of 2017-06-13 00:00:00 to 2017-06-14 00:00:00 UTC" in matched.err
    table = pd.read_parquet(config.parent / "dataset.work" / "match.parquet")
    # The area lies east of 12° E, where a tile of zone 32 sees it as well.
    assert set(table.tile) == {"32UQU", "33UUP"}
    assert sorted(zip(*table.loc[table.tile == "33UUP", ["col", "row"]].to_numpy().T, strict=True)) == [
        (44, 45),
        (45, 45),
    ]
    (config.parent / "aoi.geojson").rename(config.parent / "fields.geojson")
    assert command("plan", "--config", configured("fields.geojson"), "-q").code == 0
    area.translate(0.02).to_file(config.parent / "fields.geojson")
    refused = command("plan", "--config", config, "-q")
    assert refused.code == 2
    assert "matches were made from another configuration" in refused.err
