"""What every kind of target has, found by itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from armtune.errors import DataError
from armtune.metrics import COSTS, metric_names
from armtune.plugins.registry import plugins
from armtune.targets import Discrete, Target, kinds, restored
from armtune.targets.classes import Classes
from armtune.testing.toys import TOYS, TWO, toy_recipe
from armtune.training.evaluation import evaluate
from armtune.training.network import build_network
from armtune.training.samples import Samples

KINDS = list(kinds())


def test_there_is_a_toy_of_every_kind() -> None:
    assert list(TOYS) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_it_has_every_metric_that_it_names_and_no_other(kind: str) -> None:
    dataset = TOYS[kind]()
    network = build_network([toy_recipe()], TWO, dataset.target.width)
    samples = Samples(toy_recipe(), dataset, "cpu")
    [metrics] = evaluate(network, samples.validation, dataset.target)
    names = metric_names(TWO, type(dataset.target))
    alone = ("phi", "weight", "train_loss", *COSTS)
    own = {n for n in names if n.split("/")[0] in alone}
    assert set(metrics) | own == set(names)
    contributions = sum(metrics[f"contribution/{m}"] for m in TWO)
    blind = blind_score(dataset.target, samples.validation.labels)
    assert contributions == pytest.approx(metrics[dataset.target.score] - blind, abs=1e-5)


def blind_score(target: Target, labels: torch.Tensor) -> float:
    tally = target.tally(1, torch.zeros(1))
    outputs = torch.zeros(1, len(labels), target.width)
    tally.add(outputs, target.decide(outputs), labels[None])
    return tally.blind()[0].item()


@pytest.mark.parametrize("kind", KINDS)
def test_marks_of_pieces_add_up_to_the_score(kind: str) -> None:
    dataset = TOYS[kind]()
    target = dataset.target
    labels = target.tensor(dataset.test.labels, "cpu", torch.float64)[None]
    draw = torch.Generator().manual_seed(0)
    outputs = torch.randn(1, 3, 60, target.width, generator=draw, dtype=torch.float64)
    whole = target.marks(target.decide(outputs), labels).sum(-1)
    parts = [
        target.marks(target.decide(outputs[:, :, piece]), labels[:, piece]).sum(-1)
        for piece in (slice(0, 7), slice(7, None))
    ]
    assert torch.allclose(whole.double(), (parts[0] + parts[1]).double())
    assert target.scores(whole, torch.tensor(60)).shape == (1, 3)
    assert target.losses(outputs, labels).shape == (1, 3, 60)


@pytest.mark.parametrize("kind", KINDS)
def test_a_mean_serves_the_mean_of_what_each_serves(kind: str) -> None:
    target = TOYS[kind]().target
    draw = torch.Generator().manual_seed(0)
    outputs = torch.randn(3, 7, target.width, generator=draw, dtype=torch.float64)
    outputs[0, 0] = 60.0  # far out, where probabilities are 0 and 1
    shares = torch.rand(3, 7, generator=draw, dtype=torch.float64)
    shares[1, :4] = 0
    shares = shares / shares.sum(0)
    expected = (shares.unsqueeze(-1) * target.served(outputs)).sum(0)
    assert torch.allclose(target.served(target.mixed(outputs, shares)), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_all_that_is_known_of_it_goes_through_json_types(kind: str) -> None:
    target = TOYS[kind]().target
    assert restored(target.about()) == target


def test_floats_and_matrices_are_no_classes_and_the_error_says_what_they_may_be() -> None:
    with pytest.raises(DataError, match="not float64; target: values predicts numbers"):
        Classes.read(np.zeros(3), "here")
    with pytest.raises(DataError, match="target: labels takes a matrix of 0 and 1"):
        Classes.read(np.zeros((3, 2), int), "here")


@pytest.mark.parametrize(("labels", "told"), [([0.0, 2.0], True), ([0.5, 2.0], False)])
def test_whole_numbers_that_are_stored_as_floats_have_a_hint(
    labels: list[float], told: bool
) -> None:
    with pytest.raises(DataError) as refused:
        Classes.read(np.array(labels), "here")
    assert str(refused.value).endswith("; classes are labels.astype(int)") == told


def test_numbers_of_a_table_are_names_of_classes() -> None:
    target, labels = Classes.read_column(np.array([10, 2, 10]), "here")
    assert (target.names, labels.tolist()) == (("2", "10"), [1, 0, 1])


def test_the_page_names_what_each_method_serves_and_each_kinds_metrics() -> None:
    page = (Path(__file__).parents[2] / "docs/targets.md").read_text(encoding="utf-8")
    [row] = re.findall(r"^\| serve all kinds .*\n\|[-|]+\n(.*)$", page, flags=re.M)
    written = [set(re.findall(r"`(\w+)`", cell)) for cell in row.strip("|").split("|")]
    methods = {name: vars(m).get("serves", Target) for name, m in plugins("balancing").items()}
    for names, serves in zip(written, (Target, Discrete, Classes), strict=True):
        assert names == {name for name, own in methods.items() if own is serves}
    for kind, target in kinds().items():
        [line] = re.findall(rf"^\| `{kind}`.*$", page, flags=re.M)
        assert {f"`{metric.name}`" for metric in target.own} <= set(re.findall(r"`\w+`", line))


@pytest.mark.parametrize("read", [Classes.read, Classes.read_column])
def test_names_that_look_the_same_or_are_empty_are_no_classes(read: Any) -> None:
    with pytest.raises(DataError, match=r"here: 'cafe\\u0301' and 'caf\\xe9' look the same"):
        read(np.array(["cafe\u0301", "caf\u00e9"]), "here")
    with pytest.raises(DataError, match="here: sample 1 has no label"):
        read(np.array(["a", " ", "b"]), "here")
    assert read(np.array(["a", "A", "\u00b2", "2"]), "here")[0].names == ("2", "A", "a", "\u00b2")


def test_text_of_whole_numbers_is_in_their_order() -> None:
    target, labels = Classes.read(np.array(["10", "2", "02", "-1"]), "here")
    assert (target.names, labels.tolist()) == (("-1", "02", "2", "10"), [3, 2, 1, 0])
