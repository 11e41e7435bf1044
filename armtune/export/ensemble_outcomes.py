"""An ensemble's probabilities, and what it decides of test samples, by what its models left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor

from armtune.data import Dataset
from armtune.data.folding import judged
from armtune.export.calibrate import calibrated
from armtune.export.outcomes import given_alone, outcomes
from armtune.recipe.schema import Recipe
from armtune.sweeps.study.ensemble import labels_of, said
from armtune.sweeps.study.final import folder_of
from armtune.sweeps.study.records import Ensemble
from armtune.sweeps.workers.trial import OUTPUTS
from armtune.targets import Target
from armtune.training.evaluation import fused_at


def ensemble_outcomes(
    run: Path, sweep: Recipe, dataset: Dataset, ensemble: Ensemble
) -> tuple[Target, dict[str, Any]]:
    """The target as it is served, and what the bundle's manifest says of it.

    Probabilities are calibrated by validation samples, outcomes are on test: what each model counts
    was set by the former. Where a model's outputs are gone, the target is as it was.

    Args:
        run: the sweep's folder.
    """
    told = {split: _outputs(run, sweep, dataset, ensemble, split) for split in OUTPUTS}
    target, found = dataset.target, dict[str, Any]()
    fused = fused_at(len(sweep.modalities))
    if (validation := told["validation"]) is not None:
        labels = labels_of(dataset, judged(dataset, "validation"))
        target, found["calibration"] = calibrated(target, labels, validation[fused])
    if (test := told["test"]) is not None:
        labels, present = labels_of(dataset, dataset.test), dataset.test.present
        everyone = np.ones(len(labels), bool)
        there = {m: torch.tensor(present.get(m, everyone)) for m in sweep.modalities}
        alone = given_alone(test, there)
        found["outcomes"] = outcomes(labels, target, test[fused], "test", alone)
    return target, {name: about for name, about in found.items() if about}


def _outputs(
    run: Path, sweep: Recipe, dataset: Dataset, ensemble: Ensemble, split: str
) -> Tensor | None:
    """The ensemble's outputs ``(decision, sample, output)``; None where a model's are gone."""
    folders = {folder_of(run, sweep, model): rows for model, rows in ensemble.weights.items()}
    files = {folder / OUTPUTS[split]: rows for folder, rows in folders.items()}
    if not all(file.is_file() for file in files):
        return None
    try:
        return said(sweep, dataset, split, files)
    except SafetensorError:
        # The models are whole, and these figures aren't worth leaving them unexported.
        return None
