"""What a column holds, told by its cells: the type, the reason in words, and three examples."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from armtune.data.columns.dates import COMPACT, date_formats, is_compact
from armtune.data.columns.numbers import NUMBER, Style, known_cells, number_style
from armtune.data.formats.columns import ColumnStore
from armtune.data.formats.media import SUFFIXES

if TYPE_CHECKING:
    import pyarrow as pa

Type = Literal["number", "category", "date", "text", "image", "sound", "video", "array"]
LeftOut = Literal["identifier", "constant", "empty", "unread"]
TYPES: tuple[str, ...] = get_args(Type)
"""What a column of a modality may be."""
FILES: tuple[str, ...] = tuple(SUFFIXES)
"""Types whose cells are paths."""

NAMES = ("category", "text", "identifier", "constant", "empty")
"""Of these, only an empty cell is missing: a category may be called NA."""
EXAMPLES = 3
LOOKED_AT = 2000
"""Different texts whose words are counted."""
SHORT, LONG = 1.5, 5.0
"""Words a cell up to which cells are names, and from which they are texts."""
FEW = 50
"""Different values that make categories even of long texts."""
BUT = "; but "
"""Stands before a doubt in a reason."""
NEARLY = 0.9
"""Share of numbers from which a column was likely meant to be of numbers."""
MOSTLY = 0.95
"""Share of different values from which single words tell rows apart."""
APART = re.compile(r"[\s,;]+")
"""What stands between words."""
LONG_NUMBER = 12
"""Digits from which whole numbers that all differ are identifiers."""
IDENTIFIER = re.compile(
    r"|(id|uid|uuid|guid|key|pk|idx|index|rowid|unnamed: [0-9]+)|.*[_\-. ](id|uuid|guid|idx|index)",
    re.IGNORECASE,
)
"""Names of columns that tell rows apart."""


@dataclass(frozen=True)
class Guess:
    """What a column is taken for.

    Attributes:
        name: the column's.
        type: what it holds, or why it is left out.
        reason: in words.
        examples: the first different cells, three at most.
        missing: cells that are missing.
        written: how numbers or dates are written: a style of ``numbers``, or a format of dates.
    """

    name: str
    type: Type | LeftOut
    reason: str
    examples: tuple[str, ...]
    missing: int = 0
    written: str = ""

    @property
    def left_out(self) -> bool:
        """Whether nothing can be learnt from it."""
        return self.type not in TYPES

    @property
    def doubt(self) -> str:
        """What in its reason speaks for another type; empty where nothing does."""
        return self.reason.partition(BUT)[2]


@dataclass(frozen=True)
class Cells:
    """A column's different cells.

    Attributes:
        name: the column's.
        values: each once, in the order in which they come; without empty ones.
        counts: how often each stands there.
        rows: of the table.
        store: the table.
    """

    name: str
    values: pa.Array
    counts: NDArray[np.int64]
    rows: int
    store: ColumnStore

    @property
    def there(self) -> int:
        """Cells that aren't empty."""
        return int(self.counts.sum())

    def guessed(self, kind: Type | LeftOut, reason: str, written: str = "") -> Guess:
        values, missing = self.values, self.rows - self.there
        if kind not in NAMES:
            gone = known_cells(values).is_null().to_numpy(zero_copy_only=False)
            marks = values.filter(gone).to_pylist()[:EXAMPLES]
            values, missing = values.filter(~gone), missing + int(self.counts[gone].sum())
            reason += f"; {' and '.join(map(repr, marks))} stand for missing ones" if marks else ""
        return Guess(
            self.name, kind, reason, tuple(values[:EXAMPLES].to_pylist()), missing, written
        )


def guess(store: ColumnStore, name: str) -> Guess:
    """What a column holds.

    Raises:
        DataError: there is no such column, or it holds bytes that are no text.
    """
    column = store.cells(name)
    if column is None:
        kind = store.column(name).type
        return Guess(name, "unread", f"holds {kind}, which no modality reads: left out", ())
    cells = _counted(store, name, column)
    if not cells.there:
        return cells.guessed("empty", "every cell is missing: left out")
    if len(cells.values) == 1 and cells.there == cells.rows and not _is_infinite(cells):
        return cells.guessed("constant", "every cell says the same: left out")
    known = known_cells(cells.values).drop_null()
    for look in (_dates_in_digits, _numbers, _dates, _files):
        if len(known) and (found := look(cells, known)):
            return found
    return _names_or_texts(cells)


def guess_columns(store: ColumnStore, names: Sequence[str] | None = None) -> dict[str, Guess]:
    """What some columns of a table hold; all, where none is named."""
    return {name: guess(store, name) for name in (store.names if names is None else names)}


def _counted(store: ColumnStore, name: str, column: pa.Array) -> Cells:
    from pyarrow import compute

    found = compute.value_counts(column)
    values, counts = found.field("values"), found.field("counts").to_numpy()
    there = compute.not_equal(values, "")
    kept = there.to_numpy(zero_copy_only=False)
    return Cells(name, values.filter(there), counts[kept], len(column), store)


def _dates_in_digits(cells: Cells, known: pa.Array) -> Guess | None:
    if not is_compact(known) or _tells_rows_apart(cells):
        return None
    return cells.guessed("date", "eight digits that are a year, a month and a day", COMPACT)


