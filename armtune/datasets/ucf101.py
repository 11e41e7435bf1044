"""UCF-101: films of 101 actions, with optical flow where it has been computed.

Soomro et al., UCF101: A dataset of 101 human actions classes from videos in the wild, 2012.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from armtune.data.formats.images import read_picture
from armtune.data.formats.lists import lines_of
from armtune.data.formats.media import DamagedMediaError
from armtune.datasets._clips import Clip, Clips
from armtune.errors import DataError

UCF50 = (
    "BaseballPitch Basketball BenchPress Biking Billiards BreastStroke CleanAndJerk Diving "
    "Drumming Fencing GolfSwing HighJump HorseRace HorseRiding HulaHoop JavelinThrow "
    "JugglingBalls JumpingJack JumpRope Kayaking Lunges MilitaryParade Mixing Nunchucks "
    "PizzaTossing PlayingGuitar PlayingPiano PlayingTabla PlayingViolin PoleVault PommelHorse "
    "PullUps Punch PushUps RockClimbingIndoor RopeClimbing Rowing SalsaSpin SkateBoarding "
    "Skiing Skijet SoccerJuggling Swing TaiChi TennisSwing ThrowDiscus TrampolineJumping "
    "VolleyballSpiking WalkingWithDog YoYo"
)
SILENT = frozenset(UCF50.split())
"""The classes that are UCF-50's too, whose films have no sound; the 51 others have."""
LINE = re.compile(r"(?P<label>\w+)/(?P<name>v_\w+?_(?P<group>g\d+)_c\d+)\.avi(?: \d+)?")


class Ucf101(Clips):
    """UCF-101: films of actions, with the official splits; optical flow from folders of JPEGs.

    ``UCF-101/<class>/<clip>.avi``, ``ucfTrainTestlist/{train,test}list0{1,2,3}.txt``, and
    ``flow/<clip>/flow_{x,y}_<number>.jpg``, the last as tools for TV-L1 flow write them.
    """

    name: Literal["ucf101"] = "ucf101"
    path: str = "ucf101"
    """Folder of all these, relative to the recipe, else to ``$ARMTUNE_DATA``."""
    split: Literal[1, 2, 3] = 1
    """Which of the three official splits."""
    classes: Literal["all", "with_sound"] = "all"
    """All 101 classes, or the 51 whose films have sound, which ``audio`` needs."""
    seconds: float = Field(5.0, gt=0, le=60)
    """Of sound: the middle of longer recordings, silence around shorter ones."""
    validation: float = Field(0.1, gt=0, lt=1)
    """Share of the training samples cut off for validation, by whole groups of all classes."""
    seed: int = Field(0, ge=0)
    """Seed of that cut."""

    def modalities(self) -> tuple[str, ...]:
        return ("video", "flow", "audio")

    def split_shares(self) -> tuple[dict[str, float], int]:
        return {"validation": self.validation}, self.seed

    def about(self) -> str:
        return f"UCF-101, official split {self.split}, classes: {self.classes.replace('_', ' ')}"

    def clips(self, base: Path, modalities: Sequence[str]) -> list[Clip]:
        if "audio" in modalities and self.classes == "all":
            raise DataError("ucf101: half of the classes have no sound; set classes: with_sound")
        if "flow" in modalities and not (base / "flow").is_dir():
            raise DataError(f"{base / 'flow'}: not there; flow is read, not computed")
        return [
            clip
            for split in ("train", "test")
            for clip in _listed(base, f"{split}list{self.split:02d}.txt", split)
            if self.classes == "all" or clip.label not in SILENT
        ]

    def decoded(self, modality: str, path: Path) -> NDArray[Any]:
        if modality == "flow":
            return read_flow(path, self.frames, self.image_size)
        return super().decoded(modality, path)


def read_flow(folder: Path, count: int, side: int) -> NDArray[np.uint8]:
    """Flow evenly over a film, across and down: ``(count, 2, side, side)``, 128 for no motion.

    Raises:
        DamagedMediaError: the folder is missing, empty, or has other files for x than for y.
        DamagedPictureError: a file is damaged; names it.
    """
    across, down = (sorted(folder.glob(f"flow_{axis}_*.jpg")) for axis in "xy")
    if not across or len(across) != len(down):
        raise DamagedMediaError(
            f"{folder}: missing or damaged ({len(across)} files flow_x_*.jpg, {len(down)} flow_y)"
        )
    wanted = [(2 * k + 1) * len(across) // (2 * count) for k in range(count)]
    # Grey files: the three channels that a picture is read with are alike.
    return np.stack(
        [np.stack([read_picture(axis[k], side)[0] for axis in (across, down)]) for k in wanted]
    )


def _listed(base: Path, name: str, split: str) -> list[Clip]:
    path = base / "ucfTrainTestlist" / name
    clips: list[Clip] = []
    for number, line in enumerate(lines_of(path), 1):
        match = LINE.fullmatch(line)
        if match is None:
            raise DataError(f"{path}, line {number}: should be as Archery/v_Archery_g01_c01.avi is")
        film = base / "UCF-101" / match["label"] / f"{match['name']}.avi"
        files = {"video": film, "audio": film, "flow": base / "flow" / match["name"]}
        clips.append(Clip(match["label"], files, split, match["group"]))
    return clips
