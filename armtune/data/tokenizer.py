"""Texts as numbers by a tokenizer of the Hugging Face library ``tokenizers``.

It is a ``tokenizer.json``, which is kept as it stands there: data, of which nothing is run. Needs
the extra ``armtune[text]``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from armtune.data.vocabulary import PADDING
from armtune.errors import DataError

if TYPE_CHECKING:
    import tokenizers

FILE = "tokenizer.json"


@dataclass(frozen=True)
class Tokenizer:
    """A tokenizer; a token's number is its own plus 1, since 0 is padding.

    Attributes:
        definition: the content of its file.
    """

    definition: str

    @property
    def size(self) -> int:
        """The highest number of a token."""
        return max(_parsed(self.definition).get_vocab(with_added_tokens=True).values()) + 1

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Numbers of each text's tokens; unknown ones and those that begin and end texts are none.

        Raises:
            DataError: the library ``tokenizers`` is missing, or can't read the definition.
        """
        parsed = _parsed(self.definition)
        unknown = _unknown(parsed)
        # One at a time: the library's batches are computed by threads of its own.
        found = (parsed.encode(text, add_special_tokens=False).ids for text in texts)
        return [[number + 1 for number in own if number != unknown] for own in found]

    def encode(self, texts: Sequence[str], length: int) -> NDArray[np.float32]:
        """Numbers of each text's first tokens, ``(text, length)``, the rest padding."""
        encoded = np.full((len(texts), length), PADDING, np.float32)
        for row, own in zip(encoded, self.tokens(texts), strict=True):
            row[: len(own)] = own[:length]
        return encoded

    def decode(self, numbers: Sequence[int]) -> str:
        """The text of tokens' numbers."""
        ids = [number - 1 for number in numbers if number != PADDING]
        return str(_parsed(self.definition).decode(ids, skip_special_tokens=False))

    def about(self) -> dict[str, str]:
        """What it is, as JSON holds it."""
        return {"tokenizer": self.definition}


def tokenizer_file(path: Path) -> Path:
    """The file of a tokenizer, which may be named by its folder.

    Raises:
        DataError: the folder has none.
    """
    if not path.is_dir():
        return path
    if (path / FILE).is_file():
        return path / FILE
    raise DataError(f"{path}: has no {FILE}; name the tokenizer's own file if it is called else")


def read_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer of a file.

    Raises:
        DataError: it is no tokenizer, or the library ``tokenizers`` is missing.
    """
    try:
        definition = path.read_text(encoding="utf-8")
        json.loads(definition)
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: can't be read as a tokenizer ({error})") from error
    try:
        _parsed(definition)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    return Tokenizer(definition)


@lru_cache(maxsize=8)
def _parsed(definition: str) -> tokenizers.Tokenizer:
    """The library's own.

    Raises:
        DataError: the library is missing, or can't read the definition.
    """
    try:
        from tokenizers import Tokenizer as Parsed
    except ImportError as error:
        said = "texts by a tokenizer need the library tokenizers: pip install 'armtune[text]'"
        raise DataError(said) from error
    try:
        parsed = Parsed.from_str(definition)
    except Exception as error:  # the library raises no narrower one
        raise DataError(f"is no tokenizer that the library tokenizers reads ({error})") from error
    parsed.no_padding()
    parsed.no_truncation()
    return parsed


def _unknown(parsed: tokenizers.Tokenizer) -> int | None:
    """Number of the token that stands for what has none; None without such a token."""
    name = getattr(parsed.model, "unk_token", None)
    return parsed.token_to_id(name) if name else None
