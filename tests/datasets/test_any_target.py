"""Labels that hold together, and values, from every reader that knows them."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pytest

from armtune.data import Dataset
from armtune.data.formats.csd import open_sequences
from armtune.datasets import Data
from armtune.datasets._load import load_dataset
from armtune.datasets.arrays import Arrays
from armtune.datasets.cmu_mosi import CmuMosi
from armtune.datasets.folders import Folders
from armtune.datasets.huggingface_dataset import HuggingFaceDataset
from armtune.datasets.table import Table
from armtune.datasets.torch_dataset import MapStyle, TorchData
from armtune.errors import DataError, RecipeError
from armtune.recipe.schema import Recipe
from armtune.targets.values import Values
from armtune.testing.toys import toy_recipe
from tests.datasets import huggingface_files, opinion_files

COUNT = 60
GENRES = (np.arange(COUNT)[:, None] // (1, 2, 4) % 2).astype(np.int64)
PRICES = 100.0 + np.arange(COUNT)
NAMES = ("crime", "love", "war")
VIEW = np.arange(COUNT, dtype=float)[:, None]
TEXTS = [";".join(n for n, there in zip(NAMES, row, strict=True) if there) for row in GENRES]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARMTUNE_CACHE", str(tmp_path / "cache"))


def read(data: Data, folder: Path) -> Dataset:
    return data.read(("x",), folder, lambda what, done, total: None)


def whole(dataset: Dataset) -> np.ndarray:
    """All labels, in the samples' own order, which their view tells."""
    parts = (dataset.train, dataset.validation, dataset.test)
    numbers = np.concatenate([part.views["x"][:, 0] for part in parts])
    return np.concatenate([part.labels for part in parts])[np.argsort(numbers)]


def check_genres(dataset: Dataset, names: Sequence[str] = NAMES) -> None:
    assert dataset.target.names == tuple(names)
    assert (whole(dataset) == GENRES).all()
    assert "3 labels" in dataset.description
    # Twelve are cut for the test, of each of the eight combinations one at least.
    assert len(np.unique(dataset.test.labels, axis=0)) == 8


def check_prices(dataset: Dataset, name: str = "label") -> None:
    target = dataset.target
    assert isinstance(target, Values)
    assert target.names == (name,)
    assert (whole(dataset) == PRICES).all()
    assert target.mean == pytest.approx(dataset.train.labels.mean())
    assert target.std == pytest.approx(dataset.train.labels.std())
    # Cut alike of low and high ones.
    assert abs(dataset.train.labels.mean() - dataset.test.labels.mean()) < 3


def test_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", x=VIEW, label=GENRES, label_names=NAMES, price=PRICES)
    check_genres(read(Arrays(path="own.npz", target="labels"), tmp_path))
    check_prices(read(Arrays(path="own.npz", target="values", labels="price"), tmp_path), "value")


@pytest.mark.parametrize("label", ["genres", ["is_*"], ["is_crime", "is_love", "is_war"]])
def test_labels_of_a_table(tmp_path: Path, label: Any) -> None:
    columns = {f"is_{name}": GENRES[:, k] for k, name in enumerate(NAMES)}
    write_table(tmp_path / "own.csv", {"genres": TEXTS, "n": VIEW[:, 0], **columns})
    data = Table(path="own.csv", target="labels", label=label, columns={"x": ["n"]})
    check_genres(read(data, tmp_path), NAMES if label == "genres" else list(columns))


def test_no_pattern_of_features_takes_the_labels(tmp_path: Path) -> None:
    columns = {f"is_{name}": GENRES[:, k] for k, name in enumerate(NAMES)}
    write_table(tmp_path / "own.csv", {"n": VIEW[:, 0], **columns})
    data = Table(path="own.csv", target="labels", label=["is_*"], columns={"x": ["*"]})
    assert read(data, tmp_path).shapes == {"x": (1,)}


def test_values_of_a_table(tmp_path: Path) -> None:
    write_table(tmp_path / "own.csv", {"price": PRICES, "n": VIEW[:, 0]})
    data = Table(path="own.csv", target="values", label="price", columns={"x": ["n"]})
    check_prices(read(data, tmp_path), "price")
    with pytest.raises(DataError, match=r"'price': must hold whole .* target: values predicts"):
        read(Table(path="own.csv", label="price", columns={"x": ["n"]}), tmp_path)
    write_table(tmp_path / "own.csv", {"price": ["low"] * COUNT, "n": VIEW[:, 0]})
    with pytest.raises(DataError, match="'price': must hold numbers, not string; target: values "):
        read(data, tmp_path)
    write_table(tmp_path / "own.csv", {"price": ["", *PRICES[1:]], "n": VIEW[:, 0]})
    with pytest.raises(
        DataError, match="1 of 60 cells are missing, the first in row 1; unlabelled: skip"
    ):
        read(data, tmp_path)


