"""The training that a user would write by hand, and the scripts that search with it.

    python benchmarks/handwritten.py JOB.json

What the benchmarks compare armtune with. The training is that of ``balancing: none``: an encoder
for each modality, a head on each one's features that doesn't train the encoder, a hidden layer and
a linear one on all features together. Where a trial has a ``balancing.alpha`` it is that of
``auxiliary``: the heads' losses train the encoders too. After each epoch every subset of the
modalities is judged, an absent one replaced by its mean features, as the contributions need. It
comes in two styles:

- ``loader``: as the documentation of torch shows it, a ``DataLoader`` over a ``TensorDataset``;
- ``tensors``: as a careful user writes it where all data fit in memory: batches are taken from
  the tensors by index, and AdamW is fused.

The searches are Ray Tune with OptunaSearch as its documentation shows it (``fresh``: a function,
a new process for each trial), the same with processes that are used again (``reused``: a class),
and Optuna alone in two processes on one journal (``optuna``). Each trial has one core and one
thread.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import cos, pi
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, TensorDataset

LR, DECAY = "training.optimizer.lr", "training.optimizer.weight_decay"
ALPHA = "balancing.alpha"
METRICS = ("accuracy", "contribution_gap")
MODES = ("max", "min")
CHUNK, MEANS = 2048, 2048
"""Validation samples at a time, and training samples for the mean features: as armtune has them."""


@dataclass(frozen=True)
class Job:
    """A search to do.

    Attributes:
        way: ``fresh``, ``reused`` or ``optuna``.
        style: ``loader`` or ``tensors``.
        data: npz of standardised samples: ``train/<modality>``, ``train/label``, ``validation/…``.
        encoder: ``mlp`` or ``lenet``.
        points: values of the first trials.
        trials: number of trials; those after the points are drawn by TPE from ``ranges``.
        ranges: low and high end of each value, and whether it is drawn logarithmically.
        seed: the sampler's.
        scratch: an empty folder for what the search writes.
        out: where it notes the trials that ended, a line of JSON each.
    """

    way: str
    style: str
    data: str
    encoder: str
    width: int
    dim: int
    batch_size: int
    epochs: int
    points: list[dict[str, float]]
    trials: int
    ranges: dict[str, tuple[float, float, bool]]
    seed: int
    scratch: str
    out: str

    def write(self, path: Path) -> Path:
        """Writes it for a script to read."""
        path.write_text(json.dumps(asdict(self)))
        return path

    @staticmethod
    def read(path: Path) -> Job:
        """Reads what ``write`` wrote."""
        return Job(**json.loads(path.read_text()))

    def note(self, values: Mapping[str, float], metrics: Mapping[str, float]) -> None:
        """Notes that a trial has ended."""
        line = json.dumps({"ended": time.time(), "values": dict(values), "metrics": dict(metrics)})
        with Path(self.out).open("a") as file:
            file.write(line + "\n")


Views = dict[str, Tensor]


class Samples:
    """A split: each modality's samples and the labels."""

    def __init__(self, arrays: Mapping[str, np.ndarray], split: str) -> None:
        named = {k.partition("/")[2]: torch.from_numpy(arrays[k]) for k in arrays if split in k}
        self.labels = named.pop("label")
        self.views: Views = named


def load(path: str) -> tuple[Samples, Samples]:
    """The training and validation samples."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file}
    return Samples(arrays, "train"), Samples(arrays, "validation")


def mlp(shape: Sequence[int], width: int) -> nn.Module:
    """Two layers."""
    size = int(np.prod(shape))
    return nn.Sequential(
        nn.Flatten(), nn.Linear(size, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
    )


def lenet(shape: Sequence[int], width: int) -> nn.Module:
    """Two convolutions of 8 and 16 channels with pooling, and a linear layer."""
    height, breadth = shape
    return nn.Sequential(
        nn.Unflatten(1, (1, height)),
        nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(16 * (height // 4) * (breadth // 4), width), nn.ReLU(),
    )  # fmt: skip


class Net(nn.Module):
    """Encoders, a head for each modality, and the fused decision."""

    def __init__(self, job: Job, shapes: Mapping[str, Sequence[int]], classes: int) -> None:
        super().__init__()
        encoder = {"mlp": mlp, "lenet": lenet}[job.encoder]
        self.encoders = nn.ModuleDict({m: encoder(s, job.width) for m, s in shapes.items()})
        self.heads = nn.ModuleDict({m: nn.Linear(job.width, classes) for m in shapes})
        total = job.width * len(shapes)
        self.fusion = nn.Sequential(
            nn.Linear(total, job.dim), nn.ReLU(), nn.Linear(job.dim, classes)
        )

    def encode(self, views: Views) -> Views:
        """Each modality's features."""
        return {m: encoder(views[m]) for m, encoder in self.encoders.items()}

    def judge(self, features: Views) -> Views:
        """Each head's logits."""
        return {m: head(features[m]) for m, head in self.heads.items()}

    def fuse(self, features: Views) -> Tensor:
        """The fused logits."""
        return self.fusion(torch.cat(list(features.values()), dim=1))

    def loss(self, views: Views, labels: Tensor, alpha: float | None) -> Tensor:
        """The fused loss and the heads' own, which train the encoders if they have a weight."""
        features = self.encode(views)
        seen = features if alpha is not None else {m: f.detach() for m, f in features.items()}
        own = [F.cross_entropy(logits, labels) for logits in self.judge(seen).values()]
        weight = 1.0 if alpha is None else alpha / len(own)
        return F.cross_entropy(self.fuse(features), labels) + weight * sum(own)


