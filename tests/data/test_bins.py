"""Views cut into bins: how far each number has come through each bin of its range."""

from __future__ import annotations

import numpy as np
import pytest

from armtune.data.standardize import BINNED_BY, Bins, Standardization, fit, fit_bins, fitted

RNG = np.random.default_rng(0)


def view(samples: int = 400) -> np.ndarray:
    """A number of many values, with some far out, one of three values, a switch and a constant."""
    draw = RNG.normal(size=samples)
    columns = [np.exp(3 * draw), np.arange(samples) % 3, draw > 0, np.full(samples, 7.0)]
    return np.stack(columns, 1).astype(np.float32)


def test_the_numbers_themselves_stay_and_only_those_of_three_values_or_more_have_bins() -> None:
    x = view()
    scale = fit_bins(x, count=8)
    assert scale.select is not None
    assert scale.select.sum(1).tolist() == [8, 2, 0, 0]
    assert scale.shape == (4 + 10,)
    found = scale.apply(x)
    np.testing.assert_array_equal(found[:, :4], fit(x).apply(x))
    assert (found[:, 4:].min(), found[:, 4:].max()) == (0, 1)


def test_each_bin_is_passed_between_its_quantiles() -> None:
    x = np.arange(101, dtype=np.float32)[:, None]
    found = fit_bins(x, count=4).apply(x)[:, 1:]
    for k in range(4):
        expected = np.clip((np.arange(101) - 25 * k) / 25, 0, 1)
        np.testing.assert_allclose(found[:, k], expected, atol=1e-5)


def test_a_linear_layer_makes_any_function_that_is_linear_in_each_bin() -> None:
    x = view()[:, :1]
    scale = fit_bins(x, count=6)
    edges = np.quantile(fit(x).apply(x), np.linspace(0, 1, 7))
    heights = RNG.normal(size=7)
    wanted = np.interp(fit(x).apply(x)[:, 0], edges, heights)
    made = heights[0] + scale.apply(x)[:, 1:].astype(np.float64) @ np.diff(heights)
    np.testing.assert_allclose(made, wanted, atol=1e-4)


def test_bins_far_narrower_than_the_range_are_exact() -> None:
    # Nearly all of it lies within a millionth of the range, which one sample makes.
    x = np.append(np.linspace(0, 1, 1000), 1e6).astype(np.float32)[:, None]
    found = fit_bins(x, count=4).apply(x)
    assert np.isfinite(found).all()
    assert (np.diff(found[:-1, 1:].sum(1)) >= 0).all()


def test_absent_samples_have_no_part_in_them() -> None:
    x = view()
    there = np.arange(len(x)) % 4 > 0
    broken = np.where(there[:, None], x, np.float32(1e6))
    whole, holed = fit_bins(x[there], count=4), fit_bins(broken, there, 4)
    np.testing.assert_allclose(holed.apply(x), whole.apply(x), rtol=1e-3, atol=1e-3)


def test_many_samples_are_drawn_from() -> None:
    x = np.arange(BINNED_BY + 500, dtype=np.float32)[:, None]
    one, other = fitted(Bins(4), x), fitted(Bins(4), x)
    assert one.shape == (5,)
    np.testing.assert_array_equal(one.apply(x), other.apply(x))


def test_sequences_are_flattened() -> None:
    x = RNG.normal(size=(50, 3, 2)).astype(np.float32)
    scale = fit_bins(x, count=4)
    assert scale.shape == scale.apply(x).shape[1:] == (6 + 24,)


def test_principal_components_are_cut_too() -> None:
    x = RNG.normal(size=(90, 7)).astype(np.float32)
    scale = fitted(Bins(4, components=3), x)
    assert scale.shape == (3 + 12,)
    assert not scale.problem()
    np.testing.assert_array_equal(scale.apply(x)[:, :3], fitted(3, x).apply(x))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"select": np.zeros((3, 2))}, "its select doesn't fit"),
        ({"starts": np.zeros(3)}, "it hasn't all of the bins of"),
        ({"widths": None}, "it hasn't all of the bins of"),
        ({"rotation": np.zeros((3, 2))}, "its rotation doesn't fit"),
        ({}, ""),
    ],
)
def test_arrays_that_do_not_belong_together_are_named(
    changed: dict[str, np.ndarray], said: str
) -> None:
    bins = {"select": np.zeros((4, 2)), "starts": np.zeros(2), "widths": np.ones(2)}
    scale = Standardization(np.zeros(4), np.ones(4), **{**bins, **changed})  # type: ignore[arg-type]
    assert scale.problem() == said
