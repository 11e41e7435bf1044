"""Files that are never half-written, paths as people write them, and disks that are full."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from armtune.errors import RunError, StorageError

BROKEN = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
"""A full, read-only or broken disk: whatever is tried next meets it too."""
FORBIDDEN = (errno.EACCES, errno.EPERM)
"""As bad where it meets what we write ourselves."""
LINKS = 40
"""Links that are followed one after another, as Linux has it."""


def unwritable(path: Path, error: OSError) -> RunError:
    """What to raise where a file of ours can't be written."""
    kind = StorageError if error.errno in (*BROKEN, *FORBIDDEN) else RunError
    return kind(f"{path}: can't be written: {error.strerror or error}")


def of_storage(error: BaseException | None) -> bool:
    """Whether an error, or one behind it, comes from a disk that nothing can be written to now."""
    while error is not None:
        if isinstance(error, StorageError) or tells_of_storage(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def tells_of_storage(error: BaseException | str) -> bool:
    """Whether an error alone, or its text where it comes from elsewhere, says so."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in BROKEN
    return any(os.strerror(number) in str(error) for number in BROKEN)


@contextmanager
def storage_told(folder: Path) -> Iterator[None]:
    """Turns what a broken disk says within the block, whoever met it, into an error for people.

    Raises:
        StorageError: names the folder.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in BROKEN:
            raise
        raise unwritable(Path(error.filename or folder), error) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name beside ``path`` to write to; it takes the place of ``path`` if the block succeeds.

    A file that was there leaves its mode to the new one.

    Raises:
        RunError: the file can't be written; names it and says why.
        StorageError: and that is the disk's fault (it is full, say).
    """
    aside = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = _mode(path)
        if mode is not None:  # nobody else reads what nobody else could read before
            aside.touch(mode=0o600)
        yield aside
        if mode is not None:
            aside.chmod(mode)
        aside.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        # A disk that can't be written can't be cleaned either; the error above says so.
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def absolute(path: Path) -> Path:
    """A path without links and dots; as it is, but absolute, where links lead in a circle."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path.absolute()


def at_home(name: str) -> Path:
    """A path whose ``~`` stands for the home folder, where it does."""
    try:
        return Path(name).expanduser()
    except RuntimeError:  # nobody of this name
        return Path(name)


def exists(path: Path) -> bool:
    """Whether something is there; no name that a system can't have, such as one too long, is."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def is_file(path: Path) -> bool:
    """Whether a file is there, as ``exists``."""
    return exists(path) and path.is_file()


def is_pipe(path: Path) -> bool:
    """Whether it is a pipe or a device, which may be read for ever."""
    return path.exists() and not path.is_file() and not path.is_dir()


def refuse_pipes(path: Path) -> None:
    """Refuses a pipe or a device.

    Raises:
        OSError: it is one.
    """
    if is_pipe(path):
        raise OSError(errno.EINVAL, "is a pipe or a device, not a plain file", str(path))


def read_plain(path: Path) -> str:
    """The text of a plain file.

    Raises:
        OSError, ValueError: it isn't one, or can't be read.
    """
    refuse_pipes(path)
    return path.read_text(encoding="utf-8")


def take_text(path: Path) -> str:
    """The text of a file, which is removed; empty where there is none."""
    try:
        text = path.read_text(encoding="utf-8")
        path.unlink()
    except OSError:
        return ""
    return text


def read_json(path: Path) -> Any:
    """What a plain file of JSON holds.

    Raises:
        OSError, ValueError: it isn't one, or can't be read.
    """
    try:
        return json.loads(read_plain(path))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


@contextmanager
def writing_to(path: Path) -> Iterator[Path]:
    """Where to write what a user wants in ``path``, which may be more than a plain file.

    Through a link its target is replaced, as a whole; a device or a pipe is written to itself.

    Raises:
        RunError, StorageError: as ``replacing``.
    """
    try:
        place, straight = _followed(path)
    except OSError as error:
        raise unwritable(path, error) from error
    if not straight:
        with replacing(place) as aside:
            yield aside
        return
    try:
        yield place
    except OSError as error:
        raise unwritable(path, error) from error


def write_text(path: Path, text: str) -> None:
    """Writes a text file as a whole or not at all; halves of characters are written out."""
    write_bytes(path, text.encode(errors="backslashreplace"))


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file as a whole or not at all."""
    with replacing(path) as aside:
        aside.write_bytes(content)


def _mode(path: Path) -> int | None:
    """Permissions of a file; None where there is no plain one."""
    try:
        found = path.lstat().st_mode
    except FileNotFoundError:
        return None
    return stat.S_IMODE(found) if stat.S_ISREG(found) else None


def _followed(path: Path) -> tuple[Path, bool]:
    """Where links lead, and whether that is written to itself instead of being replaced."""
    for _ in range(LINKS):
        # An open file of a process, as /dev/stdout is: its name isn't one to be replaced.
        if path.parent.resolve().parts[:2] == ("/", "proc"):
            return path, True
        if not path.is_symlink():
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            return path, path.exists() and not path.is_file()
        path = path.parent / path.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
