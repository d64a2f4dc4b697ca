"""The stages as commands: connect where a stage needs it, hold the workspace, and say what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gee_s1ben.cli.outcome import DONE, FINDINGS, Outcome
from gee_s1ben.config import Config
from gee_s1ben.dataset.verification import Finding
from gee_s1ben.domain.plural import plural
from gee_s1ben.domain.shard import Shard
from gee_s1ben.pipeline.assemble import Assembled, assemble
from gee_s1ben.pipeline.fetch import Fetched, fetch
from gee_s1ben.pipeline.finishing import finish
from gee_s1ben.pipeline.match import MatchIndex, check_matched, match
from gee_s1ben.pipeline.pixel_check import why_empty
from gee_s1ben.pipeline.plan import load_plan
from gee_s1ben.pipeline.report import PassSummary
from gee_s1ben.pipeline.run import Report, run
from gee_s1ben.pipeline.showing import show_match, write_seed
from gee_s1ben.pipeline.verify import Verified, verify
from gee_s1ben.pipeline.workspace import Workspace
from gee_s1ben.session.connection import connect

MOST_LINES = 20
"""Longer lists are cut for people; machines get all."""


def _run(config: Config, overwrite: bool, quiet: bool) -> Outcome:
    report = run(config, overwrite=overwrite, quiet=quiet)
    short = report.verified.findings or report.fetched.failed
    return Outcome(_report_data(report), _report_lines(report), FINDINGS if short else DONE)


def _match(config: Config, _overwrite: bool, _quiet: bool) -> Outcome:
    return match_and_show(config)


def match_and_show(config: Config, seed_folder: Path | None = None) -> Outcome:
    """Match, and write what was matched; on request as the seed's dictionaries as well."""
    workspace = Workspace(config.workspace_path)
    with workspace.held(), connect(config):
        index = match(config, workspace)
        shown = show_match(config, workspace, index)
        check_matched(config, workspace, index)
        paths = {name: str(path) for name, path in asdict(shown).items()}
        lines = [
            _match_line(index),
            f"table       {shown.table}",
            f"coverage    {shown.report_text}",
            f"map         {shown.map}",
        ]
        if seed_folder is not None:
            (tiles, links), left_out = write_seed(workspace, index, seed_folder)
            paths |= {"seed_tiles": str(tiles), "seed_links": str(links)}
            lines += [f"seed        {tiles}", f"            {links}"]
            lines += [f"            left out: {', '.join(left_out)}"] if left_out else []
    return Outcome({**_match_data(index), **paths}, lines)


def _fetch(config: Config, _overwrite: bool, quiet: bool) -> Outcome:
    workspace = Workspace(config.workspace_path)
    with workspace.held(), connect(config) as connection:
        fetched = fetch(config, workspace, connection, quiet=quiet)
        why = why_empty(workspace, load_plan(config, workspace))
    line = f"{plural(fetched.requested, 'window')} fetched ({fetched.bytes / 1e6:.1f} MB), {fetched.kept} there before"
    lines = [line, *_given_up_lines(fetched), *([f"not one patch can be made: {why}"] if why else [])]
    return Outcome(_fetched_data(fetched), lines, FINDINGS if fetched.failed or why else DONE)


def _assemble(config: Config, overwrite: bool, quiet: bool) -> Outcome:
    workspace = Workspace(config.workspace_path)
    with workspace.held():
        assembled = assemble(config, workspace, overwrite=overwrite, quiet=quiet)
    return Outcome(_assembled_data(config, assembled), [_assembled_line(config, assembled)])


def assemble_shard(config: Config, part: str, *, overwrite: bool = False, quiet: bool = False) -> Outcome:
    """Write the patches of one shard, beside others."""
    shard = Shard.parse(part)
    workspace = Workspace(config.workspace_path)
    with workspace.held_by(shard):
        assembled = assemble(config, workspace, shard=shard, overwrite=overwrite, quiet=quiet)
    line = f"shard {shard}: {_assembled_line(config, assembled)}; when all are done, 'gee-s1ben assemble' ends the work"
    return Outcome({"shard": str(shard), **_assembled_data(config, assembled)}, [line])


def _assembled_data(config: Config, assembled: Assembled) -> dict[str, Any]:
    return {
        "dataset": str(config.dataset.path),
        "patches": assembled.written,
        "kept": assembled.kept,
        "absent": assembled.absent,
        "seconds": round(assembled.seconds, 3),
    }


def _assembled_line(config: Config, assembled: Assembled) -> str:
    there = f"{assembled.kept} there before"
    rate = (assembled.written - assembled.kept) / assembled.seconds if assembled.seconds else 0.0
    took = f"{assembled.seconds:.1f} s" + (f", {rate:,.0f} new patches/s" if rate else "")
    return f"{plural(assembled.written, 'patch')} in {config.dataset.path} ({there}), {assembled.absent} absent; {took}"


def _verify(config: Config, _overwrite: bool, quiet: bool) -> Outcome:
    workspace = Workspace(config.workspace_path)
    with workspace.held():
        verified = verify(config, workspace, quiet=quiet)
        finish(config, workspace, verified)
    findings = plural(len(verified.findings), "finding")
    line = f"{plural(verified.right, 'patch')} right, {verified.absent} absent with a reason, {findings}"
    return Outcome(
        _verified_data(verified),
        [line, *_finding_lines(verified.findings)],
        FINDINGS if verified.findings else DONE,
    )


