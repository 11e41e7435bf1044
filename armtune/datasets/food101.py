"""UPMC Food-101: photographs of dishes and the titles of the web pages they were found on.

Wang et al., Recipe recognition with large multimodal food dataset, ICME workshops 2015.
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from armtune.data import Dataset, Progress
from armtune.data.cache import CacheWriter, digest_of, file_digest, splits_of, stored
from armtune.data.downloads import data_folders, find
from armtune.data.energy import scaled
from armtune.data.formats.images import DamagedPictureError, read_picture
from armtune.data.formats.lists import opened
from armtune.data.splits import Indices, random_split
from armtune.data.vocabulary import learn_vocabulary
from armtune.datasets import Data
from armtune.errors import DataError
from armtune.targets.classes import Classes

log = logging.getLogger(__name__)

BUILDER = 2
"""Raised whenever the same options would give other arrays, so that no old cache is used."""
BATCH = 256


class Row(NamedTuple):
    """A line of a list of titles: the picture's file, its title and its class."""

    picture: Path
    title: str
    dish: str


class Food101(Data):
    """UPMC Food-101: photographs of 101 dishes, and titles of the pages they are from.

    ``images/{train,test}/<class>/<file>`` and ``texts/{train,test}_titles.csv``, as published.
    """

    paths = ("path",)
    extra = "media"

    name: Literal["food101"] = "food101"
    path: str = "food101"
    """Folder of ``images`` and ``texts``, relative to the recipe, else to ``$ARMTUNE_DATA``."""
    image_size: int = Field(64, ge=8, le=512)
    """Side of the images, which are scaled and cut square."""
    words: int = Field(10000, ge=2)
    """Highest word number: 1 is any unknown word, the others the training titles' most frequent."""
    length: int = Field(32, ge=1)
    """Words of a title; shorter ones are padded with 0, longer ones cut."""
    validation: float = Field(0.1, gt=0, lt=1)
    """Share of the training samples cut off for validation, class by class."""
    damaged: Literal["error", "skip"] = "error"
    """What a missing or damaged image is: an error, or left out, counted and named."""
    seed: int = Field(0, ge=0)
    """Seed of that cut."""

    def modalities(self) -> tuple[str, ...]:
        return ("image", "text")

    def read(self, modalities: Sequence[str], folder: Path, progress: Progress) -> Dataset:
        base = find(self.path, [folder, *data_folders(None, folder)])
        rows = {split: read_titles(base, split) for split in ("train", "test")}
        classes = tuple(sorted({row.dish for row in rows["train"]}))
        check_dishes(base, rows["test"], classes)
        digest = self._digest(base, rows)
        built = stored(self.name, digest, lambda writer: self._build(rows, writer, progress))
        splits = splits_of(built, modalities)
        words = self._describe(built[1], [len(split) for split in splits], len(classes))
        texts = {"text": built[1]["vocabulary"]} if "text" in modalities else {}
        target = Classes(classes)
        return Dataset(self.name, words, target, *splits, digest, vocabularies=texts)

    def _digest(self, base: Path, rows: Mapping[str, Sequence[Row]]) -> str:
        """Of the lists' contents, and of the images' sizes: reading them all takes minutes."""
        options = self.model_dump(exclude={"path", "otherwise"})
        lists = {split: file_digest(_titles(base, split)) for split in rows}
        sizes = [_size(row.picture) for split in rows for row in rows[split]]
        parts = {"builder": BUILDER, "options": options, "lists": lists, "sizes": sizes}
        return digest_of(parts)

    def _build(
        self, rows: Mapping[str, Sequence[Row]], writer: CacheWriter, progress: Progress
    ) -> dict[str, Any]:
        pixels = writer.folder / "pixels"
        everything = [*rows["train"], *rows["test"]]
        whole, damaged = self._decode(everything, pixels, progress)
        kept = [everything[k] for k in whole]
        dishes = sorted({row.dish for row in rows["train"]})
        labels = np.array([dishes.index(row.dish) for row in kept], np.int64)
        trained = int(np.sum(np.array(whole) < len(rows["train"])))
        indices = self._split(labels, trained, dishes)
        images = np.memmap(pixels, np.uint8, "r", shape=(len(kept), 3, *[self.image_size] * 2))
        vocabulary = learn_vocabulary((kept[k].title for k in indices["train"]), self.words)
        for split, index in indices.items():
            titles = [kept[k].title for k in index]
            writer.add(f"{split}_image", len(index), _batches(images, index))
            writer.add(f"{split}_text", len(index), [vocabulary.encode(titles, self.length)])
            writer.add(f"{split}_label", len(index), [labels[index]])
        pixels.unlink()
        return {"damaged": damaged, "vocabulary": list(vocabulary.words)}

    def _decode(
        self, rows: Sequence[Row], to: Path, progress: Progress
    ) -> tuple[list[int], list[str]]:
        """Writes the images that can be read; which rows they are of, and the others' files."""
        whole: list[int] = []
        damaged: list[str] = []
        with to.open("wb") as file:
            for number, row in enumerate(rows):
                image = self._image(row.picture)
                if image is None:
                    damaged.append(row.picture.name)
                else:
                    file.write(image.tobytes())
                    whole.append(number)
                progress("reading images", number + 1, len(rows))
        return whole, damaged

    def _image(self, path: Path) -> NDArray[np.uint8] | None:
        """An image; None where it is damaged and is to be left out."""
        try:
            return read_picture(path, self.image_size)
        except DamagedPictureError as error:
            if self.damaged == "error":
                raise DataError(f"{error}; damaged: skip leaves such images out") from error
            log.warning("%s; left out", error)
            return None

    def _split(self, labels: NDArray[np.int64], trained: int, dishes: Sequence[str]) -> Indices:
        """The splits of the samples, of which the first ``trained`` are the training list's.

        Raises:
            DataError: no image is left to test on, or too few of a class to train on; names it.
        """
        given = {"train": np.arange(trained), "test": np.arange(trained, len(labels))}
        rng = np.random.default_rng(self.seed)
        shares = {"validation": self.validation}
        indices = random_split(given, Classes(tuple(dishes)), labels, None, shares, rng)
        absent = np.setdiff1d(np.arange(len(dishes)), labels[indices["train"]])
        if len(absent):
            raise DataError(f"{self.path}: no image of class {dishes[absent[0]]!r} to train on")
        if trained == len(labels):
            raise DataError(f"{self.path}: no image to test on")
        return indices

    def _describe(self, about: Mapping[str, Any], sizes: Sequence[int], classes: int) -> str:
        damaged = about["damaged"]
        named = ", ".join(damaged[:3]) + (", …" if len(damaged) > 3 else "")
        left_out = f"; left out for damaged images: {len(damaged)} ({named})" if damaged else ""
        return (
            f"UPMC Food-101: {classes} classes, images of {self.image_size} × {self.image_size}, "
            f"titles of up to {self.length} words, of {len(about['vocabulary'])} known ones; "
            f"{' + '.join(map(str, sizes))} samples{left_out}"
        )


