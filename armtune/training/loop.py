"""The only training loop: a pack of members, one epoch a call."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from armtune.balancing._hooks import Balancer, Context, Gradients, Step
from armtune.data import Dataset
from armtune.errors import DivergedError, RunError
from armtune.metrics import PARAMETERS
from armtune.nn.flat_parameters import FlatParameters
from armtune.nn.forward import Batch, Features
from armtune.nn.random_streams import stream
from armtune.optimizers import Buffers
from armtune.recipe.checks import refuse_unserved
from armtune.recipe.schema import Recipe
from armtune.recipe.variants import alone
from armtune.training.augment import Augmenting
from armtune.training.best_epochs import BestEpochs
from armtune.training.checkpoint import Member, Resumable
from armtune.training.compiled import compiled_encoders
from armtune.training.data_parallel import share_encoders
from armtune.training.divergence import broken_at, divergence
from armtune.training.dropout import dropped
from armtune.training.evaluation import all_outputs, evaluate
from armtune.training.folds import CrossValidation, cross_validate, members_of, shared_by_trials
from armtune.training.knobs import knobs_of
from armtune.training.learning_rates import learning_rates, planned
from armtune.training.mean_features import all_features, mean_features
from armtune.training.modules import Modules
from armtune.training.network import MultimodalNet, build_network, fit_encoders
from armtune.training.outputs import write_outputs
from armtune.training.pretrained import load_weights
from armtune.training.sample_order import (
    both,
    rarity_of,
    telling,
    training_rows,
    valuation_cut,
    visiting_order,
)
from armtune.training.samples import Samplable, Samples
from armtune.training.settings import settings_digest

EpochMetrics = dict[str, float]

OPTIONAL = "balancer."
"""Begins the names of what a member may lack: what another member of its pack made necessary."""


class Run(Resumable):
    """The training of a pack of members that share everything that shapes the program.

    Args:
        recipes: a recipe for each member; they may differ in seed, in the optimizer's knobs and in
            the balancing method's knobs. Where the data have folds, a trial's recipe comes once
            for each of them.
        data: the data set, or its samples as another run of the same data has them already; the
            test split is only read by ``test``.
        device: torch device; that of the samples, where they are given.
        dtype: floating type of weights and samples; as above.

    Attributes:
        epochs: number of epochs that each member has done: members may join late.
        best: each member's metrics at its best epoch so far, ``epoch`` (counted from 1) among them.
        step: number of steps done of an epoch that is under way.
        diverged: for each member why it stopped, empty while it is sound.
    """

    def __init__(
        self,
        recipes: Sequence[Recipe],
        data: Dataset | Samples,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if isinstance(data, Dataset):
            data = Samples(recipes[0], data, device, dtype)
        self.samples, self.dataset, self.folds = data, data.dataset, data.folds
        self.recipes = tuple(recipes)
        self.settings = [settings_digest(recipe, self.dataset.digest) for recipe in recipes]
        self.plan = recipes[0].training
        self.target = self.dataset.target
        refuse_unserved(recipes[0], type(self.target))
        shapes = {m: data.scales[m].shape for m in recipes[0].modalities}
        network = build_network(recipes, shapes, self.target.width, data.dtype)
        self.network = network.to(data.device)
        load_weights(self.network, recipes[0])
        fit_encoders(self.network, recipes[0], data.seen.train)
        self.modules = Modules(self.network, [recipe.training.seed for recipe in recipes])
        self.shares = share_encoders(self.network)
        compiles = self.plan.compile
        self.encoders = compiled_encoders(self.network) if compiles else self.network.encode
        self.scales = self.samples.scales
        self.train, self.validation = self.samples.train, self.samples.validation
        self._cut_valuation()
        self.augment = Augmenting(recipes, data.dataset.shapes, data.scales, self.network.weights)
        self.flat = FlatParameters(self.network)
        optimizers = [r.training.optimizer for r in recipes]
        self.optimizer = optimizers[0]
        self.knobs = knobs_of(optimizers, self.network.weights)
        self.knobs["lr"] = learning_rates(recipes, self.network, self.flat, self.knobs["lr"])
        self.slots = {name: torch.zeros_like(self.flat.values) for name in self.optimizer.slots()}
        self.epochs, self.step = [0] * len(recipes), 0
        self.rates, self.counts = planned(self.plan, self.epochs, self.updates, self.flat.values)
        self.kept = BestEpochs(self.network, self.flat, self.target.score, self.plan.refit)
        self.best = self.kept.metrics
        self.diverged = [""] * len(recipes)

    def _cut_valuation(self) -> None:
        """Sets the balancing method up and cuts the valuation slice that it wants from train."""
        options = [recipe.balancing for recipe in self.recipes]
        shares = {o.held_out for o in options}
        assert len(shares) == 1, "members of a pack hold out the same number of samples"
        known = telling(self.train.present, self.recipes[0].modalities, len(self.train))
        own = training_rows(known, self.folds, len(self.recipes))
        generators = [stream(r.training.seed, "valuation") for r in self.recipes]
        cut = valuation_cut(own, generators, shares.pop())
        self.valuation, self.pool = (part.to(self.train.labels.device) for part in cut)
        self.rarity = rarity_of(self.plan, self.target, self.train.labels[self.pool])
        samples = self.pool.shape[1]
        self.batch_size = min(self.plan.batch_size, samples)
        steps = samples // self.batch_size
        self.accumulate = min(self.plan.accumulate, steps)
        self.updates = steps // self.accumulate
        self.steps = self.updates * self.accumulate
        split, pool = self.train, self.pool
        context = Context(
            network=self.network,
            seeds=tuple(recipe.training.seed for recipe in self.recipes),
            target=self.target.smoothed(self.plan.label_smoothing),
            uncertainty=self.target.uncertainty(self.train.labels),
            samples=samples,
            steps=self.steps,
            batch_size=self.batch_size,
            epochs=self.plan.epochs,
            # Nothing that holds this run: one that is dropped frees its device's memory at once.
            solo=partial(_solo, self.recipes, self.dataset, self.network.weights),
            take=lambda index: split.take(pool.gather(1, index)),
            present={m: there[self.pool] for m, there in self.train.present.items()},
            held_present={m: there[self.valuation] for m, there in self.train.present.items()},
            accumulate=self.accumulate,
        )
        self.balancer: Balancer = options[0].build(options, context)

    def advance(self) -> list[EpochMetrics]:
        """Trains one epoch and judges it on the validation split.

        Returns:
            each member's metrics of this epoch.

        Raises:
            DivergedError: no member of the pack is sound any more.
        """
        assert max(self.epochs) < self.plan.epochs, "a member's training is over"
        self.train_steps()
        loss = (self.total / self.steps).tolist()
        own = self._end_epoch()
        if self.folds:
            loss = shared_by_trials(loss, self.folds)
            own = {name: shared_by_trials(values, self.folds) for name, values in own.items()}
        self.epochs, self.step = [epoch + 1 for epoch in self.epochs], 0
        judged = self._validated()
        common = {PARAMETERS: float(self.flat.values.shape[1] * (len(self.folds or ()) or 1))}
        metrics = [
            {**member, **common, **{n: v[k] for n, v in own.items()}, "train_loss": loss[k]}
            for k, member in enumerate(judged)
        ]
        self._mark_diverged(metrics)
        for k, member in enumerate(metrics):
            if not self.diverged[k]:
                self.kept.hear(k, member, self.epochs[k])
        return metrics

    def train_steps(self, pause: Callable[[], bool] = lambda: False) -> bool:
        """Trains an epoch's steps, which ``advance`` else does; those left, where some were done.

        Args:
            pause: asked after each update whether to stop there, to go on later.

        Returns:
            whether the epoch has no steps left.
        """
        if not self.step:
            self._first_means()
            self._begin_epoch()
        left = self.order[:, self.step * self.batch_size :]
        if not left.shape[1]:
            return True
        batches = self.train.batches(self.pool.gather(1, left), self.batch_size)
        for batch, index in zip(batches, left.split(self.batch_size, dim=1), strict=True):
            self.total += self._step(self.augment(batch, self.step), index, self.step)
            self.step += 1
            if self.step % self.accumulate == 0 and pause():
                break
        return self.step == self.steps

    def progress(self) -> float:
        """Epochs that its device has done, of the first member; judging one counts as a step."""
        self.flat.values[0, 0].item()
        return self.epochs[0] + self.step / (self.steps + 1)

    def _begin_epoch(self) -> None:
        """Draws what an epoch needs; nothing is trained yet."""
        self.balancer.start_epoch(self._epoch_numbers())
        self.augment.start_epoch(self.epochs, self.steps)
        self.rates, self.counts = planned(self.plan, self.epochs, self.updates, self.flat.values)
        self.order = self.balancer.order(self._order())
        self.total = torch.zeros_like(self.network.weights[:, 0])

    def _first_means(self) -> None:
        """Mean features of the untrained encoders, where they have to stand in from the start."""
        if self.train.present and 0 in self.epochs:
            fresh = mean_features(self.network, self.train, self.pool)
            known = self.network.mean_features()
            begins = (self._epoch_numbers() == 0).unsqueeze(1)
            self.network.set_means(
                {m: torch.where(begins, mean, known[m][:, 0]) for m, mean in fresh.items()}
            )

    def _epoch_numbers(self) -> Tensor:
        """Each member's epoch, counted from 0, ``(member,)``."""
        return torch.tensor(self.epochs, device=self.pool.device)

    def _order(self) -> Tensor:
        """Positions in the pool that each member visits, ``(member, steps × batch)``."""
        generators = [
            stream(recipe.training.seed, "order", epoch)
            for recipe, epoch in zip(self.recipes, self.epochs, strict=True)
        ]
        weights = both(self.balancer.sample_weights(), self.rarity)
        length = self.steps * self.batch_size
        return visiting_order(generators, weights, self.pool.shape[1], length).to(self.pool.device)

    def _step(self, batch: Batch, index: Tensor, step: int) -> Tensor:
        """The gradient of a batch, and an update if it is due; each member's loss before it."""
        with self.modules.training(self.epochs, step):
            features = self._encode(batch)
        features = dropped(features, self.recipes, self.epochs, step)
        fused = self.balancer.alter(features, index, step)
        forward = self.network.decide(features, fused, self.balancer.heads_reach_encoders)
        losses = self.balancer.losses(Step(forward, batch.labels, index, step, batch.present))
        before = step % self.accumulate
        totals = [loss.sum() for loss in losses]
        if self.accumulate > 1:
            totals = [total / self.accumulate for total in totals]
        gradients = self.flat.differentiate(totals, add=before > 0)
        if before + 1 == self.accumulate:
            self._update(gradients, step // self.accumulate)
        return losses[0].detach()

    def _encode(self, batch: Batch) -> Features:
        """Features of a training batch, in the parameters' own floating type."""
        like = self.network.weights
        with torch.autocast(like.device.type, torch.bfloat16, self.plan.precision == "bf16"):
            features = self.encoders(batch.views)
        exact = {m: f.to(like.dtype) for m, f in features.items()}
        return self.network.stand_in(exact, batch.present) if batch.present else exact

    @torch.no_grad()
    def _update(self, gradients: list[Gradients], number: int) -> None:
        """One update, the epoch's ``number``-th, counted from 0."""
        if self.shares:
            self.shares.add_up(self.flat)
        self.balancer.change_gradients(gradients)
        if self.plan.clip_norm:
            self.flat.clip(self.plan.clip_norm)
        knobs = {**self.knobs, "lr": self.knobs["lr"] * self.rates[number]}
        count = self.counts[number]
        buffers = Buffers(self.flat.values, self.flat.gradients, self.slots, knobs, count)
        self.optimizer.update(buffers)

    @torch.no_grad()
    def _end_epoch(self) -> dict[str, list[float]]:
        """Mean features, and the balancing method's own valuation and metrics."""
        self.network.set_means(mean_features(self.network, self.train, self.pool))
        held, labels = all_features(self.network, self.train, self.valuation)
        own = self.balancer.end_epoch(self._epoch_numbers(), held, labels).items()
        return {name: values.tolist() for name, values in own}

    def _mark_diverged(self, metrics: Sequence[EpochMetrics]) -> None:
        for k, member in enumerate(metrics):
            if not self.diverged[k]:
                self.diverged[k] = divergence(
                    member, self.epochs[k], partial(broken_at, self.network, self.train, k)
                )
        if all(self.diverged):
            raise DivergedError(self.diverged[0])

    def at_best(self) -> AbstractContextManager[MultimodalNet]:
        """The network with every member's best epoch in place, for the length of a block."""
        return self.kept.in_place()

    def test(self) -> list[EpochMetrics]:
        """Metrics on the test split at each member's best epoch; only confirming asks for them."""
        with self.at_best() as network:
            measures, self.tested = self.recipes[0].metrics, list[Tensor]()
            return evaluate(network, self.samples.test(), self.target, measures, self.tested)

    def _validated(self) -> list[EpochMetrics]:
        """Metrics on the validation split, or of what a trial's members held out together."""
        if not self.folds:
            return self._judged(self.network, self.validation)
        measures = self.recipes[0].metrics
        found = cross_validate(self.network, self.train, self.target, self.folds, measures)
        return members_of(found, self.folds)

    def _judged(self, network: MultimodalNet, split: Samplable) -> list[EpochMetrics]:
        return evaluate(network, split, self.target, self.recipes[0].metrics)

    def save_outputs(self, split: str, places: Mapping[int, Path]) -> None:
        """Writes what members say of ``validation`` or ``test`` at their best epochs, by member."""
        samples = self.validation if split == "validation" else self.samples.test()
        with self.at_best() as network:
            shape = len(network.modalities), len(samples), self.target.width
            write_outputs(partial(all_outputs, network, samples), shape, places)

    def save_model(self, path: Path, k: int = 0) -> None:
        """Writes a member's weights at its best epoch, by parameter name (safetensors)."""
        self.kept.save(path, k)

    def member(self, k: int) -> Member:
        """A copy of all that one member is, to take it into another run."""
        state = {**self._state(), **(self._underway() if self.step else {})}
        tensors = {name: t[k].clone() for name, t in state.items()}
        return Member(self.epochs[k], dict(self.best[k]), self.diverged[k], tensors, self.step)

    def adopt(self, k: int, member: Member) -> None:
        """Lets member ``k`` go on from the epoch's start where another run of the program left it.

        Raises:
            RunError: it is of another program.
        """
        if member.epoch > self.plan.epochs:
            raise RunError(f"it has {member.epoch} epochs behind it, of {self.plan.epochs}")
        state = self._state()
        given = [n for n in state if n in member.tensors or not n.startswith(OPTIONAL)]
        member.write_to({name: state[name] for name in given}, k)
        self.epochs[k], self.best[k] = member.epoch, dict(member.best)
        self.diverged[k] = member.diverged

    def take_up(self, members: Sequence[Member]) -> bool:
        """Lets all members go on in the middle of an epoch.

        Returns:
            whether they do: not if they stand at different steps, or in other epochs than here.

        Raises:
            RunError: one is of another program.
        """
        steps = {member.step for member in members}
        if steps == {0} or len(steps) > 1 or [m.epoch for m in members] != self.epochs:
            return False
        for k, member in enumerate(members):
            self.adopt(k, member)
        self._begin_epoch()
        self.step = members[0].step
        for k, member in enumerate(members):
            member.write_to(self._underway(), k)
        return True

    def _state(self) -> dict[str, Tensor]:
        return {
            **{f"now.{n}": t for n, t in self.kept.learnt().items()},
            **{f"best.{n}": t for n, t in self.kept.state.items()},
            **{f"slot.{n}": t for n, t in self.slots.items()},
            **{f"{OPTIONAL}{n}": t for n, t in self.balancer.state().items()},
        }

    def _underway(self) -> dict[str, Tensor]:
        """What else there is to know between two updates of an epoch."""
        running = {f"epoch.balancer.{n}": t for n, t in self.balancer.running().items()}
        return {"epoch.order": self.order, "epoch.total": self.total, **running}


def _solo(
    recipes: Sequence[Recipe], dataset: Dataset, like: Tensor, modality: str
) -> MultimodalNet:
    """Members with one modality and no balancing, trained to the end."""
    own = [alone(recipe, modality) for recipe in recipes]
    run = Run(own, dataset, str(like.device), like.dtype)
    train(run, lambda *_: None)
    with run.at_best() as network:
        return copy.deepcopy(network)


def train(
    run: Run | CrossValidation, after_epoch: Callable[[int, list[EpochMetrics]], None]
) -> None:
    """Trains to the end, telling ``after_epoch`` the number of epochs done and their metrics."""
    while max(run.epochs) < max(map(run.plan.last_epoch, run.best)):
        metrics = run.advance()
        after_epoch(max(run.epochs), metrics)
