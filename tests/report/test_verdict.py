"""What is said of a winner, against closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from armtune.references import Reference, References
from armtune.report.verdict import (
    Counts,
    Facts,
    Winner,
    difference_to,
    half_width,
    sentences,
    spread,
)
from armtune.sweeps.study.records import TrialRecord
from armtune.sweeps.workers.trial import Confirmation

LINEAR = Reference("logistic regression", "together", validation=0.8, test=0.5)
ALONE = Reference("logistic regression", "single", "text", 0.7, 0.4)
MAJORITY = Reference("majority class", "constant", "", 0.3, 0.25)

LATE = Reference(
    "logistic regression", "mean", validation=0.6, test=0.6, missing={"image": 0.6, "text": 0.44}
)


def record_of(number: int = 3, accuracy: float = 0.8, gap: float = 0.1) -> TrialRecord:
    metrics = {"accuracy": accuracy, "contribution_gap": gap}
    return TrialRecord(number, "COMPLETE", {}, metrics, 9, "", 0.0, 1.0)


def seed_of(seed: int, test: float, validation: float = 0.8, gap: float = 0.1) -> Confirmation:
    return Confirmation(seed, {"accuracy": validation, "contribution_gap": gap}, {"accuracy": test})


def facts_of(
    tests: list[float], references: tuple[Reference, ...] = (), counts: Counts | None = None
) -> Facts:
    seeds = [seed_of(k, test) for k, test in enumerate(tests)]
    record = record_of()
    found = References("accuracy", 100, {}, references) if references else None
    winner = Winner(f"trial {record.number}", record, "accuracy", seeds, counts)
    return Facts(winner, "highest accuracy", [record], {3: seeds}, found)


def rights(count: int, of: int = 100) -> Counts:
    return (np.arange(of) < count).astype(float)


def said(facts: Facts) -> str:
    return "\n".join(sentences(facts))


def test_the_interval_is_that_of_a_share_and_of_the_seeds() -> None:
    one = facts_of([0.6], (MAJORITY,))
    share = (60 + 2) / 104
    binomial = share * (1 - share) / 104
    assert half_width(one.winner, 100) == pytest.approx(1.96 * binomial**0.5)
    two = facts_of([0.5, 0.7], (MAJORITY,))
    assert half_width(two.winner, 100) == pytest.approx(1.96 * (binomial + 0.02 / 2) ** 0.5)


def test_all_right_is_no_certainty() -> None:
    assert half_width(facts_of([1.0], counts=rights(100)).winner, 100) > 0.02


def test_differences_are_taken_in_pairs() -> None:
    facts = facts_of([0.6], (LINEAR, MAJORITY), rights(60))
    facts = replace(facts, counts={LINEAR.name: rights(50)})
    difference, half = difference_to(facts, LINEAR)
    assert difference == pytest.approx(0.1)
    # Ten samples of a hundred differ, all in the same direction.
    assert half == pytest.approx(1.96 * (0.1 * 0.9 / 99) ** 0.5)
    unpaired = difference_to(facts_of([0.6], (LINEAR,)), LINEAR)[1]
    assert half < unpaired


def test_a_winner_that_is_better() -> None:
    text = said(facts_of([0.9], (MAJORITY, ALONE, LINEAR), rights(90)))
    assert text.startswith("On test the winner, trial 3, has accuracy 90.0 % ± ")
    assert "(95 % interval; 100 test samples)" in text
    assert (
        "The best reference by validation, logistic regression on all together, has 50.0 %" in text
    )
    assert "The best single modality by validation, logistic regression on text" in text
    assert text.count("above it, more than chance") == 2
    assert "Warning" not in text


@pytest.mark.parametrize(
    ("test", "warning"),
    [
        (0.3, "a simpler model is better than the winner: logistic regression on all together"),
        (0.5, "a simpler model is as good as the winner"),
    ],
)
def test_a_simpler_model_is_warned_of(test: float, warning: str) -> None:
    low = replace(MAJORITY, test=0.02)
    assert f"Warning: {warning}" in said(facts_of([test], (low, LINEAR)))


def test_no_better_than_the_majority() -> None:
    text = said(facts_of([0.3], (MAJORITY, LINEAR)))
    assert "Warning: the winner is no better than the majority class" in text


def test_what_wasnt_reached_and_what_failed_is_said() -> None:
    late = Reference("gradient boosting", "single", "text", reason="not reached in time")
    assert "1 of 2 references were not reached" in said(facts_of([0.9], (MAJORITY, late)))
    facts = facts_of([0.9])
    failed = replace(facts, references=References("", 0, {}, failure="MemoryError"))
    assert "Warning: references could not be measured: MemoryError." in said(failed)


def test_what_the_rule_of_choice_gave_up() -> None:
    facts = facts_of([0.6])
    confirmed = {**facts.confirmed, 5: [seed_of(0, 0.1, validation=0.85)]}
    text = said(replace(facts, confirmed=confirmed, rule="knee"))
    told = "The rule of choice (knee) gave up 5.0 points of accuracy on validation (re-trained)"
    assert f"{told} against trial 5." in text
    assert "gave up" not in said(facts)


def test_a_gap_that_changed_by_more_than_noise() -> None:
    seeds = [seed_of(k, 0.6, gap=0.3 + 0.01 * k) for k in range(3)]
    facts = facts_of([0.6])
    changed = replace(facts.winner, seeds=seeds)
    assert "was 0.100 in the search and is 0.310 ± 0.010" in said(replace(facts, winner=changed))
    near = replace(facts.winner, seeds=[seed_of(k, 0.6, gap=0.05 * k) for k in range(5)])
    assert "Its gap" not in said(replace(facts, winner=near))


def test_scores_that_are_no_shares_have_no_per_cents() -> None:
    seeds = [Confirmation(0, {"r2": 0.8}, {"r2": 0.75})]
    winner = Winner("trial 3", record_of(), "r2", seeds, np.linspace(0, 1.5, 50))
    text = said(Facts(winner, "highest r2", [], {}, None))
    assert "has r2 0.750 ± " in text
    assert "%" not in text.replace("95 %", "")


def test_what_is_left_without_the_modality_that_it_needs_most() -> None:
    facts = facts_of([0.9], (MAJORITY, LATE))
    test = {"accuracy": 0.9, "missing/image": 0.8, "missing/text": 0.5}
    seeds = [replace(facts.winner.seeds[0], test=test)]
    winner = replace(facts.winner, seeds=seeds)
    text = said(replace(facts, winner=winner))
    assert (
        "Without text, which it needs most, it has 50.0 %; "
        "logistic regression, mean of the modalities, has 44.0 % without it. "
        "Without image it has 80.0 %." in text
    )
    assert "which it needs most" not in said(facts)
    alone = {**test, "unimodal_accuracy/image": 0.7, "unimodal_accuracy/text": 0.85}
    seeds = [replace(seeds[0], test=alone)]
    known = "The most that the same trials reach with one modality, text alone, is 85.0 %."
    assert known in said(replace(facts, winner=replace(winner, seeds=seeds, is_ensemble=True)))
    assert known not in said(replace(facts, winner=replace(winner, seeds=seeds)))


def test_the_best_modality_trained_alone_is_found_by_validation() -> None:
    facts = facts_of([0.85, 0.95])
    assert "Trained alone" not in said(facts)
    solo = {"image": [seed_of(0, 0.8, validation=0.7)], "text": [seed_of(0, 0.6, validation=0.9)]}
    half = half_width(facts.winner, 0)
    known = f"text has 60.0 %: the winner is 30.0 ± {100 * half:.1f} points above it."
    assert f"Trained alone with the same settings, {known}" in said(replace(facts, solo=solo))
    failed = {"image": [Confirmation(0, {}, {}, "diverged")]}
    assert "Trained alone" not in said(replace(facts, solo=failed))


@pytest.mark.parametrize(
    ("score", "value", "half", "told"),
    [
        ("accuracy", 0.9, 0.05, "90.0 % ± 5.0"),
        ("accuracy", 1.0, 0.095, "100.0 %, 90.5 to 100.0 %"),
        ("macro_f1", 0.02, 0.05, "2.0 %, 0.0 to 7.0 %"),
        ("r2", -0.3, 0.2, "-0.300 ± 0.200"),
        ("r2", 0.99, 0.02, "0.990, 0.970 to 1.000"),
    ],
)
def test_no_interval_reaches_beyond_what_can_be(
    score: str, value: float, half: float, told: str
) -> None:
    assert spread(score, value, half) == told