def _numbers(cells: Cells, known: pa.Array) -> Guess | None:
    from pyarrow import compute

    likely: Style = "comma" if cells.store.separator == ";" else "point"
    style = number_style(known, likely)
    if style is None and not _all_truths(known):
        return None
    whole = _all_fit(known, r"^[-+]?[0-9]+$")
    if whole and not cells.store.typed and _any_fits(known, "^0[0-9]"):
        return _codes(cells)
    lengths = compute.min(compute.utf8_length(known)).as_py()
    if whole and _all_different(cells) and (_is_id(cells) or lengths >= LONG_NUMBER):
        return _identifier(cells)
    said = "with a decimal comma" if style == "comma" else ""
    if style is None:
        said = "or rather truth values, 1 and 0"
    return cells.guessed("number", f"every cell is a number {said}".strip(), style or "point")


def _codes(cells: Cells) -> Guess:
    if _all_different(cells):
        return _identifier(cells)
    return cells.guessed("category", f"digits that begin with 0 are codes, {_variety(cells)}")


def _dates(cells: Cells, known: pa.Array) -> Guess | None:
    formats = date_formats(known)
    if not formats:
        return None
    doubt = ""
    if len(formats) > 1:
        doubt = f", perhaps as {formats[1]}: types could say 'date {formats[1]}'"
    return cells.guessed("date", f"every cell is a date, written {formats[0]}{doubt}", formats[0])


def _files(cells: Cells, known: pa.Array) -> Guess | None:
    for kind, ends in SUFFIXES.items():
        pattern = "(?i)({})$".format("|".join(map(re.escape, ends)))
        if _all_fit(known, pattern):
            said = f"every cell is a path that ends in {' or '.join(_ends(known, ends))}"
            return cells.guessed(kind, said + _lost(cells.store.folder, known))
    return None


def _ends(known: pa.Array, ends: tuple[str, ...]) -> list[str]:
    return [end for end in ends if _any_fits(known, f"(?i){re.escape(end)}$")]


def _lost(folder: Path, known: pa.Array) -> str:
    """A word on the first path where it leads nowhere."""
    first = known[0].as_py()
    return "" if (folder / first).is_file() else f"; {folder / first} isn't there"


def _names_or_texts(cells: Cells) -> Guess:
    found = _plain_names_or_texts(cells)
    return replace(found, reason=found.reason + _strangers(cells))


def _plain_names_or_texts(cells: Cells) -> Guess:
    words = _words(cells.values[:LOOKED_AT].to_pylist())
    different = len(cells.values) / cells.there
    if words < SHORT and (different >= MOSTLY or (_is_id(cells) and len(cells.values) > FEW)):
        return _identifier(cells)
    few = different <= 0.2 or (different <= 0.5 and len(cells.values) <= FEW)
    if words < SHORT or few or (different <= 0.5 and words < LONG):
        return cells.guessed("category", _variety(cells))
    said = f"texts of {words:.1f} words, {different:.0%} of them different"
    return cells.guessed("text", said)


def _strangers(cells: Cells) -> str:
    """A doubt about a column nearly all of whose cells are numbers: the first that is none."""
    from pyarrow import compute

    known = known_cells(cells.values)
    there = known.is_valid().to_numpy(zero_copy_only=False)
    numbers = compute.fill_null(compute.match_substring_regex(known, NUMBER), False)
    fits = numbers.to_numpy(zero_copy_only=False)
    count, whole = int(cells.counts[fits].sum()), int(cells.counts[there].sum())
    if not NEARLY <= count / max(1, whole) < 1:
        return ""
    stranger = cells.values[int((there & ~fits).argmax())].as_py()
    column = cells.store.cells(cells.name)
    assert column is not None, "it was read before"
    row = compute.index(column, stranger).as_py() + 1
    return f"{BUT}{count:,} of {whole:,} are numbers, and row {row} says {stranger!r}"


def _identifier(cells: Cells) -> Guess:
    said = f"{_variety(cells)}: an identifier, left out"
    return cells.guessed("identifier", said)


def _variety(cells: Cells) -> str:
    return f"{len(cells.values):,} different values in {cells.there:,} cells"


def _words(texts: list[str]) -> float:
    """Words of a text, on average: what stands between spaces and commas."""
    return float(np.mean([len(APART.split(text)) for text in texts]))


def _is_infinite(cells: Cells) -> bool:
    """Whether the first cell is an infinity, which is a fault and no constant."""
    return cells.values[0].as_py().lower().lstrip("+-") in ("inf", "infinity")


def _is_id(cells: Cells) -> bool:
    return bool(IDENTIFIER.fullmatch(cells.name.strip())) or bool(
        re.search("[a-z](Id|ID)$", cells.name)
    )


def _all_different(cells: Cells) -> bool:
    return len(cells.values) == cells.there > 1


def _tells_rows_apart(cells: Cells) -> bool:
    return _all_different(cells) and _is_id(cells)


def _all_truths(known: pa.Array) -> bool:
    return _all_fit(known, "^(?i:true|false)$")


def _all_fit(known: pa.Array, pattern: str) -> bool:
    from pyarrow import compute

    return bool(compute.all(compute.match_substring_regex(known, pattern)).as_py())


def _any_fits(known: pa.Array, pattern: str) -> bool:
    from pyarrow import compute

    return bool(compute.any(compute.match_substring_regex(known, pattern)).as_py())
