"""Whose a dataset's folder is: ``dataset.json`` says what it holds and from what it was made."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from gee_s1ben import __version__
from gee_s1ben.config import Config
from gee_s1ben.dataset.atomic import atomic_write, storage_errors
from gee_s1ben.dataset.layout import layout
from gee_s1ben.dataset.manifest import PROVENANCE
from gee_s1ben.errors import WorkspaceError
from gee_s1ben.pipeline.plan import Plan


def dataset_record_path(root: Path) -> Path:
    """Return where a dataset says what it is and from what it was made."""
    return root / PROVENANCE / "dataset.json"


def claim(config: Config, plan: Plan, *, overwrite: bool = False) -> None:
    """Make the dataset's folder this plan's, or refuse.

    Raises
    ------
    WorkspaceError
        It holds something else, or a dataset that another plan made.
    """
    root = config.dataset.path
    record = dataset_record(config, plan)
    path = dataset_record_path(root)
    with storage_errors(root):
        if root.exists() and not root.is_dir():
            raise WorkspaceError(f"{root} is a file; choose another dataset.path")
        found = path.read_text("utf-8", "replace") if path.exists() else None
        if found is None and root.exists() and any(entry.name != PROVENANCE for entry in root.iterdir()):
            raise WorkspaceError(f"{root} holds something else; choose another dataset.path, or empty it")
        if found is not None and found != record:
            if not overwrite:
                raise WorkspaceError(
                    f"{root} holds a dataset that another configuration made; choose another dataset.path, or replace "
                    "it with --overwrite"
                )
            for folder in (layout("v1").top, layout("v2").top, PROVENANCE):
                if (root / folder).exists():
                    shutil.rmtree(root / folder)
    if found != record:
        with atomic_write(path) as temporary:
            temporary.write_text(record, "utf-8")


def dataset_record(config: Config, plan: Plan) -> str:
    """Return the text of ``dataset.json``: the same plan gives the same text."""
    return (
        json.dumps(
            {
                "made_by": f"gee-s1ben {__version__}",
                "simulated": plan.simulated,
                "plan": plan.digest,
                "layout": config.dataset.layout,
                "patch_px": config.dataset.patch_px,
                "fill": config.dataset.fill,
                "tables": config.dataset.tables.name if config.dataset.tables else None,
                "backend": config.backend,
                "earthengine_client": plan.client_version,
                "collection": config.match.collection,
                "match": config.match.model_dump(mode="json"),
                "radar": config.radar.model_dump(mode="json"),
                "targets": list(plan.targets),
            },
            indent=2,
            ensure_ascii=False,
        )
        + "\n"
    )
