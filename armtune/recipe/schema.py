"""What a recipe can say. The JSON Schema, the help and the searchable paths all come from here.

A field of a plug-in's base class takes any plug-in of the kind: ``admit_plugins`` sees to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from typing_extensions import Doc

from armtune.augmentations import Augmentation
from armtune.balancing import Balancing
from armtune.datasets import Data
from armtune.encoders import Encoder
from armtune.fusion import Fusion
from armtune.metrics import Measure
from armtune.optimizers import Optimizer
from armtune.plugins.options import Options
from armtune.plugins.registry import plugin_union, plugins
from armtune.plugins.user_files import run
from armtune.pruners import Pruner
from armtune.recipe.objectives import best_by
from armtune.samplers import Sampler

LONGEST = 64
"""Characters of a name at most: names become those of files."""
MOST = 1_000_000
"""What counts are at most; more is a slip, and would take memory before anything is trained."""


def _short(name: str) -> str:
    if len(name) > LONGEST:
        raise ValueError(f"a name has at most {LONGEST} characters, and this one {len(name)}")
    return name


def _countable(count: int) -> int:
    if count > MOST:
        raise ValueError(f"{count} is more than {MOST:,}")
    return count


Name = Annotated[
    str,
    Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$"),
    Doc("a name of letters, digits, _ and -, beginning with a letter"),
    AfterValidator(_short),
]
Count = Annotated[int, AfterValidator(_countable)]


AUTO = "auto"
"""What is chosen once the data are known: an encoder, a search space."""


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Spaces = Annotated[
    list[str | dict[str, Any]],
    BeforeValidator(_as_list, json_schema_input_type=str | list[str | dict[str, Any]]),
]
"""One text stands for a list of it alone."""


def named(augmentations: Any) -> Any:
    """The same augmentations, each of which is named like its key where it has no name."""
    if not isinstance(augmentations, Mapping):
        return augmentations  # the schema tells what is wrong
    return {
        key: {"name": key, **options} if isinstance(options, Mapping) else options
        for key, options in augmentations.items()
    }


def _option(kind: str, **options: Any) -> Any:
    """A plug-in with these options, as a default."""
    return Field(default_factory=lambda: plugins(kind)[options["name"]](**options))


Augmentations = Annotated[dict[Name, Augmentation], BeforeValidator(named)]


class Modality(Options):
    """One modality: which of the data set's views it is, and what encodes it."""

    encoder: Encoder = _option("encoders", name=AUTO)
    """Encoder from this modality's samples to features; ``auto`` is what their shape asks for."""
    weights: str | None = None
    """Safetensors file of the encoder's first weights, relative to the recipe or to
    ``$ARMTUNE_DATA``; ``null`` for random ones."""
    lr_scale: float = Field(1.0, ge=0)
    """What the encoder's learning rate is multiplied by; 0 keeps its first weights."""
    augment: Augmentations = Field(default_factory=dict)
    """How training samples are changed by chance, at each step anew: augmentations by their names.
    Another key is allowed where ``name`` beside it says which one it is."""


class Change(Options):
    """Settings that change in the middle of a training."""

    epoch: int = Field(ge=1)
    """Epochs done when they change."""
    values: dict[str, Any]
    """New values by dotted path: numbers of ``training.optimizer`` and ``balancing``."""


class Training(Options):
    """The one training loop."""

    epochs: Count = Field(15, ge=1)
    """Number of epochs; an epoch is one pass over the training samples."""
    steps: int = Field(0, ge=0)
    """Least number of updates: where ``epochs`` is left out, there are as many as that takes, 15 at
    least. 0 for 15 epochs whatever the data's size; the search space ``auto`` has 600."""
    patience: Count = Field(0, ge=0)
    """Epochs in a row without a better one after which a training ends early; 0 for none."""
    batch_size: int = Field(128, ge=2)
    """Samples a step."""
    accumulate: Count = Field(1, ge=1)
    """Steps whose mean gradient makes one update: as if a batch were so many times larger."""
    clip_norm: float = Field(0.0, ge=0)
    """Largest norm of the gradient of all parameters; longer ones are shortened. 0 for none."""
    data: Literal["auto", "memory", "stream"] = "auto"
    """Where samples are while training: in memory, or in the cache's files, from which each batch
    is read as it is needed; ``auto`` streams what would take half of the free memory or more."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Share of every encoder's features that are 0 at a training step, each sample's drawn anew."""
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    """Share of the truth that training spreads over all classes alike, or over both answers of each
    label; not for values. Judgements know the truth alone."""
    mixup: float = Field(0.0, ge=0, allow_inf_nan=False)
    """How much training samples are mixed with others, all modalities alike: α of the weights'
    distribution Beta(α, α). 0.2 to 1 is usual, 0 for none; not for values nor token numbers."""
    balance_classes: bool = False
    """Whether samples are drawn so that every class comes up equally often, for imbalanced data;
    otherwise an epoch visits each sample once."""
    precision: Literal["float32", "bf16"] = "float32"
    """What encoders compute in while training; all else, and every judgement, is in float32."""
    compile: bool = False
    """Whether encoders are compiled (``torch.compile``) for training: at a cost of seconds to
    minutes a program, large ones then train faster on a GPU. A CPU needs a C++ compiler."""
    optimizer: Optimizer = _option("optimizers", name="adamw")
    """Optimizer with its learning rate and weight decay."""
    warmup_epochs: float = Field(1.0, ge=0)
    """Epochs over which the learning rate rises linearly to its peak."""
    decay: Literal["cosine", "step", "none"] = "cosine"
    """How the learning rate falls after the warm-up: ``cosine`` to 0, ``step`` to a tenth for the
    last 30 % of the epochs, as papers on balance do with ``sgd``, or ``none``."""
    folds: Annotated[int, Field(ge=1)] | Literal["auto"] = 1
    """Parts into which training and validation samples are cut together, to train once for each
    and judge what all of them held out; 1 judges by the validation split. ``auto`` is 5, several
    times over for few samples, where the validation split has fewer than 500; else it is 1. It is
    the default where the search space is ``auto``."""
    refit: bool = False
    """Whether to train on training and validation samples together, as a sweep does with its
    winner: the model of the last epoch counts, since nothing is left to choose an epoch by."""
    schedule: list[Change] = Field(default_factory=list)
    """Settings that change on the way, earliest first; population based training finds such."""
    seed: int = Field(0, ge=0)
    """Seed of initial weights, sample order and every random stream."""

    def last_epoch(self, best: Mapping[str, float]) -> int:
        """The epoch after which a training is over unless it gets better before.

        Args:
            best: the metrics of its best epoch so far, ``epoch`` among them; empty without one.
        """
        if not self.patience or not best:
            return self.epochs
        return min(self.epochs, int(best["epoch"]) + self.patience)


