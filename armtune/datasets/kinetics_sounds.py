"""Kinetics-Sounds: the classes of Kinetics-400 that are both heard and seen.

Arandjelović and Zisserman, Look, listen and learn, ICCV 2017; Kay et al., The Kinetics human
action video data set, 2017. These are the 31 classes that papers on balance use.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from armtune.data.formats.lists import read_table
from armtune.datasets._clips import Clip, Clips
from armtune.errors import DataError

PLAYED = (
    "accordion bagpipes bass_guitar clarinet drums guitar harmonica keyboard organ piano "
    "saxophone trombone trumpet violin xylophone"
)
CLASSES = frozenset(
    {
        *(f"playing {instrument.replace('_', ' ')}" for instrument in PLAYED.split()),
        "blowing nose",
        "blowing out candles",
        "bowling",
        "chopping wood",
        "dribbling basketball",
        "laughing",
        "mowing lawn",
        "ripping paper",
        "shoveling snow",
        "shuffling cards",
        "singing",
        "stomping grapes",
        "tap dancing",
        "tapping guitar",
        "tapping pen",
        "tickling",
    }
)


class KineticsSounds(Clips):
    """31 classes of Kinetics-400 that are heard and seen; its validation clips are the test here.

    ``annotations/{train,val}.csv``, and ``{train,val}/<id>_<start>_<end>.mp4`` or the same below
    a folder for each class.
    """

    name: Literal["kinetics_sounds"] = "kinetics_sounds"
    path: str = "kinetics400"
    """Folder of ``annotations``, ``train``, ``val``; relative to recipe or ``$ARMTUNE_DATA``."""
    validation: float = Field(0.1, gt=0, lt=1)
    """Share of the training samples cut off for validation, class by class."""
    seed: int = Field(0, ge=0)
    """Seed of that cut."""

    def modalities(self) -> tuple[str, ...]:
        return ("audio", "video")

    def split_shares(self) -> tuple[dict[str, float], int]:
        return {"validation": self.validation}, self.seed

    def clips(self, base: Path, modalities: Sequence[str]) -> list[Clip]:
        return [*_listed(base, "train", "train"), *_listed(base, "val", "test")]

    def about(self) -> str:
        return "Kinetics-Sounds, tested on Kinetics-400's validation clips"


def _listed(base: Path, part: str, split: str) -> Iterator[Clip]:
    """The clips of one CSV, which need not have their files."""
    path = base / "annotations" / f"{part}.csv"
    folders = {label: base / part / label for label in CLASSES}
    folders = {k: folder if folder.is_dir() else base / part for k, folder in folders.items()}
    for row in read_table(path, ["label", "youtube_id", "time_start", "time_end"]):
        if row["label"] not in CLASSES:
            continue
        try:
            start, end = int(row["time_start"]), int(row["time_end"])
        except ValueError as error:
            raise DataError(f"{path}: times of {row['youtube_id']} aren't whole seconds") from error
        file = folders[row["label"]] / f"{row['youtube_id']}_{start:06d}_{end:06d}.mp4"
        yield Clip(row["label"], {"audio": file, "video": file}, split)
