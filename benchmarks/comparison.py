"""Runs all balancing methods on all settings of the comparison; `docs/results.md` says what came.

    python -m benchmarks.comparison [--settings wiki,utd_mhad] [--optimizers adamw,sgd]

A setting is a recipe in `benchmarks/comparison`. Each is one `armtune compare`, kept in
`runs/comparison/<setting>-<optimizer>` and gone on with where it stopped; its figures on test go to
`docs/results/<setting>-<optimizer>.csv`, from which `docs/ranks.py` makes the page's tables.
`sgd` falls in a step and has ranges of its own, as in the papers on gradient modulation. Beside the
methods stand each modality alone, the late fusion of these, and a transformer that fuses, with
`none` and with `arm`.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from armtune.comparison.plan import methods_of

ROOT = Path(__file__).parent
RECIPES = ROOT / "comparison"
SUMMARIES = ROOT.parent / "docs/results"
Row = dict[str, str]
OPTIMIZERS = {
    "adamw": [],
    "sgd": [
        "training.optimizer={name: sgd, lr: 0.1}",
        "training.decay=step",
        "sweep.space=[sgd, arm]",
    ],
}
"""Changes of a recipe for each optimizer."""
ATTENTION = ", fusion attention"
"""How the summaries call methods whose modalities a transformer fuses."""
EVEN = {"utd_mhad_sequences": "modalities.depth.encoder.width=16"}
"""For recipes whose encoders differ in size: the change that methods with one head need."""
ONE_HEAD = ["mla", "reconboost"]
METRICS = ["accuracy", "contribution_gap", "worst_missing"]
COLUMNS = ["method", "split", "metric", "seeds", "mean", "std", "difference", "low", "high"]


def compare(recipe: Path, folder: Path, changes: Sequence[str]) -> None:
    """Runs one comparison, or goes on with it."""
    command = [sys.executable, "-m", "armtune", "compare", str(recipe), "--to", str(folder)]
    command += ["--inline", "--quiet", *(["--resume"] if folder.exists() else [])]
    subprocess.run([*command, *changes], check=True)


def setting(recipe: Path, optimizer: str, methods: list[str], folder: Path) -> list[Row]:
    """Runs a setting with an optimizer; its summary."""
    changes = OPTIMIZERS[optimizer]
    apart = [name for name in methods if name in ONE_HEAD and recipe.stem in EVEN]
    rest = [name for name in methods if name not in apart]
    compare(recipe, folder, [f"--methods={','.join(rest)}", "--alone", *changes])
    rows = list(summary(folder / "compare.csv"))
    if apart:
        even = folder.with_name(f"{folder.name}-even")
        compare(recipe, even, [f"--methods=none,{','.join(apart)}", EVEN[recipe.stem], *changes])
        rows += [row for row in summary(even / "compare.csv") if row["method"] in apart]
    return rows + transformer(recipe, optimizer, folder.with_name(f"{folder.name}-transformer"))


def transformer(recipe: Path, optimizer: str, folder: Path) -> list[Row]:
    """Runs a setting with a transformer that fuses the modalities; its summary."""
    changes = ["--methods=none,arm", "fusion={name: attention}", *OPTIMIZERS[optimizer]]
    compare(recipe, folder, changes)
    rows = summary(folder / "compare.csv")
    return [row | {"method": row["method"] + ATTENTION} for row in rows]


def summary(path: Path) -> Iterator[Row]:
    """The rows of a `compare.csv` that the page needs, their figures rounded."""
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["split"] == "test" and row["metric"] in METRICS:
                yield {column: rounded(row[column]) for column in COLUMNS}


def rounded(value: str) -> str:
    """A figure to five decimals; a name or a whole number as it is."""
    try:
        return f"{float(value):.5f}" if "." in value or "e-" in value else value
    except ValueError:
        return value


def write(rows: Sequence[Row], path: Path) -> None:
    """Writes a summary."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Runs what is asked for, and writes each summary as it comes."""
    names = sorted(path.stem for path in RECIPES.glob("*.yaml"))
    parser = argparse.ArgumentParser(description="Compare all balancing methods on all settings.")
    parser.add_argument("--settings", default=",".join(names))
    parser.add_argument("--optimizers", default=",".join(OPTIMIZERS))
    parser.add_argument("--methods", default="all")
    parser.add_argument("--to", type=Path, default=Path("runs/comparison"))
    asked = parser.parse_args()
    for optimizer in asked.optimizers.split(","):
        for name in asked.settings.split(","):
            folder = asked.to / f"{name}-{optimizer}"
            rows = setting(RECIPES / f"{name}.yaml", optimizer, methods_of(asked.methods), folder)
            write(rows, SUMMARIES / f"{folder.name}.csv")


if __name__ == "__main__":
    main()
