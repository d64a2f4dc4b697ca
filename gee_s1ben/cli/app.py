"""The tree of commands, and the one place where errors become text and exit codes."""

from __future__ import annotations

import errno
import os
import re
import traceback
from collections.abc import Sequence
from typing import Any

import typer

from gee_s1ben import __version__
from gee_s1ben.cli import catalog, engine, exporting, footprints, inspecting, published, publishing, simulate, stages
from gee_s1ben.cli.outcome import BAD_INPUT, DONE, UNEXPECTED, Outcome, say, show, show_error
from gee_s1ben.errors import GeeS1benError

_LONGEST_NAME = 200

app = typer.Typer(
    name="gee-s1ben",
    help="Sentinel-1 patches to match Sentinel-2's, BigEarthNet-S1 style.\n\n"
    "One config.yaml says what to make; 'gee-s1ben run' makes it, and continues where a stopped run was. "
    "Without an Earth Engine account: 'gee-s1ben simulate' fills a catalog with simulated scenes, and the embedded "
    "service works on them.",
    epilog="Exit codes: 0 done, 1 findings, 2 bad input, 124 not yet, 130 interrupted, 143 terminated, 70 a fault of "
    "the program.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
stages.add_to(app)
exporting.add_to(app)
simulate.add_to(app)
publishing.add_to(app)
footprints.add_to(app)
inspecting.add_to(app)
app.add_typer(engine.app, name="engine")
app.add_typer(catalog.app, name="catalog")
app.add_typer(published.app, name="published")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gee-s1ben {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", help="Show the version.", callback=_version, is_eager=True),
) -> None:
    """Sentinel-1 patches to match Sentinel-2's."""


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code.

    Raises
    ------
    KeyboardInterrupt
        Interrupted; the caller decides how to leave.
    """
    as_json, verbose = "--json" in arguments, bool({"-v", "--verbose"} & set(arguments))
    command = typer.main.get_command(app)
    try:
        with command.make_context("gee-s1ben", list(arguments)) as context:
            outcome = command.invoke(context)
        if isinstance(outcome, Outcome):
            if as_json or outcome.code != DONE or not _is_quiet(arguments):
                show(outcome, as_json=as_json)
            return outcome.code
    except typer.Exit as leaving:
        return leaving.exit_code
    except GeeS1benError as error:
        if verbose and error.__cause__ is not None:
            say(f"caused by {type(error.__cause__).__name__}: {error.__cause__}")
        show_error(type(error).__name__, str(error), as_json=as_json)
        return error.exit_code
    except Exception as error:  # the last resort; nothing is hidden with -v
        if hasattr(error, "format_message"):  # newer typers carry a click of their own, so its class says nothing
            return _usage_error(error, as_json=as_json)
        if verbose:
            say(traceback.format_exc().rstrip())
        if isinstance(error, OSError) and (about := _about_file(error)):
            show_error("StorageError", about, as_json=as_json)
            return BAD_INPUT
        if isinstance(error, UnicodeEncodeError) and error.reason == "surrogates not allowed":
            where = error.object[:_LONGEST_NAME]
            show_error("InputError", f"{where} is a name that is not UTF-8: rename it", as_json=as_json)
            return BAD_INPUT
        text = " ".join(f"{type(error).__name__}: {error}".split())[:400]
        show_error(
            "UnexpectedError",
            f"this should not happen ({text}); run again with -v for the traceback, and please report it",
            as_json=as_json,
        )
        return UNEXPECTED
    return DONE


def _about_file(error: OSError) -> str | None:
    """Say what the system said of a file that cannot be used, or that another program changed between two looks."""
    if error.filename is None or error.errno is None:
        return None
    name = os.fsdecode(error.filename) if isinstance(error.filename, bytes) else str(error.filename)
    name = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
    if error.errno in (errno.ENOENT, errno.ESTALE):
        return f"{name} is not there any more: another program removed or renamed it; run again"
    return f"{name} cannot be used: {error.strerror or error}"


def _is_quiet(arguments: Sequence[str]) -> bool:
    """Whether only what went wrong is to be said; short options may stand together."""
    return "--quiet" in arguments or any(re.fullmatch("-v*q[qv]*", argument) for argument in arguments)


def _usage_error(error: Any, *, as_json: bool) -> int:
    """Show what is wrong with the command's own options; a group without a command shows its help."""
    text = str(error.format_message())
    if type(error).__name__ == "NoArgsIsHelpError":
        say(text)
        text = "a command is needed"
    context = getattr(error, "ctx", None)
    where = context.command_path if context else "gee-s1ben"
    show_error("UsageError", f"{' '.join(text.split())} (see '{where} --help')", as_json=as_json)
    return BAD_INPUT
