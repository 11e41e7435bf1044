"""CMU-MOSEI: sentences of 1,000 speakers of YouTube (Bagher Zadeh et al., ACL 2018)."""

from __future__ import annotations

from typing import Literal

from armtune.data.opinions import Opinions


class CmuMosei(Opinions):
    """CMU-MOSEI: sentences of 1,000 speakers of YouTube, by words, voice and face."""

    name: Literal["cmu_mosei"] = "cmu_mosei"
    path: str = "cmu_mosei"
    text: str = "CMU_MOSEI_TimestampedWordVectors.csd"
    audio: str = "CMU_MOSEI_COVAREP.csd"
    vision: str = "CMU_MOSEI_VisualFacet42.csd"
    labels: str = "CMU_MOSEI_Labels.csd"
    folds: str = "cmu_mosei_std_folds.py"
