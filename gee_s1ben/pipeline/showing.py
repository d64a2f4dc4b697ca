"""What was matched, and later what was made, where it can be seen: a table, a coverage report and a map."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gee_s1ben.config import Config
from gee_s1ben.dataset.atomic import atomic_write
from gee_s1ben.dataset.manifest import read_absent
from gee_s1ben.dataset.seed_dictionaries import SeedLink, write_seed_dictionaries
from gee_s1ben.domain.printable import on_one_line
from gee_s1ben.errors import WorkspaceError
from gee_s1ben.pipeline.assignment import Cell
from gee_s1ben.pipeline.coverage import Stage, coverage_data, coverage_lines, tile_coverage
from gee_s1ben.pipeline.footprints import outline
from gee_s1ben.pipeline.made import Made, made_of
from gee_s1ben.pipeline.match import MatchIndex, TargetMatch
from gee_s1ben.pipeline.match_table import match_table
from gee_s1ben.pipeline.match_view import MapBuilder
from gee_s1ben.pipeline.plan import load_plan, load_target_plan
from gee_s1ben.pipeline.workspace import Workspace
from gee_s1ben.quality.match_map import match_map

TABLE, REPORT, REPORT_TEXT, MAP = "match.parquet", "coverage.json", "coverage.txt", "match.html"
COLOURS = "colours"


@dataclass(frozen=True, slots=True)
class OrbitColours:
    """What the map shows relative orbits in; other pictures show them so too."""

    colours: dict[int, str]


def shown_colours(workspace: Workspace) -> dict[int, str]:
    """Return the colours of the map, by relative orbit; none where there is no map."""
    try:
        return workspace.load(COLOURS, OrbitColours, "match").colours
    except WorkspaceError:
        return {}


@dataclass(frozen=True, slots=True)
class Shown:
    """Where what was matched can be seen."""

    table: Path
    report: Path
    report_text: Path
    map: Path


def show_match(config: Config, workspace: Workspace, index: MatchIndex) -> Shown:
    """Write the table, the report and the map of what is planned; memory holds one target at a time.

    Raises
    ------
    StorageError
        The workspace cannot be written.
    """
    return _show(config, workspace, index, lambda matched: Made(matched), "planned")


def show_made(config: Config, workspace: Workspace) -> None:
    """Write the same of what stands in the dataset, where the matches are still there.

    Raises
    ------
    InputError
        A table of the dataset is broken.
    StorageError
        The workspace cannot be written.
    """
    try:
        index = workspace.load("match", MatchIndex, "match")
        missing = [key for key in index.targets if not (workspace.path / f"match/{key}.json").exists()]
    except WorkspaceError:
        return
    if index.targets != load_plan(config, workspace).targets or missing:
        return
    absent: defaultdict[str, dict[Cell, str]] = defaultdict(dict)
    for row in read_absent(config.dataset.path):
        absent[row.target][row.col, row.row] = row.reason

    def made(matched: TargetMatch) -> Made:
        key = matched.target.key
        return made_of(matched, load_target_plan(workspace, key), absent[key])

    _show(config, workspace, index, made, "made")


def _show(
    config: Config, workspace: Workspace, index: MatchIndex, made: Callable[[TargetMatch], Made], stage: Stage
) -> Shown:
    shown = Shown(*(workspace.path / name for name in (TABLE, REPORT, REPORT_TEXT, MAP)))
    builder, tiles = MapBuilder(), []
    with atomic_write(shown.table) as temporary, match_table(temporary, config) as table:
        for key in index.targets:
            one = made(workspace.load(f"match/{key}", TargetMatch, "match"))
            table.add(one.matched, one.passed_over)
            builder.add(one.matched)
            tiles.append(tile_coverage(config, one.matched))
    workspace.save(COLOURS, OrbitColours(builder.colours()))
    view = builder.view(f"{config.dataset.path.name}: Sentinel-1 for Sentinel-2", stage)
    texts = {
        shown.report: json.dumps(coverage_data(tiles, stage), ensure_ascii=False, indent=1),
        shown.report_text: "\n".join(map(on_one_line, coverage_lines(tiles, stage))),
        shown.map: match_map(view),
    }
    for path, text in texts.items():
        with atomic_write(path) as temporary:
            temporary.write_text(f"{text}\n", encoding="utf-8")
    return shown


def write_seed(workspace: Workspace, index: MatchIndex, folder: Path) -> tuple[tuple[Path, Path], tuple[str, ...]]:
    """Write the seed's two dictionaries.

    Returns
    -------
    paths : tuple of Path
        The table of tiles, and that of links.
    left_out : tuple of str
        Keys of targets that the dictionaries cannot hold: those without a Sentinel-2 product, and those whose scenes
        are not named as products are.
    """
    links, left_out = [], []
    for key in index.targets:
        matched = workspace.load(f"match/{key}", TargetMatch, "match")
        scenes = {scene.id: scene for scene in matched.scenes}
        used = sorted({source for group in matched.assignment.groups for source in group.sources})
        if matched.target.product is None or any(scenes[one].name is None for one in used):
            left_out.append(key)
            continue
        links.append(SeedLink(matched.target, outline(matched.target), tuple(scenes[one].index for one in used)))
    return write_seed_dictionaries(folder, links), tuple(left_out)
