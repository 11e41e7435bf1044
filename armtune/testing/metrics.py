"""What every measure must do."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

import torch

from armtune.metrics import Measure
from armtune.nn.random_streams import stream
from armtune.targets import Target, kinds
from armtune.testing.toys import TOYS


def gives_one_finite_number(measure: Measure) -> None:
    """For outputs of any training, the perfect and the useless among them, of all it serves."""
    for target in _served(measure):
        outputs, labels = _drawn(target)
        for tried in (outputs, -outputs, torch.zeros_like(outputs), _perfect(target, labels)):
            value = measure.value(*target.measured(tried, labels))
            assert isinstance(value, float), f"gives a {type(value).__name__}, not a float"
            assert isfinite(value), target.kind


def leaves_its_inputs_alone_and_repeats(measure: Measure) -> None:
    """The same outputs give the same figure, and are as they were."""
    for target in _served(measure):
        outputs, labels = target.measured(*_drawn(target))
        before = outputs.clone()
        assert measure.value(outputs, labels) == measure.value(outputs, labels)
        assert torch.equal(outputs, before)


def does_not_care_for_the_order_of_samples(measure: Measure) -> None:
    """Sample order changes nothing but rounding."""
    for target in _served(measure):
        outputs, labels = target.measured(*_drawn(target))
        turned = measure.value(outputs.flip(0), labels.flip(0))
        assert abs(measure.value(outputs, labels) - turned) < 1e-9


def _served(measure: Measure) -> Iterator[Target]:
    able = [kind for kind, target in kinds().items() if not measure.misfit(target)]
    served = [TOYS[kind]().target for kind in able]
    assert served, "it serves no target"
    yield from served


def _drawn(target: Target) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs ``(sample, output)`` that know nothing of the labels."""
    labels = target.tensor(TOYS[target.kind]().test.labels, "cpu", torch.float64)
    draw = stream(0, "outputs")
    return torch.randn(len(labels), target.width, generator=draw, dtype=torch.float64), labels


def _perfect(target: Target, labels: torch.Tensor) -> torch.Tensor:
    """Outputs that are as right as can be."""
    if target.kind == "classes":
        return torch.nn.functional.one_hot(labels, target.width).double() * 20
    return labels.unsqueeze(-1) if labels.dim() == 1 else 40 * labels - 20
