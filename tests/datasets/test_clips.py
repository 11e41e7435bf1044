"""Data sets of media files on tiny files of their official layouts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from armtune.data import Dataset
from armtune.data.formats.media import Kind
from armtune.datasets import Data
from armtune.datasets.ave import Ave
from armtune.datasets.crema_d import CremaD
from armtune.datasets.folders import Folders
from armtune.datasets.kinetics_sounds import CLASSES, KineticsSounds
from armtune.datasets.ucf101 import SILENT, Ucf101
from armtune.errors import DataError, MissingDataError
from armtune.recipe.load import load_recipe
from armtune.training.loop import Run, train
from tests.datasets import media_files as files

ROOT = Path(__file__).parents[2]
SMALL = {"image_size": 16, "spectrogram": [16, 16], "seconds": 0.5, "rate": 8000}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    files.write_folders(folder)
    files.write_crema_d(folder / "CREMA-D")
    files.write_ave(folder / "AVE_Dataset")
    files.write_kinetics(folder / "kinetics400")
    files.write_ucf101(folder / "ucf101")
    return folder


@pytest.fixture
def copied(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copied"))


def read(kind: type[Data], folder: Path, *names: str, **options: object) -> Dataset:
    data = kind.model_validate({**SMALL, **options})
    return data.read(names or ("audio", "video"), folder, lambda *_: None)


def sizes(dataset: Dataset) -> list[int]:
    return [len(split) for split in (dataset.train, dataset.validation, dataset.test)]


def test_crema_d_keeps_actors_apart(whole: Path) -> None:
    dataset = read(CremaD, whole, frames=2)
    assert dataset.target.names == ("anger", "happy", "sad")
    assert dataset.shapes == {"audio": (16, 16), "video": (2, 3, 16, 16)}
    assert sizes(dataset) == [15, 3, 6]
    for split in (dataset.train, dataset.validation, dataset.test):
        assert len(np.unique(np.bincount(split.labels))) == 1  # whole actors: each emotion once
        assert isinstance(split.views["video"], np.memmap)
    labels = dataset.train.labels
    for label in range(3):
        means = dataset.train.views["video"][labels == label].mean(axis=(0, 1, 3, 4))
        assert means.argmax() == label


def test_crema_d_files_have_names_that_tell(copied: Path) -> None:
    (copied / "CREMA-D/AudioWAV/hello.wav").touch()
    with pytest.raises(DataError, match=r"hello\.wav: should be called as 1001_DFA_ANG_XX\.wav"):
        read(CremaD, copied)
    shutil.rmtree(copied / "CREMA-D/AudioWAV")
    with pytest.raises(DataError, match=r"AudioWAV: has no \.wav file"):
        read(CremaD, copied)
    with pytest.raises(MissingDataError):
        read(CremaD, copied, path="elsewhere")


def write_published(base: Path) -> None:
    """Lists by which each fourth clip is for test, as the released ones are written."""
    names = sorted(path.stem for path in (base / "AudioWAV").glob("*.wav"))
    for split, own in (("test", names[::4]), ("train", sorted({*names} - {*names[::4]}))):
        lines = [f"{name},{name.split('_')[2]}\r\n" for name in own]
        (base / f"{split}.csv").write_bytes("".join(lines).encode())


def test_crema_d_as_papers_split_it(copied: Path) -> None:
    base = copied / "CREMA-D"
    write_published(base)
    dataset = read(CremaD, copied, split="published", validation=0.25)
    learnt, held, tested = sizes(dataset)
    assert (learnt + held, tested) == (18, 6)
    assert held > 0
    assert "published split, all actors in training and test" in dataset.description
    assert dataset.test.labels.tolist() == [4 * k % 3 for k in range(6)]
    (base / "AudioWAV/1001_DFA_ANG_XX.wav").unlink()
    with pytest.raises(DataError, match="1001_DFA_ANG_XX"):
        read(CremaD, copied, split="published")
    left = read(CremaD, copied, split="published", damaged="skip")
    assert sizes(left)[2] == 5
    assert "1 damaged samples left out" in left.description


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1001_DFA_ANG_XX,SAD", r"test\.csv, line 2: should be as 1001_DFA_ANG_XX,ANG is"),
        ("name,label", r"test\.csv, line 2: should be as 1001_DFA_ANG_XX,ANG is"),
        ("1001_DFA_XYZ_XX,XYZ", r"test\.csv, line 2: should be as 1001_DFA_ANG_XX,ANG is"),
        ("1008_DFA_SAD_XX,SAD", r"test\.csv, line 2: 1008_DFA_SAD_XX is listed before, too"),
    ],
    ids=["other emotion", "heading", "no emotion", "twice"],
)
def test_published_lists_are_checked(copied: Path, line: str, message: str) -> None:
    base = copied / "CREMA-D"
    write_published(base)
    (base / "test.csv").write_text(f"1001_DFA_ANG_XX,ANG\n{line}\n")
    with pytest.raises(DataError, match=message):
        read(CremaD, copied, split="published")
    (base / "train.csv").unlink()
    with pytest.raises(DataError, match=r"train\.csv"):
        read(CremaD, copied, split="published")


def test_ave_has_its_official_split(whole: Path) -> None:
    dataset = read(Ave, whole)
    assert dataset.target.names == files.EVENTS
    assert sizes(dataset) == [18, 6, 6]
    assert dataset.shapes == {"audio": (16, 16), "video": (3, 3, 16, 16)}


@pytest.mark.parametrize(
    ("text", "message"),
    [("Bark&x&good&0\n", "testSet.txt, line 1: should be Category&VideoID"), ("", "has no line")],
)
def test_faulty_lists_of_ave_are_named(copied: Path, text: str, message: str) -> None:
    (copied / "AVE_Dataset/testSet.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        read(Ave, copied)


def test_kinetics_sounds_takes_its_classes_and_tests_on_val(whole: Path) -> None:
    assert len(CLASSES) == 31
    dataset = read(KineticsSounds, whole)
    assert dataset.target.names == ("bowling", "playing piano", "tap dancing")
    assert sizes(dataset) == [27, 3, 6]
    assert np.bincount(dataset.validation.labels).tolist() == [1, 1, 1]


def test_clips_of_kinetics_that_are_gone_are_named(copied: Path) -> None:
    (copied / "kinetics400/val/val-0_1_000007_000017.mp4").unlink()
    with pytest.raises(DataError, match=r"val-0_1_000007_000017\.mp4: missing"):
        read(KineticsSounds, copied)
    dataset = read(KineticsSounds, copied, damaged="skip")
    assert sizes(dataset) == [27, 3, 5]
    assert "1 damaged samples left out (val-0_1_000007_000017.mp4)" in dataset.description
    header = "label,youtube_id,time_start,time_end,split\n"
    (copied / "kinetics400/annotations/val.csv").write_text(header + "bowling,x,soon,9,val\n")
    with pytest.raises(DataError, match=r"val\.csv: times of x aren't whole seconds"):
        read(KineticsSounds, copied)


def test_ucf101_has_films_flow_and_the_official_split(whole: Path) -> None:
    dataset = read(Ucf101, whole, "video", "flow", validation=0.2)
    assert dataset.target.names == ("Archery", "Biking", "Bowling")
    assert dataset.shapes == {"video": (3, 3, 16, 16), "flow": (3, 2, 16, 16)}
    assert sizes(dataset)[2] == 6
    assert np.ptp(np.bincount(dataset.validation.labels)) == 0  # whole groups, of all classes
    flow = dataset.test.views["flow"][dataset.test.labels == 2].mean(axis=(0, 1, 3, 4))
    assert flow[0] > flow[1] + 0.5


def test_ucf101_is_heard_in_the_classes_that_have_sound(whole: Path) -> None:
    assert len(SILENT) == 50
    dataset = read(Ucf101, whole, classes="with_sound")
    assert dataset.target.names == ("Archery", "Bowling")
    with pytest.raises(DataError, match="set classes: with_sound"):
        read(Ucf101, whole)


def test_faults_of_ucf101_are_named(copied: Path) -> None:
    (copied / "ucf101/flow/v_Biking_g01_c01/flow_y_00001.jpg").unlink()
    with pytest.raises(DataError, match=r"g01_c01: missing or damaged \(1 files flow_x"):
        read(Ucf101, copied, "flow")
    shutil.rmtree(copied / "ucf101/flow")
    with pytest.raises(DataError, match="flow: not there"):
        read(Ucf101, copied, "flow")
    (copied / "ucf101/ucfTrainTestlist/testlist01.txt").write_text("Archery/v_x.avi")
    with pytest.raises(DataError, match=r"testlist01\.txt, line 1: should be as Archery"):
        read(Ucf101, copied, "video")


def test_folders_read_every_kind_and_cut(whole: Path) -> None:
    dataset = read(Folders, whole, *files.KINDS, path="own.csv", validation=0.2)
    assert dataset.target.names == ("cat", "dog", "owl")
    assert dataset.shapes == {"sound": (16, 16), "image": (3, 16, 16), "array": (4,)}
    assert sum(sizes(dataset)) == 36
    # An array lies about its label, so that views and labels can be compared.
    means = dataset.test.views["array"].mean(axis=1)
    np.testing.assert_array_equal(np.round(means), dataset.test.labels)


def test_groups_stay_together(whole: Path) -> None:
    dataset = read(Folders, whole, "array", path="own.csv", groups="who")
    for split in (dataset.train, dataset.validation, dataset.test):
        assert len(np.unique(np.bincount(split.labels))) == 1


def with_splits(path: Path, change: Callable[[int], str]) -> None:
    lines = path.read_text().split()
    named = [f"{line},{change(k) if k else 'split'}" for k, line in enumerate(lines)]
    path.write_text("\n".join(named))


def test_the_csv_may_say_the_splits(copied: Path) -> None:
    with_splits(copied / "own.csv", lambda k: "test" if k % 3 == 0 else "train")
    assert sizes(read(Folders, copied, "array", path="own.csv", validation=0.25)) == [18, 6, 12]
    with_splits(copied / "own.csv", lambda k: "dev")
    (copied / "two.csv").write_text("label,array,split\na,array/0_0.npy,dev\n")
    with pytest.raises(DataError, match="split 'dev' should be one of train"):
        read(Folders, copied, "array", path="two.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label,image\na,x.npy\n", "has no column 'array'; it has label, image"),
        ("label,array\na,array/0_0.npy\n,x.npy\n", "line 3: no 'label'"),
        ("label,array\na,x.txt\n", "x.txt: of no kind"),
        ("label,array\na,array/0_0.npy\n", "1 samples found, with 1 different labels"),
        ("label,array\na,array/0_0.npy\nb,image.npy\n", "image.npy: has shape"),
    ],
)
def test_faulty_csvs_are_named(copied: Path, text: str, message: str) -> None:
    np.save(copied / "image.npy", np.zeros((2, 2)))
    (copied / "two.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read(Folders, copied, "array", path="two.csv")


def test_a_row_without_a_split_is_named(copied: Path) -> None:
    with_splits(copied / "own.csv", lambda k: ("train", "test", "")[k % 3])
    said = "own.csv: 12 of 36 samples have no split, the first is sample 2"
    with pytest.raises(DataError, match=said):
        read(Folders, copied, "array", path="own.csv")


def test_groups_that_the_given_split_divides_are_told(copied: Path) -> None:
    with_splits(copied / "own.csv", lambda k: "train" if k % 5 else "test")
    words = read(Folders, copied, "array", path="own.csv", groups="who").description
    assert "5 of 7 groups of the given test split, such as 'who0', are trained on too" in words


ROWS = "".join(f"{name},array/{k}_{n}.npy,who{n}\n" for n in range(12)
               for k, name in enumerate(("cat", "cat ", "gr\u00fcn")))  # fmt: skip


def test_spaces_dont_make_a_class_and_the_encoding_may_be_stated(copied: Path) -> None:
    (copied / "two.csv").write_text("label,array,who\n" + ROWS, encoding="cp1252")
    with pytest.raises(DataError, match=r"two\.csv: damaged: line 4 is not text in utf-8"):
        read(Folders, copied, "array", path="two.csv")
    dataset = read(Folders, copied, "array", path="two.csv", encoding="cp1252")
    assert dataset.target.names == ("cat", "gr\u00fcn")
    data = Folders.model_validate({"path": "two.csv", "encoding": "cp1252"})
    [source] = data.inputs(copied / "two.csv", {"array": (4,)}, {}).values()
    assert source.shape == (36, 4)


@pytest.mark.parametrize("seed", range(5))
def test_a_rare_class_is_trained_on(copied: Path, seed: int) -> None:
    rows = ROWS.replace("cat,array/0_0", "rare,array/0_0")
    (copied / "two.csv").write_text("label,array,who\n" + rows, encoding="utf-8")
    dataset = read(Folders, copied, "array", path="two.csv", seed=seed)
    assert dataset.target.names.index("rare") in dataset.train.labels


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label,array,label\na,array/0_0.npy,b\n", "two columns are called 'label'"),
        ("label,array,split,split\na,array/0_0.npy,,test\n", "two columns are called 'split'"),
        ("label,array\na,b,array/0_0.npy\n", "line 2: has 3 cells, the heading 2"),
        ("label,array\na,array/0_0.npy\nb\n", "line 3: has 1 cells, the heading 2"),
        ('label,array\na,array/0_0.npy\n"b,array/1_0.npy\nc,array/2_0.npy\n', "damaged"),
        ("label,array\na,array/0_0.npy\n ,array/1_0.npy\n", "line 3: no 'label'"),
        ("label,array\nc\u200bat,array/0_0.npy\ncat,array/1_0.npy\n", "look the same"),
    ],
)
def test_nothing_of_a_csv_is_lost(copied: Path, text: str, message: str) -> None:
    (copied / "two.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read(Folders, copied, "array", path="two.csv")


def test_sound_that_changes_in_its_midst_and_damaged_sound_end_in_no_traceback(
    copied: Path,
) -> None:
    files.write_changing_sound(copied / "0_0.mp4", (48000, "stereo"), (24000, "mono"))
    (copied / "1_0.mp4").write_bytes((copied / "0_0.mp4").read_bytes()[:300])
    lines = ["label,audio"] + [f"{'ab'[k % 2]},{k}.mp4" for k in range(20)]
    for k in range(20):
        (copied / f"{k}.mp4").write_bytes((copied / f"{int(k == 3)}_0.mp4").read_bytes())
    (copied / "two.csv").write_text("\n".join(lines))

    class Heard(Folders):
        def kind(self, modality: str, path: Path) -> Kind:
            return "sound"

    with pytest.raises(DataError, match=r"3\.mp4.*damaged: skip"):
        read(Heard, copied, "audio", path="two.csv")
    assert sum(sizes(read(Heard, copied, "audio", path="two.csv", damaged="skip"))) == 19


def test_a_damaged_file_is_named_or_left_out_counted_and_named(
    copied: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (copied / "sound/0_0.wav").write_bytes(b"RIFF")
    (copied / "image/1_1.png").unlink()
    with pytest.raises(DataError, match=r"0_0\.wav: missing or damaged .*damaged: skip"):
        read(Folders, copied, *files.KINDS, path="own.csv")
    for _ in range(2):  # built, and read again
        dataset = read(Folders, copied, *files.KINDS, path="own.csv", damaged="skip")
        assert "2 damaged samples left out (0_0.wav, 1_1.png)" in dataset.description
        assert sum(sizes(dataset)) == 34
    assert len(caplog.records) == 2


def test_a_class_of_damaged_files_alone_is_named(copied: Path) -> None:
    for path in (copied / "array").glob("0_*.npy"):
        path.unlink()
    with pytest.raises(DataError, match="class 'cat' has no sample"):
        read(Folders, copied, "array", path="own.csv", damaged="skip")


def test_a_changed_file_is_read_anew_and_only_what_is_asked_for_counts(copied: Path) -> None:
    before = read(Folders, copied, "array", path="own.csv")
    (copied / "image/1_1.png").unlink()
    assert read(Folders, copied, "array", path="own.csv").digest == before.digest
    np.save(copied / "array/0_0.npy", np.full(4, 7.0))
    after = read(Folders, copied, "array", path="own.csv")
    assert after.digest != before.digest
    assert not np.array_equal(after.train.views["array"], before.train.views["array"])


RECIPES = {
    "folders": ["data.path=own.csv"],
    "crema_d": [],
    "ave": [],
    "kinetics_sounds": [],
    "ucf101": ["training.batch_size=2"],
}


@pytest.mark.parametrize("name", RECIPES)
def test_the_recipe_trains_two_epochs(
    whole: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("ARMTUNE_DATA", str(whole))
    small = ["data.image_size=16", "training.epochs=2", "training.batch_size=8", *RECIPES[name]]
    small += ["data.spectrogram=[16,16]", "data.rate=8000", "data.seconds=0.5"]
    recipe = load_recipe(ROOT / f"recipes/{name}.yaml", small)
    for modality in recipe.modalities:
        small.append(f"modalities.{modality}.encoder.width=8")
    recipe = load_recipe(ROOT / f"recipes/{name}.yaml", small)
    dataset = recipe.data.read(tuple(recipe.modalities), ROOT / "recipes", lambda *_: None)
    run = Run([recipe], dataset)
    train(run, lambda *_: None)
    assert run.best[0]["accuracy"] > 1 / 3
