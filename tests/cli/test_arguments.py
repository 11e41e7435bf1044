"""Arguments that several verbs share: how they read what is typed."""

from __future__ import annotations

import pytest
import typer

from armtune.cli._arguments import duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("600", 600), ("90s", 90), ("10m", 600), ("1h30m", 5400), ("2h", 7200), ("0.5", 0.5)],
)
def test_a_duration_is_read_in_hours_minutes_and_seconds(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0m", "-5", "1d", "10 minutes", "m", "1e3", "nan"])
def test_what_is_no_duration_is_refused_with_examples(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="600, 90s, 10m and 1h30m"):
        duration(text)
