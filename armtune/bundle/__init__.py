"""A bundle, which is a model as a folder of plain files: checked, and used to predict.

A bundle holds ``recipe.yaml`` (which ``armtune train`` runs as it is), ``model.safetensors``,
``preprocessing.safetensors``, ``metrics.json``, ``MODEL_CARD.md``, a file for each format (one file
a format in ``formats/``), ``predict.py`` that needs no armtune, and ``bundle.json``, which names
the data, the target and the versions and has a checksum of every other file. It needs neither the
run nor Ray. What predicts imports torch only for input that is worth the wait.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from armtune.bundle.predictor import Predictor
from armtune.bundle.samples import read_samples
from armtune.targets import Prediction

__all__ = ["Prediction", "Predictor", "load_bundle", "read_samples"]


def load_bundle(folder: str | PathLike[str]) -> Predictor:
    """An exported model, ready to predict.

    Raises:
        RunError: the folder isn't a bundle, or a file differs from its checksum.
    """
    return Predictor(Path(folder))
