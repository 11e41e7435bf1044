"""Models are fetched whole, with their revision, and nothing but what is read."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from typer.testing import CliRunner

from armtune.cli import app
from armtune.data.cache import cache_root
from armtune.data.cache_usage import kept
from armtune.data.downloads import model_folders
from armtune.data.model_downloads import ORIGIN, fetch_model
from armtune.errors import DataError, MissingDataError

pytest.importorskip("huggingface_hub")
COMMITS = {"main": "a" * 40, "v2": "b" * 40, "a" * 40: "a" * 40, "b" * 40: "b" * 40}
FILES = {
    "config.json": b'{"model_type": "vit"}',
    "preprocessor_config.json": b"{}",
    "vocab.txt": b"words",
    "model.safetensors": b"weights",
    "model.fp16.safetensors": b"other weights",
    "pytorch_model.bin": b"pickle",
    "modeling_own.py": b"code",
    "onnx/model.onnx": b"graph",
}
MODELS = {"own/vit": FILES, "own/pickled": {"config.json": b"{}", "pytorch_model.bin": b"p"}}


class Hub(BaseHTTPRequestHandler):
    """As much of the Hub as is asked for."""

    asked: ClassVar[list[str]] = []
    breaks = ""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        Hub.asked.append(self.path)
        parts = self.path.partition("?")[0].strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            self._about("/".join(parts[2:4]), parts[5] if len(parts) > 5 else "main")
        else:
            self._file("/".join(parts[:2]), parts[3], "/".join(parts[4:]))

    def _about(self, model: str, revision: str) -> None:
        if model not in MODELS:
            return self._answer(401, b"{}", {"X-Error-Code": "RepoNotFound"})
        if revision not in COMMITS:
            return self._answer(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        files = [{"rfilename": name} for name in MODELS[model]]
        about = {"id": model, "modelId": model, "sha": COMMITS[revision], "siblings": files}
        return self._answer(200, json.dumps(about).encode(), {"Content-Type": "application/json"})

    def _file(self, model: str, revision: str, name: str) -> None:
        if name == Hub.breaks:
            return self._answer(404, b"", {"X-Error-Code": "EntryNotFound"})
        known = {"ETag": f'"{name}-{revision}"', "X-Repo-Commit": COMMITS[revision]}
        return self._answer(200, MODELS[model][name], known)

    def _answer(self, code: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The address of a Hub; an empty cache, and no folder of data."""
    monkeypatch.setenv("ARMTUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ARMTUNE_DATA", raising=False)
    monkeypatch.delenv("ARMTUNE_OFFLINE", raising=False)
    monkeypatch.setattr(Hub, "asked", [])
    monkeypatch.setattr(Hub, "breaks", "")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_is_read_is_fetched_and_nothing_else(hub: str) -> None:
    found = fetch_model("own/vit", endpoint=hub)
    assert found.anew
    assert found.revision == "a" * 40
    assert found.folder == model_folders(Path())[-1] / "own/vit"
    names = {file.name for file in found.folder.iterdir()}
    read = {"config.json", "preprocessor_config.json", "vocab.txt", "model.safetensors"}
    assert names == read | {ORIGIN}
    assert (found.folder / "model.safetensors").read_bytes() == b"weights"
    origin = json.loads((found.folder / ORIGIN).read_text())
    assert origin == {"model": "own/vit", "revision": "a" * 40}
    assert not kept()[1]


def test_what_is_here_is_not_fetched_again(hub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch_model("own/vit", endpoint=hub)
    before = len(Hub.asked)
    monkeypatch.setenv("ARMTUNE_OFFLINE", "1")
    assert not fetch_model("own/vit", endpoint=hub).anew
    assert not fetch_model("own/vit", "a" * 40, endpoint=hub).anew
    assert len(Hub.asked) == before
    with pytest.raises(MissingDataError, match="ARMTUNE_OFFLINE forbids fetching it"):
        fetch_model("own/vit", "v2", endpoint=hub)
    monkeypatch.delenv("ARMTUNE_OFFLINE")
    assert not fetch_model("own/vit", "main", endpoint=hub).anew


def test_another_revision_replaces_nothing(hub: str, tmp_path: Path) -> None:
    fetch_model("own/vit", endpoint=hub)
    with pytest.raises(DataError, match=r"holds revision a{40}; remove it, or give another folder"):
        fetch_model("own/vit", "v2", endpoint=hub)
    found = fetch_model("own/vit", "v2", tmp_path / "mine", endpoint=hub)
    assert found.folder == tmp_path / "mine/own/vit"
    assert found.revision == "b" * 40
    (tmp_path / "other/own/vit").mkdir(parents=True)
    with pytest.raises(DataError, match="holds something else; remove it"):
        fetch_model("own/vit", to=tmp_path / "other", endpoint=hub)


def test_the_folder_of_data_takes_it(
    hub: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARMTUNE_DATA", str(tmp_path / "data"))
    assert fetch_model("own/vit", endpoint=hub).folder == tmp_path / "data/own/vit"


@pytest.mark.parametrize(
    ("model", "revision", "said"),
    [
        ("own/none", None, "own/none: there is no such model on the Hub, or it wants a login"),
        ("own/vit", "v9", "own/vit of revision v9: there is no such model"),
        ("own/pickled", None, r"own/pickled: has no model\.safetensors; weights in other formats"),
        ("a/b/c", None, "'a/b/c' is no model's name"),
        ("../up", None, "'../up' is no model's name"),
    ],
)
def test_what_cant_be_fetched_says_why(
    hub: str, model: str, revision: str | None, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        fetch_model(model, revision, endpoint=hub)


def test_no_half_of_a_model_is_left(hub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hub, "breaks", "vocab.txt")
    with pytest.raises((MissingDataError, DataError), match="own/vit"):
        fetch_model("own/vit", endpoint=hub)
    assert not list((cache_root() / "downloads/models").rglob("*.*"))


def test_without_a_connection_it_says_what_to_do(hub: str) -> None:
    with pytest.raises(
        MissingDataError, match=r"can't be fetched .*; it can be fetched where there"
    ):
        fetch_model("own/vit", endpoint="http://127.0.0.1:9")


def test_the_command_names_the_encoder(hub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch_model("own/vit", endpoint=hub)
    told = CliRunner().invoke(app(), ["fetch", "own/vit"])
    assert told.exit_code == 0
    assert "already here: own/vit, revision aaaa" in told.output
    assert "encoder: {name: huggingface, path: own/vit}" in told.output


@pytest.mark.parametrize("odd", [3, None, ("model.safetensors",), "../model.safetensors"])
def test_a_listing_with_odd_names_of_files_is_told(
    hub: str, monkeypatch: pytest.MonkeyPatch, odd: object
) -> None:
    monkeypatch.setitem(MODELS, "own/vit", {odd: b""})  # type: ignore[dict-item]
    with pytest.raises(DataError, match=r"has no model\.safetensors"):
        fetch_model("own/vit", endpoint=hub)
