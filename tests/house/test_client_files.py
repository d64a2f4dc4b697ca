"""The embedded service answers with two files that the client ships without documenting them."""

import json
from importlib.resources import files


def shipped(name):
    return json.loads(files("ee.tests").joinpath(name).read_text(encoding="utf-8"))


def test_the_client_ships_its_algorithms():
    names = {one["name"] for one in shipped("algorithms.json")["algorithms"]}
    assert len(names) > 900
    assert {"algorithms/Image.load", "algorithms/ImageCollection.mosaic", "algorithms/Join.saveAll"} <= names


def test_the_client_ships_its_discovery_document():
    document = shipped("cloud_api_discovery_document.json")
    methods = document["resources"]["projects"]["resources"]
    assert {"compute"} <= set(methods["value"]["methods"])
    assert {"computePixels"} <= set(methods["image"]["methods"])
