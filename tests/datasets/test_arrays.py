from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from armtune.data import Dataset
from armtune.datasets.arrays import Arrays
from armtune.errors import DataError, MissingDataError

COUNT = 60
Save = Callable[[Path, Mapping[str, np.ndarray]], Path]


def save_npz(folder: Path, arrays: Mapping[str, np.ndarray]) -> Path:
    path = folder / "own.npz"
    np.savez(path, **arrays)
    return path


def save_folder(folder: Path, arrays: Mapping[str, np.ndarray]) -> Path:
    path = folder / "own"
    path.mkdir()
    for key, array in arrays.items():
        np.save(path / f"{key}.npy", array)
    return path


def arrays(**more: Any) -> dict[str, np.ndarray]:
    """Two views whose values tell the sample's number; ``None`` leaves an array out."""
    rows = np.arange(COUNT, dtype=np.float32)
    own = {
        "left": np.stack([rows, -rows], axis=1),
        "right": np.broadcast_to(rows[:, None, None], (COUNT, 2, 3)),
        "label": np.arange(COUNT) % 3,
        **more,
    }
    return {key: np.asarray(array) for key, array in own.items() if array is not None}


def read(path: Path, names: tuple[str, ...] = ("left", "right"), **options: Any) -> Dataset:
    data = Arrays.model_validate({"path": path.name, **options})
    return data.read(names, path.parent, lambda what, done, total: None)


def samples(dataset: Dataset) -> list[list[int]]:
    """Which samples each split holds, by what the views say."""
    parts = (dataset.train, dataset.validation, dataset.test)
    for part in parts:
        np.testing.assert_array_equal(part.views["left"][:, 0], part.views["right"][:, 1, 2])
        assert len(part.labels) == len(part.views["left"])
    return [part.views["left"][:, 0].astype(int).tolist() for part in parts]


@pytest.mark.parametrize("save", [save_npz, save_folder])
def test_index_arrays_cut_the_samples(tmp_path: Path, save: Save) -> None:
    cuts = {
        "train_index": np.arange(30),
        "validation_index": np.array([50, 31, 40]),
        "test_index": np.arange(51, 60),
    }
    dataset = read(save(tmp_path, arrays(**cuts)))
    assert samples(dataset) == [index.tolist() for index in cuts.values()]
    np.testing.assert_array_equal(dataset.validation.labels, [50 % 3, 31 % 3, 40 % 3])
    assert dataset.shapes == {"left": (2,), "right": (2, 3)}
    assert dataset.description == f"arrays from {PATHS[save]}: 3 classes, 30 + 3 + 9 samples"


PATHS = {save_npz: "own.npz", save_folder: "own"}


@pytest.mark.parametrize("numbers", [False, True])
def test_a_split_array_cuts_the_samples(tmp_path: Path, numbers: bool) -> None:
    numbered = np.arange(COUNT) // 3 % 3
    split = numbered if numbers else np.array(["train", "validation", "test"])[numbered]
    found = samples(read(save_npz(tmp_path, arrays(split=split))))
    assert found == [np.flatnonzero(numbered == part).tolist() for part in range(3)]


def test_neighbours_in_a_folder_stay_memory_mapped(tmp_path: Path) -> None:
    path = save_folder(tmp_path, arrays(train_index=np.arange(40), test_index=np.arange(40, 60)))
    test = read(path).test.views["left"]
    assert isinstance(test.base, np.memmap) or isinstance(test.base.base, np.memmap)


def test_cuts_by_seed_hold_every_sample_once_with_the_classes_proportions(tmp_path: Path) -> None:
    path = save_npz(tmp_path, arrays())
    dataset = read(path, test=0.2, validation=0.25)
    found = samples(dataset)
    assert [len(part) for part in found] == [36, 12, 12]
    assert sorted(chain(*found)) == list(range(COUNT))
    for part in (dataset.train, dataset.validation, dataset.test):
        assert np.ptp(np.bincount(part.labels)) <= 1
    assert samples(read(path, test=0.2, validation=0.25)) == found
    assert samples(read(path, test=0.2, validation=0.25, seed=1)) != found


