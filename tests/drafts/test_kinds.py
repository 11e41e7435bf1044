"""A recipe drafted for each of ten kinds of data: it checks, and trains, without an edit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from armtune.cli import main
from armtune.datasets._load import load_dataset
from armtune.recipe.load import load_recipe
from armtune.recipe.space import load_sweep, settled_by_data
from armtune.training.loop import EpochMetrics, train
from armtune.training.schedule import begin
from tests.drafts.inputs import WRITE

HUGGING_FACE = ("save_to_disk", "parquet_shards")
FOUND: dict[str, tuple[str, set[str], str]] = {
    "npz": ("classes", {"camera", "sensors"}, "accuracy"),
    "npz_of_labels": ("labels", {"left", "right"}, "micro_f1"),
    "npy_folder": ("values", {"flat", "street"}, "r2"),
    "class_folder": ("classes", {"file"}, "accuracy"),
    "csv_of_all": ("classes", {"photo", "notes", "facts"}, "accuracy"),
    "csv_of_facts": ("classes", {"facts"}, "macro_f1"),
    "tsv": ("values", {"facts"}, "r2"),
    "json_lines": ("labels", {"notes", "facts"}, "micro_f1"),
    "parquet_table": ("classes", {"notes", "facts"}, "accuracy"),
    "feather_table": ("values", {"facts"}, "r2"),
    "save_to_disk": ("classes", {"photo", "motion", "grid", "number"}, "accuracy"),
    "parquet_shards": ("classes", {"photo", "motion", "grid", "number"}, "accuracy"),
}
"""Target, modalities and score of each."""
QUICK = ("training.epochs=1", "training.batch_size=32")


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with nothing in it; no cache of others."""
    monkeypatch.setenv("ARMTUNE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def run(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["armtune", *map(str, words)])
    with pytest.raises(SystemExit) as caught:
        main()
    return int(caught.value.code or 0)


def write(kind: str, folder: Path) -> tuple[Path, list[str]]:
    if kind in WRITE:
        return WRITE[kind](folder)
    from tests.datasets import huggingface_files

    sizes = {"train": 60, "test": 20}
    if kind == "save_to_disk":
        huggingface_files.write(folder / kind, sizes)
    else:
        huggingface_files.write_parquet(folder / kind, sizes)
    return folder / kind, []


@pytest.mark.parametrize("kind", FOUND)
def test_it_checks_and_trains_as_drafted(
    kind: str, empty: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, words = write(kind, empty)
    assert run(monkeypatch, "init", data.name, *words, "--to", "own.yaml") == 0, capsys.readouterr()
    target, modalities, score = FOUND[kind]
    recipe = load_recipe(Path("own.yaml"))
    assert recipe.data.predicts.kind == target
    assert set(recipe.modalities) == modalities
    assert recipe.sweep.objectives[0] == f"maximize {score}"
    assert len(recipe.sweep.objectives) == 1
    capsys.readouterr()
    assert run(monkeypatch, "check", "own.yaml") == 0
    told = capsys.readouterr().out
    assert "own.yaml is fine" in told
    assert "sweep.space: auto begins with" in told
    assert "not here" not in told
    assert np.isfinite(trained(Path("own.yaml"))["loss"])


def trained(path: Path) -> EpochMetrics:
    """The metrics of a recipe's first trial after an epoch; a sweep trains the same."""
    given, none = load_sweep(path, QUICK)
    dataset = load_dataset(given, path.parent)
    recipe, space = settled_by_data(given, none, dataset, path.parent)
    assert space.dimensions
    run = begin([recipe], dataset, "cpu")
    train(run, lambda epoch, metrics: None)
    return run.best[0]


def drafted(monkeypatch: pytest.MonkeyPatch, empty: Path, kind: str) -> tuple[str, Any]:
    """A draft's text and content."""
    data, words = write(kind, empty)
    assert run(monkeypatch, "init", data.name, *words, "--to", "own.yaml") == 0
    text = Path("own.yaml").read_text(encoding="utf-8")
    return text, yaml.safe_load(text)


def test_columns_that_tell_rows_splits_and_labels_are_no_features(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, content = drafted(monkeypatch, empty, "tsv")
    assert content["data"]["columns"] == {"facts": ["size"]}
    assert content["data"]["split"] == "usage"
    assert content["data"]["groups"] == "patient"
    for said in ("id is left out: ", "currency is left out: every cell says the same", ": a leak"):
        assert said in text


def test_absent_samples_splits_and_groups_of_arrays_are_found(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, content = drafted(monkeypatch, empty, "npz_of_labels")
    assert content["data"]["absent"] == "keep"
    assert "samples lack a modality (right in 5)" in text
    assert "splits are those of split" in text
    (empty / "own.yaml").unlink()
    text, content = drafted(monkeypatch, empty, "npz")
    assert content["data"]["groups"] == "subject"
    assert "age is left out: one value a sample" in text


def test_every_guess_has_its_reason(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, content = drafted(monkeypatch, empty, "csv_of_all")
    lines = text.splitlines()
    for key in ("label", "photo", "notes", "facts", "missing", "absent", "image_size"):
        place = next(n for n, line in enumerate(lines) if line.strip().startswith(f"{key}:"))
        assert lines[place - 1].lstrip().startswith("# "), key
    assert max(map(len, lines)) <= 100
    assert "# size: number (every cell is a number), as '1.1'" in text
    assert content["sweep"]["space"] == "auto"


def test_skewed_classes_get_another_metric(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, content = drafted(monkeypatch, empty, "csv_of_facts")
    assert content["sweep"]["objectives"] == ["maximize macro_f1"]
    assert "'usual' has 7 times the samples of 'rare'" in text
    assert content["training"] == {"balance_classes": False}


@pytest.mark.slow
def test_a_sweep_of_raw_rows_ends_in_predictions_of_them(
    empty: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drafted(monkeypatch, empty, "csv_of_all")
    few = ("sweep.trials=2", "sweep.confirm.seeds=1", "sweep.confirm.top=1")
    assert run(monkeypatch, "sweep", "own.yaml", "--inline", "--quiet", *QUICK, *few) == 0
    capsys.readouterr()
    assert run(monkeypatch, "predict", "runs/own/best", "--input", "animals.csv") == 0
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 121
