"""CMU-MOSEI: sentences of 1,000 speakers of YouTube (Bagher Zadeh et al., ACL 2018)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from armtune.datasets._opinions import Opinions


class CmuMosei(Opinions):
    """CMU-MOSEI: sentences of 1,000 speakers of YouTube, by words, voice and face."""

    name: Literal["cmu_mosei"] = "cmu_mosei"
    path: str = "cmu_mosei"
    """Folder of the files, relative to the recipe, else to ``$ARMTUNE_DATA``."""
    own_files: ClassVar[Mapping[str, str]] = {
        "text": "CMU_MOSEI_TimestampedWordVectors.csd",
        "audio": "CMU_MOSEI_COVAREP.csd",
        "vision": "CMU_MOSEI_VisualFacet42.csd",
        "labels": "CMU_MOSEI_Labels.csd",
        "folds": "cmu_mosei_std_folds.py",
    }
