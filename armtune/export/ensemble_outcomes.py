"""What an exported ensemble decides of test samples, by what its models left of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError

from armtune.data import Dataset
from armtune.export.outcomes import given_alone, outcomes
from armtune.recipe.schema import Recipe
from armtune.sweeps.study.ensemble import said
from armtune.sweeps.study.final import folder_of
from armtune.sweeps.study.records import Ensemble
from armtune.sweeps.workers.trial import OUTPUTS
from armtune.training.evaluation import fused_at


def ensemble_outcomes(
    run: Path, sweep: Recipe, dataset: Dataset, ensemble: Ensemble
) -> dict[str, Any]:
    """``outcomes`` for the bundle's manifest; nothing where a model's outputs are gone.

    They are on test, since the validation samples have set what each model counts.

    Args:
        run: the sweep's folder.
    """
    folders = {folder_of(run, sweep, model): rows for model, rows in ensemble.weights.items()}
    files = {folder / OUTPUTS["test"]: rows for folder, rows in folders.items()}
    if not all(file.is_file() for file in files):
        return {}
    try:
        outputs = said(sweep, dataset, "test", files)
    except SafetensorError:
        # The models are whole, and these figures aren't worth leaving them unexported.
        return {}
    labels = dataset.target.tensor(dataset.test.labels, "cpu", torch.float32)
    fused = outputs[fused_at(len(sweep.modalities))]
    everyone, test = np.ones(len(labels), bool), dataset.test
    present = {m: torch.tensor(test.present.get(m, everyone)) for m in sweep.modalities}
    alone = given_alone(outputs, present)
    return {"outcomes": outcomes(labels, dataset.target, fused, "test", alone)}