def test_validation_is_cut_from_train_and_never_from_test(tmp_path: Path) -> None:
    test = np.arange(0, COUNT, 2)
    found = samples(read(save_npz(tmp_path, arrays(test_index=test)), validation=0.2))
    assert found[2] == test.tolist()
    assert len(found[1]) == 6
    assert set(found[0]) | set(found[1]) == set(range(1, COUNT, 2))


def test_samples_outside_given_cuts_are_left_out(tmp_path: Path) -> None:
    cuts = {"train_index": np.arange(30), "test_index": np.arange(40, 50)}
    found = samples(read(save_npz(tmp_path, arrays(**cuts))))
    assert sorted(found[0] + found[1]) == list(range(30))


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_never_divided(tmp_path: Path, seed: int) -> None:
    groups = np.array(list("aabbccddee")).repeat(6)
    found = samples(read(save_npz(tmp_path, arrays(who=groups)), groups="who", seed=seed))
    people = [set(groups[part].tolist()) for part in found]
    assert all(people)
    assert sum(len(part) for part in people) == len(set.union(*people)) == 5


@pytest.mark.parametrize("seed", range(4))
def test_a_large_group_does_not_swallow_all(tmp_path: Path, seed: int) -> None:
    groups = np.array(["small"] * 6 + ["large"] * 54)
    cuts = {"test_index": np.array([0, 59])}
    path = save_npz(tmp_path, arrays(who=groups, **cuts))
    found = samples(read(path, groups="who", validation=0.2, seed=seed))
    assert min(len(part) for part in found) > 0


def test_views_have_keys_of_their_own(tmp_path: Path) -> None:
    options = Arrays(path="own.npz", views={"ear": "left", "eye": "right"})
    assert options.modalities() == ("ear", "eye")
    save_npz(tmp_path, arrays())
    dataset = options.read(("eye", "ear"), tmp_path, lambda what, done, total: None)
    assert dataset.shapes == {"eye": (2, 3), "ear": (2,)}
    assert Arrays(path="own.npz").modalities() is None


def test_labels_may_be_words(tmp_path: Path) -> None:
    words = np.array(["walk", "run", "sit"])[np.arange(COUNT) % 3]
    dataset = read(save_npz(tmp_path, arrays(label=None, action=words)), labels="action")
    assert dataset.target.names == ("run", "sit", "walk")
    row = int(dataset.test.views["left"][0, 0])
    assert dataset.target.names[dataset.test.labels[0]] == words[row]


@pytest.mark.parametrize("kind", ["float64", "float16", "uint16", "int8", "bool"])
def test_numbers_become_float32(tmp_path: Path, kind: str) -> None:
    view = (np.arange(2 * COUNT).reshape(COUNT, 2) % 2).astype(kind)
    dataset = read(save_npz(tmp_path, arrays(left=view)), ("left",))
    assert dataset.train.views["left"].dtype == np.float32
    assert dataset.train.labels.dtype == np.int64


def test_the_file_may_lie_in_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    save_npz(tmp_path / "data", arrays())
    data = Arrays(path="own.npz")
    with pytest.raises(MissingDataError, match="ARMTUNE_DATA may name"):
        data.read(("left",), tmp_path / "recipes", lambda what, done, total: None)
    monkeypatch.setenv("ARMTUNE_DATA", str(tmp_path / "data"))
    data.read(("left",), tmp_path / "recipes", lambda what, done, total: None)
    with pytest.raises(MissingDataError) as caught:
        Arrays(path="gone.npz").read(("left",), tmp_path / "recipes", lambda *now: None)
    for place in ("recipes", "data"):
        assert str(tmp_path / place) in str(caught.value)


def nan_at(row: int, value: float = np.nan) -> np.ndarray:
    view = np.zeros((COUNT, 2, 2))
    view[row, 1, 0] = value
    view[row + 1 :, 0, 0] = value
    return view


