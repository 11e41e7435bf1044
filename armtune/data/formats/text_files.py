"""Text files in a known encoding; what doesn't fit it is refused with its line."""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from armtune.errors import DataError

UTF_8 = "utf-8"
BLOCK = 1 << 20
"""Bytes that are decoded at a time."""
_HALF = re.compile("[\ud800-\udfff]")


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
    return "".join(text_blocks(path, encoding)).removeprefix("\ufeff")


def text_blocks(path: Path, encoding: str = UTF_8) -> Iterator[str]:
    """A file's text piece by piece, with its byte order mark where it has one.

    Raises:
        DataError: as ``read_text``.
    """
    decoder = getincrementaldecoder(encoding)()
    lines = 1
    try:
        with path.open("rb") as file:
            for content in iter(lambda: file.read(BLOCK), b""):
                yield _checked(path, encoding, lines, decoder.decode(content))
                lines += content.count(b"\n")
            yield decoder.decode(b"", final=True)
    except OSError as error:
        raise DataError(f"{path}: can't be read ({error.strerror})") from error
    except UnicodeError as error:
        content, at = _fault(error)
        line = lines + content.count(b"\n", 0, at)
        said = _not_text(content[at : at + 1], encoding)
        raise DataError(f"{path}: damaged: line {line} {said}") from error


def _checked(path: Path, encoding: str, lines: int, text: str) -> str:
    at, what = text.find("\0"), "a zero byte"
    if at < 0 and encoding != UTF_8:  # whose decoder lets no half of a character pass
        half = _HALF.search(text)
        at, what = half.start() if half else -1, "half a character"
    if at >= 0:
        line = lines + text.count("\n", 0, at)
        raise DataError(f"{path}: damaged: line {line} holds {what}, no text in {encoding}")
    return text


def _fault(error: UnicodeError) -> tuple[bytes, int]:
    """What couldn't be decoded, and where in it."""
    if isinstance(error, UnicodeDecodeError):
        return error.object, error.start
    return b"", 0


def _not_text(byte: bytes, encoding: str) -> str:
    return (
        f"is not text in {encoding} (byte 0x{byte.hex()}); save the file as UTF-8, or name its "
        "encoding where the data set has the option encoding"
    )
