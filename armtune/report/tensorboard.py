"""``tensorboard --logdir runs/<name>`` shows a sweep while it runs and afterwards.

The root holds the HParams experiment, the layout of the overlaid curves, pictures
and the texts; each trial is a run of its own in ``trials/NNNN``, each re-training a step of the
run ``confirm/NNNN``. All of it is derived: the study remains the record of the trials.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import metadata as layout_metadata
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util.tensor_util import make_tensor_proto

from armtune.files import unwritable
from armtune.recipe.load import dump_recipe
from armtune.recipe.objectives import Goals
from armtune.references import References
from armtune.report.curves import curves
from armtune.report.hparams import SESSION_END, HParams
from armtune.report.lineage import lineage_grid
from armtune.report.optuna_plots import importances
from armtune.report.references import references_grid
from armtune.report.sample import of_front, sample, sample_line
from armtune.report.tables import chosen_line, chosen_of, confirmed_grid, front_grid
from armtune.sweeps import front_of, read_lineages
from armtune.sweeps.study.records import Listener, SweepStart, TrialRecord

CHARTS = {
    "Balance": {
        "contribution of each modality, and the gap": ["contribution/", "contribution_gap$"],
        "{score}: fused, and of each modality's own head": ["{score}$", "unimodal_{score}/"],
        "{score} with one modality missing": ["{score}$", "missing/"],
    },
    "ARM": {
        "information of each modality (phi, nats)": ["phi/"],
        "weight of each modality in the fusion": ["weight/"],
    },
}
"""Category → title of a chart → regular expressions that a curve's tag begins with; ``{score}``
stands for the metric that the data's target is judged by."""
DRAWING_SHARE = 0.02
"""Largest share of a sweep's time that goes into pictures, since the trials wait meanwhile."""
FIRST_SECONDS = 1.0
"""What pictures are taken to cost before any were drawn."""


class TensorBoardListener(Listener):
    """Writes a sweep's event files, so that a kill at any moment loses no epoch told."""

    def sweep_started(self, sweep: SweepStart) -> None:
        self._folder = sweep.folder
        self._goals = Goals.from_recipe(sweep.recipe)
        self._space, self._modalities = sweep.space, list(sweep.recipe.modalities)
        self._rule = sweep.recipe.sweep.choose
        self._population = sweep.recipe.sweep.pruner.population
        self._seeds = sweep.recipe.sweep.confirm.seeds if sweep.recipe.sweep.confirm else 0
        self._hparams = HParams(sweep.recipe, sweep.space, self._goals)
        self._records = {record.number: record for record in sweep.records}
        self._confirmed: dict[int, list[dict[str, float]]] = {}
        self._logs: dict[Path, _Log] = {}
        self._began, self._drawing = time.monotonic(), FIRST_SECONDS
        self._root = _Log(sweep.folder)
        self._root.write(self._hparams.experiment())
        self._root.write(_layout(self._goals.score))
        self._root.write(text_pb("sweep/data", f"Data used: **{sweep.dataset_description}**"))
        self._root.write(text_pb("sweep/recipe", f"```yaml\n{dump_recipe(sweep.recipe)}\n```"))
        for record in sweep.records:
            if record.state != "RUNNING" and not _mentions(self._run(record.number), SESSION_END):
                self._end(record)

    def trial_started(self, record: TrialRecord) -> None:
        self._records[record.number] = record
        self._trial_log(record).write(_scalars(self._hparams.row(record)), record.epoch)

    def epoch_ended(self, record: TrialRecord, metrics: dict[str, float]) -> None:
        self._records[record.number] = record
        values = {**metrics, **self._hparams.row(record)}
        self._trial_log(record).write_epoch(_scalars(values), record.epoch)

    def trial_ended(self, record: TrialRecord) -> None:
        self._records[record.number] = record
        self._end(record)
        if self._drawing <= DRAWING_SHARE * (time.monotonic() - self._began):
            ended = sum(known.state != "RUNNING" for known in self._records.values())
            self._pictures(front_of(list(self._records.values()), self._goals), ended)

    def confirmed(self, number: int, seed: int, metrics: dict[str, float]) -> None:
        self._confirmed.setdefault(number, []).append(metrics)
        named = {f"confirmed/{name}": value for name, value in metrics.items()}
        self._log(self._folder / "confirm" / f"{number:04d}").write(_scalars(named), seed)

    def trained_alone(
        self, modality: str, seed: int, metrics: dict[str, float], curve: Sequence[dict[str, float]]
    ) -> None:
        # Under the tags of the trials, so that their curves stand in one chart.
        log = self._log(self._folder / "solo" / f"{modality}-{seed}")
        tags = (f"unimodal_{self._goals.score}/{modality}", f"information/{modality}")
        for epoch in curve:
            shown = {tag: epoch[tag] for tag in tags if tag in epoch}
            log.write(_scalars(shown), int(epoch["epoch"]))

    def referenced(self, references: References) -> None:
        self._root.write(text_pb("sweep/references", references_grid(references).markdown()))
        for each in references.found:
            if each.validation is not None and each.test is not None:
                scores = {"validation": each.validation, "test": each.test}
                named = {f"reference/{each.name}/{split}": x for split, x in scores.items()}
                self._root.write(_scalars(named))

    def sweep_ended(self, records: Sequence[TrialRecord], front: Sequence[int]) -> None:
        self._records = {record.number: record for record in records}
        result = self._result(front)
        if _mentions(self._folder, result):  # resumed when over: its pictures are there, too
            return
        self._pictures(front, len(records))
        self._root.write(text_pb("sweep/result", result), len(records))
        if self._population:
            grid = lineage_grid(read_lineages(self._folder))
            self._root.write(text_pb("sweep/lineage", grid.markdown()), len(records))

    def _run(self, number: int) -> Path:
        return self._folder / "trials" / f"{number:04d}"

    def _log(self, run: Path) -> _Log:
        if run not in self._logs:
            self._logs[run] = _Log(run)
        return self._logs[run]

    def _trial_log(self, record: TrialRecord) -> _Log:
        """A trial's log; what opens it is the trial's row."""
        run = self._run(record.number)
        if run not in self._logs:
            self._log(run).write(self._hparams.session_start(record))
        return self._logs[run]

    def _end(self, record: TrialRecord) -> None:
        log = self._trial_log(record)
        log.write(_scalars(self._hparams.row(record)), record.epoch)
        log.write(self._hparams.session_end(record), record.epoch)
        if record.state == "FAIL":
            log.write(text_pb("reason", record.reason), record.epoch)
        del self._logs[self._run(record.number)]

    def _pictures(self, front: Sequence[int], step: int) -> None:
        started = time.monotonic()
        # Brings matplotlib, which no sweep's start waits for.
        from armtune.report.plots import Plane, front_picture, png
        from armtune.report.tensorboard_images import contributions_picture, importance_picture

        chosen = self._chosen(front)
        known, seen = list(self._records.values()), of_front(front, chosen)
        records = sample(known, (*seen, *self._confirmed, chosen))
        if left_out := sample_line({r.number for r in records}, len(known), front):
            self._root.write(text_pb("sweep/drawn", left_out), step)
        judged = Plane.of(self._goals).objectives
        shares = {o.metric: importances(records, self._space, o) for o in judged}
        drawings = {
            "front": front_picture(records, front, self._goals, chosen, self._confirmed),
            "contributions": contributions_picture(
                curves(self._folder, records), self._modalities, chosen, self._goals.score
            ),
            "importance": importance_picture(shares),
        }
        self._root.write(Summary(value=[_image(tag, *png(d)) for tag, d in drawings.items()]), step)
        self._drawing += time.monotonic() - started

    def _result(self, front: Sequence[int]) -> str:
        records, chosen = list(self._records.values()), self._chosen(front)
        grids = [front_grid(records, front, self._goals, chosen)]
        if self._confirmed:
            grids.append(confirmed_grid(self._confirmed, self._goals))
        line = f"{chosen_line(records, chosen, self._rule)}, of {len(records)} trials"
        return "\n\n".join([f"**{line}**", *(grid.markdown() for grid in grids)])

    def _chosen(self, front: Sequence[int]) -> int | None:
        # A re-training that failed isn't told: its trial has fewer seeds, and doesn't qualify.
        whole = {n: seeds for n, seeds in self._confirmed.items() if len(seeds) == self._seeds}
        return chosen_of(self._records.values(), front, self._goals, whole)


