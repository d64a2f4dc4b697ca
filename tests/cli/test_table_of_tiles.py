"""A configuration whose tiles are in a table: what stands in the table decides, not its path."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from command_line import Command, Write

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
