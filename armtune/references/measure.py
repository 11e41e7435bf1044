"""Fits all references to a data set, the cheapest first, and scores them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Protocol

import numpy as np

from armtune.data import Dataset
from armtune.data.folding import judged
from armtune.data.folds import Folds
from armtune.references import LATE, How, Reference, References, models
from armtune.references.clock import OutOfTimeError
from armtune.references.features import Scaler, both, read
from armtune.references.models import FAMILIES, Family, Floats, Problem
from armtune.references.scoring import average, learnable, scored
from armtune.targets import Target

Note = Callable[[References, Mapping[str, Floats]], None]
"""Told after each reference what there is so far: all references, and by their names what each test
sample counts for the score."""


class Timer(Protocol):
    """What is needed of ``clock.Clock``."""

    def wait_for(self, seconds: float) -> None: ...


@dataclass(frozen=True)
class Columns:
    """What models are fitted to and judged by: for the validation score, then for the test score.

    Where the data have folds, it is these that are held out for the validation score.

    Attributes:
        full: training and validation samples, scaled by both; test samples are scaled alike.
    """

    train: Floats
    validation: Floats
    full: Floats
    test: Floats

    @classmethod
    def beside(cls, each: Sequence[Columns]) -> Columns:
        """All columns of several modalities."""
        return cls(*map(np.column_stack, zip(*map(astuple, each), strict=True)))


@dataclass(frozen=True)
class Outputs:
    """Probabilities or values for samples that a model wasn't fitted to."""

    validation: Floats
    test: Floats


def measure(
    dataset: Dataset, modalities: Sequence[str], tokens: Sequence[str], clock: Timer, note: Note
) -> References:
    """Measures references until all are done or the time is over.

    Args:
        tokens: modalities whose samples are numbers of words.
    """
    bench = Bench(dataset, modalities, note)
    try:
        bench.constant()
        columns = {m: columns_of(dataset, m, m in tokens) for m in modalities}
        for family in FAMILIES:
            bench.family(family, columns, clock)
    except OutOfTimeError:
        pass  # what is left says so already
    return bench.references


class Bench:
    """The references of a data set, with their scores so far."""

    def __init__(self, dataset: Dataset, modalities: Sequence[str], note: Note) -> None:
        self._data, self._modalities, self._note = dataset, list(modalities), note
        target = self._target = dataset.target
        planned = tuple(replace(each, reason=LATE) for each in plan(target, modalities))
        about = target.about()
        self.references = References(target.score, len(dataset.test), about, planned)
        self._counts: dict[str, Floats] = {}
        train, validation = (
            learnable(target, s.labels) for s in (dataset.train, dataset.validation)
        )
        self._first = Problem(target.kind, target.width, train)
        self._second = replace(self._first, labels=np.concatenate([train, validation]))
        self._judged = judged(dataset, "validation")
        note(self.references, self._counts)

    def constant(self) -> None:
        """Measures what always says the same."""
        began = time.process_time()
        splits = (self._judged, self._data.test)
        rows = [
            np.tile(models.prior(problem), (len(split), 1))
            for problem, split in zip((self._first, self._second), splits, strict=True)
        ]
        name = models.CONSTANT[self._target.kind]
        self._score(Reference(name, "constant"), Outputs(*rows), began)

    def family(self, family: Family, columns: Mapping[str, Columns], clock: Timer) -> None:
        """Measures a kind of model on each modality, as their mean, and on all together."""
        alone = {}
        for m in sorted(columns, key=lambda m: columns[m].train.shape[1]):
            alone[m] = self._fit(family, columns[m], clock, "single", m)
        if len(alone) > 1:
            self._mean(family, alone)
            together = Columns.beside([columns[m] for m in self._modalities])
            self._fit(family, together, clock, "together")

    def _fit(
        self, family: Family, columns: Columns, clock: Timer, how: How, modality: str = ""
    ) -> Outputs:
        folds = self._data.folds
        fits = 2 if folds is None else 1 + folds.count
        clock.wait_for(fits / 2 * family.seconds(self._second, columns.full.shape[1]))
        began = time.process_time()
        strength = family.strength(self._first, columns.train)
        if folds is None:
            first = family.fit(self._first, columns.train, strength)(columns.validation)
        else:
            first = self._held_out(family, columns.full, strength, folds)
        second = family.fit(self._second, columns.full, strength)(columns.test)
        found = Outputs(first, second)
        self._score(Reference(family.name(self._target.kind), how, modality), found, began)
        return found

    def _held_out(self, family: Family, columns: Floats, strength: float, folds: Folds) -> Floats:
        """What models say of the samples of each fold, fitted to the others; one cut is enough."""
        told = np.empty((len(columns), self._target.width))
        for k, held in enumerate(folds.held[: folds.count]):
            inside = folds.trained(k)
            told[held] = family.fit(self._second.of(inside), columns[inside], strength)(
                columns[held]
            )
        return told

    def _mean(self, family: Family, alone: Mapping[str, Outputs]) -> None:
        began, data = time.process_time(), self._data
        prior = models.prior(self._first)
        test = {m: outputs.test for m, outputs in alone.items()}
        found = Outputs(
            average({m: o.validation for m, o in alone.items()}, self._judged, prior),
            average(test, data.test, prior),
        )
        missing = {
            m: scored(self._target, average(test, data.test, prior, m), data.test.labels)[0]
            for m in self._modalities
        }
        name = family.name(self._target.kind)
        self._score(Reference(name, "mean", missing=missing), found, began)

    def _score(self, reference: Reference, outputs: Outputs, began: float) -> None:
        validation, _ = scored(self._target, outputs.validation, self._judged.labels)
        test, counts = scored(self._target, outputs.test, self._data.test.labels)
        took = time.process_time() - began
        done = replace(reference, validation=validation, test=test, seconds=took)
        found = [done if each.name == done.name else each for each in self.references.found]
        self.references = replace(self.references, found=tuple(found))
        self._counts[done.name] = counts
        self._note(self.references, self._counts)


def plan(target: Target, modalities: Sequence[str]) -> Iterator[Reference]:
    """All references that there will be, in the order in which they are shown."""
    yield Reference(models.CONSTANT[target.kind], "constant")
    for family in FAMILIES:
        name = family.name(target.kind)
        for m in modalities:
            yield Reference(name, "single", m)
        if len(modalities) > 1:
            yield Reference(name, "mean")
            yield Reference(name, "together")


def columns_of(dataset: Dataset, modality: str, tokens: bool) -> Columns:
    """A modality's columns, scaled by training samples, then by those of validation as well."""
    splits = (dataset.train, dataset.validation, dataset.test)
    train, validation, test = (read(split, modality, tokens) for split in splits)
    full = both(train, validation)
    first, second = Scaler(train), Scaler(full)
    return Columns(
        first.apply(train), first.apply(validation), second.apply(full), second.apply(test)
    )
