"""Files that are never half-written, and paths as people write them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from armtune.errors import RunError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name beside ``path`` to write to; it takes the place of ``path`` if the block succeeds.

    Raises:
        RunError: the file can't be written; names it and says why (a full disk, say).
    """
    aside = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        aside.replace(path)
    except OSError as error:
        raise RunError(f"{path}: can't be written: {error.strerror or error}") from error
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


def write_text(path: Path, text: str) -> None:
    """Writes a text file as a whole or not at all."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file as a whole or not at all."""
    with replacing(path) as aside:
        aside.write_bytes(content)
