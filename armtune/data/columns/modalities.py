"""Columns as a modality: one vector, one text, or a file each; fitted on training rows only.

What was fitted is plain data (``about``), from which ``restored`` makes the same again: a bundle
prepares new rows by it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from armtune.data.columns import fitted
from armtune.data.columns.fitted import Category, Date, Number
from armtune.data.columns.guess import FILES, Guess
from armtune.data.columns.numbers import MARKS
from armtune.data.columns.stated import STATED
from armtune.data.formats.cells import MISSING
from armtune.data.rows import as_float32
from armtune.data.tokenizer import Tokenizer
from armtune.data.vocabulary import Vocabulary, most_frequent, words_of
from armtune.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

Cells = Mapping[str, Any]
"""Columns by name: Arrow's arrays of text."""
Place = Callable[[str], str]
"""What messages call a column."""
Mask = NDArray[np.bool_]
Index = NDArray[np.int64]
SHORTEST = 4
"""Words that the longest text has room for at least."""
PIECE = 1 << 13
"""Rows that are gone through at a time."""


@dataclass(frozen=True)
class Vector:
    """Numbers, dates and categories: their parts one after another."""

    kind: ClassVar[str] = "vector"

    columns: tuple[Number | Date | Category, ...]

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a row."""
        return (sum(self.widths),)

    @property
    def widths(self) -> list[int]:
        """How many numbers each column becomes."""
        return [column.width for column in self.columns]

    def written_as(self, cells: Cells) -> Vector:
        """The same for another file's cells, which may write numbers and dates otherwise."""
        own = (c.written_as(cells[c.name]) if isinstance(c, Number) else c for c in self.columns)
        return Vector(tuple(own))

    def apply(self, cells: Cells, place: Place) -> NDArray[np.float32]:
        """Rows as vectors ``(row, number)``.

        Raises:
            DataError: a cell doesn't fit its column's type; names its row.
        """
        parts = [c.apply(cells[c.name], place(c.name)) for c in self.columns]
        return as_float32(np.concatenate(parts, axis=1))

    def about(self) -> dict[str, Any]:
        """What was fitted, as JSON holds it."""
        return {"kind": self.kind, "columns": [fitted.as_data(c) for c in self.columns]}


@dataclass(frozen=True)
class Text:
    """Texts one after another, as the numbers of their words or tokens.

    Attributes:
        numbers: tells them.
        length: words or tokens that a sample has room for.
    """

    kind: ClassVar[Literal["text"]] = "text"

    names: tuple[str, ...]
    numbers: Vocabulary | Tokenizer
    length: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a row."""
        return (self.length,)

    def apply(self, cells: Cells, place: Place) -> NDArray[np.float32]:
        """Rows as numbers of words or tokens ``(row, length)``."""
        return self.numbers.encode(joined(cells, self.names), self.length)

    def about(self) -> dict[str, Any]:
        """What was fitted, as JSON holds it."""
        own = {"names": list(self.names), "length": self.length}
        return {"kind": self.kind, **own, **self.numbers.about()}


@dataclass(frozen=True)
class File:
    """Paths of files of one type."""

    kind: ClassVar[str] = "file"

    name: str
    type: str

    @property
    def names(self) -> list[str]:
        return [self.name]

    def about(self) -> dict[str, Any]:
        """The column and its files' type, as JSON holds it."""
        return {"kind": self.kind, "name": self.name, "type": self.type}


CALLED = {
    Vector.kind: "columns of numbers, categories and dates",
    Text.kind: "columns of texts",
    File.kind: "a column of paths",
}
"""What columns of each kind are called."""


def restored(about: Mapping[str, Any]) -> Vector | Text | File:
    """What ``about`` wrote.

    Raises:
        KeyError, TypeError, ValueError: it isn't that.
    """
    if about["kind"] == Vector.kind and about["columns"]:
        return Vector(tuple(fitted.restored(column) for column in about["columns"]))
    if about["kind"] == Text.kind and about["names"]:
        return Text(_texts(about["names"]), _numbers(about), int(about["length"]))
    if about["kind"] == File.kind and about["type"] in FILES:
        return File(str(about["name"]), about["type"])
    raise ValueError(f"{str(about)[:200]} is no modality of columns")


def _texts(content: Any) -> tuple[str, ...]:
    if not isinstance(content, list) or not all(isinstance(each, str) for each in content):
        raise TypeError(f"{str(content)[:200]} are no texts")
    return tuple(content)


def kind_of(modality: str, guesses: Sequence[Guess], place: str) -> str:
    """What a modality of columns becomes: a vector, a text or a file.

    Raises:
        DataError: none, or several of these, or several files; says what would be right.
    """
    kinds = {_kind(guess): guess for guess in guesses}
    if not kinds:
        raise DataError(f"{place}: {modality}: no column is left")
    if len(kinds) > 1:
        (one, first), (other, second) = list(kinds.items())[:2]
        said = f"{first.name!r} ({first.type}) and {second.name!r} ({second.type})"
        hint = f"give {CALLED[one]} and {CALLED[other]} a modality each"
        raise DataError(f"{place}: {modality}: {said} don't go together; {hint}")
    if File.kind in kinds and len(guesses) > 1:
        said = f"{guesses[0].name!r} and {guesses[1].name!r} both hold paths"
        raise DataError(f"{place}: {modality}: {said}; give each a modality of its own")
    return next(iter(kinds))


