"""Names of Sentinel-2 products before December 2016."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gee_s1ben.domain.naming import S2GranuleName, S2OldProductName
from gee_s1ben.errors import NamingError

# ESA's own example names
PRODUCT = "S2A_OPER_PRD_MSIL1C_PDMC_20160914T193218_R022_V20160831T101022_20160831T101022"
GRANULE = "S2A_OPER_MSI_L1C_TL_SGS__20160831T155112_A006228_T33UUP_N02.04"


@pytest.mark.parametrize("text", [PRODUCT, PRODUCT + ".SAFE"])
def test_a_product_is_read_and_written_back(text):
    product = S2OldProductName.parse(text)
    assert str(product) == text
    assert product.start == datetime(2016, 8, 31, 10, 10, 22, tzinfo=UTC)
    assert product.relative_orbit == 22
    assert product.generated == datetime(2016, 9, 14, 19, 32, 18, tzinfo=UTC)


def test_a_granule_is_read_and_written_back():
    granule = S2GranuleName.parse(GRANULE)
    assert str(granule) == GRANULE
    assert (granule.tile, granule.absolute_orbit, granule.baseline, granule.site) == ("33UUP", 6228, "02.04", "SGS_")


def test_product_and_granule_are_one_name_of_today():
    name = S2OldProductName.parse(PRODUCT).with_granule(S2GranuleName.parse(GRANULE))
    assert str(name) == "S2A_MSIL1C_20160831T101022_N0204_R022_T33UUP"


def test_a_granule_of_another_mission_is_refused():
    other = S2GranuleName.parse(GRANULE.replace("S2A", "S2B"))
    with pytest.raises(NamingError, match="mission"):
        S2OldProductName.parse(PRODUCT).with_granule(other)


@pytest.mark.parametrize(
    "text",
    [
        "", "../" + PRODUCT, PRODUCT + "\n", PRODUCT.replace("_R022", "_R22"),
        PRODUCT.replace("0831T101022_", "0831T251022_"), PRODUCT.replace("20160831", "20161331"), PRODUCT * 4,
        PRODUCT.replace("2", "２"), GRANULE,
    ],
)  # fmt: skip
def test_what_is_no_product_is_refused(text):
    with pytest.raises(NamingError):
        S2OldProductName.parse(text)


@given(st.text(max_size=60), st.integers(0, len(GRANULE)))
def test_a_granule_with_something_in_it_is_the_same_or_refused(text, place):
    changed = GRANULE[:place] + text + GRANULE[place:]
    try:
        granule = S2GranuleName.parse(changed)
    except NamingError as error:
        said = str(error)
        assert said.isprintable()
    else:
        assert str(granule) == changed


def test_values_check_themselves():
    product, granule = S2OldProductName.parse(PRODUCT), S2GranuleName.parse(GRANULE)
    for changes in ({"start": datetime(2016, 8, 31)}, {"mission": "S2E"}, {"site": "../x"}):
        with pytest.raises(NamingError):
            replace(product, **changes)
    for changes in ({"generated": datetime(2016, 8, 31)}, {"tile": "33UIP"}, {"absolute_orbit": -1}):
        with pytest.raises(NamingError):
            replace(granule, **changes)
