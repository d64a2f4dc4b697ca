"""Whether everything that a run leans on is there and well, and what to do where it is not.

Each check asks one thing and never raises: what goes wrong is its finding. Checks that lean on another (a destination
on a connection) are left out where that one failed, and say so.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from gee_s1ben.config import Config
from gee_s1ben.domain.plural import plural
from gee_s1ben.errors import GeeS1benError, WorkspaceError
from gee_s1ben.pipeline import notifying
from gee_s1ben.pipeline.forecast import forecast
from gee_s1ben.pipeline.plan import load_plan
from gee_s1ben.pipeline.workspace import Workspace
from gee_s1ben.session.connection import GOOGLE_URL, Connection, connect
from gee_s1ben.session.credentials import PROJECT_VARIABLES, find_credentials, find_project
from gee_s1ben.session.destinations import open_destination
from gee_s1ben.session.exports import list_operations
from gee_s1ben.session.probing import check_computing, server_time

PACKAGE = "gee-s1ben"
MOST_SKEW_SECONDS = 300.0
"""Google refuses the signature of a service account that is off by more."""
NOTED_SKEW_SECONDS = 30.0


class Level(StrEnum):
    """How a check ended."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing; nothing has to be done."""
    TODO = "to do"
    """Something has to be done, and the check says what."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    level: Level
    found: str
    advice: str = ""
    """What to do about it."""


def examine(config: Config, *, notify: bool = False, clock: Callable[[], float] = time.time) -> Iterator[Check]:
    """Look at everything, one check after the other; each comes as soon as it is done.

    Parameters
    ----------
    config : Config
        What is to be made, and how.
    notify : bool
        Send a test message to whoever is told of the end of a poll.
    clock : callable
        Epoch seconds by this machine.
    """
    yield check_versions()
    yield from check_disk(config)
    yield check_workspace(config)
    yield check_notifications(send=notify)
    if config.backend == "earthengine":
        project, credentials = check_project(config), check_credentials(config)
        yield from (project, credentials)
        yield check_clock(GOOGLE_URL, clock)
        if Level.TODO in (project.level, credentials.level):
            yield Check("service", Level.NOTE, "not asked: it takes a project and credentials")
            return
    with ExitStack() as stack:
        try:
            connection = stack.enter_context(connect(config))
            check_computing()
        except GeeS1benError as error:
            yield _failed("service", error)
            return
        yield Check("service", Level.OK, f"{connection.url} computes, for project {connection.project}")
        if config.backend == "embedded":
            yield check_clock(connection.url, clock)
        yield from _exports(config, connection)
        if connection.pacer.restricted:
            found = "the project's compute of this month is used up: Earth Engine answers slowly and runs less"
            yield Check("quota", Level.NOTE, found, "wait for the next month, or ask for a higher tier")
    yield check_budget(config)


def check_versions(
    requirements: Callable[[str], list[str] | None] = importlib.metadata.requires,
    version: Callable[[str], str] = importlib.metadata.version,
) -> Check:
    """Compare what is installed with what the package asks for."""
    try:
        asked = [Requirement(text) for text in requirements(PACKAGE) or ()]
    except (importlib.metadata.PackageNotFoundError, InvalidRequirement):
        return Check("versions", Level.NOTE, "not known: the package is not installed, but run from its folder")
    wrong = []
    for one in asked:
        if one.marker is not None and not one.marker.evaluate({"extra": ""}):
            continue
        try:
            have = version(one.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{one.name} is missing")
            continue
        if not one.specifier.contains(have, prereleases=True):
            wrong.append(f"{one.name} is {have} instead of {one.specifier}")
    if wrong:
        return Check("versions", Level.TODO, "; ".join(wrong), f"pip install --upgrade {PACKAGE}")
    found = f"{PACKAGE} {version(PACKAGE)}, earthengine-api {version('earthengine-api')}"
    return Check("versions", Level.OK, f"{found}, Python {platform.python_version()}; {len(asked)} requirements met")


def check_disk(config: Config, free: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free) -> list[Check]:
    """Compare the space of each disk with what the plan still puts there."""
    workspace, dataset = _existing(config.workspace_path), _existing(config.dataset.path)
    try:
        needed: int | None = forecast(config, Workspace(config.workspace_path)).owed.bytes
    except GeeS1benError:
        needed = None
    # Windows and, while they come, the files they are cut from; patches are written beside them.
    shares = {workspace: 2, dataset: 1}
    if workspace.stat().st_dev == dataset.stat().st_dev:
        shares = {workspace: 3}
    checks = []
    for folder, share in shares.items():
        here = free(folder)
        found = f"{_size(here)} free at {folder}"
        if needed is None:
            checks.append(Check("disk space", Level.NOTE, f"{found}; how much it takes is known after 'plan'"))
        elif here < needed * share:
            need = f"what is still to come takes up to {_size(needed * share)}"
            where = "dataset.path" if folder == dataset and share == 1 else "workspace"
            advice = f"free some space, or name another place with {where}"
            checks.append(Check("disk space", Level.TODO, f"{found}; {need}", advice))
        else:
            found = f"{found}; what is still to come takes up to {_size(needed * share)}"
            checks.append(Check("disk space", Level.OK, found))
    return checks


def check_workspace(config: Config) -> Check:
    """Find out whether the folders can be written, and who holds the workspace."""
    folders = {"workspace": config.workspace_path, "dataset.path": config.dataset.path}
    for name, path in folders.items():
        nearest = _existing(path)
        if not os.access(nearest, os.W_OK | os.X_OK) or not nearest.is_dir():
            return Check("folders", Level.TODO, f"{name}: {nearest} cannot be written", f"name another {name}")
    workspace = Workspace(config.workspace_path)
    if not workspace.path.exists():
        return Check("folders", Level.OK, f"{workspace.path} and {config.dataset.path} can be made")
    try:
        with workspace.held():
            pass
    except WorkspaceError as error:
        if "in use by process" in str(error):
            return Check("folders", Level.NOTE, str(error))
        return Check("folders", Level.TODO, str(error), "name another workspace")
    except GeeS1benError as error:
        return _failed("folders", error)
    return Check("folders", Level.OK, f"{workspace.path} and {config.dataset.path} can be written")


def check_notifications(environment: Mapping[str, str] = os.environ, *, send: bool = False) -> Check:
    """Find out whether somebody is told of the end of a poll, and whether that can work; on request by a message."""
    places = notifying.addresses(environment)
    if not places and send:
        advice = f"set {notifying.VARIABLE} to addresses as on https://appriseit.com/services/"
        return Check("notifications", Level.TODO, f"nobody to send a test to: {notifying.VARIABLE} is not set", advice)
    if not places:
        return Check("notifications", Level.OK, f"none asked for ({notifying.VARIABLE} is not set)")
    try:
        version = importlib.metadata.version("apprise")
    except importlib.metadata.PackageNotFoundError:
        found = f"{notifying.VARIABLE} is set, but Apprise is not installed"
        return Check("notifications", Level.TODO, found, f"pip install '{PACKAGE}[notifications]'")
    problem = notifying.notify(notifying.TEST, environment) if send else notifying.check_addresses(environment)
    if problem:
        return Check("notifications", Level.TODO, problem, "https://appriseit.com/services/ has the form of each")
    sent = "a test message was sent to " if send else ""
    return Check("notifications", Level.OK, f"{sent}{plural(places, 'address')}, through Apprise {version}")


def check_project(config: Config, environment: Mapping[str, str] = os.environ) -> Check:
    """Find the Google Cloud project."""
    project = find_project(config.project, environment)
    if project is None:
        advice = f"write 'project:' in the configuration or set {PROJECT_VARIABLES[0]}"
        return Check("project", Level.TODO, "no Google Cloud project is named", advice)
    return Check("project", Level.OK, project)


def check_credentials(config: Config, environment: Mapping[str, str] = os.environ) -> Check:
    """Find the credentials; whether Google accepts them is for the service to say."""
    try:
        credentials = find_credentials(environment)
    except GeeS1benError as error:
        return _failed("credentials", error)
    account = getattr(credentials, "service_account_email", None)
    if account and config.export.transport == "drive":
        found = f"service account {account}, which has no room in Drive"
        return Check("credentials", Level.TODO, found, "set export.transport to gcs, or use a person's account")
    return Check("credentials", Level.OK, f"service account {account}" if account else "a user's")


def check_clock(url: str, clock: Callable[[], float] = time.time) -> Check:
    """Compare this machine's clock with the one of a server."""
    try:
        there = server_time(url).timestamp()
    except GeeS1benError as error:
        return Check("clock", Level.NOTE, f"not compared: {error}")
    ahead = clock() - there
    # A server tells whole seconds, and the answer took its time.
    found = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} {url}" if abs(ahead) > 2 else f"that of {url}"
    if abs(ahead) > MOST_SKEW_SECONDS:
        return Check("clock", Level.TODO, found, "set it, for instance with 'timedatectl set-ntp true'")
    return Check("clock", Level.NOTE if abs(ahead) > NOTED_SKEW_SECONDS else Level.OK, found)


