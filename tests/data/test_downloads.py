from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from armtune.data.cache import MADE
from armtune.data.downloads import Source, check_sha256, find, locate
from armtune.errors import DataError, MissingDataError

CONTENT = b"0123456789" * 20000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Gives the file whole, wrong or cut short, by the address."""

    def do_GET(self) -> None:
        if self.path.startswith("/none"):
            self.send_error(404)
            return
        content = CONTENT[::-1] if self.path.startswith("/wrong") else CONTENT
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:5000] if self.path.startswith("/short") else content)

    def log_message(self, *_: object) -> None:
        """Silence."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.delenv("ARMTUNE_OFFLINE")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def source(*urls: str) -> Source:
    return Source("digits.gz", "mnist", urls, partial(check_sha256, expected=SHA256))


def silent(what: str, done: int, total: int) -> None:
    pass


@pytest.mark.parametrize("place", ["digits.gz", "mnist/digits.gz"])
def test_is_found_in_the_root_relative_to_the_recipe(tmp_path: Path, place: str) -> None:
    path = tmp_path / "files" / place
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    assert locate([source()], "files", tmp_path, silent) == {"digits.gz": path}


def test_is_found_in_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARMTUNE_DATA", str(tmp_path))
    (tmp_path / "digits.gz").write_bytes(CONTENT)
    found = locate([source()], None, Path("elsewhere"), silent)
    assert found == {"digits.gz": tmp_path / "digits.gz"}


def test_a_root_without_the_file_is_named_and_nothing_downloaded(
    tmp_path: Path, server: str
) -> None:
    with pytest.raises(MissingDataError, match=r"digits\.gz is not in") as caught:
        locate([source(f"{server}/whole")], "files", tmp_path, silent)
    assert str(tmp_path / "files") in str(caught.value)


def test_a_file_with_other_content_is_no_missing_file(tmp_path: Path) -> None:
    (tmp_path / "digits.gz").write_bytes(CONTENT[1:])
    found = hashlib.sha256(CONTENT[1:]).hexdigest()
    with pytest.raises(DataError) as caught:
        locate([source()], ".", tmp_path, silent)
    assert not isinstance(caught.value, MissingDataError)
    for part in (str(tmp_path / "digits.gz"), found, SHA256):
        assert part in str(caught.value)


def test_is_downloaded_once_with_progress(own_cache: Path, server: str) -> None:
    told: list[tuple[str, int, int]] = []
    wanted = source(f"{server}/whole/digits.gz")
    for _ in range(2):
        found = locate([wanted], None, Path(), lambda *now: told.append(now))
    path = own_cache / "downloads" / "digits.gz"
    assert found == {"digits.gz": path}
    assert path.read_bytes() == CONTENT
    assert told[-1] == ("downloading digits.gz", len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in told] == sorted({done for _, done, _ in told})


def test_the_next_address_is_tried(own_cache: Path, server: str) -> None:
    urls = [f"{server}/{kind}/digits.gz" for kind in ("none", "wrong", "short", "whole")]
    found = locate([source(*urls)], None, Path(), silent)
    assert found["digits.gz"].read_bytes() == CONTENT
    assert {path.name for path in (own_cache / "downloads").iterdir()} == {"digits.gz", MADE}


def test_what_cannot_be_downloaded_is_missing_and_leaves_nothing(
    own_cache: Path, server: str
) -> None:
    urls = [f"{server}/none", f"{server}/wrong", f"{server}/short", "http://127.0.0.1:1/closed"]
    with pytest.raises(MissingDataError) as caught:
        locate([source(*urls)], None, Path(), silent)
    text = str(caught.value)
    for words in ("404", "digits.gz: wrong content", "refused", *urls):
        assert words in text
    assert [path.name for path in (own_cache / "downloads").iterdir()] == [MADE]


def test_offline_is_obeyed(own_cache: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARMTUNE_OFFLINE", "1")
    with pytest.raises(MissingDataError, match="ARMTUNE_OFFLINE"):
        locate([source(f"{server}/whole")], None, Path(), silent)
    assert not own_cache.exists()


def test_a_cache_that_cannot_be_written_is_an_error(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ARMTUNE_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match="can't write to the cache") as caught:
        locate([source(f"{server}/whole")], None, Path(), silent)
    assert not isinstance(caught.value, MissingDataError)


def test_find_names_every_place(tmp_path: Path) -> None:
    (tmp_path / "b" / "noise").mkdir(parents=True)
    (tmp_path / "b" / "noise" / "x.npz").write_bytes(b"")
    places = [tmp_path / "a", tmp_path / "b"]
    assert find("noise/x.npz", places) == tmp_path / "b" / "noise" / "x.npz"
    assert find(str(tmp_path / "b"), [Path("a")]) == tmp_path / "b"
    with pytest.raises(MissingDataError) as caught:
        find("y.npz", places)
    assert all(str(place) in str(caught.value) for place in places)
