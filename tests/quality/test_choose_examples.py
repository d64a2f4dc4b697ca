from hypothesis import given
from hypothesis import strategies as st

from gee_s1ben.quality.view import choose_examples

CELLS = st.dictionaries(
    st.sampled_from(["S1A_017022", "S1A_017015", "S1B_006132"]),
    st.lists(st.tuples(st.integers(0, 90), st.integers(0, 90)), unique=True, max_size=40),
)


@given(CELLS, st.integers(1, 12))
def test_examples_are_patches_of_their_pass_without_repeats(cells, count):
    chosen = choose_examples(cells, count)
    assert len(chosen) == len(set(chosen)) == min(count, sum(map(len, cells.values())))
    assert all(cell in cells[key] for key, cell in chosen)


@given(CELLS, st.integers(3, 12))
def test_every_pass_gets_its_turn(cells, count):
    given_to = {key: sum(1 for one, _ in choose_examples(cells, count) if one == key) for key in cells}
    with_room = [given_to[key] for key in cells if given_to[key] < len(cells[key])]
    assert all(given_to[key] for key in cells if cells[key])
    assert not with_room or max(with_room) - min(with_room) <= 1


def test_examples_spread_through_a_pass():
    cells = {"S1A_017022": [(col, row) for row in range(90) for col in range(90)]}
    rows = [row for _, (_, row) in choose_examples(cells, 3)]
    assert rows == [15, 45, 75]  # the middles of three equal parts
