"""Figures of predicted and true values, against numbers by hand."""

from __future__ import annotations

import pytest

from armtune.report.residuals import predicted, residuals

HEIGHT = [[1.0, 3.0], [2.0, 3.0]]
WEIGHT = [[100.0, 300.0], [100.0, 500.0]]


def test_a_lone_value_is_drawn_in_its_own_unit() -> None:
    exact, points = predicted(["height"], [HEIGHT]).data
    assert (list(points.x), list(points.y)) == (HEIGHT[0], HEIGHT[1])
    assert list(exact.x) == list(exact.y) == [1.0, 3.0]
    [off] = residuals(["height"], [HEIGHT]).data
    assert list(off.x) == [1.0, 0.0]


def test_several_values_are_standardised() -> None:
    drawing = predicted(["height", "weight"], [HEIGHT, WEIGHT])
    exact, height, weight = drawing.data
    assert list(height.x) == list(weight.x) == [-1.0, 1.0]
    assert (list(height.y), list(weight.y)) == ([0.0, 1.0], [-1.0, 3.0])
    assert list(exact.x) == [-1.0, 3.0]
    assert "standard deviations" in drawing.layout.xaxis.title.text
    offs = [list(trace.x) for trace in residuals(["height", "weight"], [HEIGHT, WEIGHT]).data]
    assert offs == [pytest.approx([1, 0]), pytest.approx([0, 2])]


def test_the_same_value_everywhere_is_no_division_by_zero() -> None:
    flat = [[5.0, 5.0], [5.0, 7.0]]
    assert list(residuals(["a", "b"], [flat, HEIGHT]).data[0].x) == [0.0, 2.0]
