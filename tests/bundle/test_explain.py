"""Shapley shares of predictions: against their definition, and from the shell."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from armtune.bundle import Predictor
from armtune.bundle.explain import explain
from armtune.cli import main
from armtune.data import Dataset
from armtune.data.inputs import Whole
from armtune.targets.classes import Classes
from armtune.targets.labels import Labels

Views = dict[str, np.ndarray[Any, Any]]


def engine(views: Views, present: Views) -> np.ndarray[Any, Any]:
    """A game with synergies: of each modality its number, of pairs their products."""
    x = [np.where(present[m], views[m][:, 0], 0) for m in views]
    told = x[0] + 2 * x[1] * x[2] + x[0] * x[1] * x[2]
    return np.stack([told, 1 - told], axis=1)


DRAW = np.random.default_rng(0)
VIEWS = {m: DRAW.normal(size=(7, 1)) for m in "abc"}
THERE = {m: np.ones(7, bool) for m in "abc"}


def by_orders(present: Views) -> np.ndarray[Any, Any]:
    """The mean over all orders of what each adds, ``(sample, output, player)``."""
    found = np.zeros((7, 2, 3))
    orders = list(permutations(range(3)))
    for order in orders:
        left = {m: np.zeros(7, bool) for m in "abc"}
        before = engine(VIEWS, left)
        for k in order:
            left["abc"[k]] = present["abc"[k]]
            now = engine(VIEWS, left)
            found[:, :, k] += (now - before) / len(orders)
            before = now
    return found


def test_shares_are_means_over_all_orders() -> None:
    found = explain(Labels(("x", "y")), engine, VIEWS, THERE)
    np.testing.assert_allclose(found.shares, by_orders(THERE), atol=1e-12)
    np.testing.assert_allclose(found.nothing + found.shares.sum(2), found.told, atol=1e-12)


def test_what_a_sample_lacks_has_no_share() -> None:
    present = {**THERE, "b": np.arange(7) % 2 == 0}
    found = explain(Labels(("x", "y")), engine, VIEWS, present)
    np.testing.assert_allclose(found.shares, by_orders(present), atol=1e-12)
    assert not found.shares[1::2, :, 1].any()
    assert found.shares[::2, :, 1].all()


def test_of_classes_the_decided_one_is_explained() -> None:
    found = explain(Classes(("x", "y")), engine, VIEWS, THERE)
    names = [record["output"] for _, record in found.records()]
    assert names == ["xy"[k] for k in found.told.argmax(1)]
    assert len(list(explain(Labels(("x", "y")), engine, VIEWS, THERE).rows())) == 14


def test_a_bundles_shares_add_up_to_what_it_predicts(whole: Path, dataset: Dataset) -> None:
    predictor, views = Predictor(whole), dict(dataset.test.views)
    told = predictor.predict(views)
    only = predictor.predict({"image": views["image"]}).probabilities  # type: ignore[attr-defined]
    (found,) = predictor.explain({m: Whole(view) for m, view in views.items()})
    np.testing.assert_allclose(found.told, told.probabilities, atol=1e-6)  # type: ignore[attr-defined]
    np.testing.assert_allclose(found.nothing + found.shares.sum(2), found.told, atol=1e-6)
    # Of two: half of what it adds to nothing, and half of what it adds to the other.
    image = ((only - found.nothing) + (found.told - found.nothing)) / 2
    (alone,) = predictor.explain({"audio": Whole(views["audio"])})
    image -= (alone.told - found.nothing) / 2
    np.testing.assert_allclose(found.shares[:, :, 0], image, atol=1e-6)
    assert not alone.shares[:, :, 0].any()


def test_the_verb_writes_csv_and_json(
    whole: Path, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez(tmp_path / "x.npz", **dataset.test.views)
    for name, more in (("out.csv", []), ("out.jsonl", ["--json"])):
        given = ["--input", str(tmp_path / "x.npz"), "--output", str(tmp_path / name), *more]
        monkeypatch.setattr(sys, "argv", ["armtune", "explain", str(whole), *given])
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code in (0, None)
    with (tmp_path / "out.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    names = Predictor(whole).predict(dict(dataset.test.views)).names  # type: ignore[attr-defined]
    assert [row["output"] for row in rows] == [r["output"] for r in records] == names
    assert list(rows[0]) == ["sample", "output", "told", "nothing", "share(image)", "share(audio)"]
    for row, record in zip(rows, records, strict=True):
        total = float(row["nothing"]) + float(row["share(image)"]) + float(row["share(audio)"])
        assert total == pytest.approx(float(row["told"]), abs=1e-5)
        assert record["shares"]["image"] == pytest.approx(float(row["share(image)"]), abs=1e-5)


def test_a_fault_in_the_input_comes_before_any_output(whole: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", image=np.full((3, 6, 6), np.inf))
    given = ["explain", str(whole), "--input", str(tmp_path / "x.npz")]
    done = subprocess.run([sys.executable, "-m", "armtune", *given], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert "holds NaN or an infinity" in done.stderr
