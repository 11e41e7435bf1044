"""A training to do and what its worker says of it; where trainings come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from armtune.errors import ArmtuneError, RunError, StorageError
from armtune.files import write_text
from armtune.recipe.schema import Recipe
from armtune.sweeps.workers.seconds import Seconds

if TYPE_CHECKING:
    from armtune.data import Dataset

TRIALS = "trials"
CHECKPOINT = "checkpoint.safetensors"
UNDERWAY = "underway.safetensors"
"""A checkpoint within the epoch after that of the other one."""
METRICS = "metrics.jsonl"
ERROR = "error.txt"
MODEL = "model.safetensors"
ENSEMBLE = "ensemble"
"""Folder of what is known of an ensemble."""
TESTED = "tested.npz"
"""What each test sample counts for a re-training's score."""
OUTPUTS = {"validation": "validation.safetensors", "test": "test.safetensors"}
"""What a trained model says of a split's samples, each subset of modalities and each head."""

Metrics = dict[str, float]


def trial_folder(run: Path, number: int) -> Path:
    """A trial's folder in a run's folder."""
    return run / TRIALS / f"{number:04d}"


def confirm_folder(run: Path, number: int, seed: int) -> Path:
    """The folder of a trial's re-training with a seed."""
    return run / "confirm" / f"{number:04d}-{seed}"


def refit_folder(run: Path, number: int, seed: int, epochs: int) -> Path:
    """The folder of a training of a trial on all data, for some epochs."""
    return run / "refit" / f"{number:04d}-{seed}-{epochs}"


class Training(Protocol):
    """What a worker needs of ``armtune.training.loop.Run``: a pack of members, from 0."""

    @property
    def epochs(self) -> list[int]: ...
    @property
    def best(self) -> list[Metrics]: ...
    @property
    def diverged(self) -> list[str]: ...

    def train_steps(self, pause: Callable[[], bool]) -> bool: ...
    def progress(self) -> float: ...
    def advance(self) -> list[Metrics]: ...
    def member(self, k: int) -> Any: ...
    def adopt(self, k: int, member: Any) -> None: ...
    def save(self, path: Path, k: int = 0) -> None: ...
    def restore(self, path: Path, k: int = 0) -> None: ...
    def resume(self, paths: Sequence[Path]) -> bool: ...
    def save_model(self, path: Path, k: int = 0) -> None: ...
    def save_outputs(self, split: str, places: Mapping[int, Path]) -> None: ...
    def test(self) -> list[Metrics]: ...
    @property
    def tested(self) -> Sequence[Any]: ...


class Served(Protocol):
    """What a worker needs of ``armtune.training.samples.Samples``."""

    def serve(self, recipe: Recipe) -> bool: ...


@dataclass(frozen=True)
class TrainingFactory:
    """Where trainings come from; tests put another in its place. Travels to the workers.

    Attributes:
        digest: of the data that the sweep is about; empty before they are known.
        modalities: of the sweep. Which samples there are can depend on them, so that a training of
            one of them reads them all; empty where each recipe has its own.
    """

    recipe_folder: Path
    digest: str = ""
    modalities: tuple[str, ...] = ()

    def prepare(self, threads: int) -> None:
        """Readies a worker's process."""
        import torch

        # More threads than cores reserved make every step many times slower.
        torch.set_num_threads(threads)

    def dataset(self, recipe: Recipe) -> Dataset:
        """The recipe's data, from the cache where it was built before."""
        from armtune.datasets._load import load_dataset

        return load_dataset(recipe, self.recipe_folder, modalities=self.modalities)

    def samples(self, recipe: Recipe, dataset: Dataset, device: str) -> Served:
        """The data on the device, as the recipe's training wants them."""
        from armtune.training.samples import Samples

        return Samples(recipe, dataset, device, shared=True)

    def training(self, recipes: Sequence[Recipe], samples: Any) -> Training:
        """A training of a pack of recipes that hasn't begun."""
        from armtune.training.schedule import begin

        return begin(recipes, samples)

    def numbers(self, recipe: Recipe, samples: Any) -> float:
        """Numbers that an update of a recipe's training makes."""
        from armtune.training.counting import numbers_of_update

        return numbers_of_update(self.training([recipe], samples), samples.device)

    def latency(self, recipe: Recipe, samples: Any) -> float:
        """Milliseconds of predicting a sample by a recipe's exported model."""
        from armtune.bundle.latency import latency

        return latency(recipe, samples)


