"""CMU-MOSI: opinions in 93 videos of YouTube (Zadeh et al., IEEE Intelligent Systems 2016)."""

from __future__ import annotations

from typing import Literal

from armtune.data.opinions import Opinions


class CmuMosi(Opinions):
    """CMU-MOSI: opinions in 93 videos of YouTube, by words, voice and face."""

    name: Literal["cmu_mosi"] = "cmu_mosi"
    path: str = "cmu_mosi"
    text: str = "CMU_MOSI_TimestampedWordVectors.csd"
    audio: str = "CMU_MOSI_COVAREP.csd"
    vision: str = "CMU_MOSI_Visual_Facet_42.csd"
    labels: str = "CMU_MOSI_Opinion_Labels.csd"
    folds: str = "cmu_mosi_std_folds.py"
