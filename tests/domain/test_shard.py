from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gee_s1ben.domain.shard import Shard
from gee_s1ben.errors import InputError


@given(st.lists(st.integers()), st.integers(1, 12))
def test_parts_are_disjoint_even_and_complete(items, count):
    parts = [list(Shard(index, count).part(enumerate(items))) for index in range(1, count + 1)]
    assert sorted(item for part in parts for item in part) == list(enumerate(items))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_text():
    assert Shard.parse("3/8") == Shard(3, 8)
    assert str(Shard(3, 8)) == "3/8"


@pytest.mark.parametrize("text", ["0/8", "9/8", "3", "3/", "a/b", "-1/2", "1/0", "1/999999", "١/٢", "1/2\n"])
def test_no_shard(text):
    with pytest.raises(InputError, match="shard"):
        Shard.parse(text)
