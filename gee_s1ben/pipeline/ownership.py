"""Whose a dataset's folder is: ``dataset.json`` says what it holds and from what it was made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import rasterio

from gee_s1ben import __version__
from gee_s1ben.config import Config
from gee_s1ben.dataset.atomic import atomic_write, storage_errors
from gee_s1ben.dataset.manifest import PROVENANCE
from gee_s1ben.errors import WorkspaceError
from gee_s1ben.pipeline.plan import PassPlan, Plan, load_first_plan, load_target_plan
from gee_s1ben.pipeline.replacement import ASIDE, set_aside
from gee_s1ben.pipeline.workspace import Workspace

_VERSIONS, _TILES = "versions", "tiles"
"""Parts of the record that may differ between two runs that make one dataset: the plan says which patches are made,
whatever words and files the configuration has for them."""
_FURTHER = "next_passes"
"""The part that is known only when the pixels are."""


def dataset_record_path(root: Path) -> Path:
    """Return where a dataset says what it is and from what it was made."""
    return root / PROVENANCE / "dataset.json"


def claim(config: Config, plan: Plan, *, overwrite: bool = False, replace: bool = True) -> None:
    """Make the dataset's folder this plan's, or refuse. Several shards may do so at the same time.

    Parameters
    ----------
    config : Config
        What is wanted.
    plan : Plan
        Its plan.
    overwrite : bool
        Whether a dataset that another plan made may be replaced.
    replace : bool
        Whether to set such a one aside now (see :func:`~gee_s1ben.pipeline.replacement.replacing`), or to leave all as
        it is until there is something to put in its place.

    Raises
    ------
    WorkspaceError
        It holds something else, or a dataset that another plan made and that must not be replaced.
    StorageError
        The disk is full, read-only or failing.
    """
    root = config.dataset.path
    record = dataset_record(config, plan)
    with storage_errors(root):
        others, found = _found(root)
        if found is None and others:
            raise WorkspaceError(f"{root} holds something else; choose another dataset.path, or empty it")
        if found is not None and _content(found) != _content(record):
            if not overwrite:
                raise WorkspaceError(
                    f"{root} holds a dataset that another configuration made; choose another dataset.path, or replace "
                    "it with --overwrite"
                )
            if not replace:
                return
            set_aside(root)
            found = None
    if found is None or not _says(found, record):
        with atomic_write(dataset_record_path(root)) as temporary:
            temporary.write_text(record if found is None else _joined(found, record), "utf-8")


def _found(root: Path) -> tuple[bool, str | None]:
    """Whether anything is in the folder beside the record and what is being replaced, and the text of the record."""
    if root.exists() and not root.is_dir():
        raise WorkspaceError(f"{root} is a file; choose another dataset.path")
    # In this order: what another shard puts into the folder, it puts there after the record.
    others = root.exists() and any(entry.name not in (PROVENANCE, ASIDE) for entry in root.iterdir())
    path = dataset_record_path(root)
    return others, path.read_text("utf-8", "replace") if path.exists() else None


def dataset_record(config: Config, plan: Plan) -> str:
    """Return the text of ``dataset.json``: the same plan in the same environment gives the same text, wherever."""
    first, further = _jobs(config, plan)
    return _text(
        {
            "made_by": f"gee-s1ben {__version__}",
            "simulated": plan.simulated,
            "plan": plan.digest,
            "preset": config.preset,
            "layout": config.dataset.layout,
            "patch_px": config.dataset.patch_px,
            "fill": config.dataset.fill,
            "min_valid": config.dataset.min_valid,
            "tables": config.dataset.tables.name if config.dataset.tables else None,
            # Only where something is claimed: records of before it could be are those of datasets that claim nothing.
            **({"unknown_flags": False} if config.dataset.unknown_flags is False else {}),
            "backend": config.backend,
            "earthengine_client": plan.client_version,
            "collection": config.match.collection,
            "match": config.match.model_dump(mode="json"),
            "radar": config.radar.model_dump(mode="json"),
            _TILES: [_without_folders(entry.model_dump(mode="json", by_alias=True)) for entry in config.tiles],
            "targets": list(plan.targets),
            "jobs": first,
            **({_FURTHER: further} if further else {}),
            _VERSIONS: [
                {
                    "gee-s1ben": __version__,
                    "earthengine-api": plan.client_version,
                    "gdal": rasterio.__gdal_version__,
                    "numpy": np.__version__,
                    "proj": pyproj.proj_version_str,
                    "rasterio": rasterio.__version__,
                }
            ],
        }
    )


def _jobs(config: Config, plan: Plan) -> tuple[dict[str, list[dict[str, Any]]], dict[str, list[dict[str, Any]]]]:
    """Every graph that was evaluated, by target: its pass, its scenes, and a fingerprint of all that it depends on.

    Those of the plan that was made from the matches, and those of next passes, each once.
    """
    workspace = Workspace(config.workspace_path)
    first, further = {}, {}
    for key in plan.targets:
        jobs = load_target_plan(workspace, key).jobs
        count = len(load_first_plan(workspace, key).jobs)
        first[key] = [_job(job) for job in jobs[:count]]
        others = [job for number, job in enumerate(map(_job, jobs)) if number >= count and job not in first[key]]
        if others:
            further[key] = [job for number, job in enumerate(others) if job not in others[:number]]
    return first, further


def _job(job: PassPlan) -> dict[str, Any]:
    return {
        "pass": job.one_pass.key,
        "scenes": [scene.id for scene in job.one_pass.slices],
        "fingerprint": job.fingerprint,
    }


def _without_folders(entry: dict[str, Any]) -> dict[str, Any]:
    """Leave of a table or a file of areas its name: where it lies on this machine is nobody's concern."""
    return {name: Path(value).name if name in ("file", "area") and value else value for name, value in entry.items()}


def _content(record: str) -> object:
    """Return what of a record must not change.

    Versions of other packages may, and each is written down; next passes are known when the pixels are. The names of
    files under ``tiles`` may change as well: the plan holds what was in them.
    """
    try:
        parsed = json.loads(record)
    except (ValueError, RecursionError):
        return record
    if not isinstance(parsed, dict):
        return parsed
    return {name: value for name, value in parsed.items() if name not in (_VERSIONS, _TILES, _FURTHER)}


def _says(found: str, record: str) -> bool:
    """Whether a record says all that another one does."""
    older, newer = json.loads(found), json.loads(record)
    known = older.get(_VERSIONS, [])
    return older.get(_FURTHER) == newer.get(_FURTHER) and all(versions in known for versions in newer[_VERSIONS])


def _joined(found: str, record: str) -> str:
    """Return a record with the versions of an older one, of which the dataset is a part, and its own."""
    older, newer = json.loads(found), json.loads(record)
    known = older.get(_VERSIONS, [])
    newer[_VERSIONS] = [*known, *(versions for versions in newer[_VERSIONS] if versions not in known)]
    return _text(newer)


def _text(record: dict[str, Any]) -> str:
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"
