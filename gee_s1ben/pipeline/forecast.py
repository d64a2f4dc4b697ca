"""What a plan still owes and what that will cost, against the budget and Earth Engine's quotas."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from gee_s1ben.config import Config
from gee_s1ben.ledger import JobState, Ledger
from gee_s1ben.pipeline.costs import budget, expected
from gee_s1ben.pipeline.estimate import Budget, Estimate, months
from gee_s1ben.pipeline.plan import load_plan
from gee_s1ben.pipeline.rasters import rasters
from gee_s1ben.pipeline.workspace import Workspace

_NOT_OWED = (JobState.LANDED, JobState.DONE, JobState.ABSENT)


SECONDS_A_FILE = 0.0006
"""To cut and to verify a raster of 120 × 120 pixels on two cores: docs/performance.md, `benchmarks/stages.py`."""
_HEADER_BYTES, _JSON_BYTES = 408, 900
"""Of a patch raster, and of a patch's metadata in layout v1, about."""


@dataclass(frozen=True, slots=True)
class DatasetSize:
    """What the dataset takes on disk if every patch of the plan can be made, without its tables."""

    files: int
    bytes: int
    """About."""
    seconds: float
    """To write and to verify it, on a machine such as the figures were measured on."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is owed and what it will cost."""

    transport: str
    jobs: int
    """Of the whole plan: windows for ``direct``, rasters for the exports."""
    owed: Estimate
    """Of those that have not landed yet."""
    budget: Budget
    months: dict[str, int]
    """Tier of Earth Engine → months of its quota that what is owed takes."""
    dataset: DatasetSize
    billed: bool = True
    """Whether EECU-hours are counted by Google; those of the embedded service are a model."""

    @property
    def within_budget(self) -> bool | None:
        """Whether the budget pays for what is owed; None where there is no budget."""
        left = self.budget.left_eecu_hours
        return None if left is None else self.owed.eecu_hours <= left


def forecast(config: Config, workspace: Workspace) -> Forecast:
    """Estimate what the plan of a workspace still owes; the ledger is read where there is one.

    Raises
    ------
    WorkspaceError
        There is no plan, or it was made from another configuration.
    LedgerError
        The ledger is broken, or of another version.
    """
    path = workspace.ledger_path
    with ExitStack() as stack:
        ledger = stack.enter_context(Ledger.read(path)) if path.exists() else None
        done = {record.job.id for record in ledger.jobs(*_NOT_OWED)} if ledger else set()
        count, sizes = 0, []
        for raster in rasters(config, workspace):
            count += 1
            if raster.job.id in done:
                continue
            if all(workspace.window_digest(raster.job.fingerprint, window.name) for window in raster.windows):
                continue
            sizes.append(raster.job.pixels)
        owed = expected(config, ledger, sizes)
        spent = budget(config, ledger) if ledger else Budget(config.export.budget_eecu_hours)
    size = dataset_size(config, load_plan(config, workspace).patches)
    billed = config.backend == "earthengine"
    return Forecast(config.export.transport, count, owed, spent, months(owed.eecu_hours), size, billed)


def dataset_size(config: Config, patches: int) -> DatasetSize:
    """Say how large a dataset of so many patches is."""
    bands, side = len(config.radar.polarisations), config.dataset.patch_px
    raster, documents = _HEADER_BYTES + 4 * side**2, patches if config.dataset.layout == "v1" else 0
    seconds = patches * bands * SECONDS_A_FILE * max(1.0, side**2 / 120**2)
    return DatasetSize(patches * bands + documents, patches * bands * raster + documents * _JSON_BYTES, seconds)