class Resources(Options):
    """What one worker reserves on the machine or cluster: it trains a trial, or a pack of them."""

    cpu: float = Field(1.0, gt=0)
    """CPU cores a worker."""
    gpu: float = Field(0.0, ge=0)
    """GPUs a worker; a fraction shares one."""
    workers: int = Field(1, ge=1)
    """Workers that train one trial together; each encodes a share of every batch."""


class Confirm(Options):
    """The best few trials, re-trained over several seeds and tested once."""

    top: Count = Field(3, ge=1)
    """How many trials of the front are re-trained."""
    seeds: Count = Field(5, ge=1)
    """Seeds each of them is re-trained with."""
    solo: bool = True
    """Also train each modality alone with the winner's settings, to see what joining them cost."""
    outputs: bool = False
    """Keep what each re-trained model says of validation and test samples beside it."""


class Sweep(Options):
    """What to search, what to optimise, and with how much."""

    space: Spaces = Field([AUTO])
    """Search spaces: files relative to the recipe, names of shipped ones, mappings of dotted paths
    to ranges, or ``auto``, which the data's shapes and sizes compose; an empty list for none."""
    objectives: list[str] = Field(["maximize accuracy"], min_length=1)
    """Metrics with their directions, such as ``minimize contribution_gap``. The default follows the
    target: ``micro_f1`` for labels, ``r2`` for values."""
    constraints: list[str] = Field(default_factory=list)
    """Conditions on metrics that a trial should meet, such as ``weakest_accuracy >= 0.4``."""
    mode: Literal["pareto", "constrained", "scalar"] = "pareto"
    """What trials are judged by: all objectives, the first one subject to the constraints, or the
    weighted distance of all from their ideal."""
    weights: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    """Weights of objectives in mode ``scalar``, by metric; 1 where not given."""
    ideal: dict[str, float] = Field(default_factory=dict)
    """Best values there can be in mode ``scalar``, by metric; where not given, 1 for what is
    maximized and 0 for what is minimized."""
    start_from: list[str | dict[str, Any]] = Field(default_factory=list)
    """What to try right after the recipe's own values: folders of earlier sweeps, relative to the
    recipe, for the trials of their fronts, and mappings of dotted paths to values."""
    trials: Count = Field(32, ge=1)
    """Number of trials; the recipe's own values are the first."""
    seconds: float | None = Field(None, gt=0)
    """Time for the whole sweep, re-trainings and export included: no more trials begin than end in
    time, ``trials`` at most, and trials and re-trainings that would take too long are left out.
    Without it, there are as many as ``trials`` says."""
    patience: Count = Field(0, ge=0)
    """Trials after which no more begin unless the front has grown with the last so many; 0 for no
    such end."""
    patience_share: float = Field(0.01, ge=0)
    """By more than which share of its hypervolume the front has to grow in that."""
    sampler: Sampler = _option("samplers", name="tpe")
    """What chooses the next trial's values."""
    pruner: Pruner = _option("pruners", name="none")
    """What stops poor trials early."""
    resources: Resources = Resources()
    """What one worker reserves."""
    pack: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """How many trials a worker trains at once, as one program; ``auto`` measures what pays."""
    retries: Count = Field(1, ge=0)
    """How often a trial is taken up again, from its checkpoint, after what may be transient: its
    worker's process died, or a file couldn't be read or written."""
    trial_seconds: float | None = Field(None, gt=0)
    """Longest time that one training may take; it fails then. An interruption starts it anew."""
    confirm: Confirm | None = Confirm()
    """Re-training of the best over several seeds; ``null`` for none."""
    references: bool = True
    """Also measure simple models (regression and boosting of each modality and of all) beside the
    sweep, for at most a tenth of its time or 20 seconds, to see what the winner gains on them."""
    refit: bool = False
    """Whether the winner is trained again after confirmation, on training and validation samples
    together, for as many epochs as the best one had in the median of the seeds; that model is
    exported."""
    ensemble: Annotated[int, Field(ge=2)] | Literal["auto", "off"] = "off"
    """The most models that an ensemble of trials and their re-trainings may have; it is exported in
    the winner's place where it is better on validation. ``auto`` is up to 10, and the default where
    the search space is ``auto``."""
    choose: str = "highest accuracy"
    """Which trial of the front wins: ``highest METRIC``, ``lowest METRIC`` or ``knee``, each with
    ``where METRIC <= NUMBER and …`` if wanted. Near-equal trials, of the front or not, are told
    apart by ``highest accuracy within one standard error, then lowest parameters`` or another
    metric: ``then lowest loss`` is the default where the search space is ``auto`` and the score is
    the only objective; else it is the best by the first objective."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Seed of the sampler."""


