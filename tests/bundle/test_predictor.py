"""A bundle predicts what the trained model does, and refuses what it can't read."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from armtune.bundle import Predictor
from armtune.bundle.manifest import MANIFEST, MODEL, PREPROCESSING, PROGRAM, RECIPE
from armtune.data import Dataset
from armtune.errors import DataError, RunError
from armtune.training.loop import Run
from tests.conftest import TWO

HEAVY = {"torch", "ray", "optuna", "tensorboard", "matplotlib", "pandas"}
SMALL_AND_LARGE = pytest.mark.parametrize("few", [1 << 20, 0], ids=["numpy", "torch"])


@SMALL_AND_LARGE
def test_predicts_as_the_model_did_in_training(
    whole: Path, run: Run, dataset: Dataset, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("armtune.bundle.predictor.FEW", few)
    prediction = Predictor(whole).predict(dataset.test.views)
    views = {m: torch.from_numpy(run.scales[m].apply(dataset.test.views[m]))[None] for m in TWO}
    with run.at_best() as network, torch.no_grad():
        expected = network(views).logits.softmax(-1)[0].numpy()
    np.testing.assert_allclose(prediction.probabilities, expected, atol=1e-6)
    accuracy = (prediction.classes == dataset.test.labels).mean()
    assert accuracy == pytest.approx(run.test()[0]["accuracy"])
    assert prediction.names[0] == dataset.target.names[prediction.classes[0]]


def test_pieces_of_any_size_give_the_same(
    whole: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = Predictor(whole)
    together = predictor.predict(dataset.test.views).probabilities
    monkeypatch.setattr("armtune.bundle.samples.PIECE_SAMPLES", 7)
    pieces = predictor.predict(dataset.test.views).probabilities
    np.testing.assert_allclose(pieces, together, atol=1e-6)


@SMALL_AND_LARGE
def test_a_missing_modality_is_its_mean_feature(
    whole: Path, run: Run, dataset: Dataset, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("armtune.bundle.predictor.FEW", few)
    image = {"image": dataset.test.views["image"]}
    prediction = Predictor(whole).predict(image)
    accuracy = (prediction.classes == dataset.test.labels).mean()
    assert accuracy == pytest.approx(run.test()[0]["missing/audio"])


def test_no_samples_give_no_predictions(whole: Path, dataset: Dataset) -> None:
    nothing = {m: view[:0] for m, view in dataset.test.views.items()}
    assert Predictor(whole).predict(nothing).probabilities.shape == (0, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda v: {"image": v["image"], "smell": v["audio"]},
            "'smell'; this model reads image, audio",
        ),
        (lambda v: {}, "no modality; this model reads image, audio"),
        (
            lambda v: {**v, "image": v["image"][:, :5]},
            r"image: samples have shape \(5, 6\), not \(6, 6\)",
        ),
        (
            lambda v: {**v, "image": v["image"][:3]},
            r"differ in their number of samples.*'image': 3",
        ),
        (lambda v: {**v, "audio": v["audio"].astype(str)}, "audio: holds <U32, not numbers"),
        (lambda v: {**v, "audio": v["audio"] * 1j}, "audio: holds complex64, not numbers"),
        (lambda v: {**v, "audio": [[1.0], [1.0, 2.0]]}, "audio: can't be made an array: .*inhomo"),
        (lambda v: {**v, "audio": torch.ones(2, 5, requires_grad=True)}, "audio: can't be .*grad"),
        (lambda v: v["audio"], "samples: give an array for each modality, .* of type ndarray$"),
        (lambda v: {**v, "audio": np.float32(1)}, r"audio: samples have shape \(\), not \(5,\)"),
    ],
)
def test_refuses_what_it_cannot_read(
    whole: Path, dataset: Dataset, change: object, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        Predictor(whole).predict(change(dict(dataset.test.views)))  # type: ignore[operator]


def test_what_is_masked_is_missing(whole: Path, dataset: Dataset) -> None:
    lacking, masked = dict(dataset.test.views), dict(dataset.test.views)
    lacking["audio"] = np.where(np.arange(len(dataset.test))[:, None] < 2, np.nan, lacking["audio"])
    masked["audio"] = np.ma.masked_array(masked["audio"], np.isnan(lacking["audio"]))
    expected, found = Predictor(whole).predict(lacking), Predictor(whole).predict(masked)
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)  # type: ignore[attr-defined]


@pytest.mark.parametrize("few", [0, 1 << 20])
def test_samples_may_lack_modalities_one_by_one(
    whole: Path, dataset: Dataset, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("armtune.bundle.predictor.FEW", few)
    views, predictor = dict(dataset.test.views), Predictor(whole)
    holed = {m: view.copy() for m, view in views.items()}
    holed["image"][[3, 8]] = np.nan
    holed["audio"][5] = np.nan
    found = predictor.predict(holed).probabilities
    full = predictor.predict(views).probabilities
    only = {m: predictor.predict({m: view}).probabilities for m, view in views.items()}
    expected = full.copy()
    expected[[3, 8]], expected[5] = only["audio"][[3, 8]], only["image"][5]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert not np.allclose(found, full, atol=1e-3)
    holed["audio"][8] = np.nan
    with pytest.raises(DataError, match="sample 8 has no modality"):
        predictor.predict(holed)


@pytest.mark.parametrize("value", [np.nan, -np.inf, 1e300])
def test_names_the_sample_that_holds_no_finite_number(
    whole: Path, dataset: Dataset, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("armtune.bundle.samples.PIECE_SAMPLES", 7)
    audio = dataset.test.views["audio"].astype(np.float64)
    audio[17, 2] = value
    with pytest.raises(DataError, match="audio: sample 17 holds NaN or an infinity"):
        Predictor(whole).predict({**dataset.test.views, "audio": audio})


@pytest.mark.parametrize("name", [MODEL, PREPROCESSING, PROGRAM, RECIPE])
def test_a_tampered_file_is_refused(bundle: Path, name: str) -> None:
    content = bytearray((bundle / name).read_bytes())
    content[-1] ^= 1
    (bundle / name).write_bytes(content)
    with pytest.raises(RunError, match=rf"{name}: differs from its checksum"):
        Predictor(bundle)


@pytest.mark.parametrize("name", [MANIFEST, MODEL, PROGRAM])
def test_a_pipe_is_not_waited_for(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    os.mkfifo(bundle / name)
    with pytest.raises(RunError, match=rf"{re.escape(name)}: is a pipe or a device"):
        Predictor(bundle)


def test_a_file_without_a_checksum_is_refused(bundle: Path) -> None:
    manifest = json.loads((bundle / MANIFEST).read_text())
    del manifest["sha256"][MODEL]
    (bundle / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(RunError, match="differs from its checksum"):
        Predictor(bundle)


def test_a_missing_file_is_named(bundle: Path) -> None:
    (bundle / MODEL).unlink()
    with pytest.raises(RunError, match=r"model\.safetensors: missing"):
        Predictor(bundle)


def test_a_run_taken_for_its_winner_is_told_apart(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"nix: there is no such folder"):
        Predictor(tmp_path / "nix")
    run = tmp_path / "run"
    (run / "best").mkdir(parents=True)
    (run / "best" / MANIFEST).write_bytes((bundle / MANIFEST).read_bytes())
    with pytest.raises(RunError, match=r"not a whole bundle; did you mean .*run/best\?"):
        Predictor(run)


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"bundle\.json: missing; .* is not a whole bundle"):
        Predictor(tmp_path)
    (tmp_path / MANIFEST).write_text("[]")
    with pytest.raises(RunError, match="can't be read as a bundle"):
        Predictor(tmp_path)


def test_predicting_little_needs_neither_torch_nor_ray_nor_a_study(
    whole: Path, dataset: Dataset, tmp_path: Path
) -> None:
    np.savez(tmp_path / "x.npz", **dataset.test.views)
    program = (
        "import sys; from armtune.cli import main\n"
        "try: main()\n"
        f"finally: print(sorted({HEAVY} & set(sys.modules)), file=sys.stderr)\n"
    )
    words = ["predict", str(whole), "--input", str(tmp_path / "x.npz")]
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "[]\n")
    assert len(done.stdout.splitlines()) == 61


def test_opening_and_predicting_from_python_needs_no_recipe_and_no_study(
    whole: Path, dataset: Dataset, tmp_path: Path
) -> None:
    np.savez(tmp_path / "x.npz", **dataset.test.views)
    program = (
        "import sys, armtune, numpy as np\n"
        "model = armtune.load_bundle(sys.argv[1])\n"
        "told = model.predict(dict(np.load(sys.argv[2])))\n"
        "slow = {'optuna', 'pydantic', 'ray', 'yaml', 'torch', 'sklearn', 'scipy', 'pandas'}\n"
        "ours = {'armtune.api', 'armtune.recipe', 'armtune.recipe.schema', 'armtune.sweeps'}\n"
        "print(len(told.names), sorted((slow | ours) & set(sys.modules)))\n"
    )
    words = [str(whole), str(tmp_path / "x.npz")]
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("60 []\n", "")


def test_large_but_finite_numbers_are_read(bundle: Path, dataset: Dataset) -> None:
    # their squares are beyond float32
    huge = {m: np.full_like(view, 1e30) for m, view in dataset.test.views.items()}
    assert np.isfinite(Predictor(bundle).predict(huge).probabilities).all()
