"""Trials, front and confirmations as tables, and as JSON-able dictionaries.

A ``Grid`` is a table of text; the terminal shows it through rich, TensorBoard as Markdown.
``Confirmed`` holds what the re-trainings measured: trial number → one mapping of metrics a seed,
those on validation under their own names, those on test as ``test/<name>``.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any, Literal

from rich import box
from rich.table import Table
from rich.text import Text

from armtune.recipe.objectives import Goals
from armtune.sweeps.study import confirm
from armtune.sweeps.study.records import TrialRecord, candidates_of
from armtune.text.escapes import for_markdown, for_terminal

Confirmed = Mapping[int, Sequence[Mapping[str, float]]]

STATE_STYLES = {"COMPLETE": "green", "PRUNED": "yellow", "FAIL": "red", "RUNNING": "cyan"}
STATE_WORDS = {"RUNNING": "running", "COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
LEFT = ("method", "metric", "model", "state", "class or label")
"""Headings of columns of words."""
VALUES = "values"
"""Heading of the column of hyperparameters."""
NARROW = " " * 30
"""As wide as the column of values is at least; they fold."""
CHOSEN_MARK = "★"
LARGE = 10_000
"""Figures from which on fractions tell nothing."""


@dataclass(frozen=True)
class Grid:
    """A table of text.

    Attributes:
        columns: headings.
        rows: cells, as many in each row as there are headings.
        styles: rich style of each row; empty for none.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    styles: tuple[str, ...] = ()

    def rich(self, fold: bool = True) -> Table:
        """The table for a terminal: headings wrap, and the values take what room is left.

        Args:
            fold: whether values that don't fit go on in the next line, instead of being cut off.
        """
        table = Table(title=_text(self.title), title_justify="left", title_style="bold")
        table.box, table.expand = box.SIMPLE_HEAD, VALUES in self.columns
        table.padding, table.pad_edge = (0, 1, 0, 0), False
        for index, column in enumerate(self.columns):
            if column == VALUES:
                table.add_column(_text(column), ratio=1, overflow="fold" if fold else "ellipsis")
                table.columns[index].no_wrap = not fold
            else:
                words = for_terminal(_words(column))
                cells = [*words.split(), *(for_terminal(row[index]) for row in self.rows)]
                justify: Literal["left", "right"] = "left" if column in LEFT else "right"
                table.add_column(_text(words), justify=justify, overflow="fold")
                # Figures go on in the next line where there is no room, the widest ones first.
                table.columns[index].max_width = max(map(len, cells))
        for row, style in zip(self.rows, self.styles or [""] * len(self.rows), strict=True):
            table.add_row(*map(_text, row), style=style)
        return table

    def parts(self, width: int) -> list[Grid]:
        """Tables of which each fits in lines of so many characters, if it can; all begin alike.

        Figures stay whole, where folding them into a column too narrow would leave digits apart.
        """
        (first, *needed), rest = self._widths(), range(1, len(self.columns))
        groups: list[list[int]] = [[]]
        for column, own in zip(rest, needed, strict=True):
            taken = first + sum(needed[k - 1] for k in groups[-1])
            if groups[-1] and taken + own > width:
                groups.append([])
            groups[-1].append(column)
        if len(groups) == 1:
            return [self]
        return [self._part([0, *group], k, len(groups)) for k, group in enumerate(groups, 1)]

    def _widths(self) -> list[int]:
        """Characters that each column needs, with the spaces around it."""
        cells = zip(self.columns, *self.rows, strict=True)
        return [
            2 + max(map(len, [*_words(head).split(), *([NARROW] if head == VALUES else own)]))
            for head, *own in cells
        ]

    def _part(self, columns: Sequence[int], number: int, count: int) -> Grid:
        def kept(cells: Sequence[str]) -> tuple[str, ...]:
            return tuple(cells[k] for k in columns)

        place = f"({number} of {count})"
        # A narrow rest would break the title into many lines.
        title = f"{self.title} {place}" if number == 1 else place
        return Grid(title, kept(self.columns), tuple(map(kept, self.rows)), self.styles)

    def markdown(self) -> str:
        """The table as Markdown, with its title as a heading."""
        head, *rows = [[for_markdown(cell) for cell in row] for row in (self.columns, *self.rows)]
        lines = [head, ["---" for _ in head], *rows]
        body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return f"### {self.title}\n\n{body}\n"

    def html(self) -> str:
        """The table as HTML, with its title as a heading; columns of words have class ``left``."""
        marks = [' class="left"' if c in (*LEFT, VALUES) else "" for c in self.columns]

        def line(tag: str, cells: Sequence[str]) -> str:
            pairs = zip(marks, cells, strict=True)
            inside = "".join(f"<{tag}{mark}>{html.escape(cell)}</{tag}>" for mark, cell in pairs)
            return f"<tr>{inside}</tr>"

        head, rows = line("th", self.columns), "\n".join(line("td", row) for row in self.rows)
        table = f"<table><thead>{head}</thead><tbody>\n{rows}\n</tbody></table>"
        return f'<h2>{html.escape(self.title)}</h2>\n<div class="wide">{table}</div>'


