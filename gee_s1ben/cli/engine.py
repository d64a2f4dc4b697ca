"""``engine serve``: the embedded Earth Engine service by itself."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from gee_s1ben.cli.options import AsJson, Quiet, Verbose, set_up_logging
from gee_s1ben.cli.outcome import DONE, Outcome, say, show

app = typer.Typer(help="The embedded Earth Engine service.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Run the embedded Earth Engine service."""


@app.command(
    help="Serve a catalog of local scenes as Earth Engine.\n\n"
    "On a loopback port, for the unmodified earthengine-api client. The first line on stdout is the base URL. "
    "Stop it with Ctrl-C.\n\n"
    "Example:\n\n\b\n  gee-s1ben engine serve --catalog catalog --exports exports --port 8181\n"
    "  python -c 'import ee, google.auth.credentials as c; "
    'ee.Initialize(c.AnonymousCredentials(), url="http://127.0.0.1:8181", project="embedded")\''
)
def serve(
    catalog: Annotated[Path, typer.Option("--catalog", help="The catalog's folder.", metavar="DIR")],
    exports: Annotated[
        Path | None,
        typer.Option(
            "--exports",
            help="The folder of exports and their files; without it nothing can be exported.",
            metavar="DIR",
        ),
    ] = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0 takes a free one.")] = 0,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> Outcome:
    """Serve a catalog of local scenes."""
    set_up_logging(verbose=verbose, quiet=quiet)
    from gee_s1ben.engine.service import serving
    from gee_s1ben.engine.service.hard_stop import hard_stop

    with hard_stop(), serving(catalog, port=port, exports=exports) as url:
        if as_json:
            show(Outcome({"url": url}), as_json=True)
        else:
            sys.stdout.write(f"{url}\n")
            sys.stdout.flush()
        if not quiet:
            say("serving; stop with Ctrl-C")
        threading.Event().wait()
    return Outcome({}, (), DONE)
