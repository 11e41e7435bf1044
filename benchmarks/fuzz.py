"""Mutants of valid files: none may end in a traceback, take two seconds or half a gigabyte.

    python -m benchmarks.fuzz --mutants 2000
    python -m benchmarks.fuzz --part 3/25 --mutants 2000 --kinds recipe,space

Mutates what is valid by its structure: keys, values, lists and types of the shipped recipes and
search spaces, lines of a study's journal, a bundle's manifest and program (each with its checksums
made right again, as an attacker would), archives to predict from, and files of tables, pictures
and sound. What reads them may refuse with ``RecipeError``, ``DataError`` or ``RunError``; all else
counts as a traceback. The seed of a mutant is its number, so that ``--part`` cuts a campaign into
parts that can be done anywhere, and ``--only KIND:NUMBER`` repeats one. Time is the process's own,
as other work may share the machine; memory is what a mutant adds to the process at its peak.
"""

from __future__ import annotations

import argparse
import random
import resource
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from armtune.errors import ArmtuneError
from benchmarks.fuzz_kinds import KINDS
from benchmarks.fuzz_samples import Samples, made

MOST_SECONDS = 2.0
MOST_BYTES = 500_000_000
ROOM = 2_000_000_000
"""What the process may take beyond what it has at the start: a mutant shall not end the machine."""


@dataclass
class Outcome:
    """What mutants of a kind came to; the numbers of those that fell."""

    mutants: int = 0
    refused: int = 0
    tracebacks: dict[int, str] = field(default_factory=dict)
    slow: dict[int, float] = field(default_factory=dict)
    large: dict[int, int] = field(default_factory=dict)
    longest: float = 0.0
    most: int = 0


def tried(kind: str, number: int, samples: Samples, outcome: Outcome) -> None:
    """Makes one mutant, has it read, and notes how that went."""
    draw = random.Random(f"{kind} {number}")  # noqa: S311 (mutants, not secrets)
    outcome.mutants += 1
    before = _peak()
    started = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            KINDS[kind](samples, draw)
    except ArmtuneError:
        outcome.refused += 1
    except Exception:  # what is looked for
        outcome.tracebacks[number] = traceback.format_exc()
    seconds, bytes_more = time.process_time() - started, _peak() - before
    outcome.longest, outcome.most = max(seconds, outcome.longest), max(bytes_more, outcome.most)
    if seconds > MOST_SECONDS:
        outcome.slow[number] = seconds
    if bytes_more > MOST_BYTES:
        outcome.large[number] = bytes_more


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def campaign(
    numbers: range, kinds: list[str], samples: Samples, seconds: float = float("inf")
) -> dict[str, Outcome]:
    """The outcomes by kind; ends early, between two mutants, after so many seconds a kind."""
    found = {kind: Outcome() for kind in kinds}
    for kind, outcome in found.items():
        end = time.monotonic() + seconds
        for number in numbers:
            if time.monotonic() > end:
                break
            tried(kind, number, samples, outcome)
    return found


def table(found: dict[str, Outcome]) -> str:
    """The outcomes as a table."""
    head = (
        "| kind | mutants | refused | tracebacks | over 2 s | over 500 MB | longest | most memory |"
    )
    rows = [
        f"| {kind} | {o.mutants} | {o.refused} | {len(o.tracebacks)} | {len(o.slow)} "
        f"| {len(o.large)} | {o.longest:.2f} s | {o.most / 1e6:.0f} MB |"
        for kind, o in found.items()
    ]
    return "\n".join([head, "|---|---|---|---|---|---|---|---|", *rows])


def falls(found: dict[str, Outcome]) -> Iterator[str]:
    """A word on each kind of fall: the last lines of tracebacks, and the slow and large mutants."""
    for kind, outcome in found.items():
        last = {n: "\n".join(text.splitlines()[-3:]) for n, text in outcome.tracebacks.items()}
        counts = Counter(last.values())
        for text, count in counts.most_common():
            number = next(n for n, own in last.items() if own == text)
            yield f"{kind}:{number}, {count} times:\n{text}"
        for number, seconds in outcome.slow.items():
            yield f"{kind}:{number} took {seconds:.1f} s"
        for number, size in outcome.large.items():
            yield f"{kind}:{number} took {size / 1e6:.0f} MB"


def main() -> int:
    """Runs a part of a campaign, and prints its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--mutants", type=int, default=1000, help="of each kind, in this part")
    parser.add_argument("--part", default="1/1", help="which part, such as 3/25")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--only", help="one mutant, such as recipe:12, with its whole traceback")
    given = parser.parse_args()
    part = int(given.part.split("/")[0]) - 1
    numbers = range(part * given.mutants, (part + 1) * given.mutants)
    with tempfile.TemporaryDirectory() as place:
        samples = made(Path(place))
        most = _peak() + ROOM
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        if given.only:
            kind, _, number = given.only.partition(":")
            found = campaign(range(int(number), int(number) + 1), [kind], samples)
            print(*found[kind].tracebacks.values())
        else:
            found = campaign(numbers, given.kinds.split(","), samples)
    print(*falls(found), "", table(found), sep="\n")
    return int(any(o.tracebacks or o.slow or o.large for o in found.values()))


if __name__ == "__main__":
    raise SystemExit(main())
