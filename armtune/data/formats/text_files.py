"""Text files in a known encoding; what doesn't fit it is refused with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from armtune.errors import DataError

UTF_8 = "utf-8"


def known_encoding(name: str) -> str:
    """An encoding's name, checked.

    Raises:
        ValueError: Python knows no such encoding of text.
    """
    try:
        "".encode(name)
    except (LookupError, ValueError) as error:
        raise ValueError(f"{name!r} is no encoding, such as utf-8, latin-1 or cp1252") from error
    return name


Encoding = Annotated[str, AfterValidator(known_encoding)]
"""How a file's bytes stand for text, by a name that Python knows."""


def read_text(path: Path, encoding: str = UTF_8) -> str:
    """A file's text, without a byte order mark.

    Raises:
        DataError: it can't be read, or holds what this encoding doesn't; names the line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: can't be read ({error.strerror})") from error
    try:
        text = content.decode(encoding)
    except UnicodeError as error:
        at = error.start if isinstance(error, UnicodeDecodeError) else 0
        line = 1 + content.count(b"\n", 0, at)
        said = _not_text(content[at : at + 1], encoding)
        raise DataError(f"{path}: damaged: line {line} {said}") from error
    if "\0" in text:
        line = 1 + text.count("\n", 0, text.index("\0"))
        raise DataError(f"{path}: damaged: line {line} holds a zero byte, no text in {encoding}")
    return text.removeprefix("\ufeff")


def _not_text(byte: bytes, encoding: str) -> str:
    return (
        f"is not text in {encoding} (byte 0x{byte.hex()}); save the file as UTF-8, or name its "
        "encoding where the data set has the option encoding"
    )
