"""What a sweep's winner is worth, in sentences: against simple models, chance and its own rule."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, variance

import numpy as np
from numpy.typing import NDArray

from armtune.references import FOLDER, PER_SAMPLE, Reference, References
from armtune.references.per_sample import SCORE, read_per_sample
from armtune.sweeps.study.records import Ensemble, SweepResult, TrialRecord
from armtune.sweeps.workers.trial import ENSEMBLE, TESTED, Confirmation, confirm_folder

Counts = NDArray[np.float64]
"""What each test sample counts for a score, ``(sample,)``."""

NORMAL = 1.96
"""Standard errors on either side of a 95 % interval."""
GAP = "contribution_gap"
MISSING = "missing/"
LEAST_COST = 0.0005
"""Share of the score that a choice may give up without a word: what a rounded figure hides."""


@dataclass(frozen=True)
class Winner:
    """What is exported: a trial's re-trainings, or an ensemble.

    Attributes:
        what: what it is called.
        record: the chosen trial.
        score: the metric that the data's target is judged by.
        seeds: its re-trainings; an ensemble's only figures.
        is_ensemble: whether it is one.
        counts: what each test sample counts, the mean over the seeds; None where that isn't known.
    """

    what: str
    record: TrialRecord
    score: str
    seeds: Sequence[Confirmation]
    counts: Counts | None = None
    is_ensemble: bool = False

    @property
    def test(self) -> float:
        """Mean test score over the seeds."""
        return fmean(seed.test[self.score] for seed in self.seeds)

    @property
    def seed_variance(self) -> float:
        """Variance of that mean which comes from the seeds."""
        values = [seed.test[self.score] for seed in self.seeds]
        return variance(values) / len(values) if len(values) > 1 else 0.0


@dataclass(frozen=True)
class Facts:
    """What a verdict is made from.

    Attributes:
        rule: the recipe's ``sweep.choose``.
        records: all trials.
        counts: what each test sample counts for the references' scores, by their names.
        solo: trainings of each modality alone with the winner's settings.
    """

    winner: Winner
    rule: str
    records: Sequence[TrialRecord]
    confirmed: Mapping[int, Sequence[Confirmation]]
    references: References | None
    counts: Mapping[str, Counts] = field(default_factory=dict)
    solo: Mapping[str, Sequence[Confirmation]] = field(default_factory=dict)

    @property
    def best_solo(self) -> tuple[str, Winner] | None:
        """The modality that is best on validation when trained alone, and its trainings."""
        score = self.winner.score
        whole = {
            m: [c for c in seeds if score in c.validation and score in c.test]
            for m, seeds in self.solo.items()
        }
        known = {m: seeds for m, seeds in whole.items() if seeds}
        if not known:
            return None
        best = max(known, key=lambda m: fmean(c.validation[score] for c in known[m]))
        return best, Winner(f"{best} alone", self.winner.record, score, known[best])

    @property
    def samples(self) -> int:
        """Number of test samples; 0 where it isn't known."""
        if self.winner.counts is not None:
            return len(self.winner.counts)
        return self.references.samples if self.references else 0


def verdict_of(result: SweepResult, score: str, rule: str, number: int | None = None) -> list[str]:
    """Sentences on what a sweep exports, or a trial of it; none where it wasn't re-trained."""
    facts = facts_of(result, score, rule, number)
    return [] if facts is None else list(sentences(facts))


def facts_of(result: SweepResult, score: str, rule: str, number: int | None = None) -> Facts | None:
    """What is known of what a sweep exports, or of a trial; None where it wasn't re-trained.

    Args:
        score: the metric that the data's target is judged by.
        rule: the recipe's ``sweep.choose``.
        number: the trial; what is exported if None.
    """
    asked = result.chosen if number is None else number
    record = next((r for r in result.records if r.number == asked), None)
    if record is None:
        return None
    ensemble = result.ensemble if number is None else None
    if ensemble and ensemble.stands:
        winner = _ensemble(result.folder, record, score, ensemble)
    else:
        winner = _trial(result, record, score)
    if not winner.seeds or any(score not in seed.test for seed in winner.seeds):
        return None
    known = read_per_sample(result.folder / FOLDER / PER_SAMPLE)
    solo = {} if winner.is_ensemble or number is not None else result.solo
    return Facts(winner, rule, result.records, result.confirmed, result.references, known, solo)


def _ensemble(folder: Path, record: TrialRecord, score: str, ensemble: Ensemble) -> Winner:
    counts = read_per_sample(folder / ENSEMBLE / TESTED).get(SCORE)
    models = len(ensemble.weights)
    what = f"an ensemble of {models} model{'s' if models > 1 else ''}"
    figures = Confirmation(0, ensemble.validation, ensemble.test)
    return Winner(what, record, score, [figures], counts, is_ensemble=True)