def test_files_listed_in_a_csv(tmp_path: Path) -> None:
    for k in range(COUNT):
        np.save(tmp_path / f"{k}.npy", VIEW[k])
    paths = [f"{k}.npy" for k in range(COUNT)]
    write_table(tmp_path / "own.csv", {"genres": TEXTS, "price": PRICES, "x": paths})
    check_genres(read(Folders(path="own.csv", labels="genres", target="labels"), tmp_path))
    prices = read(Folders(path="own.csv", labels="price", target="values"), tmp_path)
    check_prices(prices, "value")


GENRE = {"_type": "ClassLabel", "names": list(NAMES)}
NUMBERS = [np.flatnonzero(row).tolist() for row in GENRES]


@pytest.mark.parametrize(
    ("cells", "feature", "names"),
    [
        (GENRES.tolist(), {}, ("0", "1", "2")),
        (NUMBERS, {"feature": GENRE, "_type": "Sequence"}, NAMES),
        (NUMBERS, [GENRE], NAMES),
        ([[NAMES[k] for k in row] for row in NUMBERS], {}, NAMES),
        (TEXTS, {}, NAMES),
    ],
)
def test_labels_of_hugging_face(
    tmp_path: Path, cells: list[Any], feature: Any, names: Sequence[str]
) -> None:
    save_rows(tmp_path / "hub", cells, feature)
    check_genres(read(HuggingFaceDataset(path="hub", target="labels"), tmp_path), names)


def test_values_of_hugging_face(tmp_path: Path) -> None:
    save_rows(tmp_path / "hub", PRICES.tolist(), {})
    check_prices(read(HuggingFaceDataset(path="hub", target="values"), tmp_path), "value")
    save_rows(tmp_path / "hub", NUMBERS, {})
    with pytest.raises(DataError, match="lists of several lengths: they must be names"):
        read(HuggingFaceDataset(path="hub", target="labels"), tmp_path)


class Films:
    def __init__(self, labels: Any) -> None:
        self.labels = labels

    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, index: int) -> Any:
        return {"x": VIEW[index]}, self.labels[index]


class OfTorch(TorchData):
    """Made by these tests."""

    name: Literal["of_torch"] = "of_torch"

    def modalities(self) -> tuple[str, ...]:
        return ("x",)

    def class_names(self) -> Sequence[str] | None:
        return NAMES if self.target == "labels" else ("price",)

    def datasets(self, folder: Path) -> Mapping[str, MapStyle]:
        return {"train": Films(GENRES if self.target == "labels" else PRICES)}


def test_a_torch_data_set(tmp_path: Path) -> None:
    check_genres(read(OfTorch(target="labels"), tmp_path))
    check_prices(read(OfTorch(target="values"), tmp_path), "price")


def test_the_sentiment_itself(tmp_path: Path) -> None:
    opinion_files.write(CmuMosi(path="mosi"), tmp_path / "mosi")
    data = CmuMosi(path="mosi", words=5, target="values")
    dataset = data.read(("text",), tmp_path, lambda *_: None)
    with open_sequences(tmp_path / "mosi" / data.file_of("labels")) as labels:
        scores = np.concatenate([labels[v].features[:, 0] for v in sorted(labels.videos)])[:60]
    assert dataset.train.labels.tolist() == scores.tolist()
    assert dataset.target.names == ("sentiment",)
    assert "values of sentiment" in dataset.description


def test_a_stand_in_must_have_such_a_target() -> None:
    content = toy_recipe(target="values").model_dump(mode="json")
    content["data"]["otherwise"] = "avdigits"
    with pytest.raises(RecipeError, match="'avdigits' can't stand in: it has classes, not values"):
        checked(content)


def test_data_that_break_their_word_are_refused(tmp_path: Path) -> None:
    class Liar(OfTorch):
        name: Literal["of_torch"] = "of_torch"

        def read(self, modalities: Sequence[str], folder: Path, progress: Any) -> Dataset:
            return read(OfTorch(target="labels"), folder)

    recipe = toy_recipe({"x": (1,)}).model_copy(update={"data": Liar()})
    with pytest.raises(DataError, match="of_torch: its samples have labels, not classes"):
        load_dataset(recipe, tmp_path)


def checked(content: dict[str, Any]) -> Recipe:
    from armtune.recipe.load import with_overrides

    recipe = Recipe.model_validate({**content, "data": {**content["data"], "otherwise": None}})
    return with_overrides(recipe, {"data.otherwise": content["data"]["otherwise"]})


def write_table(path: Path, columns: Mapping[str, Any]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(columns)
        table.writerows(zip(*columns.values(), strict=True))


def save_rows(folder: Path, cells: list[Any], feature: Any) -> None:
    about = json.dumps({"info": {"features": {"label": feature}}})
    rows = pa.table({"x": VIEW[:, 0], "label": pa.array(cells)})
    huggingface_files.save(folder, rows.replace_schema_metadata({"huggingface": about}))
