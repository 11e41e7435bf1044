"""Your own files, listed in a CSV: a column of labels, and one of paths for each modality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from armtune.data.formats.lists import read_table
from armtune.data.formats.media import Kind, kind_of
from armtune.data.formats.text_files import UTF_8, Encoding
from armtune.data.missing_modalities import Absent
from armtune.data.splits import SPLITS
from armtune.datasets import Labelled
from armtune.datasets._clips import Clip, Clips
from armtune.errors import DataError
from armtune.targets.labels import Labels


class Folders(Labelled, Clips):
    """Sound, image, video and array files, listed in a CSV with a heading.

    It has a column of labels and, for each modality, one of its name with paths, relative to the
    CSV. A column ``split`` (``train``, ``validation``, ``test``) cuts the samples; what it doesn't
    say is cut off the training samples by ``seed``.
    """

    name: Literal["folders"] = "folders"
    path: str
    """The CSV, relative to the recipe, else to ``$ARMTUNE_DATA``."""
    labels: str = "label"
    """Column of the labels; for ``target: labels`` text such as ``a;b``; for ``values`` numbers."""
    encoding: Encoding = UTF_8
    """Of the CSV's text, such as latin-1."""
    groups: str | None = None
    """Column of each sample's group, such as who was recorded; no cut by ``seed`` divides one."""
    validation: float = Field(0.1, gt=0, lt=1)
    """Share of the training samples cut off for validation, where the CSV names none."""
    test: float = Field(0.2, gt=0, lt=1)
    """Share cut off for test before that, where the CSV names none."""
    seed: int = Field(0, ge=0)
    """Seed of these cuts."""
    absent: Absent = "error"
    """What becomes of samples that lack a modality, an empty path: an error, kept, or left out."""

    def modalities(self) -> tuple[str, ...] | None:
        return None

    def kind(self, modality: str, path: Path) -> Kind:
        return kind_of(path)

    def split_shares(self) -> tuple[dict[str, float], int]:
        return {"test": self.test, "validation": self.validation}, self.seed

    def lacking(self) -> Absent:
        return self.absent

    @property
    def labelled_by(self) -> str:
        return self.labels

    @property
    def text_encoding(self) -> str:
        return self.encoding

    def about(self) -> str:
        return f"files listed in {Path(self.path).name}"

    def clips(self, base: Path, modalities: Sequence[str]) -> list[Clip]:
        needed, perhaps = [self.groups] if self.groups else [], [*modalities]
        # A sample may be without any label, but not without a class or a value.
        (perhaps if self.predicts is Labels else needed).insert(0, self.labels)
        rows = read_table(base, needed, perhaps, self.encoding)
        clips = [self._clip(base, row, modalities) for row in rows]
        without = [number for number, clip in enumerate(clips, 1) if clip.split is None]
        if 0 < len(without) < len(clips):
            raise DataError(
                f"{base}: {len(without)} of {len(clips)} samples have no split, the first is "
                f"sample {without[0]}; say one for all, or leave the column out"
            )
        return clips

    def _clip(self, base: Path, row: Mapping[str, str], modalities: Sequence[str]) -> Clip:
        split = row.get("split", "").strip() or None
        if split not in (None, *SPLITS):
            raise DataError(f"{base}: split {split!r} should be one of {', '.join(SPLITS)}")
        files = {name: base.parent / row[name] for name in modalities if row[name].strip()}
        for path in files.values():
            kind_of(path)
        group = row[self.groups].strip() if self.groups else None
        return Clip(row[self.labels].strip(), files, split, group)
