"""``simulate``: scenes for those without data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gee_s1ben.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, Overrides, Quiet, Verbose, set_up_logging
from gee_s1ben.cli.outcome import Outcome
from gee_s1ben.domain.plural import plural

_HELP = """Fill a catalog with simulated Sentinel-1 scenes.

They lie over the tiles of the configuration: passes of several orbits, of two or more in both directions, slices that
meet inside the tile, speckle of a stated number of looks over a known ground, border noise. The same options give the
same bytes. Every scene is marked as simulated.

Examples:

  gee-s1ben simulate

  gee-s1ben simulate --seed 7 --looks 4.4 --passes 3 --overwrite
"""


def add_to(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command("simulate", help=_HELP)(simulate)


def simulate(
    config: ConfigPath = DEFAULT_CONFIG,
    overrides: Overrides = None,
    catalog: Annotated[
        Path | None,
        typer.Option("--catalog", help="The catalog's folder; by default the configuration's.", metavar="DIR"),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Determines the ground and the speckle.")] = 1,
    looks: Annotated[float, typer.Option("--looks", help="Equivalent number of looks of the speckle.")] = 4.4,
    passes: Annotated[int, typer.Option("--passes", help="Passes over each tile.")] = 5,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a simulation with other options.")] = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Fill a catalog with simulated Sentinel-1 scenes over the tiles of the configuration."""
    set_up_logging(verbose=verbose, quiet=quiet)
    from gee_s1ben import simulation
    from gee_s1ben.config import load_config
    from gee_s1ben.pipeline.progress import progress

    settings = load_config(config, overrides or ())
    folder = catalog or settings.embedded.catalog
    targets = settings.targets()
    with progress("simulate", len(targets) * passes * 2, quiet=quiet or as_json) as bar:
        told = 0

        def tell(done: int, total: int, _name: str) -> None:
            nonlocal told
            bar.total = total
            bar.update(done - told)
            told = done

        report = simulation.simulate(
            folder, targets, seed=seed, looks=looks, passes=passes, overwrite=overwrite, progress=tell
        )
    kept = sum(scene.kept for scene in report.scenes)
    data = {
        "catalog": str(folder),
        "simulated": True,
        "scenes": [
            {
                "id": scene.id,
                "target": scene.target_key,
                "acquired": scene.acquired.isoformat(),
                "relative_orbit": scene.relative_orbit,
                "orbit_direction": scene.orbit_direction,
                "kept": scene.kept,
            }
            for scene in report.scenes
        ],
        "removed": list(report.removed),
        "seconds": round(report.seconds, 3),
    }
    counts = f"{kept} were there, {len(report.removed)} replaced"
    return Outcome(
        data, [f"{plural(len(report.scenes), 'simulated scene')} in {folder} ({counts}), {report.seconds:.1f} s"]
    )