def _trial(result: SweepResult, record: TrialRecord, score: str) -> Winner:
    seeds = [c for c in result.confirmed.get(record.number, ()) if not c.reason]
    counts = _mean_counts(result.folder, record.number, seeds) if seeds else None
    return Winner(f"trial {record.number}", record, score, seeds, counts)


def sentences(facts: Facts) -> Iterator[str]:
    """The verdict, the most important first; warnings begin with that word."""
    yield _own(facts)
    if facts.references is not None:
        yield from _against(facts, facts.references)
    yield from _trained_alone(facts)
    yield from _alone(facts.winner)
    yield from _missing(facts)
    yield from _choice(facts)
    yield from _gap(facts.winner)


def _mean_counts(folder: Path, number: int, seeds: Sequence[Confirmation]) -> Counts | None:
    files = [confirm_folder(folder, number, seed.seed) / TESTED for seed in seeds]
    found = [read_per_sample(file).get(SCORE) for file in files]
    known = [counts for counts in found if counts is not None]
    if len(known) < len(seeds) or len({len(counts) for counts in known}) > 1:
        return None
    mean: Counts = np.mean(known, axis=0)
    return mean


def _own(facts: Facts) -> str:
    winner = facts.winner
    known = [f"{facts.samples:,} test samples"] if facts.samples else []
    if len(winner.seeds) > 1:
        known.append(f"{len(winner.seeds)} seeds")
    about = "; ".join(["95 % interval", ", ".join(known)] if known else ["95 % interval"])
    shown = spread(winner.score, winner.test, half_width(winner, facts.samples))
    return f"On test the winner, {winner.what}, has {winner.score} {shown} ({about})."


def _against(facts: Facts, references: References) -> Iterator[str]:
    """The winner beside the references, and warnings."""
    best, single, constant = references.best, references.best_single, references.constant
    if best is not None:
        yield _beside(facts, best, "The best reference by validation")
    if single is not None and single != best:
        yield _beside(facts, single, "The best single modality by validation")
    if constant is not None and not _surely_better(facts, constant):
        yield f"Warning: the winner is no better than the {constant.name}, which learns nothing."
    elif best is not None and best != constant:
        yield from _simpler(facts, best)
    late = [each for each in references.found if each.reason]
    if references.failure:
        yield f"Warning: references could not be measured: {references.failure}."
    elif late:
        yield f"{len(late)} of {len(references.found)} references were not reached in time."


def _trained_alone(facts: Facts) -> Iterator[str]:
    """What the winner is above the best modality that was trained alone with its settings."""
    if facts.best_solo is None:
        return
    (modality, alone), winner, score = facts.best_solo, facts.winner, facts.winner.score
    difference = winner.test - alone.test
    halves = (half_width(each, facts.samples) for each in (winner, alone))
    word = "above" if difference >= 0 else "below"
    yield (
        f"Trained alone with the same settings, {modality} has {level(score, alone.test)}: the "
        f"winner is {amount(score, abs(difference))} ± {amount(score, math.hypot(*halves))}"
        f"{_unit(score)} {word} it."
    )


def _alone(winner: Winner) -> Iterator[str]:
    """What the same trials reach with one modality, by an ensemble's own weights for it."""
    start = f"unimodal_{winner.score}/"
    known = winner.seeds[0].test if winner.is_ensemble else {}
    alone = {name.removeprefix(start): v for name, v in known.items() if name.startswith(start)}
    if len(alone) > 1:
        best = max(alone, key=lambda m: alone[m])
        yield (
            f"The most that the same trials reach with one modality, {best} alone, is "
            f"{level(winner.score, alone[best])}."
        )


def _missing(facts: Facts) -> Iterator[str]:
    """What is left where one modality is missing, first the one that it needs most."""
    winner = facts.winner
    names = [n for n in winner.seeds[0].test if n.startswith(MISSING)]
    left = {n: fmean(seed.test.get(n, math.nan) for seed in winner.seeds) for n in names}
    if len(left) < 2 or any(map(math.isnan, left.values())):
        return
    shown = {
        n.removeprefix(MISSING): level(winner.score, left[n])
        for n in sorted(left, key=left.__getitem__)
    }
    (modality, worst), *others = shown.items()
    said = f"Without {modality}, which it needs most, it has {worst}"
    mean = facts.references.best_mean if facts.references else None
    if mean is not None and modality in mean.missing:
        said += f"; {mean.name}, has {level(winner.score, mean.missing[modality])} without it"
    (other, value), *more = others
    rest = [f"Without {other} it has {value}", *(f"without {m} {left}" for m, left in more)]
    yield f"{said}. {', '.join(rest)}."


def _simpler(facts: Facts, best: Reference) -> Iterator[str]:
    difference, half = difference_to(facts, best)
    if difference < -half:
        yield f"Warning: a simpler model is better than the winner: {best.name}."
    elif difference <= half:
        yield (
            f"Warning: a simpler model is as good as the winner, as far as these samples tell: "
            f"{best.name}."
        )


