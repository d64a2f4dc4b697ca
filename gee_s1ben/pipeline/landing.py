"""From exported files to the plan's windows in the workspace: checked, composed, cut, written one by one."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gee_s1ben.dataset.pieces import PlacedFile, emptiness, encode_window_tif, open_pieces
from gee_s1ben.errors import IncompleteRasterError, RasterError
from gee_s1ben.pipeline.rasters import Raster
from gee_s1ben.pipeline.windows import Window
from gee_s1ben.pipeline.workspace import Workspace
from gee_s1ben.session.computing import decode_geotiff

_SHARD = re.compile(r"-(\d{10})-(\d{10})\.tif$", re.ASCII)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Landed:
    """What became of a raster's windows."""

    windows: tuple[str, ...]
    """Names of those that are in the workspace now."""
    empty: Mapping[str, str]
    """Name → why it was not written as data: all of its pixels are zero, NaN or without data."""


def land(
    workspace: Workspace, raster: Raster, division: int, files: Mapping[int, Sequence[tuple[str, Path]]]
) -> Landed:
    """Compose the files of all pieces of an attempt, and write the raster's windows.

    Parameters
    ----------
    workspace : Workspace
        Where the windows go.
    raster : Raster
        What is owed.
    division : int
        The raster was asked for in ``division``² pieces.
    files : mapping of int to sequence of (name, path)
        Of each piece the files: the remote name, whose end says where a shard lies, and the file on disk.

    Raises
    ------
    RasterError
        A shard is missing or too many, or a file is not what was asked for: size, place, CRS, bands, type, pixels.
    StorageError
        The workspace cannot be written.
    """
    placed = [file for piece in range(division**2) for file in _placed(raster, division, piece, files.get(piece, ()))]
    if extra := set(files) - set(range(division**2)):
        raise RasterError(f"{raster.job.name} was asked for in {division**2} pieces, and there is a piece {max(extra)}")
    landed: list[str] = []
    empty: dict[str, str] = {}
    with open_pieces(placed, raster.job.grid, raster.job.bands) as whole:
        for window in raster.windows:
            bands = whole.window(window.col - raster.col, window.row - raster.row, window.width, window.height)
            if reason := emptiness(bands):
                empty[window.name] = reason
                continue
            content = encode_window_tif(bands, window.grid(raster.target))
            workspace.keep_window(raster.job.fingerprint, window.name, content)
            landed.append(window.name)
    return Landed(tuple(landed), empty)


def missing_windows(workspace: Workspace, raster: Raster) -> list[Window]:
    """Windows of a raster that are missing or broken in the workspace, or have no checksum; such are named in the log.

    Raises
    ------
    StorageError
        The workspace cannot be read.
    """
    return [window for window in raster.windows if not _is_there(workspace, raster, window)]


def _placed(raster: Raster, division: int, piece: int, files: Sequence[tuple[str, Path]]) -> list[PlacedFile]:
    """Place the files of a piece: where each lies in the piece is in its name, where the piece lies in the raster."""
    col, row, _ = raster.job.piece(piece, division)
    if not files:
        raise IncompleteRasterError(f"{raster.job.name}: piece {piece + 1} of {division**2} has no file")
    placed = []
    for name, path in files:
        shard = _SHARD.search(name)
        down, across = (int(shard[1]), int(shard[2])) if shard else (0, 0)
        placed.append(PlacedFile(path, name[-120:], col + across, row + down))
    return placed


def _is_there(workspace: Workspace, raster: Raster, window: Window) -> bool:
    content = workspace.read_window(raster.job.fingerprint, window.name)
    if content is None:
        return False
    try:
        decode_geotiff(content, window.grid(raster.target), raster.job.bands)
    except RasterError as error:
        path = workspace.window_path(raster.job.fingerprint, window.name)
        _log.warning("%s is broken and is fetched again: %s", path, error)
        return False
    return True
