"""The embedded Earth Engine over HTTP, on the loopback interface only."""

from __future__ import annotations

import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gee_s1ben.engine.service.hard_stop import hard_stop
from gee_s1ben.errors import EngineError, InputError

if TYPE_CHECKING:
    from gee_s1ben.engine.exports import QueueSettings

HOST: Final = "127.0.0.1"
_IDLE_CONNECTION_S: Final = 600
_SHUTDOWN_S: Final = 2
"""For answers that are under way; with the export queue's own limit, a stop takes less than five seconds."""
_START_S: Final = 30.0

__all__ = ["serve_forever", "serving"]


@contextmanager
def serving(
    catalog: Path, port: int = 0, exports: Path | None = None, settings: QueueSettings | None = None
) -> Iterator[str]:
    """Serve a catalog from a thread of this process.

    Parameters
    ----------
    catalog : Path
        The catalog's folder.
    port : int
        Where to listen; 0 takes any free port.
    exports : Path, optional
        The folder of operations and of what they wrote; without one nothing can be exported.
    settings : QueueSettings, optional
        Limits, clock and work of the exports.

    Yields
    ------
    str
        The base URL, such as ``http://127.0.0.1:40123``.

    Raises
    ------
    InputError
        The port is taken or forbidden, there is no catalog, or the exports folder is in use or of another version.
    """
    # These take half a second to import, and importing this package must not.
    import uvicorn

    from gee_s1ben.engine.catalog import Catalog
    from gee_s1ben.engine.exports import Exports
    from gee_s1ben.engine.registry import Context
    from gee_s1ben.engine.service.application import create_application
    from gee_s1ben.engine.service.connections import BoundedProtocol

    opened = Catalog.open(catalog)
    with _listening(port) as listener, ExitStack() as stack:
        service = None if exports is None else Exports(exports, Context(opened), settings)
        if service is None:
            application = create_application(opened)
        else:
            stack.callback(service.close)
            application = create_application(opened, exports=service)
        config = uvicorn.Config(
            application,
            lifespan="off",
            # Every error of a request becomes its answer; what is left to log is that a stop cut requests short.
            log_level="critical",
            access_log=False,
            http=BoundedProtocol,
            ws="none",
            # Longer than a pause between requests: a client that reuses a connection just as it is closed fails.
            timeout_keep_alive=_IDLE_CONNECTION_S,
            timeout_graceful_shutdown=_SHUTDOWN_S,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="embedded-earth-engine", daemon=True
        )
        thread.start()
        try:
            _wait_until_started(server, thread)
            yield f"http://{HOST}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            if service is not None:
                service.stop()
            thread.join(_SHUTDOWN_S + 1)


def serve_forever(catalog: Path, port: int = 0, exports: Path | None = None) -> None:
    """Serve a catalog until SIGTERM; the base URL is the first line on standard output.

    Raises
    ------
    InputError
        The port is taken or forbidden, or there is no catalog.
    KeyboardInterrupt
        On SIGINT, once the service has stopped.
    """
    stop = threading.Event()
    previous = signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        with hard_stop(), serving(catalog, port, exports) as url:
            sys.stdout.write(f"{url}\n")
            sys.stdout.flush()
            stop.wait()
    finally:
        signal.signal(signal.SIGTERM, previous)


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    # The event loop turns Nagle's algorithm off only where the protocol is named; with it, every answer waits 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen(128)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(
                f"cannot listen on {HOST}:{port}: {reason}; choose another --port, or leave it out for any free one"
            ) from error
        yield listener


def _wait_until_started(server: object, thread: threading.Thread) -> None:
    waited = threading.Event()
    for _ in range(int(_START_S / 0.005)):
        if getattr(server, "started", False):
            return
        if not thread.is_alive():
            break
        waited.wait(0.005)
    raise EngineError("the embedded Earth Engine service did not start", status=500)
