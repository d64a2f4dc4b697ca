"""The query of Sentinel-2 images, evaluated by the service through the real client."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import shapely
from sentinel2_images import L1C, add_image, day, product

from gee_s1ben.footprints.outline import tile_outline
from gee_s1ben.graph.sentinel2 import sentinel2_images
from gee_s1ben.session.computing import compute_value

PROPERTIES = ("PRODUCT_ID", "MGRS_TILE", "system:footprint", "system:index")


@pytest.fixture
def add(scenes):
    def image(tile: str, when: datetime, **options: object) -> str:
        return add_image(scenes.catalog, scenes.folder, tile, when, **options)

    return image


def ms(*date: int) -> int:
    return round(datetime(*date, tzinfo=UTC).timestamp() * 1000)


def found(start=(2017, 6, 1), stop=(2017, 7, 1), **options) -> list[str]:
    asked = sentinel2_images(L1C, ms(*start), ms(*stop), properties=PROPERTIES, **options)
    return [image["PRODUCT_ID"] for image in compute_value(asked)]


def test_images_of_a_time_come_in_its_order(add) -> None:
    for number in (20, 3, 13):
        add("33UUP", day(number))
    assert found() == [product("33UUP", day(number)) for number in (3, 13, 20)]
    # The image's own time counts, minutes after the datatake's start; the last moment is not counted.
    assert found(start=(2017, 6, 13, 10, 15, 31)) == [product("33UUP", day(number)) for number in (13, 20)]
    assert found(stop=(2017, 6, 13, 10, 15, 31)) == [product("33UUP", day(3))]


def test_images_of_tiles_and_with_little_cloud(add) -> None:
    add("33UUP", day(3), cloud=20.0)
    add("33UUP", day(13), cloud=20.1)
    add("34UDV", day(13), cloud=0.0)
    assert found(tiles=["33UUP"], max_cloud_percent=20) == [product("33UUP", day(3))]
    assert found(max_cloud_percent=20) == [product("33UUP", day(3)), product("34UDV", day(13))]
    assert found(tiles=["33UUP", "34UDV", "30TYN"]) == [
        product("33UUP", day(3)), product("33UUP", day(13)), product("34UDV", day(13)),
    ]  # fmt: skip
    assert found(tiles=["30TYN"]) == []


def test_images_that_touch_an_area(add) -> None:
    add("33UUP", day(3))
    add("34UDV", day(3))
    inside = tile_outline("33UUP").centroid.buffer(0.01)
    assert found(area=shapely.geometry.mapping(inside)) == [product("33UUP", day(3))]
    both = shapely.union_all([inside, tile_outline("34UDV").centroid.buffer(0.01)])
    assert both.geom_type == "MultiPolygon"
    assert found(area=shapely.geometry.mapping(both)) == [product("33UUP", day(3)), product("34UDV", day(3))]
    assert found(area=shapely.geometry.mapping(shapely.box(0, 0, 1, 1))) == []


def test_sides_of_an_area_are_straight_in_degrees(add) -> None:
    """A geodesic from 0 to 30° E along 48.3° N would run a degree and a half farther north."""
    add("33UUP", day(3))
    south, north = tile_outline("33UUP").bounds[1::2]
    assert found(area=shapely.geometry.mapping(shapely.box(0, south - 1, 30, south - 0.1))) == []
    assert found(area=shapely.geometry.mapping(shapely.box(0, north - 0.1, 30, north + 1))) != []


def test_an_image_says_what_it_has(add) -> None:
    add("33UUP", day(3), MGRS_TILE=None)
    (image,) = compute_value(sentinel2_images(L1C, ms(2017, 6, 1), ms(2017, 7, 1), properties=PROPERTIES))
    assert set(image) == {"PRODUCT_ID", "system:footprint", "system:index"}
    assert image["system:footprint"]["type"] == "LinearRing"
    # Between its vertices, a ring of coordinates follows the tile's sides to some tens of metres.
    ring = shapely.Polygon(image["system:footprint"]["coordinates"])
    assert shapely.hausdorff_distance(ring, tile_outline("33UUP")) < 1e-3


def test_pages_make_up_the_whole(add) -> None:
    for number in (3, 13, 20):
        add("33UUP", day(number))
    pages = [found(count=2, offset=offset) for offset in (0, 2, 4)]
    assert [len(page) for page in pages] == [2, 1, 0]
    assert [*pages[0], *pages[1]] == found()
