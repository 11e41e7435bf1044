"""What every fusion must do."""

from __future__ import annotations

import torch

from armtune.fusion import Fusion
from armtune.nn.layers import Init
from armtune.nn.random_streams import stream

SIZES = {"a": 4, "b": 3, "c": 5}
CLASSES = 3


def gives_a_logit_for_each_class(fusion: Fusion) -> None:
    """From ``(member, sample, feature)`` to ``(member, sample, class)``."""
    module = fusion.build(SIZES, CLASSES, _init(0, 1)).eval()
    assert module(_features()).shape == (2, 6, CLASSES)


def keeps_members_apart(fusion: Fusion) -> None:
    """Two members in one pack give what each gives alone."""
    features = _features()
    together = fusion.build(SIZES, CLASSES, _init(1, 2)).eval()(features)
    for k in range(2):
        own = {m: f[k : k + 1] for m, f in features.items()}
        alone = fusion.build(SIZES, CLASSES, _init(k + 1)).eval()(own)
        assert torch.allclose(together[k : k + 1], alone, atol=1e-12)


def decides_on_each_sample_alone(fusion: Fusion) -> None:
    """A decision doesn't depend on who shares the batch."""
    module, features = fusion.build(SIZES, CLASSES, _init(0, 1)).eval(), _features()
    one = module({m: f[:, 2:3] for m, f in features.items()})
    assert torch.allclose(module(features)[:, 2:3], one, atol=1e-12)


def _init(*seeds: int) -> Init:
    return Init([stream(seed, "init") for seed in seeds], torch.float64)


def _features() -> dict[str, torch.Tensor]:
    draw = stream(0, "x")
    return {
        m: torch.randn(2, 6, size, generator=draw, dtype=torch.float64) for m, size in SIZES.items()
    }
