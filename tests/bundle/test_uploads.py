"""Files and cells that are sent to ``armtune serve``, by models of files and of tables."""

from __future__ import annotations

import csv
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("python_multipart")

from armtune.bundle import Predictor
from armtune.bundle.raw_rows import NAMES
from armtune.bundle.server import Limits, application
from armtune.datasets._load import load_dataset
from armtune.export.write import write_bundle
from armtune.recipe.schema import Recipe
from armtune.training.loop import Run, train
from tests.bundle.asking import Client, npy
from tests.datasets import media_files, table_files

# Starlette imports what newer Pythons deprecate.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

MLP = {"name": "mlp", "width": 4}
ENCODERS = {
    "photo": MLP,
    "words": {"name": "bag_of_words", "width": 4, "vocabulary": 60},
    "facts": {"name": "tabular", "width": 4},
}
SHAPES = {"image_size": 8, "spectrogram": [8, 8]}


def trained(folder: Path, data: dict[str, Any], encoders: dict[str, Any]) -> Path:
    """The bundle of a model of these data."""
    of = {m: {"encoder": encoder} for m, encoder in encoders.items()}
    training = {"epochs": 1, "batch_size": 8, "folds": 1}
    content = {"name": "t", "data": data, "modalities": of, "training": training}
    recipe = Recipe.model_validate(content)
    run = Run([recipe], load_dataset(recipe, folder))
    train(run, lambda *_: None)
    run.save_model(folder / "model")
    metrics = {"validation": run.best[0]}
    write_bundle(folder / "best", recipe, folder / "model", run.dataset, run.scales, metrics)
    return folder / "best"


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of sound, images and arrays, listed in a CSV, and the bundle of a model of them."""
    folder = tmp_path_factory.mktemp("media")
    media_files.write_folders(folder)
    data = {"name": "folders", "path": "own.csv", "absent": "keep", **SHAPES}
    trained(folder, data, dict.fromkeys(media_files.KINDS, MLP))
    return folder


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a table with pictures, texts and facts, and the bundle of a model of them."""
    folder = tmp_path_factory.mktemp("table")
    table_files.write(folder / "own.csv", table_files.rows(folder))
    trained(folder, table_files.options(), ENCODERS)
    return folder


@pytest.fixture
def of_media(media: Path) -> Client:
    return Client(application(media / "best"))


@pytest.fixture
def of_table(table: Path) -> Client:
    return Client(application(table / "best"))


def told(answer: Any) -> list[list[float]]:
    """The probabilities in an answer, a sample a row."""
    return [list(record["probabilities"].values()) for record in answer["predictions"]]


def expected(folder: Path, columns: list[str], *rows: list[str]) -> list[list[float]]:
    """What ``armtune predict`` says of rows."""
    path = folder / "asked.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])
    records = Predictor(folder / "best").predict_file(path).records()
    return [list(record["probabilities"].values()) for record in records]


def sent(folder: Path, name: str, file: str) -> tuple[str, str, bytes]:
    """A file as a part of this name; it goes by another name than its own."""
    return name, f"../of mine{Path(file).suffix.upper()}", (folder / file).read_bytes()


FILES = {
    "sound": ["sound/0_0.wav", "sound/1_1.flac"],
    "image": ["image/0_0.jpg", "image/1_1.png"],
    "array": ["array/0_0.npy", "array/1_1.npy"],
}


@pytest.mark.parametrize(
    "names", [("sound", "image", "array"), ("image", "sound"), ("image",), ("sound",), ("array",)],
    ids="+".join,
)  # fmt: skip
@pytest.mark.parametrize("count", [1, 2])
def test_files_are_decoded_as_in_training(
    of_media: Client, media: Path, names: tuple[str, ...], count: int
) -> None:
    status, answer = of_media.upload(
        *(sent(media, name, FILES[name][k]) for k in range(count) for name in names)
    )
    assert status == 200, answer
    rows = [[FILES[name][k] for name in names] for k in range(count)]
    assert np.allclose(told(answer), expected(media, list(names), *rows), atol=1e-6)


