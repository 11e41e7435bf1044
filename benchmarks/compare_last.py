"""New figures against the last ones: what got worse beyond noise. For every night.

    python benchmarks/all.py --repeats 3 --json new.json
    python benchmarks/compare_last.py new.json [LAST.json] [--keep]

Noise is the spread of a figure's repetitions, of both sides added, and at least a share of the
figure itself, since few repetitions show little of it. LAST is ``benchmarks/figures.json``, as it
was committed; ``--keep`` puts the new ones in its place. The code is 1 where something got worse.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

LAST = Path(__file__).parent / "figures.json"
LEAST_NOISE = 0.1
"""Share of a figure that is noise in any case."""
ALONE = 0.3
"""The same where a side has one repetition only."""
MORE_IS_BETTER = ("hour", "a second", "times", "rate", "gain", "accuracy", "hypervolume")
"""Words in the names of figures that are better when higher; of all others less is better."""

Figures = Mapping[str, Mapping[str, Sequence[float]]]


@dataclass(frozen=True)
class Change:
    """A figure that differs beyond noise."""

    benchmark: str
    figure: str
    before: float
    now: float

    @property
    def worse(self) -> bool:
        """Whether it got worse."""
        more = any(word in self.figure.lower() for word in MORE_IS_BETTER)
        return (self.now < self.before) == more

    def __str__(self) -> str:
        word = "worse" if self.worse else "better"
        by = f"{100 * (self.now / self.before - 1):+.0f} %" if self.before else "from nothing"
        change = f"{self.before:g} → {self.now:g}, {by}"
        return f"{word}: {self.benchmark}: {self.figure}: {change}"


def noise(values: Sequence[float]) -> float:
    """How far a figure strays by itself, as its repetitions show."""
    least = LEAST_NOISE if len(values) > 1 else ALONE
    return max(max(values) - min(values), least * abs(median(values)) / 2)


def changes(new: Figures, last: Figures) -> Iterator[Change]:
    """The figures of both that differ beyond noise."""
    for benchmark, figures in new.items():
        for figure, values in figures.items():
            before = last.get(benchmark, {}).get(figure)
            if not before or not values:
                continue
            change = Change(benchmark, figure, median(before), median(values))
            if abs(change.now - change.before) > noise(values) + noise(before):
                yield change


def missing(new: Figures, last: Figures) -> list[str]:
    """Figures that there were and are no more, of benchmarks that were run."""
    return [
        f"missing: {benchmark}: {figure}"
        for benchmark, figures in last.items()
        for figure in figures
        if benchmark in new and figure not in new[benchmark]
    ]


def main(words: Sequence[str]) -> int:
    """Prints what changed; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("new", type=Path)
    parser.add_argument("last", type=Path, nargs="?", default=LAST)
    parser.add_argument("--keep", action="store_true", help="the new figures are the last ones")
    given = parser.parse_args(words)
    new = json.loads(given.new.read_text(encoding="utf-8"))
    found, gone = list[Change](), list[str]()
    if given.last.exists():
        last = json.loads(given.last.read_text(encoding="utf-8"))
        print(f"{new['date']} against {last['date']}")
        found = sorted(changes(new["figures"], last["figures"]), key=lambda c: not c.worse)
        gone = missing(new["figures"], last["figures"])
    else:
        print(f"{given.last} isn't there: nothing to compare with")
    print("\n".join([*map(str, found), *gone]) or "no change beyond noise")
    if given.keep:
        shutil.copyfile(given.new, given.last)
    return int(any(change.worse for change in found) or bool(gone))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
