"""Hours, EECU-hours and budgets, against laws and against a brute-force queue."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gee_s1ben.pipeline.estimate import (
    ASSUMED_BATCH,
    TIERS_EECU_HOURS,
    Budget,
    Measured,
    Rates,
    affordable,
    estimate,
    fitted,
    makespan,
    months,
    most_at_a_time,
)

PIXELS = st.integers(1, 10**9)
SIZES = st.lists(PIXELS, max_size=30)


def queue(durations: list[int], slots: int) -> int:
    """Second by second: whoever is free takes the next; the slow way to the end of the last."""
    waiting, running, now = list(durations), [], 0
    while waiting or running:
        running = [left - 1 for left in running if left > 1]
        while waiting and len(running) < slots:
            running.append(waiting.pop(0))
        now += 1
    return now - 1 if durations else 0


@given(st.lists(st.integers(1, 40), max_size=12), st.integers(1, 4))
def test_makespan_is_what_a_queue_takes(durations: list[int], slots: int) -> None:
    assert makespan(durations, slots) == queue(durations, slots)


@given(st.lists(st.floats(0.1, 1e6), min_size=1, max_size=40), st.integers(1, 8))
def test_makespan_lies_between_its_bounds(durations: list[float], slots: int) -> None:
    taken = makespan(durations, slots)
    assert taken >= max(max(durations), sum(durations) / slots) * (1 - 1e-9)
    assert taken <= (sum(durations) / slots + max(durations)) * (1 + 1e-9)


@given(
    st.lists(st.tuples(PIXELS, st.floats(1, 1e5), st.floats(0.1, 1e6)), min_size=1, max_size=30),
)
def test_what_was_fitted_adds_up_to_what_was_measured(rows: list[tuple[int, float, float]]) -> None:
    measured = [Measured(*row) for row in rows]
    rates = fitted(measured, ASSUMED_BATCH)
    assert rates.measured == rates.eecu_measured == len(rows)
    assert sum(rates.seconds(one.pixels) for one in measured) == pytest.approx(sum(one.seconds for one in measured))
    pixels = sum(one.pixels for one in measured)
    assert pixels * rates.eecu_seconds_per_px == pytest.approx(sum(one.eecu_seconds or 0 for one in measured))
    assert min(rates.overhead_seconds, rates.seconds_per_px) >= 0
    assert all((one.eecu_seconds or 0) <= one.pixels * rates.most_eecu_seconds_per_px * 1.0001 for one in measured)


@given(st.floats(0, 500), st.floats(1e-7, 1e-4), st.lists(st.integers(10**6, 10**8), min_size=5, max_size=30))
def test_a_line_is_found_again(overhead: float, rate: float, sizes: list[int]) -> None:
    sizes = [*sizes, min(sizes) * 3]
    rates = fitted([Measured(pixels, overhead + rate * pixels) for pixels in sizes], ASSUMED_BATCH)
    assert rates.seconds(5e7) == pytest.approx(overhead + rate * 5e7, rel=1e-4, abs=1e-3)
    assert rates.spread == pytest.approx(0, abs=1e-5)


def test_nothing_measured_is_assumed() -> None:
    assert fitted([], ASSUMED_BATCH) == ASSUMED_BATCH
    assert fitted([Measured(0, 5.0), Measured(10, 0.0)], ASSUMED_BATCH) == ASSUMED_BATCH
    assert ASSUMED_BATCH.measured == 0


def test_what_the_service_does_not_tell_stays_assumed() -> None:
    rates = fitted([Measured(10**6, 100.0, None)], ASSUMED_BATCH)
    assert (rates.measured, rates.eecu_measured) == (1, 0)
    assert rates.eecu_seconds_per_px == ASSUMED_BATCH.eecu_seconds_per_px


def test_a_few_operations_have_not_shown_how_dear_one_can_be() -> None:
    few = fitted([Measured(10**6, 100.0, 60.0)], ASSUMED_BATCH)
    many = fitted([Measured(10**6, 100.0, 60.0)] * 5, ASSUMED_BATCH)
    assert few.most_eecu_seconds_per_px == 2 * many.most_eecu_seconds_per_px == pytest.approx(120e-6)


@pytest.mark.parametrize("known", [5, 20, 100])
def test_the_hours_lie_between_the_bounds_nineteen_times_of_twenty(known: int) -> None:
    """By simulation: times spread about a line, some known, the others to come."""
    generator, inside, rounds = random.Random(5), 0, 400
    for _ in range(rounds):
        jobs = []
        for _ in range(known + 200):
            pixels = generator.randint(20_000_000, 120_000_000)
            jobs.append((pixels, (60 + 6e-6 * pixels) * generator.lognormvariate(0, 0.3)))
        rates = fitted([Measured(*job) for job in jobs[:known]], ASSUMED_BATCH)
        found = estimate([pixels for pixels, _ in jobs[known:]], rates, slots=2, bytes_per_px=8)
        taken = makespan([seconds for _, seconds in jobs[known:]], 2) / 3600
        inside += found.least_hours <= taken <= found.most_hours
    assert inside / rounds >= 0.9


def test_an_estimate_of_nothing() -> None:
    nothing = estimate([], ASSUMED_BATCH, slots=2, bytes_per_px=8)
    assert (nothing.jobs, nothing.hours, nothing.eecu_hours, nothing.bytes) == (0, 0, 0, 0)


def test_what_runs_already_counts_with_what_is_left_of_it() -> None:
    rates = Rates(0, 1e-3, 1e-3, 1e-3)
    whole = estimate([3_600_000] * 4, rates, slots=2, bytes_per_px=8)
    half = estimate([3_600_000] * 4, rates, slots=2, bytes_per_px=8, running=[0.5, 0.5])
    assert (whole.hours, half.hours) == (2, 1.5)
    assert whole.bytes == 4 * 3_600_000 * 8


@given(SIZES, st.floats(0, 1e4), st.floats(0, 1e7), st.integers(0, 10**10), st.floats(1e-6, 1e-3))
def test_what_is_let_out_never_passes_the_budget(
    sizes: list[int], hours: float, spent: float, out: int, per_px: float
) -> None:
    rates = Rates(60, 1e-6, per_px / 2, per_px, measured=5, eecu_measured=5)
    count = affordable(sizes, rates, Budget(hours, spent, out))
    worst = spent + (out + sum(sizes[:count])) * per_px
    assert count == 0 or worst <= hours * 3600 * (1 + 1e-9)
    if count < len(sizes):
        assert worst + sizes[count] * per_px > hours * 3600 * (1 - 1e-9)


@given(SIZES)
def test_without_a_budget_all_go_out(sizes: list[int]) -> None:
    assert affordable(sizes, ASSUMED_BATCH, Budget(None, 1e9, 10**9)) == len(sizes)


def test_while_nothing_is_known_one_job_goes_out_at_a_time() -> None:
    sizes = [120_000_000] * 10
    assert affordable(sizes, ASSUMED_BATCH, Budget(150.0)) == 1
    assert affordable(sizes, ASSUMED_BATCH, Budget(150.0, out_px=120_000_000)) == 0
    assert affordable(sizes, ASSUMED_BATCH, Budget(0.001)) == 0


@given(st.integers(1, 400), st.integers(1, 8), st.floats(1, 300), st.integers(0, 2**32))
def test_a_whole_run_stops_before_the_budget(jobs: int, slots: int, hours: float, seed: int) -> None:
    """Costs are random within what was seen; what was spent in the end never passes the budget."""
    generator = random.Random(seed)
    costs = [generator.uniform(0.2, 1.0) * 3600 for _ in range(jobs)]
    measured = [Measured(10**8, 600.0, 3600.0)] * 5
    waiting, out, spent = list(costs), [], 0.0
    while True:
        rates = fitted(measured, ASSUMED_BATCH)
        room = affordable([10**8] * len(waiting), rates, Budget(hours, spent, 10**8 * len(out)))
        while room and waiting and len(out) < slots:
            out.append(waiting.pop())
            room -= 1
        if not out:
            break
        cost = out.pop(0)
        spent += cost
        measured.append(Measured(10**8, 600.0, cost))
    assert spent <= hours * 3600
    assert not waiting or spent > hours * 3600 - 3600


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), max_size=12))
def test_most_at_a_time(rows: list[tuple[int, int]]) -> None:
    intervals = [(float(start), float(start + length)) for start, length in rows]
    by_hand = max((sum(start <= moment < end for start, end in intervals) for moment in range(41)), default=0)
    assert most_at_a_time(intervals) == by_hand


@given(st.floats(0, 1e6))
def test_months_of_a_quota(hours: float) -> None:
    for tier, count in months(hours).items():
        assert count >= 1
        assert count * TIERS_EECU_HOURS[tier] >= hours * (1 - 1e-12)
        assert count == 1 or (count - 1) * TIERS_EECU_HOURS[tier] < hours
    assert not math.isnan(hours)
