import struct
import zlib
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
import rasterio

from gee_s1ben.domain.grid import Grid
from gee_s1ben.errors import StorageError
from gee_s1ben.quality.colours import orbit_colours, pass_colours
from gee_s1ben.quality.quicklook import DPI, HEIGHT_IN, WIDTH_IN, write_quicklook
from gee_s1ben.quality.view import ExampleView, PassView, QuicklookView

GRID = Grid("EPSG:32633", (10.0, 0.0, 399960.0, 0.0, -10.0, 5800020.0), 10980, 10980)
OUTER = ((250e3, 5.6e6), (600e3, 5.6e6), (600e3, 5.9e6), (250e3, 5.9e6), (250e3, 5.6e6))
NEAR = PassView("S1A_017022", 95, "descending", 6.7, (OUTER,), ())
FAR = PassView("S1A_017015", 44, "ascending", 18.3, (OUTER,), ())


def view_of(near=(), far=(), absent=(), examples=(), grid=GRID, simulated=False):
    passes = (replace(NEAR, cells=tuple(near), simulated=simulated), replace(FAR, cells=tuple(far)))
    return QuicklookView("33UUP", "2017-06-13 10:10:31 UTC", grid, 120, passes, tuple(absent), tuple(examples))


def block(cols, rows, first_col=0, first_row=0):
    return [(col, row) for row in range(first_row, first_row + rows) for col in range(first_col, first_col + cols)]


def example(cell, level=-10.0, bands=("VV", "VH")):
    arrays = {name: np.full((120, 120), level, dtype=np.float32) for name in bands}
    return ExampleView(f"S1A_IW_GRDH_1SDV_20170613T165043_33UUP_{cell[0]}_{cell[1]}", cell, NEAR.key, arrays)


def picture(path):
    """RGB (rows, columns, 3) of a PNG, read by GDAL."""
    with rasterio.open(path) as source:
        return np.moveaxis(source.read([1, 2, 3]), 0, -1)


def close_to(image, colour):
    """Where an image has a colour, but for the rounding of a drawing library."""
    return np.abs(image.astype(int) - np.round(255 * np.array(colour)).astype(int)).max(axis=-1) <= 1


def count(image, colour):
    return int(close_to(image, colour).sum())


def texts(path):
    """The tEXt chunks of a PNG, read by its specification."""
    data, at, found = path.read_bytes(), 8, {}
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        if kind in (b"tEXt", b"zTXt"):
            key, _, value = body.partition(b"\0")
            found[key.decode()] = (zlib.decompress(value[1:]) if kind == b"zTXt" else value).decode("latin-1")
        at += 12 + length
    return found


pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


def test_the_picture_has_its_size(tmp_path):
    write_quicklook(tmp_path / "made" / "on the way" / "look.png", view_of(block(91, 91)))
    image = picture(tmp_path / "made" / "on the way" / "look.png")
    assert image.shape == (round(HEIGHT_IN * DPI), round(WIDTH_IN * DPI), 3)


def test_the_map_shows_each_pass_by_its_patches(tmp_path):
    """The area of a colour on the map is in proportion to the patches of its pass."""
    areas = {}
    for near_cols in (30, 60):
        path = tmp_path / f"{near_cols}.png"
        view = view_of(block(near_cols, 91), block(90 - near_cols, 91, first_col=near_cols))
        write_quicklook(path, view)
        image, colours = picture(path), pass_colours(view.passes)
        areas[near_cols] = count(image, colours[NEAR.key]), count(image, colours[FAR.key])
    assert areas[30][0] == pytest.approx(areas[60][1], rel=0.02)
    assert areas[60][0] == pytest.approx(2 * areas[30][0], rel=0.02)