def loader_batches(data: Samples, size: int) -> Callable[[], Iterator[tuple[Views, Tensor]]]:
    """An epoch's batches from a DataLoader."""
    names = list(data.views)
    dataset = TensorDataset(*data.views.values(), data.labels)
    loader = DataLoader(dataset, batch_size=size, shuffle=True, drop_last=True)

    def batches() -> Iterator[tuple[Views, Tensor]]:
        for *views, labels in loader:
            yield dict(zip(names, views, strict=True)), labels

    return batches


def tensor_batches(data: Samples, size: int) -> Callable[[], Iterator[tuple[Views, Tensor]]]:
    """An epoch's batches by index."""

    def batches() -> Iterator[tuple[Views, Tensor]]:
        order = torch.randperm(len(data.labels))
        for start in range(0, len(order) - size + 1, size):
            index = order[start : start + size]
            yield {m: view[index] for m, view in data.views.items()}, data.labels[index]

    return batches


BATCHES = {"loader": loader_batches, "tensors": tensor_batches}


def training(
    job: Job, values: Mapping[str, float], train: Samples, validation: Samples
) -> Iterator[dict[str, float]]:
    """Trains, and yields the metrics after each epoch."""
    torch.manual_seed(0)
    shapes = {m: view.shape[1:] for m, view in train.views.items()}
    net = Net(job, shapes, int(train.labels.max()) + 1)
    optimizer = torch.optim.AdamW(
        net.parameters(),
        lr=values[LR],
        weight_decay=values[DECAY],
        fused=True if job.style == "tensors" else None,
    )
    batches = BATCHES[job.style](train, job.batch_size)
    steps = len(train.labels) // job.batch_size
    schedule = LambdaLR(optimizer, lambda step: rate(step, steps, steps * job.epochs))
    for _ in range(job.epochs):
        net.train()
        for views, labels in batches():
            optimizer.zero_grad()
            net.loss(views, labels, values.get(ALPHA)).backward()
            optimizer.step()
            schedule.step()
        yield evaluate(net, train, validation)


def rate(step: int, warmup: int, total: int) -> float:
    """The learning rate's factor: a linear rise, then a cosine down to 0."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 0.5 * (1 + cos(pi * (step - warmup) / max(total - warmup, 1)))


@torch.no_grad()
def evaluate(net: Net, train: Samples, validation: Samples) -> dict[str, float]:
    """Accuracy, each head's, the contributions (Shapley values of accuracy) and their gap."""
    net.eval()
    names, labels = list(train.views), validation.labels
    some = net.encode({m: view[:MEANS] for m, view in train.views.items()})
    means = {m: features.mean(0, keepdim=True) for m, features in some.items()}
    right = dict.fromkeys([(1, 0), (0, 1), (1, 1), *names], 0)
    loss = 0.0
    for start in range(0, len(labels), CHUNK):
        piece = slice(start, start + CHUNK)
        features = net.encode({m: view[piece] for m, view in validation.views.items()})
        for m, logits in net.judge(features).items():
            right[m] += int((logits.argmax(1) == labels[piece]).sum())
        for present in ((1, 0), (0, 1), (1, 1)):
            used = {
                m: features[m] if there else means[m].expand_as(features[m])
                for m, there in zip(names, present, strict=True)
            }
            logits = net.fuse(used)
            right[present] += int((logits.argmax(1) == labels[piece]).sum())
        loss += float(F.cross_entropy(logits, labels[piece], reduction="sum"))
    share = {key: count / len(labels) for key, count in right.items()}
    chance = float(labels.bincount().max()) / len(labels)
    first = (share[1, 0] - chance + share[1, 1] - share[0, 1]) / 2
    second = (share[0, 1] - chance + share[1, 1] - share[1, 0]) / 2
    return {
        "accuracy": share[1, 1],
        "loss": loss / len(labels),
        "contribution_gap": abs(first - second),
        **{f"unimodal_accuracy/{m}": share[m] for m in names},
        "weakest_accuracy": min(share[m] for m in names),
    }


