"""CMU-MOSI: opinions in 93 videos of YouTube (Zadeh et al., IEEE Intelligent Systems 2016)."""

from __future__ import annotations

from typing import Literal

from armtune.datasets._opinions import Opinions


class CmuMosi(Opinions):
    """CMU-MOSI: opinions in 93 videos of YouTube, by words, voice and face."""

    name: Literal["cmu_mosi"] = "cmu_mosi"
    path: str = "cmu_mosi"
    """Folder of the files, relative to the recipe, else to ``$ARMTUNE_DATA``."""
    text: str = "CMU_MOSI_TimestampedWordVectors.csd"
    """File (.csd) of the words' vectors in that folder; its words are the steps."""
    audio: str = "CMU_MOSI_COVAREP.csd"
    """File of the voice's features."""
    vision: str = "CMU_MOSI_Visual_Facet_42.csd"
    """File of the face's features."""
    labels: str = "CMU_MOSI_Opinion_Labels.csd"
    """File of the segments' sentiments."""
    folds: str = "cmu_mosi_std_folds.py"
    """The SDK's list of each split's videos, a Python file, which is read but not run."""
