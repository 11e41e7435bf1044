"""UPMC Food-101 on tiny files of the published layout."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from armtune.data import Dataset
from armtune.datasets.food101 import Food101
from armtune.errors import DataError, MissingDataError
from armtune.export.examples import write_examples
from armtune.recipe.load import load_recipe
from armtune.training.loop import Run, train
from tests.datasets.food101_files import DISHES, write

ROOT = Path(__file__).parents[2]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write(tmp_path / "food101")


def read(base: Path, modalities: Sequence[str] = ("image", "text"), **options: object) -> Dataset:
    data = Food101.model_validate({"image_size": 8, "length": 6, **options})
    return data.read(modalities, base.parent, lambda *_: None)


def test_images_titles_and_classes(base: Path) -> None:
    dataset = read(base)
    assert dataset.target.names == tuple(DISHES)
    assert dataset.shapes == {"image": (3, 8, 8), "text": (6,)}
    assert [len(s) for s in (dataset.train, dataset.validation, dataset.test)] == [54, 6, 15]
    assert isinstance(dataset.train.views["image"], np.memmap)
    for number, colour in enumerate(DISHES.values()):
        own = dataset.test.views["image"][dataset.test.labels == number]
        assert np.allclose(own.mean((0, 2, 3)) * 255, colour, atol=20)


def test_validation_is_cut_from_train_class_by_class(base: Path) -> None:
    dataset = read(base, validation=0.25)
    assert np.bincount(dataset.validation.labels).tolist() == [5, 5, 5]
    assert np.bincount(dataset.test.labels).tolist() == [5, 5, 5]
    images, others = (read(base, seed=seed).train.views["image"] for seed in (0, 1))
    assert not np.array_equal(images, others)


def test_words_of_the_test_titles_are_unknown(base: Path) -> None:
    # the best apple pie test 0: "test" stands in no training title
    first = read(base).test.views["text"][0]
    assert first[4] == 1
    assert (first[:4] > 1).all()


def test_its_titles_can_be_read_again(base: Path, tmp_path: Path) -> None:
    entry = {"sample": 0, "true": [0], "told": [0], "alone": [1]}
    outcomes = {"split": "test", "examples": {"image": {"together": [entry]}}}
    for modalities, shown in [(["image", "text"], "the best apple pie … 0"), (["image"], None)]:
        write_examples(tmp_path / "shown.json", read(base, modalities), outcomes)
        looks = json.loads((tmp_path / "shown.json").read_text())["samples"]["0"]
        assert looks.get("text", {}).get("text") == shown
        assert looks["image"]["picture"]


def test_a_damaged_image_is_an_error_that_names_it(base: Path) -> None:
    (base / "images/train/waffles/waffles_train_3.jpg").write_text("<html>gone</html>")
    with pytest.raises(DataError, match=r"waffles_train_3\.jpg: missing or damaged .*: skip"):
        read(base)


def test_damaged_images_are_left_out_counted_and_named(
    base: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (base / "images/train/waffles/waffles_train_3.jpg").write_text("<html>gone</html>")
    (base / "images/test/apple_pie/apple_pie_test_0.jpg").unlink()
    for _ in range(2):  # built, and read again
        dataset = read(base, damaged="skip")
        assert "; left out for damaged images: 2 (waffles_train_3.jpg, " in dataset.description
    assert len(dataset.train) + len(dataset.validation) == 59
    assert np.bincount(dataset.test.labels).tolist() == [4, 5, 5]
    assert caplog.text.count("left out") == 2


def test_a_class_without_any_image_is_named(base: Path) -> None:
    for picture in (base / "images/train/waffles").iterdir():
        picture.unlink()
    with pytest.raises(DataError, match="no image of class 'waffles' to train on"):
        read(base, damaged="skip")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"a.jpg,pie,apple_pie\nb.jpg,pie\n", r"test_titles\.csv, line 2: 2 columns"),
        (b"a.jpg,pie,quiche\n", r"test_titles\.csv: class 'quiche' isn't among"),
        (b"a.jpg,cr\xe8me,apple_pie\n", r"test_titles\.csv: damaged"),
        (b"", r"test_titles\.csv: has no line"),
    ],
)
def test_faulty_lists_are_named(base: Path, text: bytes, message: str) -> None:
    (base / "texts/test_titles.csv").write_bytes(text)
    with pytest.raises(DataError, match=message):
        read(base)


def test_a_missing_list_and_a_missing_folder(base: Path, tmp_path: Path) -> None:
    (base / "texts/train_titles.csv").unlink()
    with pytest.raises(DataError, match=r"train_titles\.csv: can't be read"):
        read(base)
    with pytest.raises(MissingDataError, match="elsewhere is not in"):
        read(base, path="elsewhere")


def test_the_recipe_trains_two_epochs(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARMTUNE_DATA", str(base.parent))
    small = ["data.image_size=16", "training.epochs=2", "training.batch_size=16"]
    small += ["modalities.image.encoder.width=8"]
    recipe = load_recipe(ROOT / "recipes/food101.yaml", small)
    dataset = recipe.data.read(tuple(recipe.modalities), ROOT / "recipes", lambda *_: None)
    run = Run([recipe], dataset)
    train(run, lambda *_: None)
    assert run.best[0]["accuracy"] > 0.5