STAGES: Mapping[str, Callable[[Config, bool, bool], Outcome]] = {
    "run": _run,
    "match": _match,
    "fetch": _fetch,
    "assemble": _assemble,
    "verify": _verify,
}
"""By the command's name: from configuration, overwrite, quiet to the outcome."""


def _match_data(index: MatchIndex) -> dict[str, Any]:
    return {
        "targets": list(index.targets),
        "scenes": index.scenes,
        "passes": index.passes,
        "patches": index.patches,
        "absent": index.absent,
    }


def _match_line(index: MatchIndex) -> str:
    return (
        f"{plural(index.patches, 'patch')} of {plural(len(index.targets), 'target')} served by "
        f"{plural(index.passes, 'pass')} ({plural(index.scenes, 'candidate scene')}); {index.absent} absent"
    )


def _fetched_data(fetched: Fetched) -> dict[str, Any]:
    return {
        "fetched": fetched.requested,
        "kept": fetched.kept,
        "bytes": fetched.bytes,
        "rasters_absent": fetched.absent,
        "rasters_failed": fetched.failed,
    }


def _given_up_lines(fetched: Fetched) -> list[str]:
    lines = [f"  rasters   {fetched.absent} of which there is no such data"] if fetched.absent else []
    if fetched.failed:
        lines.append(
            f"  rasters   {fetched.failed} given up ('gee-s1ben status' says why; 'gee-s1ben retry' asks again)"
        )
    return lines


def _verified_data(verified: Verified) -> dict[str, Any]:
    return {
        "right": verified.right,
        "absent": verified.absent,
        "findings": [{"what": finding.what, "reason": finding.reason} for finding in verified.findings],
    }


def _report_data(report: Report) -> dict[str, Any]:
    summary = report.summary
    return {
        "dataset": str(summary.dataset),
        "simulated": summary.simulated,
        "patches": summary.patches,
        "kept": report.assembled.kept,
        "absent": summary.absent,
        "absent_reasons": dict(summary.absent_reasons),
        "passes": [_pass_data(one) for one in summary.passes],
        "passed_over": summary.passed_over,
        "dt_hours": {"mean": summary.dt_mean_hours, "max": summary.dt_max_hours},
        "windows": _fetched_data(report.fetched),
        "seconds": round(report.seconds, 3),
        "patches_per_second": round(report.patches_per_second, 3),
        "stages": {name: round(seconds, 3) for name, seconds in report.stages.items()},
        "verify": _verified_data(report.verified),
        "quicklooks": [str(path) for path in summary.quicklooks],
    }


def _pass_data(one: PassSummary) -> dict[str, Any]:
    return {
        "target": one.target,
        "pass": one.pass_key,
        "relative_orbit": one.relative_orbit,
        "orbit_direction": one.orbit_direction,
        "dt_hours": one.dt_hours,
        "patches": one.patches,
    }


def _report_lines(report: Report) -> list[str]:
    summary = report.summary
    lines = [
        f"dataset     {summary.dataset}" + ("   (SIMULATED scenes, not radar data)" if summary.simulated else ""),
        f"patches     {_written(report)}, {summary.absent} absent"
        + (f" ({report.assembled.kept} there before)" if report.assembled.kept else ""),
    ]
    lines += [f"  absent    {count}: {reason}" for reason, count in summary.absent_reasons.items()]
    lines += _given_up_lines(report.fetched)
    lines += _cut(
        [
            f"  pass      {one.pass_key} orbit {one.relative_orbit} {one.orbit_direction}, |Δt| {one.dt_hours:.1f} h: "
            f"{plural(one.patches, 'patch')} of {one.target}"
            for one in summary.passes
        ]
    )
    if summary.passed_over:
        count = plural(summary.passed_over, "patch")
        lines.append(
            f"  next pass {count} that the first pass does not have whole ('passed_over' in provenance/patches.csv)"
        )
    if summary.dt_mean_hours is not None and summary.dt_max_hours is not None:
        lines.append(f"|Δt|        mean {summary.dt_mean_hours:.1f} h, max {summary.dt_max_hours:.1f} h")
    shares = ", ".join(
        f"{name} {seconds / report.seconds:.0%}"
        for name, seconds in report.stages.items()
        if seconds > 0.01 * report.seconds
    )
    lines.append(f"time        {report.seconds:.1f} s, {report.patches_per_second:.1f} patches/s ({shares})")
    lines += [f"picture     {path}" for path in summary.quicklooks]
    if report.verified.findings:
        lines += [f"findings    {len(report.verified.findings)}", *_finding_lines(report.verified.findings)]
    return lines


def _written(report: Report) -> str:
    if not report.verified.findings:
        return f"{report.summary.patches} written and verified"
    return f"{report.summary.patches} written, {report.verified.right} of them right"


def _finding_lines(findings: Sequence[Finding]) -> list[str]:
    return _cut([f"  {finding.what}: {finding.reason}" for finding in findings])


def _cut(lines: list[str]) -> list[str]:
    rest = len(lines) - MOST_LINES
    return [*lines[:MOST_LINES], f"  … and {rest} more (--json lists all)"] if rest > 0 else lines