class Recipe(Options):
    """Everything about a training or a sweep."""

    name: Name
    """Name of the run; results go to ``runs/<name>``."""
    plugins: list[str] = Field(default_factory=list)
    """Python files of your own, relative to the recipe, whose plug-ins it names. They are run."""
    data: Data
    """The data set."""
    modalities: dict[Name, Modality] = Field(min_length=1, max_length=6)
    """The modalities to use, from 1 to 6, with an encoder each."""
    fusion: Fusion = _option("fusion", name="concat")
    """How the modalities' features become one decision."""
    balancing: Balancing = _option("balancing", name="none")
    """The balancing method."""
    metrics: dict[Name, Measure] = Field(default_factory=dict)
    """Metrics to measure beside the usual ones, by names of your choice."""
    training: Training = Training()
    """The training loop."""
    sweep: Sweep = Sweep()
    """The search."""

    def model_post_init(self, _: Any) -> None:
        """Fills in what a recipe leaves out by the data's own target, and by its search space.

        A sweep that names no goal has the target's score for one. An automatic one judges by folds,
        tells near-equals apart by their loss, and exports an ensemble.
        """
        score = self.data.predicts.score
        objectives = self.sweep.objectives
        if "objectives" not in self.sweep.model_fields_set:
            objectives = [f"maximize {score}"]
        usual: dict[str, Any] = {"objectives": objectives, "choose": best_by(objectives[0])}
        if AUTO in self.sweep.space:
            usual["ensemble"] = "auto"
            if objectives == [f"maximize {score}"]:
                usual["choose"] = f"highest {score} within one standard error, then lowest loss"
            if self.sweep.resources.workers == 1 and not self.sweep.pruner.population:
                self._fill("training", {"folds": "auto"})
        self._fill("sweep", usual)

    def _fill(self, part: str, usual: dict[str, Any]) -> None:
        """Sets what one of the recipe's parts leaves out."""
        options: Options = getattr(self, part)
        unsaid = {k: v for k, v in usual.items() if k not in options.model_fields_set}
        # A recipe can't change once it is there; this is still its making.
        object.__setattr__(self, part, options.model_copy(update=unsaid))

    def __reduce__(self) -> tuple[Any, ...]:
        # A process that is sent a recipe has to run its files before it can know its classes.
        return _received, (self.plugins, self.model_dump_json())


_FIELDS: dict[str, tuple[type[Options], str]] = {
    "encoders": (Modality, "encoder"),
    "augmentations": (Modality, "augment"),
    "optimizers": (Training, "optimizer"),
    "samplers": (Sweep, "sampler"),
    "pruners": (Sweep, "pruner"),
    "datasets": (Recipe, "data"),
    "fusion": (Recipe, "fusion"),
    "balancing": (Recipe, "balancing"),
    "metrics": (Recipe, "metrics"),
}
"""Kind of plug-ins → where a recipe names one."""


def admit_plugins() -> None:
    """Lets recipes name every plug-in that is known by now."""
    for kind, (options, name) in _FIELDS.items():
        field = options.model_fields[name]
        union = plugin_union(kind)
        if kind in ("metrics", "augmentations"):
            field.annotation = dict[Name, union]  # type: ignore[valid-type]
        else:
            field.annotation = union
    for options in (Modality, Training, Sweep, Recipe):
        options.model_rebuild(force=True)


def add_file(path: Path) -> None:
    """Runs a user's file, so that recipes can name its plug-ins.

    Raises:
        ValueError: see ``user_files.run``.
    """
    if run(path):
        admit_plugins()


def _received(files: list[str], content: str) -> Recipe:
    for file in files:
        add_file(Path(file))
    return Recipe.model_validate_json(content)


admit_plugins()