class Curves:
    """A single training's event file, under the tags of a sweep's trials."""

    def __init__(self, folder: Path, score: str) -> None:
        self._log = _Log(folder)
        self._log.write(_layout(score))

    def epoch_ended(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Writes an epoch's metrics.

        Raises:
            RunError: the file can't be written.
        """
        self._log.write_epoch(_scalars(metrics), epoch)


class _Log:
    """An event file of a TensorBoard run; each write is on disk when it returns."""

    def __init__(self, folder: Path) -> None:
        # TensorBoard reads the files of a run in the order of their names.
        self._path = folder / f"events.out.tfevents.{time.time():.6f}.armtune"
        self._epoch = math.inf
        self._append(Event(file_version="brain.Event:2"))

    def write(self, summary: Summary, step: int = 0) -> None:
        """Appends a summary.

        Raises:
            RunError: the file can't be written.
        """
        self._append(Event(step=step, summary=summary))

    def write_epoch(self, summary: Summary, epoch: int) -> None:
        """Appends an epoch's summary, which takes the place of what was told of it before."""
        if epoch <= self._epoch:
            self._append(Event(step=epoch, session_log=SessionLog(status=SessionLog.START)))
        self._epoch = epoch
        self.write(summary, epoch)

    def _append(self, event: Event) -> None:
        event.wall_time = time.time()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                RecordWriter(file).write(event.SerializeToString())
        except OSError as error:
            raise unwritable(self._path, error) from error


def _image(tag: str, data: bytes, width: int, height: int) -> Summary.Value:
    image = Summary.Image(width=width, height=height, colorspace=4, encoded_image_string=data)
    return Summary.Value(tag=tag, image=image)


def _scalars(values: Mapping[str, float]) -> Summary:
    return Summary(value=[Summary.Value(tag=t, simple_value=v) for t, v in values.items()])


def _layout(score: str) -> Summary:
    categories = [
        layout_pb2.Category(
            title=category,
            chart=[
                _chart(title.format(score=score), [tag.format(score=score) for tag in tags])
                for title, tags in charts.items()
            ],
        )
        for category, charts in CHARTS.items()
    ]
    tensor = make_tensor_proto(layout_pb2.Layout(category=categories).SerializeToString())
    about = layout_metadata.create_summary_metadata()
    tag = layout_metadata.CONFIG_SUMMARY_TAG
    return Summary(value=[Summary.Value(tag=tag, metadata=about, tensor=tensor)])


def _chart(title: str, tags: Sequence[str]) -> layout_pb2.Chart:
    content = layout_pb2.MultilineChartContent(tag=tags)
    return layout_pb2.Chart(title=title, multiline=content)


def _mentions(folder: Path, text: str) -> bool:
    """Whether an event file in the folder holds a summary with this tag or text."""
    return any(text.encode() in file.read_bytes() for file in folder.glob("events.out.tfevents.*"))
