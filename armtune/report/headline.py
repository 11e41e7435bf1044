"""The four figures that a report begins with, and what can be done next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from armtune.report.verdict import GAP, Facts, half_width, level, spread
from armtune.text.escapes import for_shell

if TYPE_CHECKING:
    from armtune.recipe.schema import Recipe
    from armtune.references import Reference


@dataclass(frozen=True)
class Tile:
    """One figure.

    Attributes:
        what: what it is.
        value: the figure itself.
        about: what else should be known of it.
    """

    what: str
    value: str
    about: str = ""


def tiles_of(facts: Facts) -> list[Tile]:
    """Test score with its interval, best single modality, best reference, gap; as far as known."""
    return list(_tiles(facts))


def _tiles(facts: Facts) -> Iterator[Tile]:
    winner = facts.winner
    score = spread(winner.score, winner.test, half_width(winner, facts.samples))
    yield Tile(f"{_words(winner.score)} on test", score, f"{winner.what}; 95 % interval")
    known = facts.references
    single, best = (known.best_single, known.best) if known else (None, None)
    yield from _single(facts, single)
    yield from _reference("best reference", best, winner.score)
    gaps = [seed.test[GAP] for seed in winner.seeds if GAP in seed.test]
    if gaps:
        yield Tile("gap on test", f"{fmean(gaps):.3f}", _strongest(facts))


def _reference(what: str, reference: Reference | None, score: str) -> Iterator[Tile]:
    if reference is not None and reference.test is not None:
        yield Tile(what, level(score, reference.test), reference.name)


def _single(facts: Facts, reference: Reference | None) -> Iterator[Tile]:
    """A modality trained alone with the winner's settings, or a reference that is better."""
    score, what = facts.winner.score, "best single modality"
    if facts.best_solo is None:
        yield from _reference(what, reference, score)
        return
    modality, alone = facts.best_solo
    trained = fmean(seed.validation[score] for seed in alone.seeds)
    if reference is not None and (reference.validation or 0.0) > trained:
        yield from _reference(what, reference, score)
    else:
        yield Tile(what, level(score, alone.test), f"{modality}, the same settings alone")


def _strongest(facts: Facts) -> str:
    """Which modality contributes most, and which least."""
    start, seeds = "contribution/", facts.winner.seeds
    names = [n for n in seeds[0].test if n.startswith(start) and all(n in s.test for s in seeds)]
    if len(names) < 2:
        return ""
    means = {n.removeprefix(start): fmean(s.test[n] for s in seeds) for n in names}
    most, least = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
    return f"{most} adds {means[most]:.3f}, {least} {means[least]:.3f}"


def next_steps(
    folder: Path, best: Path | None, recipe: Recipe, front: Sequence[int]
) -> list[tuple[str, str]]:
    """What can be done with a run, and the command for it.

    Args:
        best: where the winner was exported to, if it was.
        front: numbers of the trials on the front.
    """
    from armtune.datasets import Data

    run = for_shell(folder)
    samples = "samples.npz" if type(recipe.data).inputs is Data.inputs else "samples.csv"
    steps = [("see every curve", f"armtune board {run}")]
    if best is not None:
        model = for_shell(best)
        steps.append(("predict", f"armtune predict {model} --input {samples}"))
        steps.append(("ask why", f"armtune explain {model} --input {samples}"))
        steps.append(("serve it", f"armtune serve {model}"))
    elif front:
        exported = f"armtune export {run} --to model --trial {front[0]}"
        steps.append(("export a trial of the front", exported))
    return steps


def _words(name: str) -> str:
    return name.replace("_", " ")
