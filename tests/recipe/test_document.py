"""YAML 1.2 scalars, places, and files that can't be read."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from armtune.errors import RecipeError
from armtune.recipe.document import Place, dotted, read_document, read_value

SCALARS: list[tuple[str, Any]] = [
    ("1e-3", 0.001),
    ("1E3", 1000.0),
    ("+.5", 0.5),
    ("-1.", -1.0),
    (".inf", math.inf),
    ("-.INF", -math.inf),
    ("012", 12),
    ("0o17", 15),
    ("0x1F", 31),
    ("-7", -7),
    ("1_000", "1_000"),
    ("1:30", "1:30"),
    ("0b11", "0b11"),
    ("no", "no"),
    ("on", "on"),
    ("Yes", "Yes"),
    ("y", "y"),
    ("true", True),
    ("FALSE", False),
    ("~", None),
    ("Null", None),
    ("", None),
    ("2024-01-31", "2024-01-31"),
    ("1e", "1e"),
    ("e3", "e3"),
    (".", "."),
    ("=", "="),
    ("<<", "<<"),
    ("'12'", "12"),
    ("!!str 12", "12"),
    ("!!float 12", 12.0),
    ("[1, a, {b: no}]", [1, "a", {"b": "no"}]),
    ("highest accuracy where gap <= 0.1", "highest accuracy where gap <= 0.1"),
]


@pytest.mark.parametrize(("text", "value"), SCALARS, ids=[text for text, _ in SCALARS])
def test_scalars_follow_yaml_1_2(text: str, value: Any) -> None:
    got = read_value(text, "here")
    assert got == value
    assert type(got) is type(value)


def test_not_a_number() -> None:
    assert math.isnan(read_value(".nan", "here"))


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "r.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_every_key_and_value_has_a_place(tmp_path: Path) -> None:
    path = write(tmp_path, "a:\n  - {b: 1, ü: 2}\n  - x\nc: >\n  text\n")
    document = read_document(path, "r")
    assert document.content == {"a": [{"b": 1, "ü": 2}, "x"], "c": "text\n"}
    assert document.keys[("a", 0, "ü")] == Place("r", 2, 12)
    assert document.values[("a", 0, "ü")] == Place("r", 2, 15)
    assert document.values[("a", 1)] == Place("r", 3, 5)
    assert document.values[("c",)] == Place("r", 4, 4)


def test_a_missing_value_stands_at_the_mapping_around_it(tmp_path: Path) -> None:
    document = read_document(write(tmp_path, "a:\n  b: {c: 1}\n"), "r")
    assert str(document.fault(("a", "b", "d", "e"), "missing")) == "r:2:6 a.b.d.e: missing"


def test_anchors_and_aliases_make_copies(tmp_path: Path) -> None:
    document = read_document(write(tmp_path, "a: &x {k: 1}\nb: *x\n"))
    assert document.content == {"a": {"k": 1}, "b": {"k": 1}}
    assert document.content["a"] is not document.content["b"]


def test_byte_order_mark_and_windows_lines_are_fine(tmp_path: Path) -> None:
    path = write(tmp_path, b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert read_document(path).content == {"a": 1, "b": 2}


BOMB = "\n".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9))

BROKEN = [
    (b"a: 1\nb: caf\xe9\n", "r:2:7: is not text in UTF-8"),
    (b"a: 1\nb: x\x00y\n", "r:2:5: has a character that YAML forbids, U+0000"),
    (b"a: [\n", "r:2:1: the text ends before a bracket is closed"),
    (b"a: 'b\n", "r:2:1: the text ends before a quote is closed"),
    (b"", "r: is empty"),
    (b"# nothing\n---\n", "r: is empty"),
    (b"a: [" * 3000, "r: is nested too deeply"),
    (f"a0: &a0 [1]\n{BOMB}\n", "r: holds more than 100000 values; is an alias repeated?"),
]


@pytest.mark.parametrize(("text", "message"), BROKEN, ids=[m for _, m in BROKEN])
def test_unreadable_text(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        read_document(write(tmp_path, text), "r")
    assert str(caught.value) == message


SMALL_FAULTS = [
    ('a: "\\ud800"', "r:1:4 a: holds half a character (a lone surrogate)"),
    (f"a: {'9' * 5000}", "r:1:4 a: is a number of more than 100 digits"),
    (
        "a: !!binary aGk=",
        "r:1:4 a: the tag !!binary is not allowed; a recipe holds plain values only",
    ),
    ("a: !mine {b: 1}", "r:1:4 a: the tag !mine is not allowed; a recipe holds plain values only"),
    ("a: {b: 1, b: 2}", "r:1:11 a.b: the key stands here twice; first in line 1, column 5"),
]


@pytest.mark.parametrize(("text", "message"), SMALL_FAULTS, ids=[t[:15] for t, _ in SMALL_FAULTS])
def test_faults_that_let_reading_go_on(tmp_path: Path, text: str, message: str) -> None:
    document = read_document(write(tmp_path, f"{text}\nz: 3\n"), "r")
    assert [str(fault) for fault in document.faults] == [message]
    assert document.content["z"] == 3


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"gone\.yaml: there is no such file$"):
        read_document(tmp_path / "gone.yaml")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r": is a folder; name the YAML file in it$"):
        read_document(tmp_path)


def test_a_value_that_is_no_yaml_names_its_origin() -> None:
    with pytest.raises(RecipeError, match=r"^command line:1:3: a list that opens with"):
        read_value("[1", "command line")


def test_dotted() -> None:
    assert dotted(("sweep", "objectives", 1)) == "sweep.objectives[1]"
    assert dotted(()) == ""


def test_half_a_character_on_the_command_line_is_told() -> None:
    with pytest.raises(RecipeError, match=r"x:1:2: has a character that YAML forbids, U\+D800"):
        read_value("a\ud800", "x")
