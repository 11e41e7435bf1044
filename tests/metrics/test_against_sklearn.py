"""Metrics by scikit-learn equal what its functions give; what is undefined says so."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax
from sklearn import metrics as sk

from armtune.data import Dataset
from armtune.errors import RecipeError
from armtune.metrics import Measure
from armtune.plugins.registry import plugins
from armtune.recipe.data_notes import data_notes
from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Recipe
from armtune.targets import Target, kinds
from armtune.targets.classes import Classes
from armtune.targets.labels import Labels
from armtune.targets.values import Values

DRAW = np.random.default_rng(3)
LOGITS = {k: DRAW.normal(size=(50, k)) for k in (1, 2, 3, 4)}
CLASSES = {k: np.arange(50) * 7 % k for k in (2, 4)}
LABELS = (DRAW.random((50, 3)) < 0.4).astype(int)
POSITIVE = np.exp(LOGITS[1][:, 0])


def measure(name: str, **options: Any) -> Measure:
    found = plugins("metrics")[name](**options)
    assert isinstance(found, Measure)
    return found


def value(of: Measure, outputs: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> float:
    return of.value(torch.tensor(outputs), torch.tensor(labels))


def proba(k: int) -> Any:
    return softmax(LOGITS[k], axis=1)


def told(k: int) -> Any:
    return LOGITS[k].argmax(1)


FOUR, TWO = CLASSES[4], CLASSES[2]
ONE_HOT = np.eye(4, dtype=int)[FOUR]
CASES: dict[str, tuple[Measure, int, Callable[[], float]]] = {
    "roc_auc of two": (measure("roc_auc"), 2, lambda: sk.roc_auc_score(TWO, proba(2)[:, 1])),
    "roc_auc": (measure("roc_auc"), 4, lambda: sk.roc_auc_score(FOUR, proba(4), multi_class="ovr")),
    "roc_auc, pairs, weighted": (
        measure("roc_auc", pairs="ovo", average="weighted"),
        4,
        lambda: sk.roc_auc_score(FOUR, proba(4), multi_class="ovo", average="weighted"),
    ),
    "pr_auc of two": (
        measure("pr_auc"),
        2,
        lambda: sk.average_precision_score(TWO, proba(2)[:, 1]),
    ),
    "pr_auc": (measure("pr_auc"), 4, lambda: sk.average_precision_score(ONE_HOT, proba(4))),
    "balanced_accuracy": (
        measure("balanced_accuracy"),
        4,
        lambda: sk.balanced_accuracy_score(FOUR, told(4)),
    ),
    "weighted_f1": (
        measure("weighted_f1"),
        4,
        lambda: sk.f1_score(FOUR, told(4), average="weighted"),
    ),
    "matthews": (measure("matthews"), 4, lambda: sk.matthews_corrcoef(FOUR, told(4))),
    "log_loss": (measure("log_loss"), 4, lambda: sk.log_loss(FOUR, proba(4))),
    "brier of two": (measure("brier"), 2, lambda: sk.brier_score_loss(TWO, proba(2)[:, 1])),
    "brier": (measure("brier"), 4, lambda: float(((proba(4) - ONE_HOT) ** 2).sum(1).mean())),
    "top_k": (
        measure("top_k", k=2),
        4,
        lambda: sk.top_k_accuracy_score(FOUR, LOGITS[4], k=2),
    ),
    "scorer roc_auc_ovo": (
        measure("sklearn", scorer="roc_auc_ovo"),
        4,
        lambda: sk.roc_auc_score(FOUR, proba(4), multi_class="ovo"),
    ),
    "scorer roc_auc": (
        measure("sklearn", scorer="roc_auc"),
        2,
        lambda: sk.roc_auc_score(TWO, proba(2)[:, 1]),
    ),
    "scorer f1": (measure("sklearn", scorer="f1"), 2, lambda: sk.f1_score(TWO, told(2))),
    "scorer neg_log_loss": (
        measure("sklearn", scorer="neg_log_loss"),
        4,
        lambda: -sk.log_loss(FOUR, proba(4)),
    ),
    "scorer precision_macro": (
        measure("sklearn", scorer="precision_macro"),
        4,
        lambda: sk.precision_score(FOUR, told(4), average="macro"),
    ),
    "scorer adjusted_rand_score": (
        measure("sklearn", scorer="adjusted_rand_score"),
        4,
        lambda: sk.adjusted_rand_score(FOUR, told(4)),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_of_classes_it_is_scikit_learns(case: str) -> None:
    of, width, expected = CASES[case]
    assert value(of, LOGITS[width], CLASSES[width]) == pytest.approx(expected(), abs=1e-6)


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (measure("roc_auc"), lambda p: sk.roc_auc_score(LABELS, p)),
        (measure("pr_auc"), lambda p: sk.average_precision_score(LABELS, p)),
        (measure("weighted_f1"), lambda p: sk.f1_score(LABELS, p > 0.5, average="weighted")),
        (
            measure("brier"),
            lambda p: np.mean([sk.brier_score_loss(LABELS[:, k], p[:, k]) for k in range(3)]),
        ),
        (measure("sklearn", scorer="roc_auc"), lambda p: sk.roc_auc_score(LABELS, p)),
        (
            measure("sklearn", scorer="f1_samples"),
            lambda p: sk.f1_score(LABELS, p > 0.5, average="samples", zero_division=0),
        ),
    ],
    ids=["roc_auc", "pr_auc", "weighted_f1", "brier", "scorer roc_auc", "scorer f1_samples"],
)
def test_of_labels_it_is_scikit_learns(of: Measure, expected: Callable[[Any], float]) -> None:
    found = value(of, LOGITS[3], LABELS.astype(np.float64))
    assert found == pytest.approx(float(expected(expit(LOGITS[3]))), abs=1e-6)


@pytest.mark.parametrize(
    ("scorer", "expected"),
    [
        ("r2", sk.r2_score),
        ("neg_mean_absolute_error", lambda y, p: -sk.mean_absolute_error(y, p)),
        ("explained_variance", sk.explained_variance_score),
        ("neg_mean_squared_log_error", lambda y, p: -sk.mean_squared_log_error(y, p)),
    ],
)
def test_of_values_it_is_scikit_learns(scorer: str, expected: Callable[..., float]) -> None:
    outputs = POSITIVE[:, None] * 1.1 + 0.1
    of = measure("sklearn", scorer=scorer)
    assert value(of, outputs, POSITIVE) == pytest.approx(expected(POSITIVE, outputs[:, 0]))


TARGETS: dict[str, Target] = {
    "classes": Classes(("a", "b", "c")),
    "labels": Labels(("a", "b")),
    "values": Values(("value",)),
}


@pytest.mark.parametrize("scorer", sorted(sk.get_scorer_names()))
def test_every_scorer_is_for_some_target(scorer: str) -> None:
    of = measure("sklearn", scorer=scorer)
    able = [kind for kind, target in kinds().items() if not of.misfit(target)]
    assert able
    assert able == ["values"] or "values" not in able


def test_a_scorer_that_is_none_says_what_was_meant() -> None:
    said = measure("sklearn", scorer="roc_auc_ovrr").misfit(Classes)
    assert said == "scikit-learn has no scorer 'roc_auc_ovrr'; did you mean 'roc_auc_ovr'?"
    assert "isn't defined for target values" in measure("sklearn").misfit(Values)


@pytest.mark.parametrize("name", ["roc_auc", "pr_auc"])
def test_one_class_only_is_undefined(name: str) -> None:
    same = np.zeros(50, np.int64)
    assert math.isnan(value(measure(name), LOGITS[2], same))
    said = measure(name).undefined(Classes(("a", "b")), same)
    assert said == "every sample has the class numbered 0"


def test_what_a_scorer_needs_is_said_in_its_words() -> None:
    of = measure("sklearn", scorer="roc_auc")
    assert not of.undefined(Classes(("a", "b")), CLASSES[2])
    assert "multi_class must be in" in of.undefined(Classes(tuple("abcd")), CLASSES[4])
    for kind, target in TARGETS.items():
        labels = {"classes": np.arange(6) % 3, "labels": LABELS[:, :2].astype(np.float32)}
        shown = labels.get(kind, POSITIVE)
        assert not measure("sklearn", scorer="r2" if kind == "values" else "accuracy").undefined(
            target, shown
        )


def one_class(dataset: Dataset, split: str) -> Dataset:
    own = getattr(dataset, split)
    return replace(dataset, **{split: replace(own, labels=np.zeros_like(own.labels))})  # type: ignore[arg-type]


def test_a_goal_that_is_undefined_is_refused_and_another_metric_told(
    make_recipe: Callable[..., Recipe], make_dataset: Callable[..., Dataset]
) -> None:
    recipe = with_overrides(make_recipe(), {"metrics": {"auc": {"name": "roc_auc"}}})
    dataset = make_dataset()
    assert not [n for n in data_notes(recipe, (), dataset) if "undefined" in n]
    notes = data_notes(recipe, (), one_class(dataset, "test"))
    assert "metrics.auc is undefined on test: every sample has the class numbered 0" in notes
    lacking = one_class(dataset, "validation")
    assert any("undefined on validation" in note for note in data_notes(recipe, (), lacking))
    goal = with_overrides(recipe, {"sweep.objectives": ["maximize auc"]})
    with pytest.raises(RecipeError, match="auc is undefined on validation: every sample"):
        data_notes(goal, (), lacking)


RECIPE = """\
name: r
data: {name: arrays, path: own.npz}
modalities: {a: {encoder: {name: mlp}}, b: {encoder: {name: mlp}}}
training: {epochs: 2}
metrics:
  auc: {name: roc_auc}
  loss_too: {name: log_loss}
  by_name: {name: sklearn, scorer: roc_auc_ovr}
