"""Predictions from tables, and from files that a CSV lists, are those of the arrays trained on."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from armtune.bundle import Predictor
from armtune.cli import main
from armtune.datasets._load import load_dataset
from armtune.errors import DataError
from armtune.export.write import write_bundle
from armtune.recipe.schema import Recipe
from armtune.testing.toys import toy_dataset, toy_recipe
from armtune.training.loop import Run, train
from tests.datasets import media_files

Rows = list[dict[str, Any]]
NAMES = ["a2", "a1", "a3", "b1", "b2"]
ENCODER = {"encoder": {"name": "mlp", "width": 4}}


def write_csv(path: Path, rows: Rows) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return path


def bundle(folder: Path, data: dict[str, Any], modalities: Sequence[str]) -> tuple[Path, Run]:
    """A model of a data set, trained for an epoch."""
    of = {m: ENCODER for m in modalities}
    recipe = Recipe.model_validate(
        {
            "name": "t",
            "data": data,
            "modalities": of,
            "training": {"epochs": 1, "batch_size": 8, "folds": 1},
        }
    )
    run = Run([recipe], load_dataset(recipe, folder))
    train(run, lambda *_: None)
    run.save_model(folder / "model")
    metrics = {"validation": run.best[0]}
    write_bundle(folder / "best", recipe, folder / "model", run.dataset, run.scales, metrics)
    return folder / "best", run


def said(best: Path, path: Path) -> np.ndarray:
    """The probabilities of a file's samples."""
    predictor = Predictor(best)
    parts = [one.probabilities for one in predictor.stream(predictor.read(path))]  # type: ignore[attr-defined]
    return np.concatenate(parts)