def _beside(facts: Facts, reference: Reference, what: str) -> str:
    difference, half = difference_to(facts, reference)
    score = facts.winner.score
    assert reference.test is not None
    where = "above" if difference >= 0 else "below"
    word = "more than chance" if abs(difference) > half else "no more than chance"
    return (
        f"{what}, {reference.name}, has {level(score, reference.test)}: the winner is "
        f"{amount(score, abs(difference))} ± {amount(score, half)}{_unit(score)} {where} it, "
        f"{word}."
    )


def _surely_better(facts: Facts, reference: Reference) -> bool:
    difference, half = difference_to(facts, reference)
    return difference > half


def half_width(winner: Winner, samples: int) -> float:
    """Half of the 95 % interval of a winner's score, from test samples and seeds."""
    own = _sample_variance(winner.counts, winner.test, winner.score, samples)
    return NORMAL * math.sqrt(own + winner.seed_variance)


def difference_to(facts: Facts, reference: Reference) -> tuple[float, float]:
    """How much the winner's test score is above a reference's, and half of its 95 % interval.

    In pairs, sample by sample, where both sides' are known.
    """
    winner, own = facts.winner, facts.counts.get(reference.name)
    assert reference.test is not None
    difference = winner.test - reference.test
    if own is not None and winner.counts is not None and len(own) == len(winner.counts):
        spread = _mean_variance(winner.counts - own)
    else:
        spread = _sample_variance(winner.counts, winner.test, winner.score, facts.samples)
        spread += _sample_variance(own, reference.test, winner.score, facts.samples)
    return difference, NORMAL * math.sqrt(spread + winner.seed_variance)


def _sample_variance(counts: Counts | None, value: float, score: str, samples: int) -> float:
    """Variance of a score that comes from the choice of test samples; of shares at least what
    two samples more that went otherwise would make of it (Agresti and Coull, 1998).
    """
    known = 0.0 if counts is None else _mean_variance(counts)
    if score != "accuracy" or not samples:
        return known
    share = (value * samples + 2) / (samples + 4)
    return max(known, share * (1 - share) / (samples + 4))


def _mean_variance(counts: Counts) -> float:
    return float(counts.var(ddof=1)) / len(counts) if len(counts) > 1 else 0.0


def _choice(facts: Facts) -> Iterator[str]:
    """What the rule of choice cost against the most accurate trial, on validation."""
    winner = facts.winner
    known = {
        number: fmean(seed.validation[winner.score] for seed in seeds)
        for number, seeds in facts.confirmed.items()
        if seeds and all(winner.score in seed.validation for seed in seeds)
    }
    found = {r.number: r.metrics for r in facts.records if r.state == "COMPLETE"}
    searched = {n: m[winner.score] for n, m in found.items() if winner.score in m}
    for values, where in ((known, "re-trained"), (searched, "in the search")):
        best = max(values, key=lambda n: values[n], default=winner.record.number)
        cost = values.get(best, 0.0) - values.get(winner.record.number, values.get(best, 0.0))
        if cost > LEAST_COST and (where == "re-trained" or best not in known):
            yield (
                f"The rule of choice ({facts.rule}) gave up {amount(winner.score, cost)}"
                f"{_unit(winner.score)} of {winner.score} on validation ({where}) against trial "
                f"{best}."
            )


def _gap(winner: Winner) -> Iterator[str]:
    """Whether the gap between contributions held from search to confirmation."""
    before = winner.record.metrics.get(GAP)
    after = [seed.validation[GAP] for seed in winner.seeds if GAP in seed.validation]
    if before is None or len(after) < 2:
        return
    deviation = math.sqrt(variance(after))
    # The search saw one training, confirmation the mean of several.
    noise = NORMAL * deviation * math.sqrt(1 + 1 / len(after))
    if abs(fmean(after) - before) > noise:
        yield (
            f"Its gap between contributions was {before:.3f} in the search and is "
            f"{fmean(after):.3f} ± {deviation:.3f} over the seeds: more than noise."
        )


def level(score: str, value: float) -> str:
    """A score for people."""
    return f"{value:.3f}" if score == "r2" else f"{100 * value:.1f} %"


def spread(score: str, value: float, half: float) -> str:
    """A score with half of its interval; with its ends where it would reach beyond what can be."""
    lowest = -math.inf if score == "r2" else 0.0
    if lowest <= value - half and value + half <= 1:
        return f"{level(score, value)} ± {amount(score, half)}"
    ends = (max(lowest, value - half), min(1.0, value + half))
    return f"{level(score, value)}, {amount(score, ends[0])} to {level(score, ends[1])}"


def amount(score: str, value: float) -> str:
    """A difference of scores, in points where these are shares."""
    return f"{value:.3f}" if score == "r2" else f"{100 * value:.1f}"


def _unit(score: str) -> str:
    return "" if score == "r2" else " points"
