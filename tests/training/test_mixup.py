"""Mixup: samples between two, alike in all modalities, as the paper's loss has them in the mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import beta

from armtune.errors import RecipeError
from armtune.nn.forward import Batch
from armtune.recipe.load import with_overrides
from armtune.testing.toys import TOYS, toy_recipe
from armtune.training.mixup import mixed
from armtune.training.schedule import begin

SAMPLES = 2000


def places(present: dict[str, torch.Tensor] | None = None) -> Batch:
    """Samples that are their own numbers; in the second modality four times."""
    numbers = torch.arange(1.0, SAMPLES + 1, dtype=torch.float64).expand(2, -1)
    views = {"a": numbers, "b": numbers[:, :, None, None].expand(2, -1, 2, 2)}
    return Batch(views, torch.zeros(2, SAMPLES, dtype=torch.long), present or {})


def test_all_modalities_of_two_samples_are_mixed_alike() -> None:
    batch = mixed(places(), 0.5, [3, 4], [1, 1], 7)
    assert torch.allclose(batch.views["a"][:, :, None, None].expand(2, -1, 2, 2), batch.views["b"])
    assert not torch.equal(batch.views["a"][0], batch.views["a"][1])
    # Everyone is somebody's other: in the mean nothing is moved but towards the middle.
    apart = places().views["a"] - places().views["a"].mean()
    slope = ((batch.views["a"] - batch.views["a"].mean()) * apart).mean() / apart.square().mean()
    share = 1.5 / 2  # the mean of Beta(1.5, 0.5)
    assert slope.item() == pytest.approx(share, abs=0.03)


def test_a_member_draws_alike_in_any_pack_and_anew_at_each_step() -> None:
    pack = mixed(places(), 0.5, [3, 4], [1, 2], 7).views["a"][1]
    batch = places()
    single = batch._replace(views={m: v[:1] for m, v in batch.views.items()})
    found = {
        at: mixed(single, 0.5, [4], [at[0]], at[1]).views["a"][0] for at in [(2, 7), (2, 8), (1, 7)]
    }
    assert torch.equal(found[2, 7], pack)
    assert not torch.equal(found[2, 8], pack)
    assert not torch.equal(found[1, 7], pack)


def test_what_either_lacks_stays() -> None:
    there = torch.arange(SAMPLES).expand(2, -1) % 2 == 0
    batch = places({"a": there})
    views = {**batch.views, "a": batch.views["a"] * there}
    found = mixed(batch._replace(views=views), 0.5, [3, 4], [1, 1], 7).views
    assert not found["a"][~there].any()
    moved = there & (found["a"] != views["a"])
    # Half of them meet one that has it; with the other modality all are mixed.
    assert moved.sum() / there.sum() == pytest.approx(0.5, abs=0.05)
    assert torch.allclose(found["a"][moved], found["b"][..., 0, 0][moved])


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
def test_one_label_with_its_own_weights_is_both_labels_in_the_mean(alpha: float) -> None:
    """Cross-entropy of a linear model on one pair, by quadrature."""
    samples, logits = (
        np.array([[1.0, 0.2], [-0.5, 2.0]]),
        np.array([[1.0, -1.0, 0.3], [0.2, 0.4, -2.0]]),
    )
    labels = (2, 0)

    def loss(share: float, of: int, label: int) -> float:
        outputs = (share * samples[of] + (1 - share) * samples[1 - of]) @ logits
        return float(np.log(np.exp(outputs).sum()) - outputs[label])

    def paper(share: float) -> float:
        both = share * loss(share, 0, labels[0]) + (1 - share) * loss(share, 0, labels[1])
        return both * beta.pdf(share, alpha, alpha)

    def ours(share: float) -> float:
        each = sum(loss(share, of, labels[of]) for of in (0, 1)) / 2
        return each * beta.pdf(share, alpha + 1, alpha)

    expected, found = (quad(f, 0, 1, limit=400)[0] for f in (paper, ours))
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        ("values", {}, r"training\.mixup: target values has no classes to mix; leave it out"),
        (
            "classes",
            {"modalities.image.encoder": {"name": "bag_of_words", "vocabulary": 9}},
            r"training\.mixup: token numbers can't be mixed, as image has them",
        ),
    ],
    ids=["values", "tokens"],
)
def test_what_cannot_be_mixed_is_refused(kind: str, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        begin([with_overrides(toy_recipe(), {"training.mixup": 0.2, **changes})], TOYS[kind]())
