"""From a recipe to predictions, for labels and for values: the shipped recipes on small files."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import armtune
from armtune.cli import main
from armtune.targets.labels import LabelPrediction
from armtune.targets.values import ValuePrediction

RECIPES = Path(__file__).parents[2] / "recipes"
SMALL = ["training.epochs=2", "training.batch_size=16", "sweep.trials=2", "sweep.confirm.seeds=2"]
SMALL += ["sweep.confirm.top=1", "sweep.pruner.name=none"]
Out = Callable[..., str]


@pytest.fixture
def out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[Out]:
    """Runs a verb in an empty folder, and gives what it prints."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("ARMTUNE_DATA", raising=False)
    threads = torch.get_num_threads()

    def run(*words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["armtune", *map(str, words)])
        with pytest.raises(SystemExit) as caught:
            main()
        told = capsys.readouterr()
        assert caught.value.code in (0, None), told.err
        return told.out

    yield run
    torch.set_num_threads(threads)


def table_of_flats(path: Path) -> dict[str, np.ndarray]:
    """Prices around 300,000 that are sums of two features of the flat and one of the street."""
    rng = np.random.default_rng(0)
    flat, street = rng.normal(size=(120, 2)), rng.normal(size=(120, 1))
    price = 300_000 + 50_000 * (flat.sum(1) + street[:, 0])
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["flat_rooms", "flat_area", "street_noise", "building", "price"])
        rows = zip(flat, street, price, strict=True)
        table.writerows([*f, *s, k // 2, p] for k, (f, s, p) in enumerate(rows))
    return {"flat": flat, "street": street}


def arrays_of_films(path: Path) -> dict[str, np.ndarray]:
    """Two labels that the poster tells of, and one that the plot tells of."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, (120, 3))
    views = {
        "poster": 2.0 * label[:, :2] + rng.normal(size=(120, 2)),
        "plot": 2.0 * label[:, 2:] + rng.normal(size=(120, 1)),
    }
    np.savez(path, label=label, label_names=["crime", "love", "war"], **views)
    return views


def swept(out: Out, name: str, file: Path, score: str) -> Path:
    """A sweep of a shipped recipe with a file of one's own."""
    changes = [*SMALL, f"sweep.choose=highest {score}"]
    out("sweep", RECIPES / f"{name}.yaml", f"data.path={file}", *changes, "--inline", "--quiet")
    return Path("runs") / name


def tags(folder: Path) -> set[str]:
    """What TensorBoard gets of a trial."""
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    return set(events.Reload().Tags()["scalars"]) | set(events.Tags()["tensors"])


def standalone(bundle: Path, samples: Path) -> list[list[str]]:
    """What ``predict.py`` writes, which knows no armtune."""
    command = [sys.executable, str(bundle / "predict.py"), str(samples)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return list(csv.reader(done.stdout.splitlines()))


def test_a_value(out: Out, tmp_path: Path) -> None:
    samples = tmp_path / "samples.npz"
    np.savez(samples, **(views := table_of_flats(tmp_path / "own.csv")))
    told = out("data", "check", RECIPES / "regression.yaml", f"data.path={tmp_path / 'own.csv'}")
    assert "values of price (train, validation, test):" in told
    run = swept(out, "regression", tmp_path / "own.csv", "r2")
    report = out("report", run)
    assert "Preserved (r2 and information of each modality's own head)" in report
    assert "R²" not in report  # metrics go by their names
    assert {"r2", "rmse", "unimodal_r2/flat", "contribution/street"} <= tags(run / "trials/0000")
    card = (run / "best" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "Estimates a number: price (" in card
    assert "Each modality's Shapley value in r2" in card
    assert "| rmse | " in card
    rows = list(csv.reader(out("predict", run / "best", "--input", samples).splitlines()))
    assert rows[0] == ["sample", "price"]
    predictor = armtune.load_bundle(run / "best")
    prediction = predictor.predict(views)
    assert isinstance(prediction, ValuePrediction)
    assert 100_000 < prediction.values.mean() < 500_000
    assert [float(row[1]) for row in rows[1:]] == pytest.approx(prediction.values.tolist())
    alone = standalone(run / "best", samples)
    assert alone[0] == rows[0]
    assert [float(r[1]) for r in alone[1:]] == pytest.approx(prediction.values.tolist(), rel=1e-4)
    without = predictor.predict({"flat": views["flat"]})
    assert isinstance(without, ValuePrediction)
    assert np.isfinite(without.values).all()


def test_labels(out: Out, tmp_path: Path) -> None:
    samples = tmp_path / "samples.npz"
    np.savez(samples, **(views := arrays_of_films(tmp_path / "own.npz")))
    told = out("data", "check", RECIPES / "multi_label.yaml", f"data.path={tmp_path / 'own.npz'}")
    assert "samples with a label (train, validation, test):" in told
    assert "  crime " in told
    run = swept(out, "multi_label", tmp_path / "own.npz", "micro_f1")
    assert "Preserved (micro_f1 and information" in out("report", run)
    expected = {"micro_f1", "mean_average_precision", "unimodal_micro_f1/plot", "missing/poster"}
    assert expected <= tags(run / "trials/0000")
    card = (run / "best" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "Says which of 3 labels a sample has: crime, love, war." in card
    rows = list(csv.reader(out("predict", run / "best", "--input", samples).splitlines()))
    assert rows[0] == ["sample", "labels", "p(crime)", "p(love)", "p(war)"]
    prediction = armtune.load_bundle(run / "best").predict(views)
    assert isinstance(prediction, LabelPrediction)
    assert [row[1] for row in rows[1:]] == [";".join(names) for names in prediction.names]
    first = json.loads(out("predict", run / "best", "--input", samples, "--json").splitlines()[0])
    assert first["labels"] == prediction.names[0]
    alone = standalone(run / "best", samples)
    assert alone[0] == rows[0]
    assert [row[1] for row in alone[1:]] == [row[1] for row in rows[1:]]


@pytest.mark.parametrize(
    ("name", "make", "ending"),
    [("regression", table_of_flats, "csv"), ("multi_label", arrays_of_films, "npz")],
)
def test_other_formats_agree(
    out: Out, tmp_path: Path, name: str, make: Callable[[Path], object], ending: str
) -> None:
    pytest.importorskip("onnxruntime")
    make(file := tmp_path / f"own.{ending}")
    out("train", RECIPES / f"{name}.yaml", f"data.path={file}", "training.epochs=1")
    run, changes = swept(out, name, file, "r2" if name == "regression" else "micro_f1"), "model"
    out("export", run, "--to", changes, "--trial", "0", "--format", "torch,onnx,numpy")
    formats = json.loads(Path(changes, "bundle.json").read_text(encoding="utf-8"))["formats"]
    assert all(f["largest_difference"] < 1e-5 for f in formats.values())
    assert set(formats) == {"torch", "onnx", "numpy"}


def test_several_values(out: Out, tmp_path: Path) -> None:
    views = table_of_flats(tmp_path / "own.csv")
    changes = [f"data.path={tmp_path / 'own.csv'}", "data.label=[price, building]", *SMALL]
    changes += ["data.groups=null", "sweep.choose=highest r2"]
    out("sweep", RECIPES / "regression.yaml", *changes, "--inline", "--quiet")
    best = Path("runs/regression/best")
    formats = json.loads((best / "bundle.json").read_text(encoding="utf-8"))["formats"]
    assert set(formats) == {"torch", "numpy"}
    rows = list(csv.reader(out("predict", best, "--input", tmp_path / "own.csv").splitlines()))
    assert rows[0] == ["sample", "price", "building"]
    prediction = armtune.load_bundle(best).predict(views)
    assert isinstance(prediction, ValuePrediction)
    assert prediction.values.shape == (120, 2)
    told = np.array(rows[1:], float)[:, 1:]
    np.testing.assert_allclose(told, prediction.values, rtol=1e-4)
    assert 100_000 < told[:, 0].mean() < 500_000
    assert 20 < told[:, 1].mean() < 40
    np.savez(samples := tmp_path / "samples.npz", **views)
    alone = standalone(best, samples)
    assert alone[0] == rows[0]
    np.testing.assert_allclose(np.array(alone[1:], float)[:, 1:], told, rtol=1e-3)
    lines = out("predict", best, "--input", samples, "--json").splitlines()
    assert set(json.loads(lines[0])["values"]) == {"price", "building"}


def test_methods_are_compared_and_those_that_cannot_serve_are_named(
    out: Out, tmp_path: Path
) -> None:
    table_of_flats(file := tmp_path / "own.csv")
    changes = [*SMALL, "sweep.choose=highest r2"]
    told = out(
        "compare", RECIPES / "regression.yaml", "--methods", "none,ogm,pmr", f"data.path={file}",
        *changes, "--inline",
    )  # fmt: skip
    report = next(Path("runs").rglob("compare.md")).read_text(encoding="utf-8")
    assert "pmr isn't defined for target values; these are: " in report
    assert "largest contribution of a modality to the r2 minus the smallest" in report
    assert "r2" in told