sweep:
  space: [{training.optimizer.lr: {log: [1e-3, 1e-1]}}]
  objectives: [GOALS]
  trials: 2
  references: false
  ensemble: 'off'
  sampler: {name: random}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    views = {name: DRAW.normal(size=(120, 3)) for name in ("a", "b")}
    np.savez(tmp_path / "own.npz", label=np.arange(120) % 3, **views)
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE.replace("GOALS", "maximize auc, minimize loss_too"), encoding="utf-8")
    return path


def armtune(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "armtune", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_a_sweep_searches_by_them(recipe: Path) -> None:
    done = armtune("sweep", "r.yaml", "--inline", "--quiet", "--to", "run", folder=recipe.parent)
    assert done.returncode == 0, done.stderr
    told = armtune("report", "run", "--json", folder=recipe.parent)
    trials = json.loads(told.stdout)["trials"]
    for trial in trials:
        assert trial["metrics"]["by_name"] == pytest.approx(trial["metrics"]["auc"])
        assert trial["metrics"]["loss_too"] == pytest.approx(trial["metrics"]["loss"], rel=1e-4)


def test_a_goal_the_wrong_way_round_is_a_fault(recipe: Path) -> None:
    text = recipe.read_text(encoding="utf-8")
    recipe.write_text(text.replace("minimize loss_too", "maximize loss_too"), encoding="utf-8")
    done = armtune("check", "r.yaml", folder=recipe.parent)
    assert done.returncode == 2
    said = "loss_too (log_loss) is better the lower it is; minimize it"
    assert said in done.stderr


def test_a_scorer_that_does_not_serve_is_told_where_it_stands(recipe: Path) -> None:
    text = recipe.read_text(encoding="utf-8").replace("roc_auc_ovr}", "neg_max_error}")
    recipe.write_text(text, encoding="utf-8")
    done = armtune("check", "r.yaml", folder=recipe.parent)
    assert done.returncode == 2
    assert "metrics.by_name.scorer: the scorer neg_max_error isn't defined" in done.stderr


def test_checking_imports_no_scikit_learn_but_for_a_scorer(recipe: Path) -> None:
    text = recipe.read_text(encoding="utf-8")
    plain = text.replace("  by_name: {name: sklearn, scorer: roc_auc_ovr}\n", "")
    for content, expected in ((plain, "[]"), (text, "['sklearn']")):
        recipe.write_text(content, encoding="utf-8")
        code = (
            "import sys; from armtune.cli import main; sys.argv[1:] = ['check', 'r.yaml']\n"
            "try: main()\n"
            "except SystemExit: pass\n"
            "print(sorted({'torch', 'sklearn', 'optuna'} & set(sys.modules)))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=recipe.parent, capture_output=True, text=True
        )
        assert done.stdout.splitlines()[-1] == expected, done.stderr
