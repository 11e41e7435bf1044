"""A bundle is written whole or not at all, and only where every format agrees with the model."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from armtune.bundle import Predictor, formats
from armtune.bundle.engine import Engine, Floats, Present, Views
from armtune.bundle.manifest import CARD, MANIFEST, PREPROCESSING, PROGRAM
from armtune.data import Dataset
from armtune.errors import RunError
from armtune.export.write import write_bundle
from armtune.training.loop import Run
from tests.conftest import TWO


def write(
    to: Path, run: Run, weights: Path, dataset: Dataset, wanted: list[str] | None = None
) -> None:
    metrics = {"validation": run.best[0]}
    write_bundle(to, run.recipes[0], weights, dataset, run.scales, metrics, wanted)


@pytest.fixture
def off_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """The torch format predicts a little otherwise than the model."""
    chosen = formats.named("torch")
    load = chosen.load

    def wrong(folder: Path) -> Engine:
        engine = load(folder)

        def run(views: Views, present: Present) -> Floats:
            return engine(views, present) + np.float32(2e-5)

        return run

    monkeypatch.setattr(chosen, "load", wrong)


def test_every_format_agrees_in_every_subset_and_number_of_samples(
    whole: Path, run: Run, dataset: Dataset
) -> None:
    rng = np.random.default_rng(0)
    views = {m: dataset.test.views[m][:9] for m in TWO}
    present = {m: rng.random(9) < 0.5 for m in TWO}
    present["audio"] |= ~present["image"]
    with run.at_best() as network, torch.no_grad():
        scaled = {m: torch.from_numpy(run.scales[m].apply(views[m]))[None] for m in TWO}
        features, means = network.encode(scaled), network.mean_features()
        rows = []
        for k in range(9):
            row = {m: (features[m][:, [k]] if present[m][k] else means[m]) for m in TWO}
            rows.append(network.fuse(row)[0, 0].softmax(-1))
    expected = torch.stack(rows).numpy()
    assert json.loads((whole / MANIFEST).read_text())["formats"].keys() == {"numpy", "torch"}
    for name in ("numpy", "torch"):
        engine = formats.named(name).load(whole)
        for part in (slice(0, 9), slice(4, 5)):
            given = {m: v[part] for m, v in views.items()}
            there = {m: p[part] for m, p in present.items()}
            np.testing.assert_allclose(engine(given, there), expected[part], atol=1e-6)


def test_what_is_absent_may_hold_nan(whole: Path, dataset: Dataset) -> None:
    views = {m: dataset.test.views[m][:3].copy() for m in TWO}
    views["audio"][:] = np.nan
    present = {"image": np.ones(3, bool), "audio": np.zeros(3, bool)}
    for name in ("numpy", "torch"):
        assert np.isfinite(formats.named(name).load(whole)(views, present)).all()


@pytest.mark.usefixtures("off_by")
def test_a_format_that_disagrees_stops_the_export(
    run: Run, weights: Path, dataset: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match=r"model\.pt2: .* differ .* by up to 2e-05.*nothing was"):
        write(tmp_path / "new", run, weights, dataset)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("off_by")
def test_a_bundle_from_before_outlives_a_failed_export(
    bundle: Path, run: Run, weights: Path, dataset: Dataset
) -> None:
    before = (bundle / MANIFEST).read_text()
    with pytest.raises(RunError, match="differ from the trained model's"):
        write(bundle, run, weights, dataset, ["torch"])
    assert (bundle / MANIFEST).read_text() == before
    Predictor(bundle)


def test_a_format_that_cannot_be_is_left_out_unless_it_was_asked_for(
    run: Run, weights: Path, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(formats.named("numpy").OPERATORS, "aten.where.self")  # type: ignore[attr-defined]
    with pytest.raises(RunError, match=r"--format numpy: no numpy version of aten\.where\.self"):
        write(tmp_path / "new", run, weights, dataset, ["numpy"])
    write(tmp_path / "new", run, weights, dataset)
    manifest = json.loads((tmp_path / "new" / MANIFEST).read_text())
    assert manifest["formats"].keys() == {"torch"}
    assert "aten.where.self" in manifest["left_out"]["numpy"]
    assert not (tmp_path / "new" / PROGRAM).exists()
    assert "Without the format numpy: no numpy" in (tmp_path / "new" / CARD).read_text()
    assert Predictor(tmp_path / "new").predict(dataset.test.views).probabilities.shape == (60, 3)


def test_an_unknown_format_is_refused(
    run: Run, weights: Path, dataset: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match="no format 'tf'; there are numpy, onnx, torch"):
        write(tmp_path / "new", run, weights, dataset, ["tf"])


def test_onnx_agrees_and_is_served_by_the_bundle_itself(
    run: Run, weights: Path, dataset: Dataset, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    write(tmp_path / "new", run, weights, dataset, ["onnx"])
    check_alone(tmp_path / "new", dataset, tmp_path)


def test_the_bundle_predicts_by_itself(whole: Path, dataset: Dataset, tmp_path: Path) -> None:
    check_alone(whole, dataset, tmp_path)


def check_alone(folder: Path, dataset: Dataset, scratch: Path) -> None:
    """``predict.py``, without armtune, says what ``Predictor`` does; half lack a modality."""
    samples = {m: view.copy() for m, view in dataset.test.views.items()}
    samples["audio"][::2] = np.nan
    np.savez(scratch / "x.npz", **samples)
    guard = "import sys, runpy; sys.modules['armtune'] = None; sys.argv = sys.argv[1:];"
    code = f"{guard} runpy.run_path(sys.argv[0], run_name='__main__')"
    words = [str(folder / "predict.py"), str(scratch / "x.npz"), str(scratch / "y.csv")]
    subprocess.run([sys.executable, "-c", code, *words], check=True, capture_output=True)
    found = np.genfromtxt(scratch / "y.csv", delimiter=",", skip_header=1, usecols=(2, 3, 4))
    expected = Predictor(folder).predict(samples).probabilities
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_bundle_itself_refuses_a_tampered_model(
    bundle: Path, dataset: Dataset, tmp_path: Path
) -> None:
    np.savez(tmp_path / "x.npz", **dataset.test.views)
    content = bytearray((bundle / "model.pt2").read_bytes())
    content[-1] ^= 1
    (bundle / "model.pt2").write_bytes(content)
    command = [sys.executable, str(bundle / "predict.py"), str(tmp_path / "x.npz")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "model.pt2: differs from its checksum" in done.stderr


def test_the_bundle_itself_says_which_files_it_reads(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    command = [sys.executable, str(whole / "predict.py"), str(tmp_path / "x.csv")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "x.csv: this program reads .npz files and folders of .npy" in done.stderr
    assert "Traceback" not in done.stderr


def test_preprocessing_is_data_too(whole: Path, run: Run) -> None:
    found = load_file(whole / PREPROCESSING)
    assert found.keys() == {f"{what}/{m}" for what in ("mean", "std") for m in TWO}
    np.testing.assert_array_equal(found["mean/image"], run.scales["image"].mean)


def test_a_folder_with_other_files_is_not_overwritten(
    run: Run, weights: Path, dataset: Dataset, tmp_path: Path
) -> None:
    precious = tmp_path / "thesis.txt"
    precious.write_text("years")
    with pytest.raises(RunError, match="holds files that are not a bundle"):
        write(tmp_path, run, weights, dataset)
    assert precious.read_text() == "years"


def test_a_bundle_is_replaced_as_a_whole(
    bundle: Path, run: Run, weights: Path, dataset: Dataset, tmp_path: Path
) -> None:
    metrics = {"validation": run.best[0], "trial": 4, "chosen_by": "knee", "exported_seed": 0}
    write_bundle(bundle, run.recipes[0], weights, dataset, run.scales, metrics, [])
    assert json.loads((bundle / "metrics.json").read_text())["trial"] == 4
    assert not (bundle / "model.pt2").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["best"]


def test_says_which_data_were_used(whole: Path) -> None:
    manifest = json.loads((whole / MANIFEST).read_text())
    assert manifest["data"] == {
        "name": "toy",
        "used": "toy clouds",
        "digest": "00000000",
        "stand_in": False,
    }
    assert set(manifest["versions"]) == {"python", "torch", "numpy"}
    names = {path.name for path in whole.iterdir()}
    assert manifest["sha256"].keys() == names - {MANIFEST}


def test_the_card_says_a_stand_in_loudly(
    run: Run, weights: Path, dataset: Dataset, tmp_path: Path
) -> None:
    stand_in = replace(dataset, stand_in=True, description="stand-in for mnist: toy clouds")
    write(tmp_path / "new", run, weights, stand_in, [])
    lines = (tmp_path / "new" / CARD).read_text().splitlines()
    assert lines[2].startswith("> **NOT THE DATA THAT WERE ASKED FOR.**")
    assert lines[3] == "> stand-in for mnist: toy clouds."
