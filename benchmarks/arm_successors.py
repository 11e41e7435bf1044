"""Whether changes to ARM win over it: detached fusion, contributions by sample, teachers, heads.

    python benchmarks/arm_successors.py [--sets msrc,wiki] [--cuts 5] [--trials 8] [--epochs 30]

On each of N random stratified cuts of each data set every method gets as many settings, drawn at
random from its shipped ranges and trained side by side in a pack (what methods have in common is
drawn alike). The mean over the three that are most accurate on validation is what it comes
to on test. Differences to `arm` are paired by cut. The changes are here and not in the package,
which has `arm_agreement` for what it won over `arm` in `comparison.py`; these won nothing here:

- detached: the fused loss reaches no encoder, as with `dgl`; ARM's unimodal and gap losses do.
- by sample: the gap loss pulls up the modality that is weakest on the sample, not on the batch.
- teachers: the modality that is weakest on the batch is drawn to the features of a teacher, which
  was trained alone, as with `unimodal_distillation`.
- heads: the mean of a linear decision of each modality decides, of features weighted by ARM.
- agreeing: heads, and `lfm`'s divergence of these decisions from their mean.
- agreement: `lfm` alone, whose divergence spares the modality that is best on the batch.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import torch
import yaml
from quality import SETS, TEST, Pool
from scipy.stats import t
from torch import Tensor

from armtune.balancing._hooks import Balancer, Context, Step, sum_in_order
from armtune.balancing._parts import votes_of
from armtune.balancing.arm import Arm, Reinforcer
from armtune.balancing.lfm import Lfm, Matcher, kl, released_share
from armtune.balancing.unimodal_distillation import Pupil, UnimodalDistillation
from armtune.data import Dataset
from armtune.datasets._load import load_dataset
from armtune.fusion import Fusion
from armtune.fusion.late import Late
from armtune.nn.forward import Features
from armtune.plugins.registry import plugins
from armtune.recipe.load import load_recipe
from armtune.recipe.schema import Recipe
from armtune.training.loop import Run, train

ARM = {"alpha": (0, 3), "gap_weight": (0, 5), "tau": (0, 2), "dropout": (0, 0.4)}
RANGES: dict[str, dict[str, tuple[float, float]]] = {
    "none": {},
    "arm": ARM,
    "arm detached": ARM,
    "arm by sample": ARM,
    "arm heads": ARM,
    "arm agreeing": {**ARM, "share": (0, 1)},
    "lfm": {"share": (0, 1)},
    "arm_agreement": {"share": (0.3, 1), "gap_weight": (0, 2), "dropout": (0, 0.5)},
    "asymmetric agreement": {"share": (0, 1)},
    "arm teachers": {**ARM, "teachers": (0, 20)},
}
"""What is searched of each method: the shipped spaces' ranges, all uniform."""
KEPT = 3
"""Settings of a method that are tested: the most accurate on validation."""


class Successor(Arm):
    """ARM with changes."""

    detached: bool = False
    by_sample: bool = False
    heads: bool = False
    share: float = 0.0
    teachers: float = 0.0

    def fusion(self, given: Fusion) -> Fusion:
        return Late(dim=0) if self.heads else given

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return Succeeding(options, context)


CHANGES: dict[str, dict[str, bool]] = {
    "arm detached": {"detached": True},
    "arm by sample": {"by_sample": True},
    "arm heads": {"heads": True},
    "arm agreeing": {"heads": True},
    "arm teachers": {},
}


