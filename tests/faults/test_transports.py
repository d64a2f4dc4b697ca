"""The same plan through ``direct``, ``drive`` and ``gcs``."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from command_line import tree
from fault_arena import Arena


@pytest.mark.parametrize("raster_px", [120, 240, 10_980])
def test_the_same_bytes_by_all_transports(new_arena: Callable[..., Arena], raster_px: int) -> None:
    found = {}
    for transport in ("direct", "drive", "gcs"):
        arena = new_arena(transport, window_px=120)
        if transport == "direct":
            arena.fetch()
        else:
            arena.fetch(raster_px=raster_px)
        assert arena.finish().findings == ()
        found[transport] = tree(arena.folder / "dataset"), len(arena.operations())
        assert arena.identical()
    files, operations = zip(*found.values(), strict=True)
    assert files[0] == files[1] == files[2]
    assert len([path for path in files[0] if path.endswith(".tif")]) == 18
    assert operations == {120: (0, 9, 9), 240: (0, 6, 6), 10_980: (0, 3, 3)}[raster_px]


def test_a_change_of_transport_on_the_way(new_arena: Callable[..., Arena]) -> None:
    """Windows are windows: what one transport brought, another does not ask for."""
    arena = new_arena("gcs", window_px=120)
    arena.fetch(raster_px=120)
    for window in arena.windows()[::2]:
        window.unlink()
    arena.transport = "direct"
    assert arena.fetch() == (5, 4)
    assert arena.finish().findings == ()
    assert arena.identical()


@pytest.mark.parametrize("transport", ["drive", "gcs"])
def test_shards_and_parts_are_the_same_bytes(
    new_arena: Callable[..., Arena], monkeypatch: pytest.MonkeyPatch, transport: str
) -> None:
    monkeypatch.setattr("gee_s1ben.session.exports.LONGEST_FILE_PX", 256)
    arena = new_arena(transport, window_px=120)
    arena.fetch()
    assert arena.finish().findings == ()
    assert arena.identical()