def check_destination(config: Config, connection: Connection) -> Check:
    """Find out whether exports can be written to their destination and brought down from it."""
    export = config.export
    where = f"gs://{export.bucket}/{export.prefix}" if export.transport == "gcs" else f"Drive: {export.drive_folder}"
    try:
        with open_destination(config, connection) as destination:
            destination.check()
    except GeeS1benError as error:
        return _failed("destination", error)
    return Check("destination", Level.OK, f"{where} can be written and read")


def check_budget(config: Config) -> Check:
    """Compare what the plan still costs with the budget."""
    workspace = Workspace(config.workspace_path)
    try:
        load_plan(config, workspace)
        expected = forecast(config, workspace)
    except WorkspaceError:
        return Check("budget", Level.NOTE, "what it will cost is known after 'plan'")
    except GeeS1benError as error:
        return _failed("budget", error)
    if not expected.owed.jobs:
        return Check("budget", Level.OK, "nothing is left that would cost anything")
    if config.export.transport == "direct":
        what = "export.budget_eecu_hours is not heeded" if config.export.budget_eecu_hours else "none is set"
        return Check(
            "budget",
            Level.NOTE if config.export.budget_eecu_hours else Level.OK,
            f"{what}: Earth Engine does not tell what direct requests cost",
        )
    if config.backend == "embedded" and config.export.budget_eecu_hours is None:
        return Check("budget", Level.OK, "the embedded service bills nothing")
    basis = "measured" if expected.owed.eecu_measured else "assumed, nothing was measured yet"
    cost = f"{expected.owed.eecu_hours:.2g} EECU-hours to come ({basis})"
    left = expected.budget.left_eecu_hours
    if left is None:
        return Check("budget", Level.OK, f"{cost}; no export.budget_eecu_hours")
    found = f"{cost}, {left:.2g} of {expected.budget.eecu_hours:g} left"
    if expected.within_budget:
        return Check("budget", Level.OK, found)
    return Check("budget", Level.TODO, found, "raise export.budget_eecu_hours, or ask for fewer tiles")


def _exports(config: Config, connection: Connection) -> Iterator[Check]:
    """Check what only batch exports need."""
    if config.export.transport == "direct":
        return
    try:
        known = len(list_operations(connection))
    except GeeS1benError as error:
        yield _failed("operations", error)
    else:
        yield Check("operations", Level.OK, f"can be listed: {known} in the project")
    yield check_destination(config, connection)


def _failed(name: str, error: GeeS1benError) -> Check:
    """Return the finding that an error is; its text says what to do, after a dash or a colon."""
    found, _, advice = str(error).rpartition(" — ")
    return Check(name, Level.TODO, found or advice, advice if found else "")


def _size(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"


def _existing(path: Path) -> Path:
    """Return the nearest folder on the way to a path that is there."""
    path = path.absolute()
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