@dataclass(frozen=True)
class Task:
    """A training to do.

    Attributes:
        folder: its own folder, on a file system that all workers share.
        rungs: epochs after which it waits for a decision.
        epoch: number of epochs that the sweep has heard of.
        outputs: the splits of which it leaves what the trained model says.
    """

    number: int
    recipe: Recipe
    folder: Path
    rungs: tuple[int, ...] = ()
    epoch: int = 0
    outputs: tuple[str, ...] = ()


def wanted_outputs(recipe: Recipe) -> tuple[str, ...]:
    """The splits of which trials and re-trainings leave what they say: an ensemble draws by it."""
    sweep = recipe.sweep
    return ("validation",) if sweep.ensemble != "off" and sweep.confirm else ()


@dataclass(frozen=True)
class Epoch:
    """An epoch's number (from 1), its metrics, and those of the best epoch so far."""

    number: int
    metrics: Metrics
    best: Metrics


@dataclass(frozen=True)
class Step:
    """Where a training stands after some more epochs.

    Attributes:
        note: what the user should know of how it came there; mostly empty.
        seconds: what that took.
    """

    epoch: int
    best: Metrics
    epochs: Sequence[Epoch] = ()
    note: str = ""
    seconds: Seconds = field(default=Seconds(), compare=False)


@dataclass(frozen=True)
class Confirmation:
    """One re-training of a trial with another seed.

    Attributes:
        seed: ``training.seed`` of the re-training.
        validation: metrics on the validation split at its best epoch; empty if it failed.
        test: metrics on the test split at the same epoch; empty if it failed.
        reason: why it failed; empty otherwise.
        model: SHA-256 of the file of its model; empty where it failed.
        seconds: of a worker that it took; 0 where that wasn't noted.
    """

    seed: int
    validation: dict[str, float]
    test: dict[str, float]
    reason: str = ""
    model: str = field(default="", compare=False)
    seconds: float = field(default=0.0, compare=False)

    @property
    def metrics(self) -> dict[str, float]:
        """Validation metrics under their own names and those on test as ``test/<name>``."""
        return {**self.validation, **{f"test/{name}": v for name, v in self.test.items()}}


@dataclass(frozen=True)
class Failure:
    """Why a training can't go on, in one line.

    Attributes:
        transient: whether it may go better next time.
        stops: whether the sweep has to stop, as nothing would go better before a disk is mended;
            the training is left to be done.
        seconds: what the training took since it was heard of last.
    """

    reason: str
    transient: bool = False
    stops: bool = False
    seconds: Seconds = field(default=Seconds(), compare=False)


def note_failure(
    folder: Path, reason: str, details: str, transient: bool = False, stops: bool = False
) -> Failure:
    """A failure, with its details in the folder's error file."""
    # The disk may be full: the reason is still told.
    with suppress(RunError):
        write_text(folder / ERROR, details)
    return Failure(reason, transient and not stops, stops)


def raise_stop(failure: Failure) -> None:
    """Stops the sweep where a failure is a disk's fault; whatever ran is left to be done.

    Raises:
        StorageError: it is; says how to go on.
    """
    if failure.stops:
        hint = "what was running is left to be done; see to the disk, then go on with --resume"
        raise StorageError(f"{failure.reason}; {hint}")


def reason_of(error: BaseException) -> str:
    """An error in one line."""
    lines = str(error).strip().splitlines() or [""]
    if isinstance(error, ArmtuneError):
        return lines[0]
    return f"{type(error).__name__}: {lines[0]}".rstrip(": ")
