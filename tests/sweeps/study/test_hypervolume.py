"""The hypervolume against closed forms and counted lattices."""

from __future__ import annotations

from itertools import product
from math import inf

import numpy as np
import pytest

from armtune.sweeps.study.hypervolume import corner_of, growth, hypervolume


def volume(points: list[tuple[float, ...]], corner: tuple[float, ...]) -> float:
    shape = (len(points), len(corner))
    return hypervolume(np.array(points, dtype=np.float64).reshape(shape), np.array(corner))


def test_no_point_has_no_volume() -> None:
    assert volume([], (1.0, 1.0)) == 0.0


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_a_point_spans_a_box(size: int) -> None:
    assert volume([(0.5,) * size], (2.0,) * size) == 1.5**size


def test_what_is_shared_or_dominated_or_behind_the_corner_counts_once_or_never() -> None:
    stairs = [(0.0, 2.0), (1.0, 1.0), (2.0, 0.0)]
    assert volume(stairs, (3.0, 3.0)) == 6.0
    others = [(1.0, 1.0), (2.0, 2.0), (3.0, -5.0), (-5.0, 3.0), (9.0, 9.0)]
    assert volume(stairs + others, (3.0, 3.0)) == 6.0


@pytest.mark.parametrize("size", [2, 3, 4])
@pytest.mark.parametrize("seed", range(3))
def test_it_counts_the_dominated_cells_of_a_lattice(size: int, seed: int) -> None:
    points = np.random.default_rng(seed).integers(0, 6, (12, size))
    cells = product(range(6), repeat=size)
    dominated = sum(bool((points <= cell).all(axis=1).any()) for cell in cells)
    assert hypervolume(points.astype(np.float64), np.full(size, 6.0)) == dominated


def test_a_corner_minds_no_outlier_but_all_of_the_front() -> None:
    losses = np.array([[0.0, 5.0], [1.0, 1.0], [1.0, 2.0], [2.0, 3.0], [1e9, 1e9]])
    assert corner_of(losses) == pytest.approx([2.0 + 0.2, 5.0 + 0.4])


def test_a_corner_lies_behind_where_all_are_the_same() -> None:
    assert corner_of(np.ones((3, 2))) == pytest.approx([1.1, 1.1])


def test_growth_is_that_of_the_volume() -> None:
    """From a corner at 1.1: 1.1 − 0.5 at first, then 1.1."""
    assert growth([(0.5,), (1.0,), (1.0,)], [(0.0,)]) == pytest.approx(1.1 / 0.6 - 1)
    assert growth([(0.5,), (1.0,)], [(0.5,), (0.7,)]) == 0.0
    assert growth([(0.5,)], []) == 0.0
    assert growth([(1.0,)], [(0.1,), (0.1,), (0.1,), (0.0,)]) == inf


def test_growth_minds_no_units() -> None:
    before, after = [(0.3, 0.8), (0.9, 0.9), (0.9, 0.4)], [(0.2, 0.5)]
    scaled = [[(1e6 * x - 7, y / 1e3) for x, y in part] for part in (before, after)]
    assert growth(*scaled) == pytest.approx(growth(before, after), rel=1e-6)
    assert growth(before, after) > 0