@pytest.mark.parametrize("lacking", [None, ""], ids=["a field", "a file that nobody chose"])
def test_a_sample_may_lack_a_modality(of_media: Client, media: Path, lacking: Any) -> None:
    status, answer = of_media.upload(
        sent(media, "sound", FILES["sound"][0]),
        ("sound", lacking, b""),
        ("image", lacking, b""),
        sent(media, "image", FILES["image"][1]),
    )
    assert status == 200, answer
    rows = [FILES["sound"][0], ""], ["", FILES["image"][1]]
    assert np.allclose(told(answer), expected(media, ["sound", "image"], *rows), atol=1e-6)
    arrays = [("array", "1.npy", npy(np.ones(4))), ("array", lacking, b"")]
    status, answer = of_media.upload(*arrays)
    assert (status, answer["detail"]) == (422, "sample 1 has no modality")


PNG, WAV = b"\x89PNG\r\n\x1a\n" + b"\0" * 40, b"RIFF\x24\0\0\0WAVEfmt " + b"\0" * 20


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([("image", "a.png", PNG)], "image, sample 0: missing or damaged"),
        ([("image", "a.png", b"")], "image, sample 0: missing or damaged"),
        ([("image", "a.jpg", WAV)], "image, sample 0: missing or damaged"),
        ([("sound", "a.wav", WAV)], "sound, sample 0: missing or damaged"),
        ([("sound", "a.flac", b"fLaC")], "sound, sample 0: missing or damaged"),
        ([("image", "a.mp4", b"ffconcat version 1.0\nfile 1.png\n")], "image, sample 0: missing"),
        ([("image", "a.txt", b"a cat")], r"image, sample 0: of no kind that can be read \(\.wav"),
        ([("image", "a", PNG)], "image, sample 0: of no kind that can be read"),
        ([("image", "a.npy", npy(np.ones(3)))], "image: samples have shape|image: .*shape"),
        ([("array", "a.npy", npy(np.array([None])))], "array: damaged"),
        ([("array", "a.npy", npy(np.full(4, np.inf)))], "array"),
        ([("smell", "a.png", PNG)], "smell: the model has no such input; it has sound, image"),
        ([("image", "a.png", PNG), ("smell", "a.png", PNG)], "smell: the model has no such input"),
        ([("image", None, b"/etc/passwd")], "image: needs a file, not text; upload it in a form"),
        ([("image", "", b"")], "sample 0 has no modality"),
        ([("image", "a.png", PNG)] * 2 + [("sound", "a.wav", WAV)], "image 2, sound 1; empty ones"),
        ([("image", "a.png", PNG)] * 1025, "Too many files"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_what_is_wrong_is_told_in_a_sentence(of_media: Client, parts: Any, said: str) -> None:
    status, answer = of_media.upload(*parts)
    assert status == 422
    assert re.search(said, answer["detail"]), answer
    assert tempfile.gettempdir() not in answer["detail"]


def test_the_second_of_two_files_is_named(of_media: Client, media: Path) -> None:
    parts = [sent(media, "image", FILES["image"][0]), ("image", "b.png", PNG)]
    status, answer = of_media.upload(*parts)
    assert (status, answer["detail"][:15]) == (422, "image, sample 1")


def test_files_have_a_limit_too(media: Path) -> None:
    client = Client(application(media / "best", Limits(size=2000)))
    status, answer = client.upload(sent(media, "sound", FILES["sound"][0]))
    assert (status, answer["detail"]) == (413, "a request has 2000 bytes at most")


ROW = {"title": "red thing", "tags": "", "maker": "maker 1", "price": "3.5", "made": "2012-03-11"}
CELLS = [(name, None, text.encode()) for name, text in ROW.items()]


@pytest.mark.parametrize("name", ["photo", "picture"])
def test_a_form_has_pictures_and_cells_of_a_table(of_table: Client, table: Path, name: str) -> None:
    file = "pictures/4.png"
    status, answer = of_table.upload(sent(table, name, file), *CELLS, *CELLS, (name, None, b""))
    assert status == 200, answer
    rows = [[file, *ROW.values()], ["", *ROW.values()]]
    assert np.allclose(told(answer), expected(table, ["picture", *ROW], *rows), atol=1e-6)


def test_rows_come_as_json_too(of_table: Client, table: Path) -> None:
    texts = {**ROW, "title": 'a "red"; thing,\nor two'}
    plain = {**texts, "tags": None, "price": 3.5}
    status, answer = of_table.rows([plain, {**plain, "price": None}, {"title": "x", "tags": "y"}])
    assert status == 200, answer
    rows = [*texts.values()], [*{**texts, "price": ""}.values()], ["x", "y", "", "", ""]
    assert np.allclose(told(answer), expected(table, [*ROW], *rows), atol=1e-6)
    status, answer = of_table.ask("/health", method="GET")
    about = json.loads(answer)["rows"]
    assert about["picture"] == about["photo"] == "file"
    assert {about[name] for name in ROW} == {"text"}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (None, "needs a list of objects"),
        ([], "needs a list of objects"),
        ([1], "sample 0 is no object"),
        ([{}], "has no row"),
        ([{"title": ["a"]}], "title: sample 0 is neither text"),
        ([{**ROW, "picture": "/etc/passwd"}], "picture: needs a file, not text"),
        ([{**ROW, "smell": 1}], "smell: the model has no such input; it has photo, picture, title"),
        ([{"title": "a"}], "no column 'tags'"),
        ([{**ROW, "price": "cheap"}], "column 'price': must hold numbers"),
        ([{**ROW, "made": "x"}], "column 'made': must hold dates"),
        ([{**ROW, "title": "\ud800"}], "half of a character"),
        ([{"maker": "a", "price": 10**400, "made": None}], "facts|price"),
    ],
    ids=str,
)
def test_wrong_rows_are_told_so(of_table: Client, rows: Any, said: str) -> None:
    status, answer = of_table.rows(rows)
    assert status == 422
    assert re.search(said, answer["detail"]), answer
    assert tempfile.gettempdir() not in answer["detail"]
    assert not any(name in answer["detail"] for name in NAMES)


