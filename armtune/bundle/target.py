"""Where a bundle is written: a new or empty folder, or an earlier bundle's, and nothing else."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from armtune.bundle.manifest import MANIFEST, MODELS, read_manifest
from armtune.errors import RunError
from armtune.files import unwritable

BYTECODE = "__pycache__"
"""What Python leaves in a bundle whose files were run."""


def check_target(to: Path) -> None:
    """Refuses a place that no bundle may be written to, before there is one.

    Raises:
        RunError: it is something else, holds what isn't an earlier bundle's, or can't be written.
    """
    try:
        place = to.resolve()
        if place.exists():
            _check_folder(to, place)
        with tempfile.TemporaryDirectory(prefix=".bundle-", dir=_nearest(place)):
            pass
    except (OSError, RuntimeError) as error:  # a ring of links is a RuntimeError
        known = error if isinstance(error, OSError) else OSError(str(error))
        raise unwritable(to, known) from error


def put(aside: Path, to: Path) -> None:
    """Gives a finished folder its name; an earlier bundle there is gone once it is in its place.

    Raises:
        RunError: as ``check_target``: something else may have come there in the meantime.
    """
    check_target(to)
    place = to.resolve()
    old = place.with_name(f".bundle-old-{uuid4().hex[:8]}")
    there = place.exists()
    if there:
        place.replace(old)
    try:
        aside.replace(place)
    except OSError:
        if there:
            old.replace(place)
        raise
    if there:
        _remove(old)


def aside_of(to: Path) -> Path:
    """A folder beside the place to write to."""
    return to.resolve().with_name(f".bundle-{uuid4().hex[:8]}")


def _check_folder(to: Path, place: Path) -> None:
    if not place.is_dir():
        raise RunError(f"{to}: is a file; name a new folder")
    if place == Path.cwd():
        raise RunError(f"{to}: is the folder you are in; name a new one")
    if place.is_mount():
        raise RunError(f"{to}: is a file system of its own; name a new folder in it")
    if strangers := [name for name in _names(place) if name not in _own(place)]:
        raise RunError(
            f"{to}: holds files that are not a bundle ({_some(strangers)}); "
            f"name an empty or new folder"
        )


def _own(folder: Path) -> set[str]:
    """Names of what a folder holds as a bundle; empty where its manifest isn't one of ours."""
    try:
        sums = read_manifest(folder)["sha256"]
    except RunError:
        return set()
    if not isinstance(sums, dict):
        return set()
    names = {*sums, MANIFEST}
    plain = {name for name in names if "/" not in name and _is_plain(folder / name)}
    models = {place.name for place in folder.iterdir() if _is_model(place, names)}
    return plain | models | ({BYTECODE} if _is_bytecode(folder / BYTECODE) else set())


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _is_model(folder: Path, names: set[str]) -> bool:
    """Whether it is a folder of a bundle's with files that an encoder is made from."""
    if not MODELS.fullmatch(folder.name) or folder.is_symlink() or not folder.is_dir():
        return False
    return all(_is_plain(f) and f"{folder.name}/{f.name}" in names for f in folder.iterdir())


def _is_bytecode(folder: Path) -> bool:
    if folder.is_symlink() or not folder.is_dir():
        return False
    return all(path.suffix == ".pyc" and _is_plain(path) for path in folder.iterdir())


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


def _nearest(place: Path) -> Path:
    """The folder that the place's own folder is in, or will be made in."""
    return next(parent for parent in place.parents if parent.exists())


def _remove(old: Path) -> None:
    """Removes an earlier bundle; what came into it while it was replaced stays beside it."""
    own = _own(old)
    with suppress(OSError):
        for path in (old / name for name in own):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        old.rmdir()
