"""Weights of an ensemble against closed forms, and what it decides sample by sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from armtune.sweeps.study.ensemble import RIDGE, Fit, combined, fitted
from armtune.sweeps.study.records import Model
from armtune.targets import Target
from armtune.targets.classes import Classes
from armtune.targets.values import Values
from armtune.testing.toys import toy_dataset, toy_recipe

TWO = Classes(("no", "yes"))


def fit(target: Target, labels: torch.Tensor) -> Fit:
    return Fit(target, labels, 2)


def test_weights_of_values_are_those_of_ridge_regression() -> None:
    draw = torch.Generator().manual_seed(0)
    candidates = torch.randn(3, 50, 1, dtype=torch.float64, generator=draw)
    labels = torch.tensordot(torch.tensor([0.5, 0.2, 1.0]).double(), candidates, 1).squeeze(1)
    found = fit(Values(("y",)), labels).lowest(candidates)
    x = candidates.squeeze(-1).T
    loss_scale = (
        fit(Values(("y",)), labels).loss(candidates, torch.zeros(3)) / labels.square().mean()
    )
    normal = loss_scale * x.T @ x / 50 + RIDGE * torch.eye(3)
    expected = torch.linalg.solve(normal, loss_scale * x.T @ labels / 50)
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)


def test_a_lone_classifiers_weight_sets_its_confidence() -> None:
    """Right in 3 of 4 samples with logits ±z: w = log 3 / 2z makes it as sure as it should be."""
    labels = torch.tensor([0, 0, 0, 1])
    logits = torch.tensor([[5.0, -5.0]] * 4).double().unsqueeze(0)
    [weight] = fit(TWO, labels).lowest(logits).tolist()
    assert weight == pytest.approx(np.log(3) / 10, abs=2e-3)


def test_no_weight_is_negative() -> None:
    labels = torch.tensor([0, 0, 1, 1])
    right = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]]).double()
    found = fit(TWO, labels).lowest(torch.stack([right, -right]))
    assert found[0] > 0
    assert found[1] == 0


def test_a_head_counts_only_where_its_modality_is_there() -> None:
    draw = torch.Generator().manual_seed(0)
    outputs = [torch.randn(5, 40, 2, dtype=torch.float64, generator=draw) for _ in range(3)]
    labels = torch.randint(2, (40,), generator=draw)
    found = fit(TWO, labels).weights(outputs, 2)
    assert found.shape == (3, 3)
    assert not found[:, 1].any()
    candidates = torch.stack([row for each in outputs for row in (each[1], each[4])])
    assert found[:, [0, 2]].flatten().tolist() == fit(TWO, labels).lowest(candidates).tolist()


def test_what_is_decided_follows_each_samples_modalities() -> None:
    draw = torch.Generator().manual_seed(0)
    outputs = [torch.randn(5, 4, 3, generator=draw) for _ in range(2)]
    tables = torch.rand(2, 4, 3, generator=draw)
    there = torch.tensor([3, 1, 2, 3])
    whole = combined(outputs, tables, there)
    assert whole.shape == (5, 4, 3)

    def by_hand(row: int, sample: int) -> torch.Tensor:
        each = [
            w[row, 0] * o[row - 1, sample] + w[row, 1] * o[3, sample] + w[row, 2] * o[4, sample]
            for w, o in zip(tables, outputs, strict=True)
        ]
        return torch.stack(each).sum(0)

    # All modalities are asked for: the second sample has the first one only, the third the other.
    for sample, row in enumerate([3, 1, 2, 3]):
        torch.testing.assert_close(whole[2, sample], by_hand(row, sample))
    # Of the first alone: the third sample hasn't got it, and is decided as the set asked for.
    for sample, row in enumerate([1, 1, 1, 1]):
        torch.testing.assert_close(whole[0, sample], by_hand(row, sample))
    torch.testing.assert_close(whole[4, 3], by_hand(2, 3))


def test_the_best_models_are_kept_and_no_more_than_asked(tmp_path: Path) -> None:
    data, recipe = toy_dataset(), toy_recipe()
    labels = torch.from_numpy(data.validation.labels)
    told = torch.nn.functional.one_hot(labels, 3).float()
    draw = torch.Generator().manual_seed(0)
    places = {}
    for number in range(4):
        noise = (1 + number) * torch.randn(5, *told.shape, generator=draw)
        place = tmp_path / str(number)
        place.mkdir()
        save_file({"outputs": 2 * told + noise}, place / "validation.safetensors")
        places[Model(number, 0)] = place
    weights = fitted(recipe, places, data, 2)
    assert weights is not None
    assert [model.number for model in weights] == [0, 1]
    rows = torch.tensor(list(weights.values()))
    assert rows.shape == (2, 4, 3)
    # Where nothing is there, the fused decisions on mean features count as all outputs do.
    torch.testing.assert_close(rows[:, 0, 0], rows[:, 3].sum(1))
    assert not rows[:, 0, 1:].any()
    assert fitted(recipe, {}, data, 2) is None
