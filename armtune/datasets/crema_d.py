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

from armtune.data.formats.lists import lines_of
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
LISTED = re.compile(rf"(?P<name>{NAME.pattern}),(?P=emotion)")
"""A line of a published list: a clip's name and its emotion."""


class CremaD(Clips):
    """CREMA-D: 7,442 clips of 91 actors in six emotions, ``AudioWAV`` and ``VideoFlash``.

    There is no official split. Here whole actors are drawn by ``seed``: first for test, then for
    validation, so that nobody is in two splits. Papers on balance share one in which everybody is
    in both: ``split: published`` reads it from their lists, ``train.csv`` and ``test.csv``.
    """

    name: Literal["crema_d"] = "crema_d"
    path: str = "CREMA-D"
    """Folder of ``AudioWAV`` and ``VideoFlash``, relative to the recipe or ``$ARMTUNE_DATA``."""
    seconds: float = Field(3.0, gt=0, le=60)
    """Of sound: the middle of longer recordings, silence around shorter ones."""
    split: Literal["actors", "published"] = "actors"
    """Actors kept apart, or the lists of 6,698 and 744 clips that papers on balance use."""
    validation: float = Field(0.1, gt=0, lt=1)
    """Share of the remaining samples cut off for validation: by whole actors, or, where the split
    is published, emotion by emotion."""
    test: float = Field(0.2, gt=0, lt=1)
    """Share of the samples cut off for test, by whole actors; not where the split is published."""
    seed: int = Field(0, ge=0)
    """Seed of these cuts."""

    def modalities(self) -> tuple[str, ...]:
        return ("audio", "video")

    def split_shares(self) -> tuple[dict[str, float], int]:
        own = {"test": self.test} if self.split == "actors" else {}
        return {**own, "validation": self.validation}, self.seed

    def clips(self, base: Path, modalities: Sequence[str]) -> list[Clip]:
        if self.split == "published":
            return _listed(base)
        found = sorted((base / "AudioWAV").glob("*.wav"))
        if not found:
            raise DataError(f"{base / 'AudioWAV'}: has no .wav file")
        return [_clip(base, path) for path in found]

    def about(self) -> str:
        if self.split == "published":
            return "CREMA-D, published split, all actors in training and test"
        return f"CREMA-D, actors kept apart by seed {self.seed}"


def _clip(base: Path, sound: Path) -> Clip:
    match = NAME.fullmatch(sound.stem)
    if match is None or match["emotion"] not in EMOTIONS:
        raise DataError(f"{sound}: should be called as 1001_DFA_ANG_XX.wav is")
    return Clip(EMOTIONS[match["emotion"]], _files(base, sound.stem), group=match["actor"])


def _files(base: Path, name: str) -> dict[str, Path]:
    return {
        "audio": base / "AudioWAV" / f"{name}.wav",
        "video": base / "VideoFlash" / f"{name}.flv",
    }


def _listed(base: Path) -> list[Clip]:
    """The clips of the published lists, which need not have their files."""
    found: dict[str, Clip] = {}
    for split in ("train", "test"):
        path = base / f"{split}.csv"
        for number, line in enumerate(lines_of(path), 1):
            match = LISTED.fullmatch(line)
            if match is None or match["emotion"] not in EMOTIONS:
                raise DataError(f"{path}, line {number}: should be as 1001_DFA_ANG_XX,ANG is")
            name = match["name"]
            if name in found:
                raise DataError(f"{path}, line {number}: {name} is listed before, too")
            found[name] = Clip(EMOTIONS[match["emotion"]], _files(base, name), split)
    return list(found.values())
