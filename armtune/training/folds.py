"""Trials that are trained once for each fold, and judged by what all of them held out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from armtune.data.folds import Folds
from armtune.metrics import ERROR, Measure
from armtune.nn.forward import Features
from armtune.recipe.schema import Training as Plan
from armtune.targets import Target
from armtune.training.checkpoint import Member, Resumable
from armtune.training.evaluation import Known, Tally, at_a_time, decisions, decisions_by_chunk
from armtune.training.network import MultimodalNet
from armtune.training.outputs import write_outputs
from armtune.training.samples import Samplable

if TYPE_CHECKING:
    from armtune.data.standardize import Standardization
    from armtune.training.loop import Run

Judged = tuple[Tensor, Tensor, Features, Tensor]
"""Outputs ``(trial, decision, sample, output)``, labels, what is present, and sample numbers."""


@torch.no_grad()
def cross_validate(
    network: MultimodalNet,
    samples: Samplable,
    target: Target,
    folds: Folds,
    measures: Mapping[str, Measure] | None = None,
) -> list[dict[str, float]]:
    """Each trial's metrics, as if what its members held out were one split.

    Args:
        network: of members trial by trial, one for each fold.
        samples: of all folds.
        measures: see ``evaluate``.
    """
    trials = Known(network.modalities, network.means[:: len(folds)])
    tally = Tally(trials, target, measures)
    for outputs, labels, present, _ in _held_out(network, samples, folds):
        tally.add(outputs, labels, present)
    # A sample that is judged several times over tells no more of others than one judged once.
    widened = folds.repeats**0.5
    return [{**m, ERROR: m[ERROR] * widened} for m in tally.metrics()]


@torch.no_grad()
def held_out_outputs(
    network: MultimodalNet, samples: Samplable, target: Target, folds: Folds
) -> Tensor:
    """What trials say of each sample that the member at work hasn't learnt, in order.

    Returns:
        ``(trial, decision, sample, output)``; where folds are cut several times, the mean.
    """
    said = list(_held_out(network, samples, folds))
    outputs = torch.cat([each[0] for each in said], dim=2)
    numbers = torch.cat([each[3] for each in said])
    # Every sample is there once a repeat.
    places = numbers.argsort(stable=True).view(folds.samples, folds.repeats)
    return outputs[:, :, places.T].mean(2)


def _held_out(network: MultimodalNet, samples: Samplable, folds: Folds) -> Iterator[Judged]:
    """What members make of the samples that they hold out, some at a time, by trials."""
    rows, real = _side_by_side(folds, samples.labels.device)
    trials, size = len(network.means) // len(folds), at_a_time(network)
    batches = samples.batches(rows.repeat(trials, 1), size)
    pieces = zip(rows.split(size, dim=1), real.split(size, dim=1), strict=True)
    for batch, (some, there) in zip(batches, pieces, strict=True):
        outputs = decisions(network, network.encode(batch.views, batch.present))
        kept = there.flatten().nonzero().squeeze(1)
        present = {m: _pooled(mask, folds, kept, 1) for m, mask in batch.present.items()}
        yield (
            _pooled(outputs, folds, kept, 2),
            _pooled(batch.labels, folds, kept, 1),
            present,
            some.flatten()[kept],
        )


def _side_by_side(folds: Folds, device: torch.device) -> tuple[Tensor, Tensor]:
    """The samples that each fold holds out, and which aren't mere padding, ``(fold, sample)``."""
    most = max(map(len, folds.held))
    held = [torch.from_numpy(own) for own in folds.held]
    rows = torch.stack([own[torch.arange(most) % len(own)] for own in held])
    real = torch.stack([torch.arange(most) < len(own) for own in held])
    return rows.to(device), real.to(device)


def _pooled(values: Tensor, folds: Folds, kept: Tensor, axis: int) -> Tensor:
    """From ``(member, …, sample, …)`` to ``(trial, …, sample of any fold, …)``.

    Args:
        kept: which samples of all folds to keep, by number.
        axis: that of samples.
    """
    apart = values.unflatten(0, (-1, len(folds))).movedim(1, axis)
    return apart.flatten(axis, axis + 1).index_select(axis, kept)


def members_of(trials: Sequence[dict[str, float]], folds: Folds) -> list[dict[str, float]]:
    """Metrics of trials as each of their members has them."""
    return [metrics for metrics in trials for _ in range(len(folds))]


def shared_by_trials(values: Sequence[float], folds: Folds) -> list[float]:
    """Each member's figure replaced by the mean over its trial's members."""
    count = len(folds)
    sums = [sum(values[k : k + count]) for k in range(0, len(values), count)]
    return [total / count for total in sums for _ in range(count)]


