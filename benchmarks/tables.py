"""Tables of your own, as `armtune init` drafts them: the winner beside its references, on test.

    python benchmarks/tables.py facts.csv:label other.csv:price [--seconds 180]

Each table is drafted, swept in this process and judged as its report judges it. Which rows are for
test is the draft's own cut. What a table's winner has is printed beside what simple models have on
the same rows: logistic or ridge regression and histogram gradient boosting (scikit-learn).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import armtune
from armtune.recipe.objectives import Goals
from armtune.recipe.schema import Recipe
from armtune.references import Reference
from armtune.report.verdict import Facts, difference_to, facts_of, half_width
from armtune.sweeps import read_result

KINDS = {"linear": ("logistic", "ridge"), "boosting": ("gradient",)}
"""The references that are shown, by how their names begin."""
HEAD = ["table", "rows for test", "score", "winner", *KINDS, "winner − better one", "trials", "s"]


def row(table: Path, label: str, seconds: int, folder: Path) -> list[str]:
    """A table's row: drafts a recipe, sweeps it, and reads what was found."""
    recipe = armtune.load_recipe(armtune.init(table, label=label, to=folder / f"{table.stem}.yaml"))
    begin = time.perf_counter()
    result = armtune.sweep(recipe, {"sweep.seconds": seconds}, to=folder / table.stem, inline=True)
    took = time.perf_counter() - begin
    facts = judged(recipe, result.folder)
    return [table.stem, *cells(facts), str(len(result.trials)), f"{took:.0f}"]


def judged(recipe: Recipe, folder: Path) -> Facts:
    """What is known of the run's winner and its references."""
    facts = facts_of(read_result(folder), Goals.from_recipe(recipe).score, recipe.sweep.choose)
    assert facts, f"{folder}: nothing was re-trained"
    return facts


def cells(facts: Facts) -> Iterator[str]:
    """Test samples, the score, each side's, and the difference to the better reference."""
    yield str(facts.samples)
    yield facts.winner.score
    yield f"{facts.winner.test:.3f} ± {half_width(facts.winner, facts.samples):.3f}"
    found = {kind: reference(facts, begins) for kind, begins in KINDS.items()}
    for own in found.values():
        yield "–" if own is None or own.test is None else f"{own.test:.3f}"
    known = [own for own in found.values() if own is not None and own.test is not None]
    pairs = [difference_to(facts, own) for own in known]
    yield "{:+.3f} ± {:.3f}".format(*min(pairs)) if pairs else "–"


def reference(facts: Facts, begins: tuple[str, ...]) -> Reference | None:
    """The best on validation of one kind."""
    found = facts.references.found if facts.references else ()
    own = [r for r in found if r.model.startswith(begins) and r.test is not None]
    return max(own, key=lambda r: r.validation or 0.0, default=None)


def main() -> None:
    """Prints the table, a row as it comes."""
    parser = argparse.ArgumentParser(description="Tables of facts beside scikit-learn.")
    parser.add_argument("tables", nargs="+", metavar="FILE:LABEL")
    parser.add_argument("--seconds", type=int, default=180)
    asked = parser.parse_args()
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}", flush=True)
    for text in asked.tables:
        path, _, label = text.rpartition(":")
        with tempfile.TemporaryDirectory() as folder:
            own = row(Path(path).resolve(), label, asked.seconds, Path(folder))
        print(f"| {' | '.join(own)} |", flush=True)


if __name__ == "__main__":
    main()