class Succeeding(Reinforcer):
    """The changed ARM's hooks."""

    def __init__(self, options: Sequence[Successor], context: Context) -> None:
        super().__init__(options, context)
        self.changes = options[0]
        self.share = context.knob(options, "share")
        self.teaching = context.knob(options, "teachers")
        weights = [UnimodalDistillation(weight=o.teachers) for o in options]
        self.pupil = Pupil(weights, context)

    def start_epoch(self, epoch: Tensor) -> None:
        super().start_epoch(epoch)
        self.pupil.start_epoch(epoch)
        self.now = self.share * released_share(epoch.to(self.share) / self.context.epochs)

    def alter(self, features: Features, index: Tensor, step: int) -> Features:
        altered = super().alter(features, index, step)
        if self.changes.detached:
            return {m: f.detach() for m, f in altered.items()}
        return altered

    def losses(self, step: Step) -> Sequence[Tensor]:
        target = self.context.target
        [total] = self._gaps_by_sample(step) if self.changes.by_sample else super().losses(step)
        if self.share.any():
            total = total + self._agreement(step)
        if not self.pupil.active:
            return [total]
        alone = step.sample_losses(target)[:, 1:].mean(2).detach()
        weakest = (alone == alone.amax(1, keepdim=True)).to(alone)
        features = step.forward.features
        distances = torch.stack(
            [
                (f - self.pupil.targets[m].gather(1, step.index.unsqueeze(2).expand_as(f)))
                .square()
                .mean((1, 2))
                for m, f in features.items()
            ],
            dim=1,
        )
        return [total + self.teaching * (weakest * distances).sum(1)]

    def _agreement(self, step: Step) -> Tensor:
        """What `lfm`'s loss has beyond the fused one: 2·((1 − a)·CE + a·D) − CE."""
        votes = torch.stack(list(votes_of(self.context.network, step.forward.features).values()))
        apart = kl(self.context.target.log_probabilities(votes)).mean(1)
        return (1 - 2 * self.now) * self.fused_loss(step) + 2 * self.now * apart

    def _gaps_by_sample(self, step: Step) -> Sequence[Tensor]:
        """The losses with a gap loss of each sample's own contributions."""
        losses = step.sample_losses(self.context.target)
        fused, alone = losses[:, :1], losses[:, 1:]
        players = alone.shape[1]
        together = torch.cat([*self._several_by_sample(step), fused], dim=1)
        with torch.no_grad():
            every = torch.cat([alone, together], dim=1).transpose(1, 2)
            phi = self.gap_loss.blank - every @ self.gap_loss.matrix
            weakest, strongest = phi.min(2), phi.max(2)
            apart = self.gap_weight.unsqueeze(1) * (strongest.values > weakest.values)
            shares = (self.gap_loss.reach[weakest.indices] * apart.unsqueeze(2)).transpose(1, 2)
        gates = self.own_shares.unsqueeze(2) + shares[:, :players]
        for inputs, gate in zip(step.forward.head_inputs.values(), gates.unbind(1), strict=True):
            inputs.register_hook(lambda gradient, gate=gate: gradient * gate.unsqueeze(2))
        gap = (shares[:, players:] * together).mean(2).sum(1)
        return [fused.mean((1, 2)) + sum_in_order(list(alone.mean(2).unbind(1))) + gap]

    def _several_by_sample(self, step: Step) -> list[Tensor]:
        if not self.several:
            return []
        features = step.forward.features
        absent = {m: f.detach().mean(1, keepdim=True) for m, f in features.items()}
        outputs = self.context.network.fuse_subsets(features, absent, self.several)
        return [self.context.target.losses(outputs, step.labels)]


class Agreement(Lfm):
    """``lfm``, asymmetric."""

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return Agreeing(options, context)


class Agreeing(Matcher):
    """Draws the weaker modalities to the mean, and leaves the strongest where it is."""

    def losses(self, step: Step) -> Sequence[Tensor]:
        votes = self._votes(step).detach()
        target = self.context.target
        own = torch.stack([target.losses(v.unsqueeze(1), step.labels).mean((1, 2)) for v in votes])
        weaker = (own > own.amin(0)).to(own) * len(own) / (len(own) - 1)
        self.measure = lambda logs: drawn(logs, weaker)
        return super().losses(step)


def drawn(logs: Tensor, weights: Tensor) -> Tensor:
    """``lfm``'s divergence with a weight for each modality, ``(member, sample)``."""
    mean = logs.logsumexp(0) - math.log(len(logs))
    own = (mean.exp() * (mean - logs)).sum(-1).mean(-1)
    return (own * weights.unsqueeze(2)).mean(0)


