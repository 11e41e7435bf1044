from __future__ import annotations

import json
import logging
import os
import resource
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from armtune.data.cache import BUILDING, LOCK, MANIFEST, CacheWriter, cache_root, digest_of, stored
from armtune.errors import DataError

DIGEST = "d" * 64
VALUES = np.arange(600, dtype=np.float32).reshape(100, 2, 3)


class Builder:
    """Builds one array in two batches and counts how often."""

    def __init__(self) -> None:
        self.built = 0

    def __call__(self, writer: CacheWriter) -> Mapping[str, Any]:
        self.built += 1
        writer.add("values", 100, iter([VALUES[:70], VALUES[70:]]))
        return {"note": "first"}


@pytest.fixture
def build() -> Builder:
    return Builder()


def names(cache: Path) -> list[str]:
    """What a cache holds beside the file by which builders wait for each other."""
    return sorted(path.name for path in cache.iterdir() if path.name != LOCK)


def folder_of(cache: Path) -> Path:
    return cache / f"toy-{DIGEST[:16]}"


def test_is_built_once_and_then_read_from_the_file(build: Builder) -> None:
    for _ in range(2):
        arrays, about = stored("toy", DIGEST, build)
        np.testing.assert_array_equal(arrays["values"], VALUES)
        assert about == {"note": "first"}
    assert build.built == 1
    assert isinstance(arrays["values"], np.memmap)
    assert not arrays["values"].flags.writeable


def test_another_digest_is_built_anew(build: Builder) -> None:
    stored("toy", DIGEST, build)
    stored("toy", "e" * 64, build)
    assert build.built == 2


def test_digests_tell_apart_what_differs_and_not_its_order() -> None:
    assert digest_of({"a": 1, "b": [2]}) == digest_of({"b": [2], "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": 1.5})


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ARMTUNE_CACHE", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_root() == tmp_path / "own"
    monkeypatch.delenv("ARMTUNE_CACHE")
    assert cache_root() == tmp_path / "xdg" / "armtune"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_root() == tmp_path / "home" / ".cache" / "armtune"


def truncate(folder: Path) -> None:
    path = folder / "values.npy"
    path.write_bytes(path.read_bytes()[:-100])


def flip(folder: Path) -> None:
    path = folder / "values.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def reshape(folder: Path) -> None:
    np.save(folder / "values.npy", VALUES.reshape(100, 6))


def forget(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({"arrays": manifest["arrays"]}))


DAMAGES: list[Callable[[Path], Any]] = [
    truncate,
    flip,
    reshape,
    forget,
    lambda folder: (folder / "values.npy").unlink(),
    lambda folder: (folder / "values.npy").write_bytes(b""),
    lambda folder: (folder / MANIFEST).unlink(),
    lambda folder: (folder / MANIFEST).write_text('{"arrays": {"val'),
    lambda folder: (folder / MANIFEST).write_text("[]"),
    lambda folder: (folder / MANIFEST).write_bytes(b"\xff\xfe"),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_told_and_repaired(
    own_cache: Path,
    build: Builder,
    damage: Callable[[Path], Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    stored("toy", DIGEST, build)
    damage(folder_of(own_cache))
    with caplog.at_level(logging.WARNING):
        arrays, _ = stored("toy", DIGEST, build)
    np.testing.assert_array_equal(arrays["values"], VALUES)
    assert build.built == 2
    assert "damaged" in caplog.text
    assert str(folder_of(own_cache)) in caplog.text
    assert names(own_cache) == [folder_of(own_cache).name]
    stored("toy", DIGEST, build)
    assert build.built == 2


@pytest.mark.parametrize("damaged", [False, True])
def test_two_at_the_same_time_both_end_well(own_cache: Path, build: Builder, damaged: bool) -> None:
    if damaged:
        stored("toy", DIGEST, build)
        truncate(folder_of(own_cache))
    together = threading.Barrier(2, timeout=30)
    results: list[Any] = []

    def slow(writer: CacheWriter) -> Mapping[str, Any]:
        together.wait()
        return build(writer)

    threads = [
        threading.Thread(target=lambda: results.append(stored("toy", DIGEST, slow)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2
    for arrays, _ in results:
        np.testing.assert_array_equal(arrays["values"], VALUES)
    assert names(own_cache) == [folder_of(own_cache).name]


def test_a_failing_build_leaves_nothing(own_cache: Path) -> None:
    def build(writer: CacheWriter) -> Mapping[str, Any]:
        writer.add("values", 100, [VALUES])
        raise DataError("the source is damaged")

    with pytest.raises(DataError, match="the source is damaged"):
        stored("toy", DIGEST, build)
    assert names(own_cache) == []


def test_a_full_disk_is_told_and_leaves_nothing(own_cache: Path, build: Builder) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(DataError, match="can't write to the cache") as caught:
            stored("toy", DIGEST, build)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(own_cache) in str(caught.value)
    assert names(own_cache) == []


def test_a_cache_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, build: Builder
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ARMTUNE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(DataError, match="set ARMTUNE_CACHE to another folder") as caught:
        stored("toy", DIGEST, build)
    assert str(tmp_path / "file") in str(caught.value)


def test_what_a_killed_build_left_is_swept_after_a_day(own_cache: Path, build: Builder) -> None:
    old, young = own_cache / f"{BUILDING}old_0000", own_cache / f"{BUILDING}young000"
    for folder in (old, young):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    stored("toy", DIGEST, build)
    assert not old.exists()
    assert young.exists()
