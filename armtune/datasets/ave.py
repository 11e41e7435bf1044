"""AVE: events that are both heard and seen, in clips of ten seconds from AudioSet.

Tian et al., Audio-visual event localization in unconstrained videos, ECCV 2018.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from armtune.data.formats.lists import lines_of
from armtune.datasets._clips import Clip, Clips
from armtune.errors import DataError

LISTS = {"train": "trainSet.txt", "validation": "valSet.txt", "test": "testSet.txt"}
COLUMNS = ("Category", "VideoID", "Quality", "StartTime", "EndTime")


class Ave(Clips):
    """AVE: 4,143 clips of 28 kinds of events, with the official split.

    ``trainSet.txt``, ``valSet.txt``, ``testSet.txt`` and ``AVE/<id>.mp4``, as published. The lists
    repeat what ``Annotations.txt`` says, which isn't read.
    """

    name: Literal["ave"] = "ave"
    path: str = "AVE_Dataset"
    """Folder of the lists and of ``AVE``, relative to the recipe, else to ``$ARMTUNE_DATA``."""

    def modalities(self) -> tuple[str, ...]:
        return ("audio", "video")

    def split_shares(self) -> tuple[dict[str, float], int]:
        return {}, 0

    def clips(self, base: Path, modalities: Sequence[str]) -> list[Clip]:
        clips: list[Clip] = []
        for split, name in LISTS.items():
            for category, video, *_ in _read_list(base / name):
                path = base / "AVE" / f"{video}.mp4"
                clips.append(Clip(category, {"audio": path, "video": path}, split))
        return clips

    def about(self) -> str:
        return "AVE, official split"


def _read_list(path: Path) -> list[tuple[str, ...]]:
    """The lines' columns, without the heading that one of the lists has.

    Raises:
        DataError: a line has other columns; names it.
    """
    rows: list[tuple[str, ...]] = []
    for number, line in enumerate(lines_of(path), 1):
        columns = tuple(line.split("&"))
        if len(columns) != len(COLUMNS):
            raise DataError(f"{path}, line {number}: should be {'&'.join(COLUMNS)}")
        if columns != COLUMNS:
            rows.append(columns)
    return rows
