"""Tables of any columns: what they become, fitted on training rows only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from armtune.data import Dataset
from armtune.data.columns.modalities import Text, Vector, restored
from armtune.data.tokenizer import Tokenizer
from armtune.datasets.table import Table
from armtune.errors import DataError
from tests.data import tokenizer_files
from tests.datasets.table_files import COLUMNS, COUNT, Rows, options, rows, write

NAMES = tuple(COLUMNS)


@pytest.fixture
def own(tmp_path: Path) -> Rows:
    return rows(tmp_path)


def read(folder: Path, names: tuple[str, ...] = NAMES, **more: Any) -> Dataset:
    data = Table.model_validate(options(**more))
    return data.read(names, folder, lambda what, done, total: None)


def vector(dataset: Dataset, modality: str = "facts") -> Vector:
    found = restored(dataset.prepared[modality])
    assert isinstance(found, Vector)
    return found


def test_columns_become_pictures_words_and_vectors(tmp_path: Path, own: Rows) -> None:
    write(tmp_path / "own.csv", own)
    dataset = read(tmp_path)
    maker, price, made = vector(dataset).columns
    assert (maker.type, price.type, made.type) == ("category", "number", "date")
    # Four makers, and the price with its indicator; years change, days of the week do too.
    assert vector(dataset).widths == [4, 2, len(made.parts) + 1]  # type: ignore[union-attr]
    assert dataset.shapes == {
        "photo": (3, 8, 8), "words": (6,), "facts": (sum(vector(dataset).widths),)
    }  # fmt: skip
    assert len(dataset.train) + len(dataset.validation) == 40
    assert len(dataset.test) == 20


def test_what_is_fitted_is_of_training_rows_only(tmp_path: Path, own: Rows) -> None:
    write(tmp_path / "own.csv", own)
    dataset = read(tmp_path)
    train = [row for row in own if row["use"] == "train"]
    maker, price, _ = vector(dataset).columns
    assert set(maker.values) == {row["maker"] for row in train}  # type: ignore[union-attr]
    known = [float(row["price"]) for row in train if row["price"]]
    np.testing.assert_allclose(price.means, [np.mean(known)])  # type: ignore[union-attr]
    words = restored(dataset.prepared["words"])
    assert isinstance(words, Text)
    assert "new" not in words.words
    assert "old" in words.words


def test_an_unseen_category_is_the_mean_of_those_seen(tmp_path: Path, own: Rows) -> None:
    write(tmp_path / "own.csv", own)
    dataset = read(tmp_path)
    unseen = [row["maker"] == "unseen" for row in own if row["use"] == "test"]
    given = dataset.test.views["facts"][:, :4]
    mean = dataset.train.views["facts"][:, :4].mean(axis=0)
    np.testing.assert_allclose(given[unseen], np.tile(mean, (sum(unseen), 1)), rtol=1e-6)
    assert set(np.unique(given[~np.array(unseen)])) == {0, 1}


def test_missing_cells_are_filled_and_told(tmp_path: Path, own: Rows) -> None:
    write(tmp_path / "own.csv", own)
    dataset = read(tmp_path)
    rows_of = {split: [r for r in own if r["use"] == split] for split in ("train", "test")}
    for split, part in (("train", dataset.train), ("test", dataset.test)):
        gone = np.array([not row["price"] for row in rows_of[split]])
        assert gone.sum() == 1
        price, told = part.views["facts"][:, 4], part.views["facts"][:, 5]
        np.testing.assert_array_equal(told, gone)
        column = vector(dataset).columns[1]
        np.testing.assert_allclose(price[gone], column.means, rtol=1e-6)  # type: ignore[union-attr]
    assert "4 missing cells filled by training means and told by numbers" in dataset.description


def test_rows_without_a_picture_lack_it(tmp_path: Path, own: Rows) -> None:
    write(tmp_path / "own.csv", own)
    dataset = read(tmp_path)
    lacking = [
        int((~part.present["photo"]).sum()) if "photo" in part.present else 0
        for part in (dataset.train, dataset.validation, dataset.test)
    ]
    assert sum(lacking) == 2
    assert lacking[2] == 1
    with pytest.raises(DataError, match="2 of 60 samples lack a modality, the first is sample 1"):
        read(tmp_path, absent="error")
    assert "2 samples that lack a modality left out" in read(tmp_path, absent="skip").description


def test_a_category_that_is_missing_or_rare_in_training_has_a_place(
    tmp_path: Path, own: Rows
) -> None:
    for row in own[:8]:
        row["maker"] = ""
    own[8]["maker"], own[60 - 1]["maker"] = "once", "never"
    own[8]["use"] = "train"
    write(tmp_path / "own.csv", own)
    dataset = read(tmp_path)
    maker = vector(dataset).columns[0]
    assert maker.width == 6
    assert "once" not in maker.values  # type: ignore[union-attr]
    view = np.concatenate([dataset.train.views["facts"], dataset.validation.views["facts"]])
    assert view[:, 5].sum() == 8
    assert view[:, 4].sum() == 1
    last = dataset.test.views["facts"][-1, :6]
    np.testing.assert_array_equal(last, [0, 0, 0, 0, 1, 0])


def test_raw_rows_are_prepared_as_training_rows_were(tmp_path: Path, own: Rows) -> None:
    write(tmp_path / "own.csv", own)
    dataset = read(tmp_path)
    test = [row for row in own if row["use"] == "test"]
    backwards = [name for name in own[0] if name not in ("kind", "use")][::-1]
    path = write(tmp_path / "new.csv", test, backwards)
    data = Table.model_validate(options())
    sources = data.prepared_inputs(path, dataset.shapes, dataset.prepared)
    assert list(sources) == list(NAMES)
    for m, source in sources.items():
        assert source.shape == (20, *dataset.shapes[m])
        found = np.concatenate(list(source.pieces(7)))
        expected = np.array(dataset.test.views[m])
        if m in dataset.test.present:
            expected[~dataset.test.present[m]] = np.nan
        np.testing.assert_allclose(found, expected, rtol=1e-6, err_msg=m)


def test_new_rows_may_write_numbers_and_dates_otherwise(tmp_path: Path, own: Rows) -> None:
    write(tmp_path / "own.csv", own)
    dataset, data = read(tmp_path), Table.model_validate(options())
    for row in own:
        row["price"] = row["price"].replace(".", ",")
        row["made"] = ".".join(row["made"].split("-")[::-1])
    path = write(tmp_path / "new.csv", [row for row in own if row["use"] == "test"])
    facts = data.prepared_inputs(path, dataset.shapes, dataset.prepared)["facts"]
    found = np.concatenate(list(facts.pieces(3)))
    np.testing.assert_allclose(found, dataset.test.views["facts"], rtol=1e-6)


def test_groups_of_one_row_are_told(tmp_path: Path, own: Rows) -> None:
    write(tmp_path / "own.csv", own)
    words = read(tmp_path, ("words",), groups="id").description
    assert "; every row is a group of 'id' by itself" in words


def test_a_modality_whose_columns_are_missing_is_left_out(tmp_path: Path, own: Rows) -> None:
    write(tmp_path / "own.csv", own)
    dataset, data = read(tmp_path), Table.model_validate(options())
    path = write(tmp_path / "new.csv", own, ["title", "tags"])
    assert list(data.prepared_inputs(path, dataset.shapes, dataset.prepared)) == ["words"]
    path = write(tmp_path / "new.csv", own, ["maker", "price"])
    with pytest.raises(DataError, match="no column 'made'"):
        data.prepared_inputs(path, dataset.shapes, dataset.prepared)


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("price", "cheap", r"column 'price': must hold numbers, .*row 41 says 'cheap'"),
        ("made", "soon", r"column 'made': must hold dates written %Y-%m-%d \(row 41 says 'soon'"),
        ("picture", "no.png", r"column 'picture', row 41: .*no\.png: missing or damaged"),
    ],
)
def test_a_new_cell_that_doesnt_fit_is_named_with_its_row(
    tmp_path: Path, own: Rows, column: str, cell: str, message: str
) -> None:
    write(tmp_path / "own.csv", own)
    dataset, data = read(tmp_path), Table.model_validate(options())
    own[40][column] = cell
    path = write(tmp_path / "new.csv", own)

    def read_all() -> None:
        for source in data.prepared_inputs(path, dataset.shapes, dataset.prepared).values():
            list(source.pieces(16))

    with pytest.raises(DataError, match=message):
        read_all()


def test_a_lost_picture_is_named_with_its_row_or_left_out(tmp_path: Path, own: Rows) -> None:
    own[6]["picture"] = "pictures/gone.png"
    write(tmp_path / "own.csv", own)
    said = r"column 'picture', row 7: .*gone\.png: missing or damaged .*damaged: skip"
    with pytest.raises(DataError, match=said):
        read(tmp_path)
    words = read(tmp_path, damaged="skip").description
    assert "1 samples with damaged files left out, the first: " in words


def test_identifiers_constants_and_leaks_are_told(tmp_path: Path, own: Rows) -> None:
    for k, row in enumerate(own):
        row["same"], row["copy"], row["finer"] = "x", row["kind"], f"{row['kind']}{k % 2}"
    write(tmp_path / "own.csv", own)
    columns = {"facts": ["id", "maker", "same", "copy", "finer"]}
    dataset = read(tmp_path, ("facts",), columns=columns)
    assert "; columns left out: id (identifier), same (constant)" in dataset.description
    assert "; LEAK: column 'copy' equals the label" in dataset.description
    assert "; LEAK: column 'finer' determines the label" in dataset.description
    assert dataset.columns == {"facts": ["maker", "copy", "finer"]}
    told = {guess["name"]: guess for guess in dataset.guesses}
    assert told["id"]["left_out"]
    assert told["maker"]["examples"] == ["maker 0", "maker 1", "maker 2"]


def test_stated_types_win(tmp_path: Path, own: Rows) -> None:
    write(tmp_path / "own.csv", own)
    columns = {"facts": ["id", "price", "made"]}
    types = {"id": "category", "pri*": "category", "made": "date %Y-%m-%d"}
    dataset = read(tmp_path, ("facts",), columns=columns, types=types)
    assert [column.type for column in vector(dataset).columns] == ["category", "category", "date"]
    with pytest.raises(DataError, match=r"'title': no date's format fits .*'red thing number 0'"):
        read(tmp_path, ("words",), types={"title": "date"})
    with pytest.raises(ValidationError, match="'words' is no type of a column: number, category"):
        Table.model_validate(options(types={"title": "words"}))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            ["title", "price"],
            r"'title' \(text\) and 'price' \(number\) don't go together; give col",
        ),
        (["picture", "maker"], r"'picture' \(image\) and 'maker' \(category\) don't go together"),
        (["id"], "column 'id': mixed has no other column, and 60 different values in 60 cells"),
    ],
)
def test_columns_that_make_no_modality_are_named(
    tmp_path: Path, own: Rows, columns: list[str], message: str
) -> None:
    write(tmp_path / "own.csv", own)
    with pytest.raises(DataError, match=message):
        read(tmp_path, ("mixed",), columns={"mixed": columns})


def test_a_folder_with_a_subfolder_for_each_class_is_read(tmp_path: Path, own: Rows) -> None:
    for k, row in enumerate(own):
        if row["picture"]:
            place = tmp_path / "classes" / row["kind"] / f"{k}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / row["picture"]).rename(place)
    data = {"path": "classes", "columns": {"photo": ["file"]}, "label": "label", "split": None}
    dataset = read(tmp_path, ("photo",), **data)
    assert dataset.target.names == ("a", "b", "c")
    assert dataset.shapes == {"photo": (3, 8, 8)}
    assert len(dataset.train) + len(dataset.validation) + len(dataset.test) == COUNT - 2


def test_labels_that_all_differ_are_refused(tmp_path: Path, own: Rows) -> None:
    write(tmp_path / "own.csv", own)
    with pytest.raises(DataError, match=r"column 'id': all 60 labels differ, such as 'item-0'"):
        read(tmp_path, ("words",), label="id")


def test_the_cache_is_built_again_when_a_picture_changes(tmp_path: Path, own: Rows) -> None:
    write(tmp_path / "own.csv", own)
    first = read(tmp_path)
    assert read(tmp_path).digest == first.digest
    (tmp_path / own[0]["picture"]).write_bytes((tmp_path / own[2]["picture"]).read_bytes())
    assert read(tmp_path).digest != first.digest


def test_a_tokenizer_reads_a_modality_of_texts(tmp_path: Path, own: Rows) -> None:
    write(tmp_path / "own.csv", own)
    tokenizer_files.write(tmp_path / "vectors")
    dataset = read(tmp_path, ("words", "facts"), tokenizers={"words": "vectors"})
    by = restored(dataset.prepared["words"])
    assert isinstance(by, Text)
    assert isinstance(by.numbers, Tokenizer)
    first = dataset.train.views["words"][0]
    expected = ["red", "thing", "number"]  # of "red thing number 0", without tags
    assert first.tolist() == [
        *(1 + tokenizer_files.WORDS.index(word) for word in expected),
        *[0] * (len(first) - len(expected)),
    ]
    json.dumps(dataset.prepared)


def test_the_cache_goes_by_the_tokenizers_content(tmp_path: Path, own: Rows) -> None:
    write(tmp_path / "own.csv", own)
    file = tokenizer_files.write(tmp_path / "vectors")
    options = {"tokenizers": {"words": "vectors/tokenizer.json"}}
    before = read(tmp_path, ("words",), **options)
    assert before.digest != read(tmp_path, ("words",)).digest
    file.write_text(file.read_text().replace('"thing"', '"object"'))
    after = read(tmp_path, ("words",), **options)
    assert before.digest != after.digest
    assert before.train.views["words"].any(axis=1).all()


@pytest.mark.parametrize(
    ("tokenizers", "said"),
    [
        ({"words": "lost"}, "lost is not in"),
        ({"facts": "vectors"}, "data.tokenizers.facts: facts holds columns of numbers"),
        ({"words": "."}, "has no tokenizer.json"),
    ],
    ids=["lost", "facts", "folder"],
)
def test_a_tokenizer_that_doesnt_serve_is_named(
    tmp_path: Path, own: Rows, tokenizers: dict[str, str], said: str
) -> None:
    write(tmp_path / "own.csv", own)
    tokenizer_files.write(tmp_path / "vectors")
    with pytest.raises(DataError, match=said):
        read(tmp_path, ("words", "facts"), tokenizers=tokenizers)


def test_a_tokenizer_of_no_modality_is_refused() -> None:
    with pytest.raises(ValidationError, match="tokenizers: 'title' is no modality of photo, words"):
        Table.model_validate(options(tokenizers={"title": "vectors"}))


def test_a_column_of_numbers_but_for_a_cell_is_told(tmp_path: Path, own: Rows) -> None:
    own[7]["price"] = "oops"
    write(tmp_path / "own.csv", own)
    assert "; column 'price' is no number: " in read(tmp_path).description
    assert "are numbers, and row 8 says 'oops'" in read(tmp_path).description
