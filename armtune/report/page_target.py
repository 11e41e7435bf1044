"""Where a page may be written: a new file, an earlier page, or what is no plain file."""

from __future__ import annotations

from pathlib import Path

from armtune.errors import RunError
from armtune.files import absolute, exists, unwritable

ENDS = (".html", ".htm")
BEGIN = b"<!doctype html>"


def check_page(to: Path) -> None:
    """Refuses to replace a file that is no page: data, say, or one of the run's own.

    Raises:
        RunError: it is one, or a folder.
    """
    place = absolute(to)
    try:
        if exists(place) and place.is_dir():
            raise RunError(f"{to}: is a folder; name a file for the page")
        if exists(place) and place.is_file() and not _is_page(place):
            raise RunError(f"{to}: is there already, and is no page; name a new file, or an .html")
    except OSError as error:
        raise unwritable(to, error) from error


def _is_page(path: Path) -> bool:
    with path.open("rb") as file:
        begin = file.read(len(BEGIN))
    return path.suffix.lower() in ENDS or begin.lower() in (b"", BEGIN)