def test_the_map_is_north_up(tmp_path):
    view = view_of(block(91, 20), block(91, 71, first_row=20))
    write_quicklook(tmp_path / "look.png", view)
    image, colours = picture(tmp_path / "look.png"), pass_colours(view.passes)
    on_map = image[: int(0.7 * image.shape[0]), : image.shape[1] // 3]
    rows = {key: np.nonzero(close_to(on_map, colour))[0].mean() for key, colour in colours.items()}
    assert rows[NEAR.key] < rows[FAR.key]


def test_absent_patches_are_not_drawn_as_data(tmp_path):
    written, missing = block(91, 91), block(91, 45)
    rest = sorted(set(written) - set(missing))
    write_quicklook(tmp_path / "all.png", view_of(written))
    write_quicklook(tmp_path / "half.png", view_of(rest, absent=missing))
    colour = pass_colours(view_of().passes)[NEAR.key]
    whole, half = (count(picture(tmp_path / name), colour) for name in ("all.png", "half.png"))
    assert half == pytest.approx(whole * len(rest) / len(written), rel=0.02)
    assert texts(tmp_path / "half.png")["Description"] == f"{46 * 91} patches, {45 * 91} absent"


@pytest.mark.parametrize("side", [1, 2, 3])
def test_a_small_block_fills_the_map(tmp_path, side):
    view = view_of(block(side, side, 50, 70))
    write_quicklook(tmp_path / "look.png", view)
    area = count(picture(tmp_path / "look.png"), pass_colours(view.passes)[NEAR.key])
    assert area > 50_000  # drawn to scale alone it would be some 340 pixels at most


def test_sheet_shows_the_pixels_it_is_given(tmp_path):
    """A flat −10 dB patch is mid-grey in VV and brighter in VH."""
    write_quicklook(tmp_path / "look.png", view_of([(0, 0)], examples=[example((0, 0), -10.0)]))
    image = picture(tmp_path / "look.png")
    for grey in ((-10 + 20) / 20, (-10 + 27) / 20):
        assert count(image, (grey, grey, grey)) > 50_000


def test_a_sheet_without_vh_has_no_false_colour(tmp_path):
    mixed = (128 / 255, 217 / 255, 0.0)  # −10 dB in both: half red, 0.85 green, no ratio
    for bands, shown in ((("VV", "VH"), True), (("VV",), False)):
        write_quicklook(tmp_path / "look.png", view_of([(0, 0)], examples=[example((0, 0), bands=bands)]))
        assert (count(picture(tmp_path / "look.png"), mixed) > 50_000) is shown


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_scenes_are_labelled(tmp_path, simulated):
    write_quicklook(tmp_path / "look.png", view_of([(0, 0)], simulated=simulated))
    image = picture(tmp_path / "look.png")
    badge = count(image[: image.shape[0] // 10, image.shape[1] // 2 :], (0.70, 0.09, 0.09))
    assert (badge > 2_000) is simulated
    assert ("SIMULATED" in texts(tmp_path / "look.png").get("Comment", "")) is simulated


def test_the_same_view_gives_the_same_bytes(tmp_path, monkeypatch):
    view = view_of(block(5, 5), absent=[(5, 5)], examples=[example((1, 1))], simulated=True)
    write_quicklook(tmp_path / "a.png", view)
    monkeypatch.setitem(mpl.rcParams, "font.family", ["serif"])  # a user's own settings
    write_quicklook(tmp_path / "b.png", view)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert set(texts(tmp_path / "a.png")) == {"Title", "Description", "Comment"}


def test_nothing_written_still_gives_a_picture(tmp_path):
    nothing = QuicklookView("33UUP", "", GRID, 120, (), tuple(block(2, 2)))
    write_quicklook(tmp_path / "look.png", nothing)
    assert texts(tmp_path / "look.png")["Description"] == "0 patches, 4 absent"


def test_more_passes_than_the_legend_has_room_for(tmp_path):
    many = tuple(replace(NEAR, key=f"S1A_0{number}", relative_orbit=number % 175 + 1) for number in range(17000, 17012))
    view = replace(view_of(), passes=(replace(NEAR, cells=tuple(block(91, 91))), *many))
    write_quicklook(tmp_path / "look.png", view)
    assert count(picture(tmp_path / "look.png"), pass_colours(view.passes)[NEAR.key]) > 100_000


def test_a_grid_in_degrees(tmp_path):
    step = 8.98e-5
    grid = Grid("EPSG:4326", (step, 0.0, -5.9, 0.0, -step, 37.2), 512, 512)
    ring = ((-7.0, 36.0), (-5.0, 36.0), (-5.0, 38.0), (-7.0, 38.0), (-7.0, 36.0))
    view = QuicklookView("chip", "", grid, 120, (replace(NEAR, footprints=(ring,), cells=((0, 0),)),))
    write_quicklook(tmp_path / "look.png", view)
    assert count(picture(tmp_path / "look.png"), pass_colours(view.passes)[NEAR.key]) > 5_000


def test_a_picture_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write the quick-look") as caught:
        write_quicklook(tmp_path / "file" / "look.png", view_of())
    assert "\n" not in str(caught.value)


def test_a_failed_write_keeps_the_old_picture_and_leaves_no_rest(tmp_path, monkeypatch):
    target = tmp_path / "look.png"
    target.write_bytes(b"old")

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", refuse)
    with pytest.raises(StorageError, match="No space left on device"):
        write_quicklook(target, view_of())
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["look.png"]


def test_passes_of_one_orbit_share_a_colour():
    again = replace(NEAR, key="S1A_016847", hours=100.0)
    colours = pass_colours((NEAR, FAR, again))
    assert colours[again.key] == colours[NEAR.key] != colours[FAR.key]
    assert pass_colours((FAR, again))[again.key] == colours[NEAR.key]
    assert pass_colours((NEAR, FAR), {NEAR.relative_orbit: "#336699"})[NEAR.key] == (0.2, 0.4, 0.6)


def test_orbits_over_one_tile_have_colours_of_their_own():
    neighbours = [(22 + 73 * step) % 175 + 1 for step in range(7)]
    ascending = [(44 + 73 * step) % 175 + 1 for step in range(4)]
    colours = orbit_colours([neighbours[:4] + ascending, neighbours[3:], ascending])
    assert len({colours[orbit] for orbit in neighbours[:4] + ascending}) == 8
    assert set(colours) == {*neighbours, *ascending}
    assert colours == orbit_colours([neighbours[:4] + ascending, neighbours[3:], ascending])
    assert len(set(orbit_colours([range(1, 176)]).values())) == 8