def goal_metrics(goals: Goals) -> list[str]:
    """Metrics that the sweep optimises or constrains, each once."""
    optimized = [objective.metric for objective in goals.objectives]
    constrained = [constraint.metric for constraint in goals.constraints]
    return list(dict.fromkeys([*optimized, *constrained]))


def by_objective(records: Iterable[TrialRecord], goals: Goals) -> list[TrialRecord]:
    """Records ordered by the first objective, best first; those without it come last."""
    first = goals.objectives[0]
    sign = -1.0 if first.direction == "maximize" else 1.0

    def loss(record: TrialRecord) -> float:
        value = record.metrics.get(first.metric, math.nan)
        return sign * value if math.isfinite(value) else math.inf

    return sorted(records, key=loss)


def chosen_of(
    records: Iterable[TrialRecord],
    front: Sequence[int],
    goals: Goals,
    confirmed: Confirmed | None = None,
) -> int | None:
    """Number of the trial that the recipe's rule picks; None when none qualifies.

    See ``sweep.confirm.chosen_of``.
    """
    known, numbers = list(records), set(front)
    able = [record for record in known if record.number in numbers]
    if goals.choice.then is not None:
        able = candidates_of(known, goals)
    standing = {record.number: record.metrics for record in able}
    return confirm.chosen_of(standing, confirmed or {}, goals.choice)


def trials_grid(records: Iterable[TrialRecord], goals: Goals) -> Grid:
    """All trials by number: state, metrics at the best epoch, and the values tried."""
    ordered = sorted(records, key=lambda record: record.number)
    metrics = goal_metrics(goals)
    short = short_names(path for record in ordered for path in record.values)
    rows = [
        (
            str(record.number),
            STATE_WORDS[record.state],
            str(record.epoch),
            *(figure(record.metrics.get(metric)) for metric in metrics),
            values_text(record.values, short),
        )
        for record in ordered
    ]
    styles = tuple(STATE_STYLES[record.state] for record in ordered)
    return Grid("Trials", ("trial", "state", "epochs", *metrics, VALUES), tuple(rows), styles)


def failures(records: Iterable[TrialRecord]) -> list[str]:
    """A line for each failed trial that says why."""
    return [f"trial {r.number} failed: {r.reason}" for r in records if r.state == "FAIL"]


def front_grid(
    records: Iterable[TrialRecord], front: Sequence[int], goals: Goals, chosen: int | None = None
) -> Grid:
    """The front, the best of the first objective first; the chosen trial carries a star."""
    numbers = set(front)
    standing = by_objective((record for record in records if record.number in numbers), goals)
    metrics = list(dict.fromkeys([*goal_metrics(goals), *contributions(standing)]))
    marks = {chosen: f" {CHOSEN_MARK}"}
    rows = [
        (
            f"{record.number}{marks.get(record.number, '')}",
            *(figure(record.metrics.get(metric)) for metric in metrics),
        )
        for record in standing
    ]
    return Grid("Front", ("trial", *metrics), tuple(rows))


def chosen_line(records: Iterable[TrialRecord], chosen: int | None, rule: str) -> str:
    """A sentence on which trial the rule chose, with the trial's values."""
    records = list(records)
    values = next((record.values for record in records if record.number == chosen), None)
    if all(record.state == "RUNNING" for record in records):
        return "No trial has ended yet."
    if not any(record.state == "COMPLETE" for record in records):
        return "No trial was trained to its full length, so none could be chosen."
    if values is None:
        return f"No trial of the front qualifies for: {rule}"
    text = values_text(values, short_names(values))
    return f"{CHOSEN_MARK} Trial {chosen} chosen ({rule}): {text}"


