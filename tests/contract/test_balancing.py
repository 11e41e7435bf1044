"""What every balancing method must do beside the checks of ``armtune.testing.balancing``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from armtune.data import Dataset, Split
from armtune.plugins.registry import plugins
from armtune.recipe.schema import Recipe
from armtune.training.loop import Run, train
from tests.conftest import TWO, Shapes, toy_dataset, toy_recipe

METHODS = plugins("balancing")
FAMILY: list[Shapes] = [
    TWO,
    {**TWO, "touch": (4,)},
    {**TWO, "touch": (4,), "depth": (3, 5)},
]

OFF: dict[str, dict[str, Any]] = {
    "agm": {"alpha": 0},
    "amco": {"rate": 0, "alpha": 0},
    "arm": {"alpha": 0, "gap_weight": 0, "tau": 0},
    "auxiliary": {"alpha": 0},
    "cml": {"calibration": 0},
    "gradient_blending": {"strength": 0},
    "lfm": {"share": 0, "decision": "fusion"},
    "mmpareto": {"from_epoch": 99},
    "modality_dropout": {"probability": 0},
    "ogm": {"alpha": 0},
    "ogm_ge": {"to_epoch": 0},
    "opm": {"probability": 0},
    "pmr": {"alpha": 0},
    "relearning": {"strength": 0},
    "sample_valuation": {"strength": 0},
    "unimodal_distillation": {"weight": 0},
}
"""Settings that switch a method off.

``mla``, ``mmcosine`` and ``reconboost`` have none, since they are fusions of their own; ``arl``,
``dgl``, ``g2d``, ``inforeg``, ``mbsd``, ``midas`` and ``remix`` have none, since unimodal losses or
teachers are what they are about.
"""


def recipe(name: str, shapes: Shapes = TWO, seed: int = 0) -> Recipe:
    return toy_recipe(shapes, {"name": name}, epochs=3, seed=seed)


def trained(recipes: list[Recipe], dataset: Dataset) -> Run:
    run = Run(recipes, dataset, dtype=torch.float64)
    train(run, lambda *_: None)
    return run


@pytest.mark.parametrize("name", sorted(OFF.keys() & METHODS.keys()))
def test_a_method_may_be_off_for_some_members_of_a_pack(name: str) -> None:
    # What isn't a number is the same for all members of a pack.
    kind = {option: value for option, value in OFF[name].items() if isinstance(value, str)}
    pair = [
        toy_recipe(TWO, {"name": name, **asked}, epochs=3, seed=seed)
        for seed, asked in enumerate((kind, OFF[name]))
    ]
    if len({member.balancing.held_out for member in pair}) > 1:
        pytest.skip("such members train on different numbers of samples")
    dataset = toy_dataset()
    packed = trained(pair, dataset)
    for k, one in enumerate(pair):
        assert packed.best[k] == pytest.approx(trained([one], dataset).best[0], abs=1e-10)


@pytest.mark.parametrize("name", METHODS)
def test_predictions_do_not_depend_on_labels(name: str) -> None:
    dataset = toy_dataset()
    run = trained([recipe(name)], dataset)
    rolled = Split(dataset.test.views, np.roll(dataset.test.labels, 1))
    logits = []
    for split in (dataset.test, rolled):
        views = {
            m: torch.from_numpy(s.apply(split.views[m]))[None].double()
            for m, s in run.scales.items()
        }
        with run.at_best() as network, torch.no_grad():
            logits.append(network(views).logits)
    assert torch.equal(*logits)


@pytest.mark.parametrize("name", sorted(OFF.keys() & METHODS.keys()))
@pytest.mark.parametrize("shapes", FAMILY, ids=lambda s: str(len(s)))
def test_switched_off_it_is_no_balancing_to_the_last_bit(name: str, shapes: Shapes) -> None:
    dataset = toy_dataset(shapes)
    off = trained([toy_recipe(shapes, {"name": name, **OFF[name]})], dataset)
    plain = trained([toy_recipe(shapes)], dataset)
    assert plain.best[0] == {metric: off.best[0][metric] for metric in plain.best[0]}
    assert torch.equal(off.flat.values, plain.flat.values)
