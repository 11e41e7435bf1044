"""CREMA-D: actors who say twelve sentences in six emotions, heard and seen.

Cao et al., CREMA-D: Crowd-sourced emotional multimodal actors dataset, IEEE Transactions on
Affective Computing 5(4), 2014.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from armtune.datasets._clips import Clip, Clips
from armtune.errors import DataError

EMOTIONS = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}
NAME = re.compile(r"(?P<actor>\d{4})_[A-Z]{3}_(?P<emotion>[A-Z]{3})_[A-Z]{2}")
"""Actor, sentence, emotion and its level: ``1001_DFA_ANG_XX``."""


class CremaD(Clips):
    """CREMA-D: 7,442 clips of 91 actors in six emotions, ``AudioWAV`` and ``VideoFlash``.

    There is no official split. Here whole actors are drawn by ``seed``: first for test, then for
    validation, so that nobody is in two splits.
    """

    name: Literal["crema_d"] = "crema_d"
    path: str = "CREMA-D"
    """Folder of ``AudioWAV`` and ``VideoFlash``, relative to the recipe or ``$ARMTUNE_DATA``."""
    seconds: float = Field(3.0, gt=0, le=60)
    """Of sound: the middle of longer recordings, silence around shorter ones."""
    validation: float = Field(0.1, gt=0, lt=1)
    """Share of the remaining samples cut off for validation, by whole actors."""
    test: float = Field(0.2, gt=0, lt=1)
    """Share of the samples cut off for test, by whole actors."""
    seed: int = Field(0, ge=0)
    """Seed of these cuts."""

    def modalities(self) -> tuple[str, ...]:
        return ("audio", "video")

    def split_shares(self) -> tuple[dict[str, float], int]:
        return {"test": self.test, "validation": self.validation}, self.seed

    def clips(self, base: Path, modalities: Sequence[str]) -> list[Clip]:
        found = sorted((base / "AudioWAV").glob("*.wav"))
        if not found:
            raise DataError(f"{base / 'AudioWAV'}: has no .wav file")
        return [_clip(base, path) for path in found]

    def about(self) -> str:
        return f"CREMA-D, actors kept apart by seed {self.seed}"


def _clip(base: Path, sound: Path) -> Clip:
    match = NAME.fullmatch(sound.stem)
    if match is None or match["emotion"] not in EMOTIONS:
        raise DataError(f"{sound}: should be called as 1001_DFA_ANG_XX.wav is")
    files = {"audio": sound, "video": base / "VideoFlash" / f"{sound.stem}.flv"}
    return Clip(EMOTIONS[match["emotion"]], files, group=match["actor"])
