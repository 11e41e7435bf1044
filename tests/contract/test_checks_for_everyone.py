"""The checks of ``armtune.testing``, which are for outside plug-ins too, on all that there are."""

from __future__ import annotations

from typing import Any

import pytest

from armtune.plugins.registry import plugins
from armtune.testing import Check, checks

KINDS = ("encoders", "augmentations", "fusion", "balancing", "optimizers", "metrics")
CASES = [
    pytest.param(plugin, check, id=f"{kind}-{name}-{check.__name__}")
    for kind in KINDS
    for name, plugin in plugins(kind).items()
    for check in checks(kind)
]


ACTING: dict[str, dict[str, Any]] = {
    "arl": {"from_epoch": 1},
    "opm": {"from_epoch": 0},
    "relearning": {"every": 1},
}
"""Options that let a balancing method act within the few epochs of the checks."""
EARLY = [
    pytest.param(plugins("balancing")[name](**options), check, id=f"{name}-{check.__name__}")
    for name, options in ACTING.items()
    for check in checks("balancing")
]


@pytest.mark.parametrize(("method", "check"), EARLY)
def test_it_holds_for_a_method_that_acts_early(method: Any, check: Check) -> None:
    check(method)


@pytest.mark.parametrize(("plugin", "check"), CASES)
def test_it_holds(plugin: Any, check: Check) -> None:
    check(plugin())


@pytest.mark.parametrize("kind", KINDS)
def test_every_check_says_what_it_holds(kind: str) -> None:
    assert len(checks(kind)) >= 2
    assert all(check.__doc__ for check in checks(kind))