def confirmed_grid(confirmed: Confirmed, goals: Goals) -> Grid:
    """Confirmed trials: each metric's mean ± standard deviation over the seeds, a row each."""
    rows = [
        (
            str(number),
            str(len(seeds)),
            metric,
            spread_text(seeds, metric),
            spread_text(seeds, f"test/{metric}"),
        )
        for number, seeds in sorted(confirmed.items())
        for metric in goal_metrics(goals)
    ]
    title = "Confirmed (mean ± standard deviation over the seeds)"
    return Grid(title, ("trial", "seeds", "metric", "validation", "test"), tuple(rows))


def spread(seeds: Sequence[Mapping[str, float]], metric: str) -> tuple[float, float] | None:
    """Mean and sample standard deviation over the seeds that have the metric; None if none has."""
    found = [seed[metric] for seed in seeds if math.isfinite(seed.get(metric, math.nan))]
    if not found:
        return None
    return fmean(found), stdev(found) if len(found) > 1 else 0.0


def spread_text(seeds: Sequence[Mapping[str, float]], metric: str) -> str:
    """Mean ± standard deviation; a single value alone, which has none; or a dash."""
    found = spread(seeds, metric)
    if found is None:
        return "–"
    known = sum(math.isfinite(seed.get(metric, math.nan)) for seed in seeds)
    return f"{found[0]:.4f} ± {found[1]:.4f}" if known > 1 else f"{found[0]:.4f}"


def contributions(records: Iterable[TrialRecord]) -> list[str]:
    """Names of the contribution metrics that the records have, in order of appearance."""
    names = (name for record in records for name in record.metrics)
    return list(dict.fromkeys(name for name in names if name.startswith("contribution/")))


def trial_dict(record: TrialRecord) -> dict[str, Any]:
    """A trial as JSON can hold it: what isn't a finite number becomes null."""
    return {
        "trial": record.number,
        "state": record.state,
        "epochs": record.epoch,
        "metrics": {name: jsonable(value) for name, value in record.metrics.items()},
        "values": dict(record.values),
        "reason": record.reason,
        "started": jsonable(record.started),
        "ended": jsonable(record.ended),
    }


def confirmed_dict(confirmed: Confirmed) -> dict[str, Any]:
    """Confirmations as JSON can hold them: for each trial and metric the mean, std and seeds."""
    return {str(number): _spreads(seeds) for number, seeds in sorted(confirmed.items())}


def jsonable(value: float | None) -> float | None:
    """The number, or None where JSON has no word for it."""
    return value if value is not None and math.isfinite(value) else None


def figure(value: float | None) -> str:
    """A metric for a table cell; of large numbers, as of parameters, no fractions."""
    if value is None:
        return "–"
    return f"{value:.0f}" if LARGE <= abs(value) < math.inf else f"{value:.4f}"


def values_text(values: Mapping[str, Any], short: Mapping[str, str]) -> str:
    """Values of a trial as ``lr=0.003 dim=64``, under their short names."""
    return " ".join(
        f"{short.get(path, path)}={value_text(value)}" for path, value in values.items()
    )


def value_text(value: Any) -> str:
    """A hyperparameter for a table cell: four digits are enough to tell values apart."""
    if isinstance(value, list):
        return f"{len(value)} changes"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def short_names(paths: Iterable[str]) -> dict[str, str]:
    """For each dotted path its shortest ending that no other path shares, without ``.name``."""
    named = {path: path.removesuffix(".name") for path in paths}
    return {path: _ending(name, {*named.values()} - {name}) for path, name in named.items()}


def _ending(name: str, others: set[str]) -> str:
    parts = name.split(".")
    endings = (".".join(parts[i:]) for i in range(len(parts) - 1, 0, -1))
    unique = (e for e in endings if not any(f".{other}".endswith(f".{e}") for other in others))
    return next(unique, name)


def _spreads(seeds: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    names = dict.fromkeys(name for seed in seeds for name in seed)
    found = {name: spread(seeds, name) for name in names}
    means = {name: {"mean": s[0], "std": s[1]} for name, s in found.items() if s}
    return {"seeds": len(seeds), "metrics": means}


def _words(column: str) -> str:
    return column.replace("_", " ").replace("/", " ")


def _text(cell: str) -> Text:
    """A cell as rich has it; no text in it is markup."""
    return Text(for_terminal(cell))
