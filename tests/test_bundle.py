"""A bundle predicts what the trained model does, and refuses what it can't read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from armtune.bundle import MANIFEST, MODEL, Predictor, read_samples, write_bundle
from armtune.data import Dataset
from armtune.errors import DataError, RunError
from armtune.training import Run, train
from tests.conftest import TWO, toy_dataset, toy_recipe


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return toy_dataset()


@pytest.fixture(scope="module")
def run(dataset: Dataset) -> Run:
    run = Run([toy_recipe(balancing={"name": "arm", "tau": 1.0, "warmup_epochs": 0})], dataset)
    train(run, lambda *_: None)
    return run


@pytest.fixture
def bundle(run: Run, dataset: Dataset, tmp_path: Path) -> Path:
    run.save_model(tmp_path / MODEL)
    write_bundle(
        tmp_path / "best", run.recipes[0], tmp_path / MODEL, dataset, run.scales, {"trial": 3}
    )
    return tmp_path / "best"


def test_predicts_as_the_model_did_in_training(bundle: Path, run: Run, dataset: Dataset) -> None:
    prediction = Predictor(bundle).predict(dataset.test.views)
    views = {m: torch.from_numpy(run.scales[m].apply(dataset.test.views[m]))[None] for m in TWO}
    with run.at_best() as network, torch.no_grad():
        expected = network(views).logits.softmax(-1)[0].numpy()
    np.testing.assert_allclose(prediction.probabilities, expected, atol=1e-6)
    accuracy = (prediction.classes == dataset.test.labels).mean()
    assert accuracy == pytest.approx(run.test()[0]["accuracy"])
    assert prediction.names[0] == dataset.classes[prediction.classes[0]]


def test_pieces_of_any_size_give_the_same(
    bundle: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = Predictor(bundle)
    whole = predictor.predict(dataset.test.views).probabilities
    monkeypatch.setattr("armtune.bundle.CHUNK", 7)
    pieces = predictor.predict(dataset.test.views).probabilities
    np.testing.assert_allclose(pieces, whole, atol=1e-6)


def test_a_missing_modality_is_its_mean_feature(bundle: Path, run: Run, dataset: Dataset) -> None:
    image = {"image": dataset.test.views["image"]}
    prediction = Predictor(bundle).predict(image)
    accuracy = (prediction.classes == dataset.test.labels).mean()
    assert accuracy == pytest.approx(run.test()[0]["missing/audio"])


def test_no_samples_give_no_predictions(bundle: Path, dataset: Dataset) -> None:
    nothing = {m: view[:0] for m, view in dataset.test.views.items()}
    assert Predictor(bundle).predict(nothing).probabilities.shape == (0, 3)


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
    ],
)
def test_refuses_what_it_cannot_read(
    bundle: Path, dataset: Dataset, change: object, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        Predictor(bundle).predict(change(dict(dataset.test.views)))  # type: ignore[operator]


def test_names_the_sample_that_holds_nan(bundle: Path, dataset: Dataset) -> None:
    audio = dataset.test.views["audio"].copy()
    audio[17, 2] = np.nan
    with pytest.raises(DataError, match="audio: sample 17 holds NaN"):
        Predictor(bundle).predict({**dataset.test.views, "audio": audio})


def test_a_tampered_file_is_refused(bundle: Path) -> None:
    weights = bytearray((bundle / MODEL).read_bytes())
    weights[-1] ^= 1
    (bundle / MODEL).write_bytes(weights)
    with pytest.raises(RunError, match=r"model\.safetensors: differs from its checksum"):
        Predictor(bundle)


def test_a_missing_file_is_named(bundle: Path) -> None:
    (bundle / MODEL).unlink()
    with pytest.raises(RunError, match=r"model\.safetensors: missing"):
        Predictor(bundle)


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"bundle\.json: missing; .* is not a whole bundle"):
        Predictor(tmp_path)
    (tmp_path / MANIFEST).write_text("[]")
    with pytest.raises(RunError, match="can't be read as a bundle"):
        Predictor(tmp_path)


def test_a_folder_with_other_files_is_not_overwritten(
    run: Run, dataset: Dataset, tmp_path: Path
) -> None:
    precious = tmp_path / "thesis.txt"
    precious.write_text("years")
    run.save_model(tmp_path / "m" / MODEL)
    with pytest.raises(RunError, match="holds files that are not a bundle"):
        write_bundle(tmp_path, run.recipes[0], tmp_path / "m" / MODEL, dataset, run.scales, {})
    assert precious.read_text() == "years"


def test_a_bundle_is_replaced_as_a_whole(
    bundle: Path, run: Run, dataset: Dataset, tmp_path: Path
) -> None:
    write_bundle(bundle, run.recipes[0], tmp_path / MODEL, dataset, run.scales, {"trial": 4})
    assert json.loads((bundle / "metrics.json").read_text()) == {"trial": 4}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["best", MODEL]


def test_says_which_data_were_used(bundle: Path) -> None:
    manifest = json.loads((bundle / MANIFEST).read_text())
    assert manifest["data"] == {
        "name": "toy",
        "used": "toy clouds",
        "digest": "00000000",
        "stand_in": False,
    }
    assert set(manifest["versions"]) == {"python", "torch", "numpy"}


def test_predicting_needs_neither_ray_nor_optuna(bundle: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from armtune.bundle import Predictor\n"
        f"Predictor(Path({str(bundle)!r}))\n"
        "print([m for m in ('ray', 'optuna', 'tensorboard', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ}, check=True
    )
    assert done.stdout.strip() == "[]"


def test_reads_an_npz_and_a_folder_alike(dataset: Dataset, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", **dataset.test.views)
    (tmp_path / "x").mkdir()
    for m, view in dataset.test.views.items():
        np.save(tmp_path / "x" / f"{m}.npy", view)
    for found in (read_samples(tmp_path / "x.npz"), read_samples(tmp_path / "x")):
        assert set(found) == set(TWO)
        np.testing.assert_array_equal(found["audio"], dataset.test.views["audio"])


def test_unreadable_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x\.npz: no such file"):
        read_samples(tmp_path / "x.npz")
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 nonsense")
    with pytest.raises(DataError, match=r"x\.npz: not an \.npz"):
        read_samples(tmp_path / "x.npz")


def test_pickled_input_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", image=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DataError, match=r"x\.npz: not an \.npz"):
        read_samples(tmp_path / "x.npz")
