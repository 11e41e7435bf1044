"""One method of comparisons beside another that isn't their first: paired differences on test.

    python benchmarks/paired.py runs/comparison/*-sgd --method arm_agreement --against arm

Nothing is trained: folders are those of `armtune compare`, whose own tables are beside `none`.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from armtune.comparison.read import read_comparison

METRICS = ("accuracy", "contribution_gap")


def row(folder: Path, method: str, against: str) -> list[str]:
    """A comparison's differences, in points, with half of their 95 % intervals."""
    read = replace(read_comparison(folder), reference=against)
    cells = [folder.name]
    for metric in METRICS:
        found = read.differences(metric)[method]
        cells.append(f"{100 * found.mean:+.1f} ± {50 * (found.high - found.low):.1f}")
    return cells


def main() -> None:
    """Prints a row for each folder."""
    parser = argparse.ArgumentParser(description="Paired differences of two methods.")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--method", required=True)
    parser.add_argument("--against", required=True)
    asked = parser.parse_args()
    heads = [f"{metric}: {asked.method} − {asked.against}" for metric in METRICS]
    print(f"| comparison | {' | '.join(heads)} |\n|---|{'---|' * len(heads)}")
    for folder in asked.folders:
        print(f"| {' | '.join(row(folder, asked.method, asked.against))} |")


if __name__ == "__main__":
    main()
