"""The sweep in the terminal while it runs: a live picture, or plain lines where there is none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from armtune.recipe.objectives import Goals
from armtune.recipe.start_checks import described
from armtune.report.pace import Pace
from armtune.report.tables import (
    STATE_STYLES,
    STATE_WORDS,
    VALUES,
    Grid,
    by_objective,
    chosen_of,
    figure,
    front_grid,
    goal_metrics,
    short_names,
    values_text,
)
from armtune.sweeps import front_of
from armtune.sweeps.study.records import Listener, SweepStart, TrialRecord
from armtune.text.escapes import for_terminal

if TYPE_CHECKING:
    from armtune.recipe.schema import Recipe
    from armtune.references import References

REFRESHES_PER_SECOND = 2
ROWS = 8
"""Running trials, and trials of the front, that are shown at most."""


class LiveListener(Listener):
    """Shows a sweep on a console; a context manager that leaves the terminal as it found it.

    Without a terminal or notebook, or when quiet, it prints a line for each trial that ends.
    """

    def __init__(self, recipe: Recipe, console: Console, quiet: bool = False) -> None:
        self._recipe, self._console = recipe, console
        self._goals = Goals.from_recipe(recipe)
        trials = recipe.sweep.trials
        self._pace = Pace(recipe)
        perhaps_less = recipe.sweep.seconds or recipe.sweep.patience
        self._wanted = f"at most {trials}" if perhaps_less else str(trials)
        self._records: dict[int, TrialRecord] = {}
        self._front: Sequence[int] = ()
        self._ended: list[TrialRecord] = []  # since the front was worked out
        self._interrupted: set[int] = set()
        self._data = self._confirming = ""
        self._confirmed, self._begun = 0, False
        self._live: Live | None = None
        if (console.is_terminal or console.is_jupyter) and not quiet:
            rate = REFRESHES_PER_SECOND
            self._live = Live(console=console, get_renderable=self.picture, refresh_per_second=rate)

    def __enter__(self) -> LiveListener:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()

    def sweep_started(self, sweep: SweepStart) -> None:
        self._data = sweep.dataset_description
        self._records = {record.number: record for record in sweep.records}
        self._interrupted = {record.number for record in sweep.records if record.state == "RUNNING"}
        self._front = front_of(sweep.records, self._goals)
        self._pace.start(sweep.records)
        if sweep.recipe.sweep.sampler.name == "auto":
            self._print(f"sampler: {described(sweep.recipe, sweep.space.dimensions)}")
        if self._live:
            self._live.start()
        else:
            several = "s" if self._recipe.sweep.trials > 1 else ""
            trials = f"{self._wanted} trial{several}"
            self._print(f"{sweep.recipe.name}: {trials} on {sweep.dataset_description}")

    def trial_started(self, record: TrialRecord) -> None:
        self._begun = True
        self._records[record.number] = record
        self._pace.stands(record)

    def epoch_ended(self, record: TrialRecord, metrics: dict[str, float]) -> None:
        self._records[record.number] = record
        self._pace.heard(record)

    def trial_ended(self, record: TrialRecord) -> None:
        self._records[record.number] = record
        self._pace.stands(record)
        self._ended.append(record)
        if not self._live:
            self._bring_in_ended()  # where there is a picture, whoever draws it does
        if record.state == "FAIL" or not self._live:
            style = STATE_STYLES[record.state] if record.state == "FAIL" else ""
            self._print(f"{self._result(record)}  {self._progress()}", style)

    def confirmed(self, number: int, seed: int, metrics: dict[str, float]) -> None:
        self._confirmed += 1
        self._pace.retrained()
        self._confirming = f"{self._confirmed} re-trained, the last trial {number} with seed {seed}"
        if not self._live:
            self._print(f"trial {number} confirmed with seed {seed}  {self._figures(metrics)}")

    def trained_alone(
        self, modality: str, seed: int, metrics: dict[str, float], curve: Sequence[dict[str, float]]
    ) -> None:
        self._pace.retrained()
        self._confirming = f"{modality} alone trained with seed {seed}"
        if not self._live:
            score = self._goals.score
            self._print(f"{self._confirming}  {score} {figure(metrics[score])}")

    def referenced(self, references: References) -> None:
        best = references.best
        if best is not None and not self._live:
            score = f"{references.score} {figure(best.validation)}"
            self._print(f"best reference: {best.name}  {score}")

    def sweep_ended(self, records: Sequence[TrialRecord], front: Sequence[int]) -> None:
        self._records = {record.number: record for record in records}
        self._front, self._ended = (), []  # who started the sweep shows what came out of it
        if self._live:
            self._live.refresh()

    def picture(self) -> RenderableType:
        """What the terminal shows now."""
        self._bring_in_ended()
        records = list(self._records.values())
        lines = [f"data: {self._data}", self._times(records)]
        confirming = [self._confirm_bar()] if self._confirming else []
        running = [record for record in records if record.state == "RUNNING"]
        tables = [self._running_grid(running)] if running else []
        tables += [self._front_grid(records)] if self._front else []
        title = Text(self._recipe.name, style="bold")
        texts = (Text(for_terminal(line)) for line in lines)
        pictures = [table.rich(fold=False) for table in tables]
        return Group(title, self._bar(records), *texts, *confirming, *pictures)

    def _bring_in_ended(self) -> None:
        """Works the front out; what it left behind before never comes back."""
        # The sweep goes on adding to them.
        ended = [self._ended.pop() for _ in range(len(self._ended))]
        if ended:
            before = [self._records[number] for number in self._front]
            self._front = front_of([*before, *ended], self._goals)

    def _bar(self, records: Sequence[TrialRecord]) -> RenderableType:
        counts = Counter(record.state for record in records)
        ended = len(records) - counts["RUNNING"]
        bar = Table.grid(padding=(0, 2))
        text = Text(f"{ended} of {self._wanted}")
        for state, word in STATE_WORDS.items():
            style = STATE_STYLES[state] if counts[state] else "dim"
            text.append(f" · {counts[state]} {word}", style)
        bar.add_row(ProgressBar(self._recipe.sweep.trials, ended, width=14), text)
        return bar

    def _confirm_bar(self) -> RenderableType:
        confirm = self._recipe.sweep.confirm
        wanted = confirm.seeds * min(confirm.top, len(self._front)) if confirm else 0
        bar = Table.grid(padding=(0, 2))
        done = ProgressBar(max(wanted, self._confirmed), self._confirmed, width=14)
        bar.add_row(done, Text(f"confirming: {self._confirming}"))
        return bar

    def _times(self, records: Sequence[TrialRecord]) -> str:
        left = self._pace.left(records, len(self._front))
        rest = "" if left is None else f" · about {duration(left)} left"
        begins = "" if self._begun else " · workers are starting"
        return f"elapsed: {duration(self._pace.elapsed())}{rest}{begins}"

    def _running_grid(self, running: Sequence[TrialRecord]) -> Grid:
        metrics = [goal.metric for goal in self._goals.objectives]
        short = short_names(path for record in running for path in record.values)
        epochs = self._recipe.training.epochs
        rows = [
            (
                str(record.number),
                f"{record.epoch}/{epochs}",
                *(figure(record.metrics.get(metric)) for metric in metrics),
                values_text(record.values, short),
            )
            for record in running[:ROWS]
        ]
        title = _counted("Running", len(running))
        return Grid(title, ("trial", "epoch", *metrics, VALUES), tuple(rows))

    def _front_grid(self, records: Sequence[TrialRecord]) -> Grid:
        standing = by_objective((r for r in records if r.number in self._front), self._goals)
        chosen = chosen_of(records, self._front, self._goals)
        shown = [record.number for record in standing[:ROWS]]
        if chosen is not None and chosen not in shown:
            shown[-1] = chosen
        grid = front_grid(records, shown, self._goals, chosen)
        return replace(grid, title=_counted(grid.title, len(standing)))

    def _result(self, record: TrialRecord) -> str:
        head = f"trial {record.number} {STATE_WORDS[record.state]}"
        if record.state == "FAIL":
            return f"{head}: {record.reason}"
        # Between its start and its end lies the time in which nothing ran.
        resumed = record.number in self._interrupted
        took = "resumed" if resumed else f"in {duration(record.ended - record.started)}"
        spent = f"{record.epoch} epochs {took}"
        return f"{head}  {self._figures(record.metrics)}  {spent}"

    def _figures(self, metrics: Mapping[str, float]) -> str:
        names = goal_metrics(self._goals)
        return "  ".join(f"{name} {figure(metrics[name])}" for name in names if name in metrics)

    def _progress(self) -> str:
        records = list(self._records.values())
        ended = sum(record.state != "RUNNING" for record in records)
        left = self._pace.left(records, len(self._front))
        rest = "" if left is None else f", about {duration(left)} left"
        return f"({ended} of {self._wanted}{rest})"

    def _print(self, line: str, style: str = "") -> None:
        self._console.print(Text(for_terminal(line), style), soft_wrap=True)


def duration(seconds: float) -> str:
    """A duration for people: ``4 s``, ``2:05`` (minutes) or ``1:02:05`` (hours)."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _counted(title: str, total: int) -> str:
    return title if total <= ROWS else f"{title}, {ROWS} of {total}"
