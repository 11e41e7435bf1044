"""Where a data set's files come from: the user's folder, else a download kept in the cache."""

from __future__ import annotations

import http.client
import os
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from armtune.data import Progress
from armtune.data.cache import DOWNLOADS, cache_root, file_digest, make_downloads, writing
from armtune.errors import DataError, MissingDataError
from armtune.files import at_home, exists, refuse_pipes

MODELS = "models"
"""Folder of fetched models among the downloads."""
TIMEOUT = 10.0
"""Seconds without a byte after which a download is given up."""
BLOCK = 1 << 16


@dataclass(frozen=True)
class Source:
    """A file that can be downloaded.

    Attributes:
        name: its name, on disk and in messages.
        folder: folder it may lie in below the data folder.
        urls: where it can be had; tried in order.
        check: raises DataError when the file isn't the right one.
    """

    name: str
    folder: str
    urls: tuple[str, ...]
    check: Callable[[Path], None]


def check_sha256(path: Path, expected: str) -> None:
    """Compares a file with its known checksum.

    Raises:
        DataError: it differs; names the file and both sums.
    """
    found = file_digest(path)
    if found != expected:
        raise DataError(f"{path}: wrong content, SHA-256 is {found}, should be {expected}")


def data_folders(root: str | None, folder: Path) -> list[Path]:
    """Where files are looked up: ``root`` (relative to the recipe), else ``$ARMTUNE_DATA``."""
    if root is not None:
        return [folder / at_home(root)]
    return [Path(named)] if (named := os.environ.get("ARMTUNE_DATA")) else []


def model_folders(folder: Path) -> list[Path]:
    """Where models are looked up: beside the recipe, ``$ARMTUNE_DATA``, what was fetched."""
    fetched = cache_root() / DOWNLOADS / MODELS
    return [folder, *data_folders(None, folder), *([fetched] if fetched.is_dir() else [])]


def find(name: str, places: Sequence[Path]) -> Path:
    """The first file or folder of this name.

    Raises:
        MissingDataError: it is in none of these places; names them.
        DataError: it is a pipe or a device, which can't be read twice, and may be read for ever.
    """
    for place in places:
        if exists(path := place / at_home(name)):
            return _plain(path)
    hint = "" if os.environ.get("ARMTUNE_DATA") else "; ARMTUNE_DATA may name another folder"
    raise MissingDataError(f"{name} is not in {_either(places)}{hint}")


def _plain(path: Path) -> Path:
    try:
        refuse_pipes(path)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    return path


def locate(
    sources: Sequence[Source], root: str | None, folder: Path, progress: Progress
) -> dict[str, Path]:
    """All files by name, checked; what no folder has is downloaded, unless ``root`` is given.

    ``$ARMTUNE_OFFLINE``, set to anything, forbids downloading.

    Args:
        sources: the files.
        root: the user's folder, relative to ``folder``.
        folder: the recipe's folder.
        progress: told about downloads, in bytes.

    Raises:
        MissingDataError: a file is in no folder and can't be downloaded.
        DataError: a file is there and damaged.
    """
    return {source.name: _locate(source, root, folder, progress) for source in sources}


def _either(places: Sequence[Path]) -> str:
    return " or ".join(str(place.absolute()) for place in places)


def _locate(source: Source, root: str | None, folder: Path, progress: Progress) -> Path:
    downloads = cache_root() / DOWNLOADS
    folders = data_folders(root, folder)
    places = folders if root is not None else [*folders, downloads]
    for place in places:
        for path in (place / source.name, place / source.folder / source.name):
            if path.is_file():
                source.check(path)
                return path
    tried = f"{source.name} is not in {_either(places)}"
    if root is not None:
        raise MissingDataError(tried)
    if os.environ.get("ARMTUNE_OFFLINE"):
        raise MissingDataError(f"{tried}, and ARMTUNE_OFFLINE forbids downloading it")
    return _download(source, downloads, tried, progress)


def _download(source: Source, downloads: Path, tried: str, progress: Progress) -> Path:
    failures = []
    for url in source.urls:
        try:
            return _fetch(source, url, downloads, progress)
        except _UnavailableError as error:
            failures.append(f"{url}: {error}")
    raise MissingDataError(f"{tried}, and can't be downloaded ({'; '.join(failures)})")


class _UnavailableError(Exception):
    """An address doesn't give the file."""


def _fetch(source: Source, url: str, downloads: Path, progress: Progress) -> Path:
    """Downloads to another name, checks, renames."""
    with writing(downloads):
        make_downloads()
        handle, name = tempfile.mkstemp(prefix=".downloading-", dir=downloads)
        aside = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.writelines(_blocks(source.name, url, progress))
            _check_download(source, aside)
            aside.chmod(0o644)
            aside.replace(downloads / source.name)
        finally:
            aside.unlink(missing_ok=True)
    return downloads / source.name


def _blocks(name: str, url: str, progress: Progress) -> Iterator[bytes]:
    assert url.startswith(("https://", "http://")), url
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:  # noqa: S310 (asserted above)
            total, done = int(answer.headers.get("Content-Length") or 0), 0
            while block := answer.read(BLOCK):
                yield block
                done += len(block)
                progress(f"downloading {name}", done, total)
    except (OSError, http.client.HTTPException) as error:
        raise _UnavailableError(str(error)) from error


def _check_download(source: Source, aside: Path) -> None:
    try:
        source.check(aside)
    except DataError as error:
        raise _UnavailableError(str(error).replace(str(aside), source.name)) from error
