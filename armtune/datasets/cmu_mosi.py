"""CMU-MOSI: opinions in 93 videos of YouTube (Zadeh et al., IEEE Intelligent Systems 2016)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from armtune.datasets._opinions import Opinions


class CmuMosi(Opinions):
    """CMU-MOSI: opinions in 93 videos of YouTube, by words, voice and face."""

    name: Literal["cmu_mosi"] = "cmu_mosi"
    path: str = "cmu_mosi"
    """Folder of the files, relative to the recipe, else to ``$ARMTUNE_DATA``."""
    own_files: ClassVar[Mapping[str, str]] = {
        "text": "CMU_MOSI_TimestampedWordVectors.csd",
        "audio": "CMU_MOSI_COVAREP.csd",
        "vision": "CMU_MOSI_Visual_Facet_42.csd",
        "labels": "CMU_MOSI_Opinion_Labels.csd",
        "folds": "cmu_mosi_std_folds.py",
    }
