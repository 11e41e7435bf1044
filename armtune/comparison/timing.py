"""What a method costs: its training and the same one without balancing, epoch by epoch in turn."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import torch

from armtune.comparison.plan import NONE
from armtune.data import Dataset
from armtune.errors import ArmtuneError
from armtune.files import read_json, write_text
from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Recipe
from armtune.training.schedule import begin

TIMES = "time.json"


@dataclass(frozen=True)
class Cost:
    """Seconds with a method, and with ``none`` and all else alike.

    Attributes:
        epoch: median over the epochs, validation included.
        run: a whole training, with what the method does before its first epoch.
        plain_epoch: the epoch with ``none``.
        plain_run: the training with ``none``.
    """

    epoch: float
    run: float
    plain_epoch: float
    plain_run: float

    @property
    def epoch_ratio(self) -> float:
        return self.epoch / self.plain_epoch

    @property
    def run_ratio(self) -> float:
        return self.run / self.plain_run


def cost_of(recipe: Recipe, dataset: Dataset, folder: Path, number: int) -> Cost | None:
    """Times a trial's training beside the same one without balancing, once for a run's folder.

    Both train in this process, one epoch each in turn: what else the machine does hits both alike.

    Args:
        recipe: the trial's, with its values in it.
        folder: the run's folder, which keeps the times.
        number: number of the trial.

    Returns:
        None when one of the two can't be trained to its end.
    """
    path = folder / TIMES
    found = kept_cost(folder, number)
    if found is None:
        try:
            found = _measured(recipe, dataset)
        except ArmtuneError:
            return None
        write_text(path, json.dumps({"trial": number, **asdict(found)}, indent=2) + "\n")
    return found


def kept_cost(folder: Path, number: int) -> Cost | None:
    """What was measured of a trial before; None where nothing was."""
    try:
        content: dict[str, Any] = read_json(folder / TIMES)
        return Cost(**content) if content.pop("trial") == number else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _measured(recipe: Recipe, dataset: Dataset) -> Cost:
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, int(recipe.sweep.resources.cpu)))
    try:
        return _side_by_side(recipe, dataset)
    finally:
        torch.set_num_threads(threads)


def _side_by_side(recipe: Recipe, dataset: Dataset) -> Cost:
    without = with_overrides(recipe, {"balancing": {"name": NONE}})
    # A first epoch pays for what the process has never done before.
    _Timed(without, dataset).advance()
    plain = _Timed(without, dataset)
    ours = plain if recipe == without else _Timed(recipe, dataset)
    for _ in range(recipe.training.epochs):
        for timed in dict.fromkeys((plain, ours)):
            timed.advance()
    return Cost(median(ours.epochs), ours.total, median(plain.epochs), plain.total)


class _Timed:
    """A training that notes how long each of its epochs takes."""

    def __init__(self, recipe: Recipe, dataset: Dataset) -> None:
        gpu = recipe.sweep.resources.gpu and torch.cuda.is_available()
        self.epochs: list[float] = []
        started = perf_counter()
        self._run = begin([recipe], dataset, "cuda" if gpu else "cpu")
        self._before = perf_counter() - started

    @property
    def total(self) -> float:
        """Seconds of everything so far."""
        return self._before + sum(self.epochs)

    def advance(self) -> None:
        # It ends with figures in Python, for which a GPU has to have finished.
        started = perf_counter()
        self._run.advance()
        self.epochs.append(perf_counter() - started)