def read_titles(base: Path, split: str) -> list[Row]:
    """The lines of a split's list, in its order.

    Raises:
        DataError: it can't be read, is empty, or a line has other than three columns; names both.
    """
    path = _titles(base, split)
    rows: list[Row] = []
    with opened(path) as file:
        for columns in (reader := csv.reader(file)):
            if len(columns) != 3:
                raise DataError(
                    f"{path}, line {reader.line_num}: {len(columns)} columns, should be 3: "
                    f"image file, title, class"
                )
            name, title, dish = columns
            rows.append(Row(base / "images" / split / dish / name, title, dish))
    if not rows:
        raise DataError(f"{path}: has no line")
    return rows


def check_dishes(base: Path, rows: Sequence[Row], classes: Sequence[str]) -> None:
    """Checks that there are classes, and that test has no other ones than train.

    Raises:
        DataError: it isn't so; names the class.
    """
    if len(classes) < 2:
        raise DataError(f"{_titles(base, 'train')}: two classes are needed at least")
    if strangers := sorted({row.dish for row in rows} - set(classes)):
        raise DataError(f"{_titles(base, 'test')}: class {strangers[0]!r} isn't among the training")


def _titles(base: Path, split: str) -> Path:
    return base / "texts" / f"{split}_titles.csv"


def _size(path: Path) -> int:
    """In bytes; −1 where there is no file."""
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _batches(images: NDArray[np.uint8], index: NDArray[np.int64]) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(index), BATCH):
        yield scaled(images[index[start : start + BATCH]])
