"""Whether the winner of an automatic sweep is worth deploying: against scikit-learn, over cuts.

    python benchmarks/quality.py [--sets wiki,msrc] [--cuts 5] [--trials 40] [--seconds 600]
    python benchmarks/quality.py --without arm    # the same search without a balancing method

For each data set and each of N random stratified cuts (whole groups where there are groups), and
for the split that the data come with, one sweep whose recipe names the modalities and nothing
else, against logistic regressions on the same samples: on each view, on all views side by side,
and the mean of the views' probabilities. Their strength is chosen by cross-validation, and they
learn from training and validation samples together. What is judged is the exported model on test,
read once. Prints a table in Markdown; accuracy in per cent, with 95 % intervals over the cuts.
A table gets the recipe that ``armtune init`` drafts for it; its references read what a sweep's own
do: words by TF-IDF, categories one-hot, pictures' pixels pooled, wide ones by their components.
Beside the best reference that uses all views stand the accuracy with one view missing (the mean
over which one) and the gap between the views' contributions; missing views are left out of a mean,
and replaced by their mean where all stand side by side.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from scipy.stats import t
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegressionCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import armtune
from armtune.data import Dataset, Split
from armtune.datasets._load import load_dataset
from armtune.errors import ArmtuneError
from armtune.information import shapley_values
from armtune.recipe.automatic import METHODS
from armtune.recipe.drafts.draft import Asked
from armtune.recipe.drafts.kinds import draft_recipe
from armtune.recipe.load import load_recipe
from armtune.references.__main__ import tokens_of
from armtune.references.measure import columns_of

Array = NDArray[Any]
TEST, VALIDATION = 0.3, 0.15
STRENGTHS, FOLDS = np.logspace(-5, 2, 8), 3
PAIRS = 2000
"""Pairs of AV-MNIST that are used."""


@dataclass(frozen=True)
class Pool:
    """All samples of a data set, and the split that it comes with."""

    views: Mapping[str, Array]
    labels: Array
    extra: Mapping[str, Array] = field(default_factory=dict)
    given: Mapping[str, Array] = field(default_factory=dict)

    def recipe(self, folder: Path, cut: int | None) -> dict[str, Any]:
        """A recipe that leaves all to its data; see ``write_recipe``."""
        given = self.given if cut is None else {}
        np.savez(folder / "data.npz", **self.views, label=self.labels, **self.extra, **given)
        data = {"name": "arrays", "path": "data.npz", "test": TEST, "validation": VALIDATION}
        groups = {"groups": "subject"} if self.extra else {}
        modalities: dict[str, Any] = {m: {} for m in self.views}
        return {"data": {**data, "seed": cut or 0, **groups}, "modalities": modalities}


@dataclass(frozen=True)
class Table:
    """A file with a row a sample, without a split of its own."""

    path: Path
    label: str
    given: Mapping[str, Array] = field(default_factory=dict)

    def recipe(self, folder: Path, cut: int | None) -> dict[str, Any]:
        """The recipe that ``armtune init`` drafts; see ``write_recipe``."""
        draft = folder / "draft.yaml"
        draft_recipe(self.path, Asked(folder, self.label), draft, "")
        recipe: dict[str, Any] = yaml.safe_load(draft.read_text(encoding="utf-8"))
        recipe["data"]["seed"] = cut or 0
        return recipe


def stored(name: str) -> Pool:
    """A file in the format of ``arrays``."""
    with np.load(Path(os.environ["ARMTUNE_DATA"]) / name / "data.npz") as file:
        views = {k[5:]: file[k] for k in file.files if k.startswith("view_")}
        given = {k: file[k] for k in ("train_index", "test_index")}
        extra = {"subject": file["subject"]} if "subject" in file.files else {}
        return Pool(views, file["label"], extra, given)


def cut_into(data: Any, bounds: Mapping[str, slice]) -> Pool:
    """Columns of one of scikit-learn's own data sets as views."""
    return Pool({m: data.data[:, s].astype(np.float32) for m, s in bounds.items()}, data.target)