GAP = np.where(np.arange(COUNT) % 4 == 2, 0, np.arange(COUNT) % 4)

WRONG: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"left": None}, {}, r"own\.npz: no array 'left'; it has right, label"),
    ({"label": None, "labels": GAP}, {}, "no array 'label'; did you mean 'labels'?"),
    ({"left": np.zeros((COUNT - 1, 2))}, {}, r"'left': has shape \(59, 2\) for 60 labels"),
    ({"left": np.zeros((COUNT, 0))}, {}, r"'left': has shape \(60, 0\)"),
    ({"left": np.zeros(COUNT)}, {}, r"'left': has one number a sample.*reshape it to \(sample, 1"),
    ({"left": np.array(3.0)}, {}, "'left': has one number"),
    ({"left": np.full((COUNT, 2), "a")}, {}, "'left': must hold real numbers, not <U1"),
    ({"left": np.ones((COUNT, 2), complex)}, {}, "must hold real numbers, not complex128"),
    ({"left": np.full((COUNT, 1), None)}, {}, "'left'.*Python objects"),
    ({"left": nan_at(17)}, {}, r"'left': NaN or infinity \(as float32\) in sample 17"),
    ({"left": nan_at(0, np.inf)}, {}, "'left': NaN or infinity.* in sample 0"),
    ({"left": nan_at(5, 1e300)}, {}, "'left': NaN or infinity.* in sample 5"),
    ({"label": np.arange(COUNT) % 3 - 1}, {}, "'label': labels count from 0.* from -1 to 1"),
    ({"label": np.arange(COUNT) + 10**9}, {}, "from 1000000000 to 1000000059"),
    ({"label": np.arange(COUNT) % 3 / 1}, {}, "must be integers or strings, not float64"),
    ({"label": np.full(COUNT, None)}, {}, "'label'.*Python objects"),
    (
        {"label": np.zeros((COUNT, 1), int)},
        {},
        r"must have one label a sample, not shape \(60, 1\); target: labels takes a matrix of 0",
    ),
    ({"label": np.zeros(0, int)}, {}, r"'label': must have one label a sample, not shape \(0,\)"),
    ({"label": np.zeros(COUNT, int)}, {}, "all labels are the same"),
    ({"label": GAP}, {}, "class '2' has no sample at all"),
    (
        {"train_index": np.arange(0, COUNT, 3), "test_index": np.arange(1, COUNT, 3)},
        {},
        "class '1' has no sample to train on",
    ),
    ({"train_index": np.array([0, 60])}, {}, r"'train_index': 60 is no sample; there are 0 to 59"),
    ({"test_index": np.array([0, -1])}, {}, "'test_index': -1 is no sample"),
    ({"test_index": np.array([3, 4, 3])}, {}, "'test_index': sample 3 is there twice"),
    ({"test_index": np.arange(COUNT) < 9}, {}, "'test_index': must be sample numbers, not bool"),
    ({"test_index": np.zeros((0,), int)}, {}, "'test_index': must be sample numbers"),
    (
        {"train_index": np.arange(30), "test_index": np.arange(29, 60)},
        {},
        "sample 29 is in both train and test",
    ),
    ({"split": np.full(COUNT, "dev")}, {}, "'split': must say train.* not 'dev'"),
    ({"split": np.full(9, "train")}, {}, r"'split': must say train.* not shape \(9,\)"),
    (
        {"split": np.full(COUNT, "train"), "test_index": np.arange(3)},
        {},
        "both 'split' and test_index",
    ),
    ({}, {"groups": "subject"}, "no array 'subject'"),
    ({"who": np.zeros(9)}, {"groups": "who"}, "'who': has 9 values, the labels have 60"),
    ({"who": np.zeros(COUNT)}, {"groups": "who"}, "too few groups to cut 20% of 60 off for test"),
    ({}, {"test": 0.001}, "too few samples to cut 0% of 60 off for test"),
]