def test_a_cell_is_no_file(of_table: Client) -> None:
    status, answer = of_table.upload(("title", "a.txt", b"red"), ("tags", None, b""))
    assert (status, answer["detail"]) == (
        422,
        "title: is no column of files; send its cell as text",
    )


def test_other_models_have_no_rows(of_media: Client) -> None:
    status, answer = of_media.rows([{"image": "/etc/passwd"}])
    assert (status, "rows" in answer["detail"]) == (422, False)


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl_uploads_to_a_running_service(media: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    port = address.rpartition(":")[2]
    program = [sys.executable, "-m", "armtune", "serve", "best", "--port", port]

    def curl(path: str, *parts: str) -> tuple[str, Any]:
        wait = ("--retry", "60", "--retry-delay", "1", "--retry-connrefused")
        forms = [word for part in parts for word in ("-F", part)]
        asked = ["curl", "-s", *wait, "-w", "\n%{http_code}", address + path, *forms]
        said = subprocess.run(asked, cwd=media, capture_output=True, text=True, check=True).stdout
        answer, _, status = said.rpartition("\n")
        return status, json.loads(answer)

    with subprocess.Popen(program, cwd=media, stdout=subprocess.DEVNULL) as server:
        try:
            assert curl("/health")[0] == "200"
            status, answer = curl("/predict", "image=@image/0_1.png", "sound=@sound/0_0.wav")
            files = ["image/0_1.png", "sound/0_0.wav"]
            assert status == "200", answer
            assert np.allclose(told(answer), expected(media, ["image", "sound"], files), atol=1e-6)
            two = ("image=@image/0_1.png", "image=@image/1_1.png", "sound=", "sound=@sound/0_0.wav")
            status, answer = curl("/predict", *two)
            assert (status, len(answer["predictions"])) == ("200", 2)
            status, answer = curl("/predict", "image=@own.csv")
            assert (status, answer["detail"][:15]) == ("422", "image, sample 0")
        finally:
            server.terminate()