def recipes(name: str, base: Recipe, trials: int, cut: int) -> list[Recipe]:
    """A method's settings, drawn at random; learning rates and decays are the same for all."""
    made = []
    for trial in range(trials):
        common, own = np.random.default_rng([cut, trial]), np.random.default_rng([cut, trial, 1])
        optimizer = base.training.optimizer.model_copy(
            update={
                "lr": float(np.exp(common.uniform(np.log(3e-4), np.log(1e-2)))),
                "weight_decay": float(np.exp(common.uniform(np.log(1e-5), np.log(1e-1)))),
            }
        )
        knobs = {knob: float(own.uniform(*ends)) for knob, ends in RANGES[name].items()}
        kind = KINDS.get(name) or plugins("balancing")[name]
        balancing = kind(**knobs, **CHANGES.get(name, {}))
        training = base.training.model_copy(update={"optimizer": optimizer, "seed": trial})
        made.append(base.model_copy(update={"balancing": balancing, "training": training}))
    return made


KINDS = {**dict.fromkeys(CHANGES, Successor), "asymmetric agreement": Agreement}
"""The methods that aren't the package's."""
Pair = tuple[float, float]
"""Accuracy, and the gap between contributions."""


def came_to(name: str, base: Recipe, dataset: Dataset, trials: int, cut: int) -> Pair:
    """Figures on test, means over the settings that are best on validation."""
    run = Run(recipes(name, base, trials, cut), dataset)
    train(run, lambda *_: None)
    order = sorted(range(trials), key=lambda k: -run.best[k]["accuracy"])[:KEPT]
    tested = run.test()
    accuracy, gap = (
        fmean(tested[k][metric] for k in order) for metric in ("accuracy", "contribution_gap")
    )
    return accuracy, gap


def cut_of(pool: Pool, cut: int, epochs: int, folder: Path) -> tuple[Recipe, Dataset]:
    """A recipe of small networks on a cut of a data set, and its samples."""
    np.savez(folder / "data.npz", **pool.views, label=pool.labels, **pool.extra)
    data = {"name": "arrays", "path": "data.npz", "test": TEST, "validation": 0.25}
    groups = {"groups": "subject"} if pool.extra else {}
    batch = 32 if len(pool.labels) < 1000 else 128
    written = {
        "name": "successors",
        "data": {**data, "seed": cut, **groups},
        "modalities": {m: {"encoder": {"name": "mlp"}} for m in pool.views},
        "training": {"epochs": epochs, "batch_size": batch, "folds": 1},
    }
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(written, sort_keys=False), encoding="utf-8")
    recipe = load_recipe(path)
    return recipe, load_dataset(recipe, folder)


def interval(differences: Sequence[float]) -> tuple[float, float]:
    """Mean and half-width of the 95 % interval, in points."""
    scaled = [100 * d for d in differences]
    half = t.ppf(0.975, len(scaled) - 1) * stdev(scaled) / len(scaled) ** 0.5
    return fmean(scaled), float(half)


def rows(name: str, found: dict[str, list[Pair]]) -> Iterator[str]:
    """A line of the table for each method."""
    for method, pairs in found.items():
        shown = [f"{100 * fmean(column):.1f}" for column in zip(*pairs, strict=True)]
        apart = []
        for which in (0, 1):
            differences = [p[which] - a[which] for p, a in zip(pairs, found["arm"], strict=True)]
            apart.append("{:+.1f} ± {:.1f}".format(*interval(differences)))
        yield f"| {' | '.join([name, method, *shown, *apart])} |"


def main() -> None:
    """Prints each cut as it is done, and the table at the end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", default="bbcsport,msrc,digits,wiki")
    parser.add_argument("--methods", default=",".join(RANGES))
    parser.add_argument("--cuts", type=int, default=5)
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=30)
    args = parser.parse_args()
    table = ["| data | method | accuracy | gap | accuracy − arm | gap − arm |", "|---" * 6 + "|"]
    for name in args.sets.split(","):
        pool, found = SETS[name](), {method: [] for method in args.methods.split(",")}
        for cut in range(args.cuts):
            started = time.perf_counter()
            with tempfile.TemporaryDirectory() as place:
                base, dataset = cut_of(pool, cut, args.epochs, Path(place))
                for method, pairs in found.items():
                    pairs.append(came_to(method, base, dataset, args.trials, cut))
            shown = {m: tuple(round(100 * x, 1) for x in p[-1]) for m, p in found.items()}
            print(f"  {name} {cut} ({time.perf_counter() - started:.0f} s): {shown}", flush=True)
        table += rows(name, found)
        print("\n".join(table), flush=True)


if __name__ == "__main__":
    main()
