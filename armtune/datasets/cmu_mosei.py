"""CMU-MOSEI: sentences of 1,000 speakers of YouTube (Bagher Zadeh et al., ACL 2018)."""

from __future__ import annotations

from typing import Literal

from armtune.datasets._opinions import Opinions


class CmuMosei(Opinions):
    """CMU-MOSEI: sentences of 1,000 speakers of YouTube, by words, voice and face."""

    name: Literal["cmu_mosei"] = "cmu_mosei"
    path: str = "cmu_mosei"
    """Folder of the files, relative to the recipe, else to ``$ARMTUNE_DATA``."""
    text: str = "CMU_MOSEI_TimestampedWordVectors.csd"
    """File (.csd) of the words' vectors in that folder; its words are the steps."""
    audio: str = "CMU_MOSEI_COVAREP.csd"
    """File of the voice's features."""
    vision: str = "CMU_MOSEI_VisualFacet42.csd"
    """File of the face's features."""
    labels: str = "CMU_MOSEI_Labels.csd"
    """File of the segments' sentiments."""
    folds: str = "cmu_mosei_std_folds.py"
    """The SDK's list of each split's videos, a Python file, which is read but not run."""
