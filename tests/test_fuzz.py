"""A part of the fuzzer's campaign: a few mutants of every kind, the same ones each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from armtune.errors import RunError
from benchmarks import fuzz
from benchmarks.fuzz import Outcome, campaign, falls, table, tried
from benchmarks.fuzz_kinds import KINDS
from benchmarks.fuzz_samples import Samples, made

MUTANTS = 25
SECONDS = 1.2
"""Longest that a kind may take; a busy machine tries fewer mutants."""


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    return made(tmp_path_factory.mktemp("fuzz"))


def test_no_mutant_falls(samples: Samples) -> None:
    found = campaign(range(MUTANTS), list(KINDS), samples, SECONDS)
    assert all(outcome.mutants for outcome in found.values())
    assert list(falls(found)) == []


def test_what_falls_is_told(samples: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    def fell(*_: object) -> None:
        raise ZeroDivisionError("by hand")

    def refused(*_: object) -> None:
        raise RunError("no")

    monkeypatch.setattr(fuzz, "MOST_SECONDS", -1.0)
    monkeypatch.setattr(fuzz, "MOST_BYTES", -1)
    monkeypatch.setitem(KINDS, "fell", fell)
    monkeypatch.setitem(KINDS, "refused", refused)
    found = {"fell": Outcome(), "refused": Outcome()}
    for kind, outcome in found.items():
        tried(kind, 7, samples, outcome)
    told = "\n".join(falls(found))
    assert "fell:7, 1 times:" in told
    assert "ZeroDivisionError: by hand" in told
    assert "refused:7 took" in told
    assert "| fell | 1 | 0 | 1 | 1 | 1 |" in table(found)
    assert "| refused | 1 | 1 | 0 | 1 | 1 |" in table(found)


def test_mutants_are_the_same_each_time(samples: Samples, tmp_path: Path) -> None:
    path = samples.scratch / "samples.npz"
    written = []
    for _ in range(2):
        tried("inputs", 3, samples, Outcome())
        written.append(path.stat().st_size)
    assert written[0] == written[1]
