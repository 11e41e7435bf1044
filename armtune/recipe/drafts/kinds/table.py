"""A table with a row a sample, or a folder with a subfolder of files for each class."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from armtune.data.columns.guess import Guess, guess_columns
from armtune.data.columns.numbers import known_cells, parsed
from armtune.data.formats.columns import ColumnStore
from armtune.data.formats.media import read_sound
from armtune.data.formats.table_files import LABEL, READERS
from armtune.data.formats.text_files import UTF_8
from armtune.errors import DataError
from armtune.nn.architectures import Reads
from armtune.recipe.document import MOST_ENTRIES
from armtune.recipe.drafts.columns import FACTS, TEXT, Sorted, examples, sort_columns
from armtune.recipe.drafts.draft import Asked, Draft, Goal, Line
from armtune.recipe.drafts.goal import goal_of
from armtune.recipe.drafts.labels import label_among
from armtune.recipe.drafts.machine import usable_gpus
from armtune.recipe.drafts.models import (
    at_hand,
    encoder,
    hint,
    vectors_at_hand,
    vectors_encoder,
    vectors_hint,
)

READS = f"a table ({', '.join(READERS)}) or a folder with a subfolder of files for each class"
SMALL, USUAL, LARGE = 32, 64, 224
"""Sides of pictures, without and with a GPU, and for pretrained models."""
READ_BY: dict[str, Reads] = {"image": "images", "sound": "sound"}
"""What pretrained models read, by the files' type."""
Models = dict[str, str]
"""Pretrained models that are here, by the type of files that they are for."""
MOST_CLASSES = 50
"""Different values up to which a column may be the label where the user doesn't say it."""
LISTENED_TO = 16
"""Recordings whose lengths are looked at."""
RATE = 8000
"""At which they are read for that, in Hz."""


def reads(path: Path) -> bool:
    """Whether a path is such a file or folder."""
    return path.is_dir() or path.suffix.lower() in READERS


def look(path: Path, asked: Asked) -> Draft:
    """A recipe's draft for a table.

    Raises:
        DataError: the table, its label or a path in it is at fault; names column and row.
    """
    store = ColumnStore(path, asked.encoding)
    label = asked.label or _label(store)
    goal, lacking = _goal(store, label, asked.target)
    columns = sort_columns(store, label)
    models = _at_hand(columns, asked.folder)
    data = [
        Line("name", "table"),
        Line("path", asked.path_to(path)),
        *([Line("encoding", asked.encoding)] if asked.encoding != UTF_8 else []),
        *([Line("target", goal.kind)] if goal.kind != "classes" else []),
        Line("label", label, f"{goal.kind}: {goal.why}" if goal.kind != "classes" else goal.why),
        *_skipped(lacking),
        *_options(store, columns, models),
    ]
    slow = bool(columns.of_kind("image", "video", "sound"))
    what = f"{path.name}: {len(store):,} rows of {len(store.names)} columns"
    return Draft(what, data, _modalities(columns, models), goal, slow, columns.left_out)


def _label(store: ColumnStore) -> str:
    """The label's column, where the user doesn't say it."""
    if store.path.is_dir():
        return LABEL
    return label_among(store.names, lambda: _likely(store), str(store.path))


def _likely(store: ColumnStore) -> list[str]:
    """Columns that may be labels by what they hold."""
    guesses = guess_columns(store, store.names[:MOST_ENTRIES]).values()
    return [g.name for g in guesses if g.type in ("category", "number") and _few(store, g)]