@pytest.mark.parametrize(("change", "options", "words"), WRONG)
def test_what_is_wrong_is_named(
    tmp_path: Path, change: dict[str, Any], options: dict[str, Any], words: str
) -> None:
    path = save_npz(tmp_path, arrays(**change))
    with pytest.raises(DataError, match=words):
        read(path, **options)


@pytest.mark.parametrize("content", [b"", b"words", b"PK\x03\x04 no zip", b"\x93NUMPY"])
def test_a_file_that_is_no_npz_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "own.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"own\.npz: (damaged|not numpy)"):
        read(path)


def test_a_damaged_array_is_named(tmp_path: Path) -> None:
    path = save_npz(tmp_path, arrays())
    content = bytearray(path.read_bytes())
    content[300] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"own\.npz: 'left': damaged"):
        read(path)


def test_a_single_array_is_not_enough(tmp_path: Path) -> None:
    path = tmp_path / "own.npy"
    np.save(path, np.zeros((3, 3)))
    with pytest.raises(DataError, match="a single array"):
        read(path)


@pytest.mark.parametrize("cut", [10, 200])
def test_a_damaged_file_in_a_folder_is_named(tmp_path: Path, cut: int) -> None:
    path = save_folder(tmp_path, arrays())
    whole = (path / "left.npy").read_bytes()
    (path / "left.npy").write_bytes(whole[:cut])
    with pytest.raises(DataError, match=r"left\.npy: damaged"):
        read(path)


def test_pickled_files_in_a_folder_are_refused(tmp_path: Path) -> None:
    path = save_folder(tmp_path, arrays(left=np.full((COUNT, 1), None)))
    with pytest.raises(DataError, match=r"left\.npy: .*Python objects"):
        read(path)


