"""A Hugging Face data set on disk: a folder of ``save_to_disk``, or Parquet files by split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from armtune.data.formats.arrow_files import (
    class_names,
    holds_pictures,
    read_files,
    split_files,
    view_of,
)
from armtune.data.splits import SPLITS
from armtune.datasets.huggingface_dataset import HuggingFaceDataset, labels_of
from armtune.errors import DataError, MissingDataError
from armtune.recipe.drafts.draft import Asked, Draft, Line
from armtune.recipe.drafts.goal import goal_of
from armtune.recipe.drafts.labels import label_among
from armtune.recipe.drafts.taken import Taken

if TYPE_CHECKING:
    import pyarrow as pa

READS = "a Hugging Face folder, of save_to_disk or with train-00000-of-00001.parquet and so on"
SIZE = int(HuggingFaceDataset.model_fields["image_size"].default)
PICTURES = 16
"""Pictures that are looked at."""
OTHER_NAMES = {
    "training": "train", "valid": "validation", "val": "validation", "dev": "validation",
    "testing": "test",
}  # fmt: skip
"""What splits are called elsewhere."""


def reads(path: Path) -> bool:
    """Whether a path is such a folder."""
    if not path.is_dir():
        return False
    try:
        return bool(split_files(path))
    except MissingDataError:
        return False


def look(path: Path, asked: Asked) -> Draft:
    """A recipe's draft for a Hugging Face folder.

    Raises:
        DataError: a file is damaged, or no column can be a modality; names it.
    """
    found = split_files(path)
    own = {OTHER_NAMES.get(name, name): name for name in found}
    if "train" not in own:
        raise DataError(f"{path}: has the splits {', '.join(found)}, and none called train")
    tables = {s: read_files(found[own[s]]) for s in SPLITS if s in own}
    train = tables["train"]
    label = asked.label or _label(train, path)
    raw, _ = labels_of(tables, label, path)
    goal = goal_of(np.concatenate(list(raw.values())), f"{path}: {label!r}", asked.target)
    taken = _Columns(tables, label, path)
    data = [
        Line("name", "huggingface_dataset"),
        Line("path", asked.path_to(path), READS),
        *([Line("target", goal.kind)] if goal.kind != "classes" else []),
        Line("label", label, f"{goal.kind}: {goal.why}" if goal.kind != "classes" else goal.why),
        *_splits(own),
        *taken.options(),
    ]
    sizes = " + ".join(f"{len(table)} {split}" for split, table in tables.items())
    what = f"{path.name}: {sizes} samples"
    return Draft(what, data, taken.modalities(), goal, taken.slow, taken.left_out)


def _label(train: pa.Table, path: Path) -> str:
    """The one column of classes that have names; else the one that is called as labels are."""
    classes = [name for name in train.column_names if class_names(train, name)]
    if len(classes) == 1:
        return classes[0]
    return label_among(train.column_names, lambda: classes or train.column_names, str(path))


def _splits(own: Mapping[str, str]) -> Iterator[Line]:
    """The option that names splits, and what becomes of those that aren't there."""
    renamed = {split: own[split] for split in SPLITS if own.get(split, split) != split}
    if renamed:
        yield Line("splits", renamed, "what the data set calls its splits")
    missing = [split for split in ("validation", "test") if split not in own]
    if missing:
        yield Line("seed", 0, f"there is no {' or '.join(missing)}: cut off the training samples")


class _Columns(Taken):
    """The columns of a data set: which are modalities, and why others aren't."""

    def __init__(self, tables: Mapping[str, pa.Table], label: str, path: Path) -> None:
        super().__init__()
        self.pictures: list[str] = []
        for column in tables["train"].column_names:
            if column != label:
                self._look_at(column, tables)
        if not self.sources:
            why = "; ".join(self.left_out) or "the label is the only one"
            raise DataError(f"{path}: no column can be a modality: {why}")

    def options(self) -> Iterator[Line]:
        """The data set's options about modalities."""
        yield from self.naming("columns")
        if self.pictures:
            said = f"{', '.join(self.pictures)}: scaled to this side, and cut square"
            yield Line("image_size", SIZE, said)
        yield from self.absent()

    def _look_at(self, column: str, tables: Mapping[str, pa.Table]) -> None:
        if self.full:
            self.leave(column, self.full)
            return
        pictures = holds_pictures(tables["train"], column)
        lost, shape = 0, tuple[int, ...]()
        try:
            for split, table in tables.items():
                seen = table.slice(0, PICTURES) if pictures else table
                view, there = view_of(seen, column, SIZE, split)
                lost += table.column(column).null_count if pictures else int((~there).sum())
                shape = view.shape[1:]
        except DataError as error:
            self.leave(column, str(error))
        else:
            self.take(column, shape, lost)
            self.pictures += [column] if pictures else []
