"""Options that several commands share."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from gee_s1ben.domain.printable import printable

ConfigPath = Annotated[
    Path,
    typer.Option("--config", "-c", help="The configuration file.", metavar="PATH", show_default=True),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override one key of the configuration; may be repeated.", metavar="KEY.PATH=VALUE"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, for machines.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say more; with a traceback for unexpected errors.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing unless something is wrong.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace a dataset that another plan made, once this one is complete.")
]
OptionalDataset = Annotated[
    Path | None, typer.Argument(metavar="DATASET", help="Folder of a dataset; by default the configuration's.")
]
ShardOption = Annotated[
    str | None,
    typer.Option("--shard", help="Do only the I-th of N parts, for the tasks of a cluster's array job.", metavar="I/N"),
]

DEFAULT_CONFIG = Path("config.yaml")


def dataset_folder(dataset: Path | None, config: Path, overrides: list[str] | None) -> Path:
    """Return the dataset that a command is about: the one that is named, or else the configuration's."""
    if dataset is not None:
        return dataset
    from gee_s1ben.config import load_config  # slow to load, and --help does not need it

    return load_config(config, overrides or ()).dataset.path


class _Printable(logging.Formatter):
    """Writes nothing that a terminal would obey: names in messages come from files and services."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def set_up_logging(*, verbose: bool = False, quiet: bool = False) -> None:
    """Send our own messages to stderr; those of other packages only where they warn."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Printable("%(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.ERROR if quiet else logging.WARNING, force=True)
    # The client logs every attempt that it repeats; what matters of it comes back as an error of ours.
    for name in ("googleapiclient", "google.auth", "urllib3", "rasterio"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("gee_s1ben").setLevel(logging.ERROR if quiet else logging.DEBUG if verbose else logging.INFO)
