"""Text from outside goes to terminals, tables and Markdown as text."""

from __future__ import annotations

import pytest

from armtune.export import standalone
from armtune.text.escapes import FORMULA, csv_cell, for_code, for_markdown, for_terminal


@pytest.mark.parametrize("text", ["a", "ü ★ – ±", "two\nlines\tand a tab", "[/red] [bold]"])
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert for_terminal(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x9b31m", r"\x9b31m"),
        ("a\rb\bc", r"a\rb\x08c"),
        ("\x1b]8;;http://x\x07", r"\x1b]8;;http://x\x07"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\ud800", r"\ud800"),
        ("a\u2028best: trial 9", r"a\u2028best: trial 9"),
        ("a\u061cb", r"a\u061cb"),
        ("cat\U000e0041", r"cat\U000e0041"),
    ],
)
def test_what_a_terminal_obeys_is_written_out(text: str, shown: str) -> None:
    assert for_terminal(text) == shown


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd", "-a", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1+1"]
)
def test_a_formula_is_text(text: str) -> None:
    assert csv_cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["-1.5", "+3", "-inf", "1e-3", "a=b", "", -1, None, -0.5])
def test_numbers_and_other_text_stay(value: object) -> None:
    assert csv_cell(value) == value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("weakest_accuracy", "weakest_accuracy"),
        ("_emphasis_", r"\_emphasis\_"),
        ("a|b", r"a\|b"),
        ("[x](javascript:y)", r"\[x\](javascript:y)"),
        ("<img src=x>", r"\<img src=x>"),
        ("# a\n# b", r"\# a # b"),
        ("http://x", r"http\://x"),
        ("**b** `c`", r"\*\*b\*\* \`c\`"),
    ],
)
def test_markdown_shows_text_as_it_is(text: str, shown: str) -> None:
    assert for_markdown(text) == shown


def test_code_in_markdown_ends_where_it_should() -> None:
    assert for_code("a`b`\nc") == "a'b' c"


def test_a_bundles_own_script_takes_the_same_for_formulas() -> None:
    assert standalone.FORMULA == FORMULA
