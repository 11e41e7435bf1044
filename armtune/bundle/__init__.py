"""A bundle, which is a model as a folder of plain files: checked, and used to predict.

A bundle holds ``recipe.yaml`` (which ``armtune train`` runs as it is), ``model.safetensors``,
``preprocessing.safetensors``, ``metrics.json``, ``MODEL_CARD.md``, a file for each format (one file
a format in ``formats/``), ``predict.py`` that needs no armtune, and ``bundle.json``, which names
the data, the target and the versions and has a checksum of every other file. It needs neither the
run nor Ray. What predicts imports torch only for input that is worth the wait.
"""

from __future__ import annotations

from armtune.bundle.predictor import Predictor
from armtune.bundle.samples import read_samples
from armtune.targets import Prediction

__all__ = ["Prediction", "Predictor", "read_samples"]
