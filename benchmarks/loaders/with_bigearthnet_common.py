"""Read a dataset of layout v1 with the published readers of ``bigearthnet_common``, unmodified.

The package (2.8.0, its last) does not import with today's fastcore and pydantic. In an environment of its own::

    pip install bigearthnet_common==2.8.0 "fastcore<1.8" "pydantic<2" "typer<0.12" click
    python benchmarks/loaders/with_bigearthnet_common.py out/BigEarthNet

Tried: ``get_s1_patch_directories``, ``read_S1_json``, ``is_s1_patch``, ``parse_datetime``. Not tried:
``validate_ben_s1_root_directory``, which looks for files that BigEarthNet itself does not have
(``<name>VV``, without the underscore and the ending), so that no folder can pass.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bigearthnet_common.base import get_s1_patch_directories, is_s1_patch, parse_datetime, read_S1_json


def main() -> None:
    """Read everything and say how much it was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, help="a dataset of layout v1")
    top = parser.parse_args().dataset / "BigEarthNet-S1-v1.0"
    folders = get_s1_patch_directories(top)
    assert {folder.name for folder in folders} == {folder.name for folder in top.iterdir()}
    for folder in folders:
        assert is_s1_patch(folder.name)
        content = read_S1_json(folder / f"{folder.name}_labels_metadata.json")
        assert parse_datetime(content["acquisition_time"]).strftime("%Y%m%dT%H%M%S") in folder.name
        assert set(content["coordinates"]) == {"ulx", "uly", "lrx", "lry"}
        assert content["scene_source"].startswith(folder.name[:32])
    print(f"bigearthnet_common: {len(folders)} patches right")


if __name__ == "__main__":
    main()
