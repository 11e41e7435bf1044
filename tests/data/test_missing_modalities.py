"""Samples that lack a modality, in every reader that may meet some."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv

from armtune.data import Dataset
from armtune.data.missing_modalities import scan, settle
from armtune.data.overview import overview
from armtune.data.splits import SPLITS
from armtune.datasets import Data
from armtune.datasets._load import load_dataset
from armtune.datasets.arrays import Arrays
from armtune.datasets.folders import Folders
from armtune.datasets.huggingface_dataset import HuggingFaceDataset
from armtune.datasets.table import Table
from armtune.datasets.torch_dataset import MapStyle, TorchData
from armtune.errors import DataError
from armtune.recipe.schema import Recipe
from armtune.testing.toys import toy_recipe
from tests.datasets.huggingface_files import save as save_huggingface
from tests.datasets.huggingface_files import table
from tests.datasets.media_files import write_folders

GONE = (4, 9, 20)
"""Samples of sixty without ``b``."""
NUMBERS = np.arange(60, dtype=np.float32)


class Items(TorchData):
    """Sixty samples, some without ``b``."""

    name: Literal["items_that_lack"] = "items_that_lack"

    def datasets(self, folder: Path) -> Mapping[str, MapStyle]:
        def item(k: int) -> tuple[dict[str, Any], int]:
            return {"a": NUMBERS[k], "b": None if k in GONE else NUMBERS[k]}, k % 3

        return {"train": [item(k) for k in range(60)]}  # type: ignore[dict-item]


def npz(folder: Path) -> Data:
    b = NUMBERS[:, None].copy()
    b[list(GONE)] = np.nan
    np.savez(folder / "own.npz", a=NUMBERS[:, None], b=b, label=np.arange(60) % 3)
    return Arrays(path="own.npz")


def npz_with_masks(folder: Path) -> Data:
    masks = {"b_present": ~np.isin(np.arange(60), GONE)}
    a = NUMBERS[:, None]
    np.savez(folder / "own.npz", a=a, b=a, label=np.arange(60) % 3, **masks)
    return Arrays(path="own.npz")


def npy(folder: Path) -> Data:
    npz(folder)
    with np.load(folder / "own.npz") as arrays:
        (folder / "own").mkdir()
        for key, array in arrays.items():
            np.save(folder / "own" / f"{key}.npy", array)
    return Arrays(path="own")


def cells(folder: Path) -> Data:
    b = [None if k in GONE else float(k) for k in range(60)]
    csv.write_csv(
        pa.table({"a": NUMBERS, "b": b, "c": b, "label": np.arange(60) % 3}), folder / "own.csv"
    )
    return Table(path="own.csv", columns={"a": ["a"], "b": ["b", "c"]})


def hub(folder: Path) -> Data:
    rows = table(60)
    for name in ("a", "b"):
        values = [None if name == "b" and k in GONE else [float(k)] for k in range(60)]
        rows = rows.append_column(name, pa.array(values))
    save_huggingface(folder / "hub", rows)
    return HuggingFaceDataset(path="hub")


def items(folder: Path) -> Data:
    return Items()


READERS: Sequence[Callable[[Path], Data]] = (npz, npz_with_masks, npy, cells, hub, items)


def read(folder: Path, data: Data, **options: Any) -> Dataset:
    return data.model_copy(update=options).read(("a", "b"), folder, lambda *_: None)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARMTUNE_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("reader", READERS)
def test_kept_samples_are_told_by_their_masks(tmp_path: Path, reader: Any) -> None:
    dataset = read(tmp_path, reader(tmp_path), absent="keep")
    found = []
    for split in SPLITS:
        part = getattr(dataset, split)
        a, there = part.views["a"][:, 0], part.present.get("b", np.ones(len(part), bool))
        assert "a" not in part.present
        np.testing.assert_array_equal(part.views["b"][:][there][:, 0], a[there])
        np.testing.assert_array_equal(part.labels, a.astype(int) % 3)
        found += a[~there].astype(int).tolist()
    assert sorted(found) == list(GONE)


@pytest.mark.parametrize("reader", READERS)
def test_skipped_samples_are_counted(tmp_path: Path, reader: Any) -> None:
    dataset = read(tmp_path, reader(tmp_path), absent="skip")
    parts = [getattr(dataset, split) for split in SPLITS]
    left = np.concatenate([part.views["a"][:, 0] for part in parts]).astype(int)
    assert sorted(left) == [k for k in range(60) if k not in GONE]
    assert not any(part.present for part in parts)
    assert "; 3 samples that lack a modality left out" in dataset.description


@pytest.mark.parametrize("reader", [r for r in READERS if r is not cells])
def test_unasked_they_are_an_error_that_names_the_first(tmp_path: Path, reader: Any) -> None:
    words = "3 of 60 samples lack a modality, the first is sample 4, without b; absent: keep"
    with pytest.raises(DataError, match=words):
        read(tmp_path, reader(tmp_path))


def test_a_table_tells_rows_without_a_modality_from_single_cells(tmp_path: Path) -> None:
    data = cells(tmp_path)
    with pytest.raises(DataError, match="3 rows have none, which absent: keep or skip"):
        read(tmp_path, data)
    text = (tmp_path / "own.csv").read_text().replace("7,7,7,1", "7,,7,1")
    (tmp_path / "own.csv").write_text(text)
    with pytest.raises(DataError, match=r"b: 1 of 120 cells are missing.* row 8 of 'b'"):
        read(tmp_path, data, absent="keep")
    dataset = read(tmp_path, data, absent="keep", missing="mean")
    assert "; 1 missing cells filled by training means" in dataset.description


def test_folders_take_empty_paths(tmp_path: Path) -> None:
    lines = write_folders(tmp_path).read_text().splitlines()
    columns = [line.split(",") for line in lines]
    for number in (1, 14):
        columns[number][2] = ""  # the first sample is without sound
    (tmp_path / "own.csv").write_text("\n".join(",".join(row) for row in columns) + "\n")
    small = {"path": "own.csv", "image_size": 8, "spectrogram": (8, 8), "seconds": 0.5}

    def told(**options: Any) -> Dataset:
        data = Folders(**small, **options)
        return data.read(("sound", "array"), tmp_path, lambda *_: None)

    with pytest.raises(DataError, match=r"2 of 36 samples lack a modality.* without sound"):
        told()
    kept, skipped = told(absent="keep"), told(absent="skip")
    gone = 0
    for split in SPLITS:
        part = getattr(kept, split)
        if "sound" in part.present:
            gone += int((~part.present["sound"]).sum())
            assert not part.views["sound"][~part.present["sound"]].any()
    assert gone == 2
    assert sum(len(getattr(skipped, split)) for split in SPLITS) == 34
    assert skipped.description.endswith("; 2 samples that lack a modality left out")


def recipe(**data: Any) -> Recipe:
    about = {"data": {"name": "arrays", "path": "own.npz", **data}}
    return Recipe.model_validate({**toy_recipe({"a": (1,), "b": (1,)}).model_dump(), **about})


def test_descriptions_and_overviews_count_them(tmp_path: Path) -> None:
    npz(tmp_path)
    dataset = load_dataset(recipe(absent="keep"), tmp_path)
    assert "; of 60 samples absent: b in 3" in dataset.description
    view = overview(dataset).modalities["b"]
    assert sum(view.absent.values()) == 3
    assert view.not_finite == 0


def test_a_modality_that_a_split_lacks_wholly_is_named(tmp_path: Path) -> None:
    b = NUMBERS[:, None].copy()
    b[50:] = np.nan
    split = np.repeat(["train", "validation", "test"], [40, 10, 10])
    a = NUMBERS[:, None]
    np.savez(tmp_path / "own.npz", a=a, b=b, label=np.arange(60) % 3, split=split)
    with pytest.raises(DataError, match="b: no test sample has it"):
        load_dataset(recipe(absent="keep"), tmp_path)
    with pytest.raises(DataError, match="no test sample is left"):
        load_dataset(recipe(absent="skip"), tmp_path)


def test_a_bad_number_of_a_sample_that_is_there_is_no_absence() -> None:
    view = np.ones((6, 2), np.float32)
    view[1], view[3, 0] = np.nan, np.nan
    present, bad = scan(view, np.ones(6, bool))
    assert bad == 3
    view[3] = np.nan
    present, bad = scan(view, np.arange(6) != 5)
    assert bad is None
    assert present.tolist() == [True, False, True, False, True, False]


def test_what_nobody_lacks_needs_no_mask() -> None:
    everyone = {"a": np.ones(3, bool)}
    for how in ("error", "keep", "skip"):
        lacked, used = settle(how, everyone, "here")
        assert not lacked
        assert used.all()
