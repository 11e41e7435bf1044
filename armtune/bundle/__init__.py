"""A bundle, which is a model as a folder of plain files: checked, and used to predict.

A bundle holds ``recipe.yaml`` (which ``armtune train`` runs as it is), ``model.safetensors``,
``preprocessing.safetensors``, ``metrics.json``, ``MODEL_CARD.md``, a file for each format (one file
a format in ``formats/``), ``predict.py`` that needs no armtune, and ``bundle.json``, which names
the data, the target and the versions and has a checksum of every other file. It needs neither the
run nor Ray. What predicts imports torch only for input that is worth the wait.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path

from numpy.typing import ArrayLike

from armtune.bundle.predictor import Predictor
from armtune.bundle.samples import read_samples
from armtune.errors import in_python
from armtune.targets import Prediction

__all__ = ["Prediction", "Predictor", "load_bundle", "predict", "read_samples"]


def load_bundle(folder: str | PathLike[str]) -> Predictor:
    """An exported model, ready to predict.

    Raises:
        RunError: the folder isn't a bundle, or a file differs from its checksum.
    """
    with in_python():
        return Predictor(Path(folder))


def predict(
    folder: str | PathLike[str], samples: Mapping[str, ArrayLike] | str | PathLike[str]
) -> Prediction:
    """What an exported model says of samples.

    Args:
        folder: the model's folder.
        samples: for each modality an array ``(sample, *shape)``, or a file as ``armtune predict``
            takes it.

    Raises:
        RunError: the folder isn't a bundle, or a file differs from its checksum.
        DataError: the samples can't be read, or aren't for this model.
    """
    predictor = load_bundle(folder)
    with in_python():
        if isinstance(samples, str | PathLike):
            return predictor.predict_file(Path(samples))
        return predictor.predict(samples)