def present_rows(kind: str, cells: Cells, names: Sequence[str]) -> Mask:
    """Rows in which some of a modality's cells is there, ``(row,)``."""
    none = () if kind == Text.kind else (*MISSING, *MARKS)
    return np.logical_or.reduce([~_is_one_of(cells[name], ("", *none)) for name in names])


def fit_text(
    cells: Cells,
    names: Sequence[str],
    train: Index,
    most: int,
    numbers: Tokenizer | int,
) -> Text:
    """Texts by a tokenizer, or by a vocabulary of training rows' texts.

    Args:
        most: words or tokens a sample, from which it is cut.
        numbers: the tokenizer, or the highest number of a word.
    """
    pieces = (train[start : start + PIECE] for start in range(0, len(train), PIECE))
    texts = (joined({name: cells[name].take(piece) for name in names}, names) for piece in pieces)
    if isinstance(numbers, int):
        longest, learnt = _learnt(texts, numbers)
        return Text(tuple(names), learnt, max(SHORTEST, min(longest, most)))
    longest = max((len(own) for some in texts for own in numbers.tokens(some)), default=0)
    return Text(tuple(names), numbers, max(SHORTEST, min(longest, most)))


def _learnt(texts: Iterable[Sequence[str]], size: int) -> tuple[int, Vocabulary]:
    """Words of the longest of these texts, and the most frequent words of all."""
    longest, counts = 0, Counter[str]()
    for some in texts:
        words = list(map(words_of, some))
        counts.update(chain.from_iterable(words))
        longest = max(longest, *map(len, words))
    return longest, most_frequent(counts, size)


def fit_vector(
    guesses: Sequence[Guess], cells: Cells, train: Index, place: Place, missing: str
) -> Vector:
    """Columns of a vector, as training rows are.

    Raises:
        DataError: a column has no training row's cell.
    """
    columns: list[Number | Date | Category] = []
    for guess in guesses:
        own = cells[guess.name].take(train)
        if guess.type == Category.type:
            columns.append(fitted.fit_category(guess.name, own))
        else:
            kind = Date if guess.type == Date.type else Number
            at = place(guess.name)
            columns.append(fitted.fit_number(kind, guess.name, guess.written, own, at, missing))
    return Vector(tuple(columns))


def missing_cells(
    modality: str, guesses: Sequence[Guess], cells: Cells, place: Place, counted: Mask
) -> Mask:
    """Cells of numbers and dates that are missing, ``(row, column)``; all cells are read.

    Args:
        counted: rows that have the modality, ``(row,)``; others' cells are no holes.

    Raises:
        DataError: a cell doesn't fit its column's type, or is infinite; names its row.
    """
    holes = np.zeros((len(counted), len(guesses)), bool)
    for column, guess in enumerate(guesses):
        if guess.type == Category.type:
            continue
        kind = Date if guess.type == Date.type else Number
        numbers = as_float32(kind.read(cells[guess.name], guess.written, place(guess.name)))
        if (bad := np.isinf(numbers).any(axis=1) & counted).any():
            said = f"infinity (as float32) in row {int(bad.argmax()) + 1}"
            raise DataError(f"{place(guess.name)}: {modality}: {said}")
        holes[:, column] = np.isnan(numbers[:, 0]) & counted
    return holes


def joined(cells: Cells, names: Sequence[str]) -> list[str]:
    """Each row's texts, one after another."""
    if len(names) == 1:
        return list(cells[names[0]].to_pylist())
    columns = [cells[name].to_pylist() for name in names]
    return [" ".join(filter(None, row)) for row in zip(*columns, strict=True)]


def read_alike(guesses: Sequence[Guess]) -> list[Guess]:
    """The same, but categories beside texts are texts too, where nobody stated otherwise."""
    if not any(guess.type == Text.kind for guess in guesses):
        return list(guesses)
    beside = "beside texts, its words are read"
    return [
        replace(guess, type=Text.kind, reason=f"{guess.reason}; {beside}")
        if guess.type == Category.type and guess.reason != STATED
        else guess
        for guess in guesses
    ]


def _numbers(about: Mapping[str, Any]) -> Vocabulary | Tokenizer:
    """What tells a text's numbers.

    Raises:
        KeyError, TypeError: the description has neither words nor a tokenizer.
    """
    if "tokenizer" in about:
        return Tokenizer(str(about["tokenizer"]))
    return Vocabulary(_texts(about["words"]))


def _kind(guess: Guess) -> str:
    if guess.type in FILES:
        return File.kind
    return Text.kind if guess.type == Text.kind else Vector.kind


def _is_one_of(cells: pa.Array, values: Sequence[str]) -> Mask:
    import pyarrow as pa
    from pyarrow import compute

    found = compute.is_in(cells, value_set=pa.array(values))
    return np.asarray(found.to_numpy(zero_copy_only=False), np.bool_)