def better(new: Mapping[str, float], best: Mapping[str, float] | None) -> Mapping[str, float]:
    """The epoch of higher accuracy, as which a trial counts."""
    return new if best is None or new["accuracy"] > best["accuracy"] else best


def ray_tune(job: Job) -> None:
    """Ray Tune with OptunaSearch."""
    import optuna
    import ray
    from ray import tune
    from ray.tune.search.optuna import OptunaSearch

    def function(config: dict[str, float]) -> None:
        torch.set_num_threads(1)
        best = None
        for metrics in training(job, config, *load(job.data)):
            best = better(metrics, best)
            tune.report(dict(best))
        job.note(config, best or {})

    class Reusable(tune.Trainable):
        def setup(self, config: dict[str, float]) -> None:
            torch.set_num_threads(1)
            self.data = load(job.data)
            self.begin(config)

        def begin(self, config: dict[str, float]) -> None:
            self.values, self.best = config, None
            self.epochs = training(job, config, *self.data)

        def reset_config(self, new_config: dict[str, float]) -> bool:
            self.begin(new_config)
            return True

        def step(self) -> dict[str, Any]:
            self.best = better(next(self.epochs), self.best)
            done = self.iteration + 1 == job.epochs
            if done:
                job.note(self.values, self.best)
            return {**self.best, "done": done}

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    searcher = OptunaSearch(
        metric=list(METRICS),
        mode=list(MODES),
        sampler=optuna.samplers.TPESampler(seed=job.seed),
        points_to_evaluate=job.points or None,
    )
    reuse = job.way == "reused"
    tune.Tuner(
        tune.with_resources(Reusable if reuse else function, {"cpu": 1}),
        param_space={
            name: tune.loguniform(low, high) if logarithmic else tune.uniform(low, high)
            for name, (low, high, logarithmic) in job.ranges.items()
        },
        tune_config=tune.TuneConfig(
            search_alg=searcher, num_samples=job.trials, reuse_actors=reuse
        ),
        run_config=tune.RunConfig(storage_path=job.scratch, verbose=0),
    ).fit()
    ray.shutdown()


def plain_optuna(path: Path, job: Job) -> None:
    """Optuna in two processes."""
    study = journalled(job)
    for point in job.points:
        study.enqueue_trial(point)
    command = [sys.executable, __file__, str(path), "--worker"]
    processes = [subprocess.Popen([*command, str(k)]) for k in range(2)]
    assert [process.wait() for process in processes] == [0, 0]


def journalled(job: Job) -> Any:
    """The study that both processes share."""
    import optuna
    from optuna.storages.journal import JournalFileBackend, JournalStorage

    return optuna.create_study(
        study_name="handwritten",
        storage=JournalStorage(JournalFileBackend(str(Path(job.scratch) / "journal"))),
        directions=[{"max": "maximize", "min": "minimize"}[mode] for mode in MODES],
        load_if_exists=True,
    )


def optuna_worker(job: Job, number: int) -> None:
    """One of the two processes."""
    import optuna
    from optuna.study import MaxTrialsCallback

    torch.set_num_threads(1)
    data = load(job.data)

    def objective(trial: optuna.Trial) -> tuple[float, ...]:
        values = {
            name: trial.suggest_float(name, low, high, log=logarithmic)
            for name, (low, high, logarithmic) in job.ranges.items()
        }
        best = None
        for metrics in training(job, values, *data):
            best = better(metrics, best)
        assert best
        job.note(values, best)
        return tuple(best[name] for name in METRICS)

    study = journalled(job)
    study.sampler = optuna.samplers.TPESampler(seed=job.seed + 1000 * number)
    states = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.RUNNING)
    study.optimize(objective, callbacks=[MaxTrialsCallback(job.trials, states)])


def main(path: Path, worker: str | None) -> None:
    """Runs a job."""
    job = Job.read(path)
    if worker is not None:
        optuna_worker(job, int(worker))
    elif job.way == "optuna":
        plain_optuna(path, job)
    else:
        ray_tune(job)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[3] if "--worker" in sys.argv else None)