def _few(store: ColumnStore, guess: Guess) -> bool:
    cells = store.cells(guess.name)
    return cells is not None and 1 < len(cells.unique()) <= min(MOST_CLASSES, len(cells) // 2)


def _goal(store: ColumnStore, label: str, stated: str | None) -> tuple[Goal, NDArray[np.bool_]]:
    """What a column of labels is to be, and which rows have none."""
    place, cells = store.at(label), store.cells(label)
    if cells is None:
        raise DataError(f"{place}: holds {store.column(label).type}, which is no label")
    texts = np.array(cells.to_pylist())
    numbers = parsed(known_cells(cells), "point", exact=True) if stated != "classes" else None
    empty = (texts == "") & (stated != "labels")
    lacking = empty if numbers is None else np.isnan(numbers)
    if lacking.all():
        raise DataError(f"{place}: no row has a label")
    names = texts[~lacking]
    if numbers is None and stated == "values":
        raise DataError(f"{place}: holds text such as {str(names[0])!r}; values are numbers")
    if numbers is None:
        return goal_of(names, place, stated), lacking
    known = numbers[~lacking]
    if stated is None and store.holds_fractions(label):
        return goal_of(known, place, "values", "numbers with fractions"), lacking
    return goal_of(known, place, stated, names=names), lacking


def _skipped(lacking: NDArray[np.bool_]) -> Iterator[Line]:
    """That rows without a label are left out, where there are any."""
    if lacking.any():
        first = int(lacking.argmax()) + 1
        said = f"{int(lacking.sum())} of {len(lacking)} rows have no label, the first is row"
        yield Line("unlabelled", "skip", f"{said} {first}")


def _options(store: ColumnStore, found: Sorted, models: Models) -> Iterator[Line]:
    """The data set's options beside the labels."""
    columns = [
        Line(m, names, "\n".join(examples(found.guesses[n], len(store)) for n in names))
        for m, names in found.modalities.items()
    ]
    yield Line("columns", columns)
    if TEXT in models:
        read = dict.fromkeys(found.of_kind(TEXT), models[TEXT])
        yield Line("tokenizers", read, "texts are cut into the tokens that have vectors")
    if found.of_kind(FACTS):
        said = "a number or date that is missing becomes the mean, and a number more tells it"
        yield Line("missing", "indicator", said)
    lacking = [m for m, names in found.modalities.items() if _lacks(found, names)]
    if lacking:
        said = f"rows without {' or '.join(lacking)} are kept, and judged by what they have"
        yield Line("absent", "keep", said)
    if found.split:
        yield Line("split", found.split, "says train, validation or test for each row")
    if found.groups:
        name, count = found.groups
        yield Line("groups", name, f"{count} different: rows of one stay in one split")
    yield from _files(store, found, models)


def _lacks(found: Sorted, names: list[str]) -> bool:
    return all(found.guesses[name].missing for name in names)


def _files(store: ColumnStore, found: Sorted, models: Models) -> Iterator[Line]:
    """What files become."""
    if found.of_kind("image", "video"):
        size = USUAL if usable_gpus() else SMALL
        size = LARGE if "image" in models else size
        said = "pictures are scaled to this side and cut square; larger ones take longer"
        yield Line("image_size", size, said)
    if sounds := found.of_kind("sound"):
        named = [found.modalities[m][0] for m in sounds]
        paths = [store.folder / cell for name in named for cell in store.text(name)[:LISTENED_TO]]
        longest = max((len(read_sound(p, RATE)) / RATE for p in paths if p.is_file()), default=10)
        seconds = min(30 if "sound" in models else 60, max(1, ceil(longest)))
        if "sound" in models:
            yield Line("sound", "wave", f"{models['sound']} reads waves")
        yield Line(
            "seconds", seconds, f"the longest of {len(paths)} recordings has {longest:.1f} s"
        )


def _at_hand(found: Sorted, folder: Path) -> Models:
    """Pretrained models that are here for files, by the files' type."""
    known = {kind: at_hand(reads, folder) for kind, reads in READ_BY.items() if found.of_kind(kind)}
    if found.of_kind(TEXT):
        known[TEXT] = vectors_at_hand(folder)
    return {kind: name for kind, name in known.items() if name}


def _modalities(found: Sorted, models: Models) -> list[Line]:
    """A line for each modality."""
    return [_modality(modality, found.kind(modality), models) for modality in found.modalities]


def _modality(modality: str, kind: str, models: Models) -> Line:
    if kind in models:
        said = "a pretrained model that is here: its features are computed once, and kept"
        made = vectors_encoder if kind == TEXT else encoder
        return Line(modality, {"encoder": made(models[kind])}, said)
    hints = {files: hint(reads) for files, reads in READ_BY.items()}
    hints[TEXT] = vectors_hint(modality)
    return Line(modality, {"encoder": {"name": "auto"}}, hints.get(kind, ""))
