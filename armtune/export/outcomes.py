"""What a model decides of samples that it hasn't learnt: counts that the report shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from armtune.export.examples import chosen
from armtune.targets import Discrete, Target
from armtune.targets.classes import Classes
from armtune.targets.values import Values

BINS = 10
"""Bins of confidence in the calibration curve."""
MOST = 60
"""Classes up to which every pair is counted."""
POINTS = 2000
"""Pairs of a true and a predicted value that are kept for figures, of all values together."""
WITHIN = (0.5, 0.9)
"""Shares of samples of which it is told how far off they are at most."""

Alone = Mapping[str, tuple[Tensor, Tensor]]
"""By modality, what the same model says of samples given it alone, ``(sample, output)``, and which
samples have it, ``(sample,)``."""


def given_alone(decisions: Tensor, present: Mapping[str, Tensor]) -> Alone:
    """What is said given each modality alone; nothing where there is but one.

    Args:
        decisions: ``(decision, sample, output)``, of each set of modalities as a bit mask from 1.
        present: which samples have each modality, in order.
    """
    own = {m: (decisions[2**k - 1], there) for k, (m, there) in enumerate(present.items())}
    return own if len(own) > 1 else {}


def outcomes(
    labels: Tensor,
    target: Target,
    outputs: Tensor,
    split: str = "validation",
    alone: Alone | None = None,
) -> dict[str, Any]:
    """What is said by what is true.

    Args:
        labels: of samples that weren't learnt, as the target has them.
        target: as it is served, its probabilities calibrated if they are.
        outputs: ``(sample, output)``.
        split: which one the samples are of.

    Returns:
        ``split``; of classes and labels what ``_counts`` has, and what ``_alone`` has; of values
        what ``_residuals`` has.
    """
    if isinstance(target, Discrete):
        known = _counts(labels, target, outputs)
        return {"split": split, **known, **_alone(labels, target, outputs, alone or {})}
    if isinstance(target, Values):
        return {"split": split, **_residuals(labels, target, outputs)}
    return {}


def _counts(labels: Tensor, target: Discrete, outputs: Tensor) -> dict[str, Any]:
    """Counts of decisions, and how sure they are.

    Returns:
        ``counts``: of each class or label how often it is said rightly, said, and there; of few
        classes ``confusion``, a row for each true one; ``calibration``: in bins of probability how
        many answers, their mean probability, and the share that is right.
    """
    served = target.served(outputs.float()).numpy()
    truth, said = labels.numpy(), target.said(served)
    if isinstance(target, Classes):
        every = np.eye(target.width, dtype=bool)
        there, told = every[truth], every[said]
        sure, right = served.max(1), said == truth
    else:
        there, told = truth > 0, said
        sure, right = served.ravel(), there.ravel()
    counts = zip((there & told).sum(0), told.sum(0), there.sum(0), strict=True)
    found: dict[str, Any] = {"counts": [list(map(int, each)) for each in counts]}
    if isinstance(target, Classes) and target.width <= MOST:
        found["confusion"] = (there.T.astype(int) @ told.astype(int)).tolist()
    found["calibration"] = _curve(sure, right)
    return found


def _curve(sure: Any, right: Any) -> list[list[float]]:
    """Of each bin that isn't empty: count, mean probability, share that is right."""
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    chosen = [bins == k for k in range(BINS) if (bins == k).any()]
    return [[int(b.sum()), float(sure[b].mean()), float(right[b].mean())] for b in chosen]


def _alone(
    labels: Tensor, target: Discrete, outputs: Tensor, alone: Alone
) -> dict[str, dict[str, Any]]:
    """What all modalities say beside what each says alone; nothing where there is but one.

    Returns:
        ``alone``: by modality how many samples are right by both, with all modalities only, with it
        only, by neither; ``examples``: by modality and kind some of them: each one's number, and
        which classes or labels are ``true``, ``told`` by all modalities, and told ``alone``.
    """
    truth, told = labels.numpy(), target.said(target.served(outputs.float()).numpy())
    right = _same(told, truth)
    counts, examples = dict[str, Any](), dict[str, Any]()
    for m, (outputs_alone, present) in alone.items():
        own = target.said(target.served(outputs_alone.float()).numpy())
        there, right_alone = present.numpy(), _same(own, truth)
        counts[m] = _against(right, right_alone, there)
        kinds = chosen(2 * len(alone), right, right_alone, there)
        examples[m] = {
            kind: [
                {"sample": n, "true": _which(truth[n]), "told": _which(told[n]),
                 "alone": _which(own[n])}
                for n in numbers
            ]
            for kind, numbers in kinds.items()
        }  # fmt: skip
    return {"alone": counts, "examples": examples} if alone else {}


def _same(said: NDArray[Any], truth: NDArray[Any]) -> NDArray[np.bool_]:
    """The samples of which all that is said is right, ``(sample,)``."""
    return np.asarray((said == truth).reshape(len(truth), -1).all(1))


def _which(said: Any) -> list[int]:
    """Numbers of the classes or labels that are said of a sample."""
    return [int(said)] if np.ndim(said) == 0 else [int(k) for k in np.flatnonzero(said)]


def _against(
    whole: NDArray[np.bool_], alone: NDArray[np.bool_], there: NDArray[np.bool_]
) -> list[int]:
    """How many samples are right by both, by the first only, by the second only, by neither."""
    sets = (whole & alone, whole & ~alone, ~whole & alone, ~whole & ~alone)
    return [int((each & there).sum()) for each in sets]


def _residuals(labels: Tensor, target: Values, outputs: Tensor) -> dict[str, Any]:
    """How far off values are, in their units.

    Returns:
        ``spreads``: of each value the residuals' mean and standard deviation, then within how much
        half and nine tenths of samples are right; ``points``: its true and its predicted values, of
        some samples that are spread evenly over all.
    """
    told, true = target.measured(outputs.double(), labels.double())
    said, truth = (each.reshape(len(outputs), -1).numpy() for each in (told, true))
    errors = said - truth
    spreads = [errors.mean(0), errors.std(0), *np.quantile(abs(errors), WITHIN, axis=0)]
    most = min(len(said), max(1, POINTS // target.width))
    some = np.linspace(0, len(said) - 1, most).astype(int)
    pairs = np.stack([truth[some].T, said[some].T], axis=1)
    return {"spreads": np.transpose(spreads).tolist(), "points": _short(pairs)}


def _short(numbers: NDArray[np.float64]) -> Any:
    """Lists of numbers with as many digits as a figure can show."""
    digits = [float(f"{number:.6g}") for number in numbers.ravel()]
    return np.reshape(digits, numbers.shape).tolist()
