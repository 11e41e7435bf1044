"""What every measure must do."""

from __future__ import annotations

from math import isfinite

import torch

from armtune.metrics import Measure
from armtune.streams import stream


def gives_one_finite_number(measure: Measure) -> None:
    """For logits of any training, the perfect and the useless among them."""
    labels = torch.arange(60) % 3
    right = torch.nn.functional.one_hot(labels, 3).double() * 20
    for logits in (right, -right, torch.zeros(60, 3).double(), _logits()):
        value = measure.value(logits, labels)
        assert isinstance(value, float), f"gives a {type(value).__name__}, not a float"
        assert isfinite(value)


def leaves_its_inputs_alone_and_repeats(measure: Measure) -> None:
    """The same logits give the same figure, and are as they were."""
    logits, labels = _logits(), torch.arange(60) % 3
    before = logits.clone()
    assert measure.value(logits, labels) == measure.value(logits, labels)
    assert torch.equal(logits, before)


def does_not_care_for_the_order_of_samples(measure: Measure) -> None:
    """Sample order changes nothing but rounding."""
    logits, labels = _logits(), torch.arange(60) % 3
    turned = measure.value(logits.flip(0), labels.flip(0))
    assert abs(measure.value(logits, labels) - turned) < 1e-9


def _logits() -> torch.Tensor:
    return torch.randn(60, 3, generator=stream(0, "logits"), dtype=torch.float64)
