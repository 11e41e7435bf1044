"""Tokenizers of the library ``tokenizers``: their numbers, and what is no tokenizer."""

from __future__ import annotations

from pathlib import Path

import pytest

from armtune.data.tokenizer import Tokenizer, read_tokenizer, tokenizer_file
from armtune.errors import DataError
from tests.data.tokenizer_files import WORDS, definition, write


def test_numbers_are_the_tokenizers_own_plus_one(tmp_path: Path) -> None:
    tokenizer = read_tokenizer(write(tmp_path))
    encoded = tokenizer.encode(["red Green unseen thing", "", "blue " * 9], 4)
    red, green, blue, thing = (1 + WORDS.index(word) for word in ("red", "green", "blue", "thing"))
    assert encoded.tolist() == [[red, green, thing, 0], [0] * 4, [blue] * 4]
    assert tokenizer.size == len(WORDS)
    assert encoded.max() <= tokenizer.size


def test_padding_and_cuts_of_its_file_are_left_out(tmp_path: Path) -> None:
    from tokenizers import Tokenizer as Parsed

    parsed = Parsed.from_str(definition())
    parsed.enable_padding(length=9)
    parsed.enable_truncation(1)
    assert Tokenizer(parsed.to_str()).tokens(["red green"]) == Tokenizer(definition()).tokens(
        ["red green"]
    )


def test_it_is_found_by_its_folder_or_named(tmp_path: Path) -> None:
    file = write(tmp_path)
    assert tokenizer_file(tmp_path) == file == tokenizer_file(file)
    (tmp_path / "other").mkdir()
    with pytest.raises(DataError, match=r"other: has no tokenizer.json; name the tokenizer's own"):
        tokenizer_file(tmp_path / "other")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x80\x04\x95", "can't be read as a tokenizer"),
        (b"{", "can't be read as a tokenizer"),
        (b"[" * 100_000, "can't be read as a tokenizer"),
        (b'{"model": {"type": "none"}}', "is no tokenizer that the library tokenizers reads"),
        (b"3", "is no tokenizer that the library tokenizers reads"),
    ],
    ids=["pickle", "cut", "deep", "other", "number"],
)
def test_what_is_no_tokenizer_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_bytes(content)
    with pytest.raises(DataError, match=f"tokenizer.json: .*{said}"):
        read_tokenizer(file)