def of_arrays(best: Path, samples: dict[str, Any]) -> np.ndarray:
    found: np.ndarray = Predictor(best).predict(samples).probabilities  # type: ignore[attr-defined]
    return found


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of a table, and the table; the modality ``a`` is read by a pattern."""
    folder = tmp_path_factory.mktemp("table")
    cells = np.random.default_rng(0).normal(5, 2, size=(60, 5)).round(6)
    rows = [{**dict(zip(NAMES, row, strict=True)), "label": k % 2} for k, row in enumerate(cells)]
    write_csv(folder / "own.csv", rows)
    columns = {"a": ["a*"], "b": ["b1", "b2"]}
    bundle(folder, {"name": "table", "path": "own.csv", "columns": columns}, "ab")
    return folder


def rows_of(folder: Path) -> Rows:
    with (folder / "own.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))[:7]


def arrays_of(rows: Rows) -> dict[str, np.ndarray]:
    cells = np.array([[float(row[name]) for name in NAMES] for row in rows])
    return {"a": cells[:, :3], "b": cells[:, 3:]}


def test_a_table_is_read_by_the_names_of_its_columns(table: Path, tmp_path: Path) -> None:
    rows = rows_of(table)
    expected = of_arrays(table / "best", arrays_of(rows))
    # Other columns, another order, and a name that the recipe's pattern fits.
    mixed = [{"id": 1, **dict(sorted(row.items())), "a0": 1e9} for row in rows]
    path = write_csv(tmp_path / "new.csv", mixed)
    np.testing.assert_array_equal(said(table / "best", path), expected)


@pytest.mark.parametrize("label", [None, "", "nonsense"])
def test_labels_are_never_read(table: Path, tmp_path: Path, label: str | None) -> None:
    rows = rows_of(table)
    expected = of_arrays(table / "best", arrays_of(rows))
    bare = [{n: row[n] for n in NAMES} for row in rows]
    told = bare if label is None else [{**row, "label": label} for row in bare]
    found = said(table / "best", write_csv(tmp_path / "new.csv", told))
    np.testing.assert_array_equal(found, expected)


def test_a_table_may_lack_a_modality_or_a_row_of_one(table: Path, tmp_path: Path) -> None:
    rows, arrays = rows_of(table), arrays_of(rows_of(table))
    without = write_csv(tmp_path / "a.csv", [{n: row[n] for n in NAMES[:3]} for row in rows])
    expected = of_arrays(table / "best", {"a": arrays["a"]})
    np.testing.assert_array_equal(said(table / "best", without), expected)
    arrays["b"][2] = np.nan
    rows[2] |= {"b1": "", "b2": ""}
    holed = write_csv(tmp_path / "b.csv", rows)
    np.testing.assert_array_equal(said(table / "best", holed), of_arrays(table / "best", arrays))


def test_a_column_that_is_not_there_or_a_cell_is_told(table: Path, tmp_path: Path) -> None:
    rows = rows_of(table)
    fewer = [{n: row[n] for n in NAMES[1:]} for row in rows]
    with pytest.raises(DataError, match=r"new\.csv: no column 'a2'"):
        said(table / "best", write_csv(tmp_path / "new.csv", fewer))
    rows[3]["a1"] = ""
    with pytest.raises(DataError, match="a: sample 3 holds NaN"):
        said(table / "best", write_csv(tmp_path / "new.csv", rows))
    with pytest.raises(DataError, match="input has no modality; this model reads a, b,"):
        said(table / "best", write_csv(tmp_path / "new.csv", [{"x": 1}]))


def test_predict_writes_a_line_for_each_row(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, out = write_csv(tmp_path / "new.csv", rows_of(table)), tmp_path / "out.csv"
    arguments = ["predict", str(table / "best"), "--input", str(path), "--output", str(out)]
    monkeypatch.setattr(sys, "argv", ["armtune", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert len(out.read_text().splitlines()) == 8


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """A folder with sound, image and array files that a CSV lists, and a model of them."""
    folder = tmp_path_factory.mktemp("folders")
    media_files.write_folders(folder, each=6)
    sizes = {"image_size": 16, "spectrogram": (16, 8), "seconds": 0.5, "rate": 8000}
    data = {"name": "folders", "path": "own.csv", "groups": "who", **sizes}
    _, run = bundle(folder, data, media_files.KINDS)
    return folder, run


def test_files_of_a_list_are_decoded_as_for_training(
    folders: tuple[Path, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("armtune.bundle.samples.PIECE_SAMPLES", 2)
    folder, run = folders
    dataset = run.dataset
    views = {m: np.asarray(v[:]) for m, v in dataset.test.views.items()}
    expected = of_arrays(folder / "best", views)
    with (folder / "own.csv").open(newline="") as file:
        rows = [{m: row[m] for m in media_files.KINDS} for row in csv.DictReader(file)]
    found = said(folder / "best", write_csv(folder / "new.csv", rows))
    # Each test sample is a row of the list, whichever.
    nearest = np.abs(found[:, None] - expected).max(-1).min(0)
    assert len(found) == 18
    assert nearest.max() < 1e-6


def test_files_may_be_absent_and_wrong_ones_are_named(folders: tuple[Path, Run]) -> None:
    folder, _ = folders
    row = {"sound": "sound/0_0.wav", "image": "image/1_0.jpg", "array": "array/2_0.npy"}
    whole, alone = ({**row}, {**row, "sound": "", "image": ""})
    path = write_csv(folder / "new.csv", [whole, alone])
    only = write_csv(folder / "one.csv", [{"array": row["array"]}])
    both = said(folder / "best", path)
    np.testing.assert_allclose(both[1:], said(folder / "best", only), atol=1e-6)
    assert np.abs(both[0] - both[1]).max() > 1e-4
    for change, words in (
        ({"sound": "sound/none.wav"}, r"none\.wav"),
        ({"image": "array/2_0.npy"}, r"2_0\.npy: has shape \(4,\), not \(3, 16, 16\)"),
        ({"image": "image.gif"}, r"image\.gif: of no kind that can be read"),
    ):
        with pytest.raises(DataError, match=words):
            said(folder / "best", write_csv(folder / "new.csv", [{**row, **change}]))
    with pytest.raises(DataError, match=r"new\.tsv: a model of files reads a CSV of their paths"):
        said(folder / "best", folder / "new.tsv")


def test_a_model_of_arrays_reads_no_table(tmp_path: Path) -> None:
    recipe, dataset = toy_recipe(epochs=1), toy_dataset()
    run = Run([recipe], dataset)
    train(run, lambda *_: None)
    run.save_model(tmp_path / "model")
    write_bundle(
        tmp_path / "best", recipe, tmp_path / "model", dataset, run.scales,
        {"validation": run.best[0]}, [],
    )  # fmt: skip
    path = write_csv(tmp_path / "new.csv", [{"image": 1}])
    with pytest.raises(DataError, match=r"new\.csv: a model of the data set arrays reads arrays"):
        said(tmp_path / "best", path)