class CrossValidation(Resumable):
    """A pack of trials, each of which is a member a fold; what a worker needs of a ``Run``.

    All folds of a trial share their metrics, so their best epoch too, and end together. New samples
    are judged by the mean of what the folds' members say (bagging: each has learnt from other
    samples), and ``save_model`` writes all of them.

    Attributes:
        run: of members trial by trial, one for each fold.
        tested: what each test sample counts for a trial's score, once ``test`` was called.
    """

    def __init__(self, run: Run, folds: Folds) -> None:
        self.run, self._folds, self._count = run, folds, len(folds)
        self.settings = run.settings[:: self._count]
        self.tested = list[Tensor]()

    @property
    def plan(self) -> Plan:
        return self.run.plan

    @property
    def target(self) -> Target:
        return self.run.target

    @property
    def scales(self) -> dict[str, Standardization]:
        return self.run.scales

    @property
    def epochs(self) -> list[int]:
        """Number of epochs that each trial has done."""
        return self.run.epochs[:: self._count]

    @property
    def best(self) -> list[dict[str, float]]:
        """Each trial's metrics at its best epoch so far."""
        return self.run.best[:: self._count]

    @property
    def diverged(self) -> list[str]:
        """For each trial why it stopped, by the fold that knows most; empty while it is sound."""
        said = self.run.diverged
        starts = range(0, len(said), self._count)
        return [max(said[k : k + self._count], key=len) for k in starts]

    def train_steps(self, pause: Callable[[], bool] = lambda: False) -> bool:
        """See ``Run.train_steps``."""
        return self.run.train_steps(pause)

    def progress(self) -> float:
        """See ``Run.progress``."""
        return self.run.progress()

    def advance(self) -> list[dict[str, float]]:
        """See ``Run.advance``; metrics of each trial."""
        return self.run.advance()[:: self._count]

    def test(self) -> list[dict[str, float]]:
        """Metrics on the test split of each trial's mean prediction, at the best epoch."""
        run = self.run
        with run.at_best() as network, torch.no_grad():
            judges = Known(network.modalities, network.means[:: self._count])
            tally = Tally(judges, run.target, run.recipes[0].metrics)
            tally.keeps = True
            for outputs, labels, present in decisions_by_chunk(network, run.samples.test()):
                there = {m: mask[:: self._count] for m, mask in present.items()}
                tally.add(self._mixed(outputs), labels[:: self._count], there)
        self.tested = tally.per_sample()
        return tally.metrics()

    def _mixed(self, outputs: Tensor) -> Tensor:
        """Outputs ``(member, …)`` as trials have them, ``(trial, …)``: the means over folds."""
        return outputs.unflatten(0, (-1, self._count)).mean(1)

    def save_outputs(self, split: str, places: Mapping[int, Path]) -> None:
        """As ``Run.save_outputs``, but for ``validation`` of what each fold held out."""
        run = self.run
        samples = run.train if split == "validation" else run.samples.test()
        with run.at_best() as network:
            told = partial(self._held_out if split == "validation" else self._new, network)
            shape = len(network.modalities), len(samples), run.target.width
            write_outputs(told, shape, places)

    def _held_out(self, network: MultimodalNet) -> Tensor:
        return held_out_outputs(network, self.run.train, self.run.target, self._folds)

    @torch.no_grad()
    def _new(self, network: MultimodalNet) -> Tensor:
        chunks = decisions_by_chunk(network, self.run.samples.test())
        return torch.cat([self._mixed(outputs) for outputs, _, _ in chunks], dim=2)

    def save_model(self, path: Path, k: int = 0) -> None:
        """Writes all folds' weights at the best epoch, ``(fold, …)`` each (safetensors)."""
        self.run.kept.save(path, slice(k * self._count, (k + 1) * self._count))

    def member(self, k: int) -> Member:
        """A copy of all that one trial is, a fold after the other."""
        own = [self.run.member(k * self._count + fold) for fold in range(self._count)]
        names = own[0].tensors
        tensors = {name: torch.stack([one.tensors[name] for one in own]) for name in names}
        return replace(own[0], diverged=self.diverged[k], tensors=tensors)

    def adopt(self, k: int, member: Member) -> None:
        """See ``Run.adopt``."""
        for fold, own in enumerate(member.apart(self._count)):
            self.run.adopt(k * self._count + fold, own)

    def take_up(self, members: Sequence[Member]) -> bool:
        """See ``Run.take_up``."""
        return self.run.take_up([own for m in members for own in m.apart(self._count)])
