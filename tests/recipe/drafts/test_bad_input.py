"""Data that no recipe can be drafted for end in a sentence that says what is wrong, and where."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from armtune.cli import main
from armtune.datasets._load import load_dataset
from armtune.errors import DataError, RecipeError
from armtune.recipe.drafts.draft import Asked, Draft
from armtune.recipe.drafts.kinds import look
from armtune.recipe.drafts.write import write_draft
from armtune.recipe.load import load_recipe
from armtune.recipe.space import load_sweep
from tests.recipe.drafts.inputs import picture

TABLES = {
    "": "t.csv: ",
    "a,y\n": "t.csv: has a heading and no row",
    "a,a,y\n1,2,x\n": "t.csv: two columns are called 'a'",
    "a,y\n1,x\n2,x\n": "t.csv: column 'y': all 2 labels are the same, 'x'",
    "a,y\n1,x\n2,\n3,x\n": "t.csv: column 'y': all 2 labels are the same, 'x'",
    "a,y\n1,\n2,\n3,\n": "t.csv: column 'y': no row has a label",
    "a,y\n1,p\n2,q\n3,r\n": "t.csv: column 'y': 3 different names in 3 samples are no classes",
    "y\n" + "u\nv\n" * 5: "t.csv: no column is left to learn from: the label is the only column",
    "a,y\n" + "1,u\n1,v\n" * 5: "t.csv: no column is left to learn from: a is left out: every cell",
    "b,y\n" + "s,u\nt,v\n" * 20: "no column is left to learn from: b is left out: is the label",
    "photo,y\n" + "gone.png,u\nlost.png,v\n" * 5: "t.csv: column 'photo': row 1: ",
}


@pytest.mark.parametrize("text", TABLES, ids=list(map(str, range(len(TABLES)))))
def test_tables(text: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        look(tmp_path / "t.csv", Asked(tmp_path, "y"))
    assert TABLES[text] in str(caught.value)
    assert str(tmp_path / "t.csv") in str(caught.value)


def test_a_path_that_leads_nowhere_is_told_with_its_row(tmp_path: Path) -> None:
    for number in range(20):
        picture(tmp_path / f"{number}.png", number % 2, number)
    (tmp_path / "7.png").unlink()
    rows = [f"{number}.png,{'uv'[number % 2]}" for number in range(20)]
    (tmp_path / "t.csv").write_text("\n".join(["photo,y", *rows]), encoding="utf-8")
    with pytest.raises(DataError, match=r"column 'photo': row 8: \S+/7\.png isn't there; an empty"):
        look(tmp_path / "t.csv", Asked(tmp_path, "y"))


def test_labels_that_nobody_names(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = [f"{n / 7:.3f},{'uv'[n % 2]},{n % 3},word{n}" for n in range(30)]
    path.write_text("\n".join(["size,kind,grade,note", *rows]), encoding="utf-8")
    with pytest.raises(DataError, match=r"say with --label what is to be .* these: kind, grade$"):
        look(path, Asked(tmp_path))
    with pytest.raises(DataError, match=r"no column 'kinds'; did you mean 'kind'\?"):
        look(path, Asked(tmp_path, "kinds"))
    assert look(path, Asked(tmp_path, "kind")).goal.kind == "classes"


def test_numbers_that_all_differ_are_no_classes(tmp_path: Path) -> None:
    rows = [f"{n},{n / 7:.3f}" for n in np.random.default_rng(0).permutation(30)]
    (tmp_path / "t.csv").write_text("\n".join(["a,y", *rows]), encoding="utf-8")
    with pytest.raises(DataError, match=r"column 'y': 30 different names in 30 samples are no"):
        look(tmp_path / "t.csv", Asked(tmp_path, "y", "classes"))


def test_arrays(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, label=np.arange(20) % 2, a=np.ones((20, 3)), b=np.ones(20), c=np.ones((5, 2)))
    with pytest.raises(DataError) as caught:
        look(path, Asked(tmp_path))
    for said in (
        "no array (sample, …) of 20",
        "a is left out: it is the same",
        "c is left out: it",
    ):
        assert said in str(caught.value)
    np.savez(path, age=np.arange(20) % 2, a=np.ones((20, 3)))
    with pytest.raises(DataError, match=r"--label what is to be predicted; perhaps one of .*: age"):
        look(path, Asked(tmp_path))
    holes = np.random.default_rng(0).normal(size=(20, 3))
    holes[4, 1] = np.nan
    np.savez(path, label=np.arange(20) % 2, a=holes)
    with pytest.raises(DataError, match=r"'a': NaN or infinity \(as float32\) in sample 4"):
        look(path, Asked(tmp_path))


def test_what_is_no_data(tmp_path: Path) -> None:
    (tmp_path / "notes.docx").touch()
    (tmp_path / "mine.csv").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"notes\.docx: no data that .* these are: an \.npz file"):
        look(tmp_path / "notes.docx", Asked(tmp_path))
    with pytest.raises(DataError, match=r"mien\.csv: there is no such .* did you mean .*mine\.csv"):
        look(tmp_path / "mien.csv", Asked(tmp_path))
    with pytest.raises(DataError, match="empty: holds no file that ends in"):
        look(tmp_path / "empty", Asked(tmp_path))


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["armtune", *words])
    with pytest.raises(SystemExit) as caught:
        main()
    return int(caught.value.code or 0)


def test_nothing_is_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("a,y\n" + "1,u\n2,v\n3,u\n" * 5, encoding="utf-8")
    Path("t.yaml").write_text("mine", encoding="utf-8")
    assert run(monkeypatch, "init", "t.csv", "--label", "y") == 1
    assert "t.yaml is there already; another name can be given with --to" in capsys.readouterr().err
    assert Path("t.yaml").read_text(encoding="utf-8") == "mine"
    assert run(monkeypatch, "init", "t.csv", "--label", "y", "--to", "deep/er.yaml") == 0
    assert "path: " + str(tmp_path / "t.csv") in Path("deep/er.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("words", [[], ["t.csv", "--example", "avmnist"], ["t.csv", "--target=x"]])
def test_arguments(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "init", *words) == 2


def written(folder: Path, text: str, **asked: str) -> Draft:
    """The draft for a table, written as a recipe that is found in order."""
    (folder / "t.csv").write_text(text, encoding="utf-8")
    draft = look(folder / "t.csv", Asked(folder, "y", **asked))
    write_draft(draft, folder / "t.yaml", "armtune init t.csv")
    load_sweep(folder / "t.yaml")
    return draft


def rows(heading: str, labels: Sequence[str], count: int = 60) -> str:
    own = [f"{k / 7:.3f},{labels[k % len(labels)]}" for k in range(count)]
    return "\n".join([f"{heading},y", *own]) + "\n"


@pytest.mark.parametrize(
    "labels", [("01", "1"), ("1e3", "1000"), ("-0", "0"), ("9" * 30, "9" * 29 + "8")]
)
def test_labels_that_are_one_number_are_the_classes_that_a_training_reads(
    labels: tuple[str, str], tmp_path: Path
) -> None:
    draft = written(tmp_path, rows("size", labels))
    assert (draft.goal.kind, draft.goal.why[:10]) == ("classes", "2 classes ")
    recipe = load_recipe(tmp_path / "t.yaml")
    assert load_dataset(recipe, tmp_path).target.names == tuple(sorted(labels))


def test_a_mark_among_numbers_is_no_label_unless_classes_are_asked_for(tmp_path: Path) -> None:
    text = rows("size", ("1", "2", "NA"))
    assert written(tmp_path, text, target="classes").goal.why.startswith("3 classes")
    (tmp_path / "t.yaml").unlink()
    assert written(tmp_path, text).goal.why.startswith("2 classes")
    dataset = load_dataset(load_recipe(tmp_path / "t.yaml"), tmp_path)
    assert dataset.target.names == ("1", "2")
    assert "20 of 60 rows have no label and are left out" in dataset.description


@pytest.mark.parametrize(
    ("labels", "target", "kind", "first"),
    [
        (("u", "v", ""), None, "classes", 3),
        (("1", "", "2"), None, "classes", 2),
        (("0.51", "1.52", ""), "values", "values", 3),
        (("0.51", "?", "1.52"), "values", "values", 2),
    ],
)
def test_rows_without_a_label_are_left_out(
    labels: tuple[str, ...], target: str | None, kind: str, first: int, tmp_path: Path
) -> None:
    asked = {"target": target} if target else {}
    assert written(tmp_path, rows("size", labels), **asked).goal.kind == kind
    text = (tmp_path / "t.yaml").read_text(encoding="utf-8")
    assert "unlabelled: skip" in text
    assert f"20 of 60 rows have no label, the first is row {first}" in text
    dataset = load_dataset(load_recipe(tmp_path / "t.yaml"), tmp_path)
    assert sum(map(len, (dataset.train, dataset.validation, dataset.test))) == 40
    assert "20 of 60 rows have no label and are left out" in dataset.description


def test_texts_are_no_values_whoever_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'y': holds text such as 'u'; values are numbers$"):
        written(tmp_path, rows("size", ("u", "v")), target="values")
    assert not (tmp_path / "t.yaml").exists()


def test_fractions_are_no_statement_of_the_user(tmp_path: Path) -> None:
    assert written(tmp_path, rows("size", ("1.5", "2.5"))).goal.why == "numbers with fractions"


def test_names_that_a_terminal_obeys_are_written_out(tmp_path: Path) -> None:
    written(tmp_path, rows("\x1b[31msize\u202e", ("\x1b[2J", "b\x07")))
    text = (tmp_path / "t.yaml").read_text(encoding="utf-8")
    assert not set(text) & set("\x1b\x07\u202e")


def test_more_columns_than_a_recipe_lists_are_left_out(tmp_path: Path) -> None:
    names = [f"c{k}" for k in range(1002)]
    lines = [",".join([*(str((k * n) % 7) for n in range(1002)), "ab"[k % 2]]) for k in range(30)]
    draft = written(tmp_path, "\n".join([",".join([*names, "y"]), *lines]))
    assert draft.notes[-1].startswith("2 columns more are left out: a recipe lists 1,000 at most")


@pytest.mark.parametrize("encoding", ["nope", "base64", "rot13", "\0"])
def test_encodings_that_are_none(encoding: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"^--encoding: .* is no encoding, such as utf-8"):
        written(tmp_path, rows("size", "ab"), encoding=encoding)


def test_a_ring_of_links_is_not_meant_by_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "ring").symlink_to("ring")
    with pytest.raises(DataError, match=r"ring: there is no such file or folder$"):
        look(tmp_path / "ring", Asked(tmp_path))


def test_a_target_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"^--target: 'ranks' is no target; there are classes, "):
        written(tmp_path, rows("size", "ab"), target="ranks")