def test_an_empty_folder_has_no_labels(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no array 'label'; it has none"):
        read(save_folder(tmp_path, {}))


@pytest.mark.parametrize("wrong", [{}, {"path": "x", "test": 1.0}, {"path": "x", "validation": 0}])
def test_wrong_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Arrays.model_validate(wrong)


def test_four_real_sensors(real: Path) -> None:
    views = {name: f"view_{name}" for name in ("accel", "gyro", "skeleton", "depth")}
    data = Arrays(path="utd_mhad/data.npz", views=views, groups="subject")
    dataset = data.read(tuple(views), real, lambda what, done, total: None)
    assert len(dataset.target.names) == 27
    assert dataset.shapes["depth"] == (9, 30, 40)
    assert len(dataset.train) + len(dataset.validation) == 431
    assert len(dataset.test) == 430
    with np.load(real / "utd_mhad" / "data.npz") as file:
        subjects, accel = file["subject"], file["view_accel"]
    whole = {sample.tobytes(): who for sample, who in zip(accel, subjects, strict=True)}
    people = [
        {whole[sample.tobytes()] for sample in part.views["accel"]}
        for part in (dataset.train, dataset.validation, dataset.test)
    ]
    assert [len(part) for part in people] == [3, 1, 4]
    assert len(set.union(*people)) == 8


@pytest.mark.parametrize(
    ("label", "options", "message"),
    [
        (np.zeros((COUNT, 1), int), {}, r"labels\.reshape\(-1\)"),
        (np.arange(COUNT) % 2 == 0, {}, r"not bool; store labels\.astype\(int\)"),
        (np.resize([b"a", b"b"], COUNT), {}, r"not \|S1; store numpy\.char\.decode"),
        (np.arange(COUNT) % 2 == 0, {"target": "values"}, r"not bool .*labels\.astype\(float\)"),
        (np.resize([b"1", b"2"], COUNT), {"target": "values"}, r"numpy\.char\.decode"),
        (np.resize([b"a", b"b"], COUNT), {"target": "labels"}, r"numpy\.char\.decode"),
    ],
)
def test_labels_of_other_kinds_say_what_to_do(
    tmp_path: Path, label: np.ndarray, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read(save_npz(tmp_path, arrays(label=label)), **options)


def test_what_is_told_to_be_stored_is_read(tmp_path: Path) -> None:
    truth = np.arange(COUNT) % 2 == 0
    text = np.resize(np.char.encode(["gr\u00fcn", "rot"], "utf-8"), COUNT)
    for label in (truth.astype(int), np.char.decode(text, "utf-8")):
        assert read(save_npz(tmp_path, arrays(label=label))).target.width == 2
    splits = np.resize([b"train", b"train", b"train", b"test"], COUNT)
    assert len(read(save_npz(tmp_path, arrays(split=splits))).test) == 15


@pytest.mark.parametrize("key", ["split", "label_names", "who"])
def test_bytes_that_are_no_utf_8_are_named(tmp_path: Path, key: str) -> None:
    path = save_npz(tmp_path, arrays(**{key: np.resize([b"gr\xfcn", b"rot"], COUNT)}))
    with pytest.raises(DataError, match=f"'{key}'.* holds bytes that aren't UTF-8"):
        read(path, **({"groups": "who"} if key == "who" else {}))


def test_groups_that_the_given_split_divides_are_told(tmp_path: Path) -> None:
    split = np.resize(["train", "train", "train", "test"], COUNT)
    path = save_npz(tmp_path, arrays(split=split, who=np.arange(COUNT) // 6))
    words = read(path, groups="who").description
    assert " of 10 groups of the given test split, such as '0', are trained on too" in words
    path = save_npz(tmp_path, arrays(split=split, who=np.arange(COUNT)))
    assert "trained on too" not in read(path, groups="who").description


@pytest.mark.parametrize("seed", range(5))
def test_rare_classes_are_trained_on_though_samples_are_left_out(tmp_path: Path, seed: int) -> None:
    left = np.stack([np.arange(COUNT), -np.arange(COUNT)], axis=1).astype(float)
    left[0] = np.nan
    label = np.repeat([0, 1], [2, COUNT - 2])
    path = save_npz(tmp_path, arrays(left=left, label=label))
    dataset = read(path, seed=seed, absent="skip")
    assert dataset.target.names == ("0", "1")
    assert 0 in dataset.train.labels


def test_single_numbers_that_are_nan_take_the_mean_of_training(tmp_path: Path) -> None:
    split = ["train"] * 40 + ["validation"] * 10 + ["test"] * 10
    left = np.stack([np.arange(COUNT, dtype=float)] * 2, axis=1)
    left[[0, 45], 1] = np.nan
    path = save_npz(tmp_path, arrays(left=left, split=split))
    dataset = read(path, missing="mean")
    mean = np.arange(1, 40).mean()
    np.testing.assert_array_equal(dataset.train.views["left"][0], [0, mean])
    np.testing.assert_array_equal(dataset.validation.views["left"][5], [45, mean])
    assert "; 2 numbers that were NaN filled by training means" in dataset.description
    with pytest.raises(DataError, match="in sample 0; missing: mean would fill NaN"):
        read(path)


def test_what_can_have_no_mean_is_named(tmp_path: Path) -> None:
    split = ["train"] * 40 + ["validation"] * 10 + ["test"] * 10
    left = np.stack([np.arange(COUNT, dtype=float)] * 2, axis=1)
    left[:40, 1] = np.nan
    path = save_npz(tmp_path, arrays(left=left, split=split))
    with pytest.raises(DataError, match="'left': a number is NaN in all training samples"):
        read(path, missing="mean")
    left[:, 1] = np.inf
    path = save_npz(tmp_path, arrays(left=left, split=split))
    with pytest.raises(DataError, match="'left': NaN or infinity"):
        read(path, missing="mean")


def test_classes_are_called_by_the_key_of_their_labels(tmp_path: Path) -> None:
    path = save_npz(tmp_path, arrays(label=None, gesture=np.arange(COUNT) % 3))
    assert "3 classes of 'gesture', " in read(path, labels="gesture").description
