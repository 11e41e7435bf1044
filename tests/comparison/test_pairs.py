"""Paired differences against scipy, and Holm's correction against a worked example."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from armtune.comparison.pairs import differences, holm

NONE = {1: 0.70, 2: 0.72, 3: 0.69, 4: 0.75}
ARM = {1: 0.74, 2: 0.73, 3: 0.75, 4: 0.77}


def test_a_difference_is_that_of_a_paired_t_test() -> None:
    found = differences({"arm": ARM}, NONE)["arm"]
    theirs = stats.ttest_rel(list(ARM.values()), list(NONE.values()))
    interval = theirs.confidence_interval(0.95)
    assert found.pairs == 4
    assert found.mean == pytest.approx(0.0325)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.p == found.corrected == pytest.approx(theirs.pvalue)


def test_seeds_are_paired_by_their_number_not_their_place() -> None:
    turned = dict(reversed(ARM.items()))
    assert differences({"arm": turned}, NONE)["arm"].p == pytest.approx(
        differences({"arm": ARM}, NONE)["arm"].p
    )
    assert differences({"arm": {**ARM, 9: 0.0}}, NONE)["arm"].pairs == 4


def test_p_is_corrected_for_the_number_of_methods() -> None:
    better = {seed: value + 0.1 + 0.001 * seed for seed, value in NONE.items()}
    found = differences({"arm": ARM, "better": better}, NONE)
    assert found["better"].corrected == pytest.approx(2 * found["better"].p)
    assert found["arm"].corrected == pytest.approx(found["arm"].p)
    assert found["better"].significant
    assert not found["arm"].significant


def test_holm_steps_down() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_what_has_no_p_value_isnt_counted() -> None:
    corrected = holm([0.02, math.nan])
    assert corrected[0] == 0.02
    assert math.isnan(corrected[1])


def test_equal_values_differ_by_nothing() -> None:
    found = differences({"off": NONE}, NONE)["off"]
    assert (found.mean, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)


def test_a_constant_difference_is_certain() -> None:
    found = differences({"arm": {1: 1.5, 2: 2.5}}, {1: 1.0, 2: 2.0})["arm"]
    assert (found.mean, found.p, found.significant) == (0.5, 0.0, True)


def test_one_pair_has_a_difference_and_no_test() -> None:
    found = differences({"arm": {1: 0.8}}, {1: 0.7})["arm"]
    assert found.mean == pytest.approx(0.1)
    assert math.isnan(found.low)
    assert math.isnan(found.corrected)
    assert not found.significant


def test_methods_without_a_common_seed_are_left_out() -> None:
    assert differences({"arm": {7: 0.8}, "empty": {}}, NONE) == {}