def avmnist() -> Pool:
    """Pairs of the shipped recipe, noise included, with their own split."""
    path = Path(__file__).parents[1] / "recipes" / "avmnist.yaml"
    dataset = load_dataset(load_recipe(path), path.parent)
    parts = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    total = sum(map(len, parts.values()))
    kept = {n: np.arange(PAIRS * len(part) // total) for n, part in parts.items()}
    views = {
        m: np.concatenate([np.asarray(part.views[m][kept[n]]) for n, part in parts.items()])
        for m in dataset.shapes
    }
    labels = np.concatenate([part.labels[kept[n]] for n, part in parts.items()])
    split = np.repeat(list(parts), [len(index) for index in kept.values()])
    return Pool(views, labels, given={"split": split})


def openmoji() -> Table:
    """Pictograms with two texts and facts, as they lie there."""
    return Table(Path(os.environ["ARMTUNE_DATA"]).resolve() / "openmoji/openmoji.csv", "group")


SETS: dict[str, Callable[[], Pool | Table]] = {
    "wiki": lambda: stored("multiview/wiki"),
    "leaves": lambda: stored("multiview/leaves"),
    "msrc": lambda: stored("multiview/msrc"),
    "bbcsport": lambda: stored("multiview/bbcsport"),
    "utd_mhad": lambda: stored("utd_mhad"),
    "avmnist": avmnist,
    "openmoji": openmoji,
    "digits": lambda: cut_into(load_digits(), {"top": slice(0, 32), "bottom": slice(32, 64)}),
    "wine": lambda: cut_into(load_wine(), {"first": slice(0, 7), "second": slice(7, 13)}),
    "breast_cancer": lambda: cut_into(
        load_breast_cancer(),
        {"mean": slice(0, 10), "error": slice(10, 20), "worst": slice(20, 30)},
    ),
}


@dataclass(frozen=True)
class Judged:
    """Shares of right decisions on a cut's test samples, and what the sweep took."""

    winner: float
    view: float
    mean: float
    together: float
    missing: tuple[float, float]
    gap: tuple[float, float]
    seconds: float


def write_recipe(
    folder: Path, name: str, pool: Pool | Table, cut: int | None, args: argparse.Namespace
) -> Path:
    """A recipe that leaves all to its data; ``cut`` None for the split that they come with."""
    recipe = {**pool.recipe(folder, cut), "name": name}
    confirm = {"top": 2, "seeds": 2, "solo": False}
    asked = {"trials": args.trials, "seconds": args.seconds, "confirm": confirm}
    recipe["sweep"] = {**recipe.get("sweep", {}), **asked}
    if args.without:
        methods = {"balancing.name": {"choice": [m for m in METHODS if m != args.without]}}
        recipe["sweep"]["space"] = ["auto", methods]
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    return path


def judged(name: str, pool: Pool | Table, cut: int | None, args: argparse.Namespace) -> Judged:
    """One sweep and its references on one cut."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        path = write_recipe(folder, name, pool, cut, args)
        started = time.perf_counter()
        found = armtune.sweep(path, to=folder / "run", inline=True)
        took = time.perf_counter() - started
        assert found.best is not None, "a sweep with one objective has a winner"
        dataset = load_dataset(load_recipe(path), folder)
        own = winners(armtune.load_bundle(found.best), dataset)
        values = found.trials.loc[found.chosen].dropna().to_dict()
        shown = {k: v for k, v in values.items() if "." in k}
        print(f"  {len(found.trials)} trials; chosen: {shown}", flush=True)
        tokens = tokens_of(load_recipe(folder / "run" / "recipe.yaml"), dataset)
    read = partial(prepared, tokens=tokens) if isinstance(pool, Table) else scaled
    view, mean, together = references(dataset, {m: read(dataset, m) for m in dataset.shapes})
    best, all_views = max(mean, together, key=lambda s: s[full(dataset)]), full(dataset)
    figures = (own[all_views], view, mean[all_views], together[all_views])
    views = list(dataset.shapes)
    each = [(_missing(scores, views), _gap(scores, views)) for scores in (own, best)]
    missing, gap = zip(*each, strict=True)
    return Judged(*figures, missing, gap, took)


Scores = Mapping[frozenset[str], float]
"""Shares of right decisions by the views that are there; of none, that of the majority class."""


def full(dataset: Dataset) -> frozenset[str]:
    """All views."""
    return frozenset(dataset.shapes)


def subsets(dataset: Dataset) -> list[frozenset[str]]:
    """All sets of one view or more."""
    names = list(dataset.shapes)
    return [frozenset(some) for n in range(len(names)) for some in combinations(names, n + 1)]


def winners(predictor: Any, dataset: Dataset) -> Scores:
    """The exported model's."""
    split, found = dataset.test, {frozenset[str](): majority(dataset)}
    for some in subsets(dataset):
        there = np.any([split.present.get(m, np.ones(len(split), bool)) for m in some], axis=0)
        said = np.full(len(split), usual(dataset))
        test = {m: lacking(split, m)[there] for m in dataset.shapes if m in some}
        said[there] = predictor.predict(test).classes
        found[some] = float((said == split.labels).mean())
    return found


def lacking(split: Split, view: str) -> Array:
    """A view's samples, NaN where a sample lacks it."""
    samples = np.array(split.views[view][:], np.float32)
    if view in split.present:
        samples[~split.present[view]] = np.nan
    return samples


def usual(dataset: Dataset) -> int:
    """The class that most training samples are of."""
    return int(np.bincount(dataset.train.labels).argmax())


def majority(dataset: Dataset) -> float:
    """The share of test samples that are of that class."""
    return float((dataset.test.labels == usual(dataset)).mean())


def _missing(scores: Scores, views: Sequence[str]) -> float:
    """The mean over the view that is missing."""
    return fmean(scores[frozenset(views) - {m}] for m in views)


def _gap(scores: Scores, views: Sequence[str]) -> float:
    """Between the largest and the smallest Shapley value of a view."""
    masks = range(2 ** len(views))
    named = [frozenset(m for k, m in enumerate(views) if mask >> k & 1) for mask in masks]
    values = shapley_values(torch.tensor([[scores[some] for some in named]]))
    return float(values.max() - values.min())


def references(
    dataset: Dataset, columns: Mapping[str, tuple[Array, Array]]
) -> tuple[float, Scores, Scores]:
    """The best view's, the mean of all views', and all views' together.

    Args:
        columns: of each view, of the samples to learn from and of test.
    """
    labels = np.concatenate([split.labels for split in (dataset.train, dataset.validation)])
    learn, test = ({m: each[k] for m, each in columns.items()} for k in range(2))
    own = {m: fitted(learn[m], labels).predict_proba(test[m]) for m in learn}
    model = fitted(np.concatenate(list(learn.values()), axis=1), labels)
    mean, together = ({frozenset[str](): majority(dataset)} for _ in range(2))
    for some in subsets(dataset):
        mean[some] = _right(sum(own[m] for m in some), dataset)
        there = [x if m in some else 0 * x + learn[m].mean(0) for m, x in test.items()]
        together[some] = _right(model.predict_proba(np.concatenate(there, axis=1)), dataset)
    return max(mean[frozenset({m})] for m in own), mean, together


def _right(probabilities: Any, dataset: Dataset) -> float:
    return float((probabilities.argmax(1) == dataset.test.labels).mean())


def scaled(dataset: Dataset, view: str) -> tuple[Array, Array]:
    """Samples as vectors, each number standardised: to learn from, and of test."""
    splits = (dataset.train, dataset.validation, dataset.test)
    train, validation, test = (np.asarray(s.views[view][:]).reshape(len(s), -1) for s in splits)
    learn = np.concatenate([train, validation])
    scaler = StandardScaler().fit(learn)
    return scaler.transform(learn), scaler.transform(test)


def prepared(dataset: Dataset, view: str, tokens: Sequence[str]) -> tuple[Array, Array]:
    """Samples as the references of a sweep read them.

    Args:
        tokens: views that are numbers of words.
    """
    columns = columns_of(dataset, view, view in tokens)
    return columns.full, columns.test


def fitted(learn: Array, labels: Array) -> Any:
    """A logistic regression; the rotation before it changes nothing but time."""
    rotation = PCA(min(len(learn), learn.shape[1], 500), svd_solver="full")
    model = LogisticRegressionCV(Cs=STRENGTHS, cv=FOLDS, max_iter=300)
    return make_pipeline(rotation, model).fit(learn, labels)


def spread(values: Sequence[float]) -> str:
    """Mean and half-width of the 95 % interval over the cuts, in per cent."""
    mean = 100 * fmean(values)
    if len(values) < 2:
        return f"{mean:.1f}"
    half = 100 * t.ppf(0.975, len(values) - 1) * stdev(values) / len(values) ** 0.5
    return f"{mean:.1f} ± {half:.1f}"


def row(name: str, cuts: str, found: Sequence[Judged]) -> str:
    """A line of the table."""
    columns = [[getattr(j, n) for j in found] for n in ("winner", "view", "mean", "together")]
    best = max(columns[1:], key=fmean)
    over = [w - b for w, b in zip(columns[0], best, strict=True)]
    missing, gaps = (
        " / ".join(f"{scale * fmean(side):.{digits}f}" for side in zip(*pairs, strict=True))
        for pairs, scale, digits in (
            ([j.missing for j in found], 100, 1), ([j.gap for j in found], 1, 3),
        )
    )  # fmt: skip
    seconds = f"{fmean(j.seconds for j in found):.0f}"
    cells = [name, cuts, *(spread(c) for c in columns), spread(over), missing, gaps, seconds]
    return f"| {' | '.join(cells)} |"


def rows(name: str, pool: Pool | Table, args: argparse.Namespace) -> Iterator[str]:
    """The random cuts' line, then the given split's."""
    found = []
    for cut in range(args.cuts):
        found.append(judged(name, pool, cut, args))
        print(f"  {name} {cut}: {found[-1]}", flush=True)
    if found:
        yield row(name, str(args.cuts), found)
    if pool.given and not args.no_given:
        yield row(name, "given", [judged(name, pool, None, args)])


def main() -> None:
    """Prints a line a data set as it is done, and the table at the end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--cuts", type=int, default=5)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=600.0, help="of a sweep")
    parser.add_argument("--without", default="", choices=("", *METHODS))
    parser.add_argument("--no-given", action="store_true", help="leave the given splits out")
    args = parser.parse_args()
    head = "data|cuts|winner|best view|mean of views|all views|winner − best reference"
    head += "|one view missing: winner / reference|gap: winner / reference|seconds"
    table = [f"| {head.replace('|', ' | ')} |", "|---" * 10 + "|"]
    for name in args.sets.split(","):
        try:
            table += rows(name, SETS[name](), args)
        except ArmtuneError as error:
            table.append(f"| {name} | failed: {error} |" + " |" * 8)
        print(table[-1], flush=True)
    print("\n".join(["", *table]))


if __name__ == "__main__":
    main()
