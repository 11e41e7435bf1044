"""Predictions from raw rows of a table are those of the samples that training saw."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from armtune.bundle import Predictor
from armtune.bundle.manifest import MANIFEST, PREPARED, checksum, sha256
from armtune.cli import main
from armtune.datasets._load import load_dataset
from armtune.errors import DataError, RunError
from armtune.export.write import write_bundle
from armtune.recipe.schema import Recipe
from armtune.training.loop import Run, train
from tests.datasets import table_files

ENCODERS = {
    "photo": {"name": "mlp", "width": 4},
    "words": {"name": "bag_of_words", "width": 4, "vocabulary": 60},
    "facts": {"name": "tabular", "width": 4},
}
RAW = ["made", "price", "maker", "tags", "title", "picture", "id"]


def trained(folder: Path, modalities: tuple[str, ...]) -> Run:
    """A model of some modalities, and its bundle in ``best``."""
    of = {m: {"encoder": ENCODERS[m]} for m in modalities}
    data = table_files.options()
    recipe = Recipe.model_validate(
        {
            "name": "t",
            "data": data,
            "modalities": of,
            "training": {"epochs": 2, "batch_size": 8, "folds": 1},
        }
    )
    run = Run([recipe], load_dataset(recipe, folder))
    train(run, lambda *_: None)
    run.save_model(folder / "model")
    metrics = {"validation": run.best[0]}
    write_bundle(folder / "best", recipe, folder / "model", run.dataset, run.scales, metrics)
    return run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """A folder with a bundle of all modalities and raw rows in ``new.csv``, and the training."""
    folder = tmp_path_factory.mktemp("raw")
    own = table_files.rows(folder)
    table_files.write(folder / "own.csv", own)
    test = [row for row in own if row["use"] == "test"]
    table_files.write(folder / "new.csv", test, RAW)
    return folder, trained(folder, tuple(ENCODERS))


def said(best: Path, path: Path) -> np.ndarray:
    predictor = Predictor(best)
    parts = [one.probabilities for one in predictor.stream(predictor.read(path))]  # type: ignore[attr-defined]
    return np.concatenate(parts)


def test_raw_rows_are_told_what_the_training_pipeline_says(made: tuple[Path, Run]) -> None:
    folder, run = made
    test = run.dataset.test
    samples = {m: np.array(view) for m, view in test.views.items()}
    for m, there in test.present.items():
        samples[m][~there] = np.nan
    expected = Predictor(folder / "best").predict(samples).probabilities  # type: ignore[attr-defined]
    np.testing.assert_allclose(said(folder / "best", folder / "new.csv"), expected, atol=1e-5)
    assert np.ptp(expected, axis=0).max() > 1e-3, "samples are told apart"


def test_another_file_of_the_same_rows_says_the_same(made: tuple[Path, Run]) -> None:
    folder, _ = made
    with (folder / "new.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    lines = [json.dumps({name: row[name] or None for name in row}) for row in rows]
    (folder / "new.jsonl").write_text("\n".join(lines), encoding="utf-8")
    np.testing.assert_array_equal(
        said(folder / "best", folder / "new.jsonl"), said(folder / "best", folder / "new.csv")
    )


def test_columns_are_kept_beside_the_predictions(
    made: tuple[Path, Run], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = made
    command = ["armtune", "predict", str(folder / "best"), "--input", str(folder / "new.csv")]

    def output(*more: str) -> list[str]:
        monkeypatch.setattr(sys, "argv", [*command, *more])
        with pytest.raises(SystemExit):
            main()
        return capsys.readouterr().out.splitlines()

    lines = list(csv.reader(output("--keep", "id", "--keep", "made")))
    assert lines[0][:4] == ["sample", "id", "made", "class"]
    assert [line[1] for line in lines[1:]] == [f"item-{k}" for k in range(40, 60)]
    assert json.loads(output("--keep", "id", "--json")[0])["kept"] == {"id": "item-40"}


def test_a_column_to_keep_that_isnt_there_is_named(made: tuple[Path, Run]) -> None:
    folder, _ = made
    predictor = Predictor(folder / "best")
    with pytest.raises(DataError, match=r"new\.csv: no column 'ids'; did you mean 'id'"):
        predictor.texts(folder / "new.csv", ["ids"])
    with pytest.raises(DataError, match="has no columns to keep"):
        predictor.texts(folder / "new.npz", ["id"])


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"photo": {"kind": "x"}}'])
def test_a_damaged_file_of_columns_is_refused(
    made: tuple[Path, Run], tmp_path: Path, content: str
) -> None:
    import shutil

    best = Path(shutil.copytree(made[0] / "best", tmp_path / "best"))
    (best / PREPARED).write_text(content)
    with pytest.raises(RunError, match=r"columns\.json: differs from its checksum"):
        Predictor(best)
    manifest = json.loads((best / MANIFEST).read_text())
    manifest["sha256"][PREPARED] = sha256(best / PREPARED)
    manifest["checksum"] = checksum(manifest)
    (best / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(RunError, match=r"columns\.json: can't be read"):
        Predictor(best)


def test_raw_rows_of_a_small_model_need_no_torch(tmp_path: Path) -> None:
    own = table_files.rows(tmp_path)
    table_files.write(tmp_path / "own.csv", own)
    run = trained(tmp_path, ("photo", "facts"))
    assert run.dataset.prepared["facts"]["kind"] == "vector"
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from pathlib import Path; from armtune.bundle import Predictor\n"
        "p = Predictor(Path('best')); print(sum(len(o.classes) for o in p.stream("
        "p.read(Path('own.csv')))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "60", done.stderr


ODD = {
    "a part that is none": (("facts", "columns", 0, "parts"), [9]),
    "parts of text": (("facts", "columns", 0, "parts"), ["0"]),
    "more means than parts": (("facts", "columns", 0, "means"), [1.0, 2.0, 3.0]),
    "an endless mean": (("facts", "columns", 0, "means"), [float("inf")]),
    "another way to write": (("facts", "columns", 0, "written"), "*"),
    "no columns": (("facts", "columns"), []),
    "a name that is none": (("facts", "columns", 0, "name"), 3),
    "words that are none": (("words", "words"), [1, 2]),
    "no texts": (("words", "names"), []),
    "another length": (("words", "length"), 3),
    "another kind": (("words", "kind"), "vector"),
    "another type of file": (("photo", "type"), "zip"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_no_training_fitted_is_refused(
    made: tuple[Path, Run], tmp_path: Path, name: str
) -> None:
    best = tmp_path / "best"
    shutil.copytree(made[0] / "best", best)
    prepared = json.loads((best / PREPARED).read_text())
    (*around, key), value = ODD[name]
    holder = prepared
    for step in around:
        holder = holder[step]
    holder[key] = value
    (best / PREPARED).write_text(json.dumps(prepared))
    manifest = json.loads((best / MANIFEST).read_text())
    manifest["sha256"][PREPARED] = sha256(best / PREPARED)
    (best / MANIFEST).write_text(json.dumps({**manifest, "checksum": checksum(manifest)}))
    with pytest.raises(RunError, match=r"columns\.json: can't be read"):
        Predictor(best)


def test_columns_are_kept_as_they_stand_there(made: tuple[Path, Run], tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    predictor = Predictor(made[0] / "best")
    (tmp_path / "t.csv").write_text('id,mark\n" 01 ",1e3\nNA,\n', encoding="utf-8")
    assert predictor.texts(tmp_path / "t.csv", ["id", "mark"]) == [[" 01 ", "NA"], ["1e3", ""]]
    table = pa.table({"id": [1.5, None], "mark": [" x", None], "whole": [1, None]})
    parquet.write_table(table, tmp_path / "t.parquet")
    kept = predictor.texts(tmp_path / "t.parquet", ["id", "mark", "whole"])
    assert kept == [["1.5", ""], [" x", ""], ["1", ""]]
