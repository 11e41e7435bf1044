"""Every benchmark that has ``--quick``, one after the other, and its figures as JSON.

    python benchmarks/all.py [NAME …] [--repeats N] [--json FILE]

The rule: a file of this folder that knows ``--quick`` is run with it; the others need data of one's
own, a finished run or hours, as they say themselves. One that compares a recipe gets the shipped
``avmnist``. Figures are the numbers in the tables that they print, by row and column; ``--quick``
ones say that a benchmark runs, and, with repeats, whether it got slower on the same machine
(``compare_last.py``). Tells what each took, and fails where one fails or all took over ten minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
RECIPE = "recipes/avmnist.yaml"
WITHOUT_A_CARD = {"gpu_all": ["--device", "cpu"]}
MOST_SECONDS = 600
NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?!\w)")

Figures = dict[str, list[float]]
"""Values of each figure, one a repetition, by table row and column."""


def quick_ones() -> dict[str, list[str]]:
    """Each benchmark that has ``--quick``, by name, with its arguments."""
    found = {}
    for path in sorted(HERE.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if '"--quick"' in text and path.name != Path(__file__).name:
            wants = re.search(rf"python benchmarks/{path.name} (RECIPE|{RECIPE})", text)
            recipe = [RECIPE] if wants else []
            found[path.stem] = [*recipe, *WITHOUT_A_CARD.get(path.stem, []), "--quick"]
    return found


def figures(said: str) -> Iterator[tuple[str, float]]:
    """The numbers in the tables of a text, each with its row's and its column's name."""
    head: list[str] = []
    for line in said.splitlines():
        if not line.startswith("|"):
            head = []
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not head:
            head = cells
        elif set("".join(cells)) - set("-: "):
            yield from _row(head, cells)


def _row(head: list[str], cells: list[str]) -> Iterator[tuple[str, float]]:
    words = [cell for cell in cells if not _numbers(cell)]
    for column, cell in zip(head[1:], cells[1:], strict=False):
        for place, number in enumerate(_numbers(cell)):
            name = " / ".join(filter(None, [*(words or cells[:1]), column]))
            yield f"{name} [{place}]" if place else name, number


def _numbers(cell: str) -> list[float]:
    """A cell's numbers; none where it is a sentence, or a name with a number in it."""
    if sum(c.isalpha() for c in cell) > 8 or not re.match(r"[-±(\d]", cell):
        return []
    return [float(number.replace(",", "")) for number in NUMBER.findall(cell)]


def run(name: str, words: list[str]) -> tuple[str, float]:
    """What a benchmark prints, and its seconds.

    Raises:
        CalledProcessError: it failed.
    """
    command = [sys.executable, f"benchmarks/{name}.py", *words]
    started, paths = (
        time.monotonic(),
        os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    )
    done = subprocess.run(
        command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    return done.stdout, time.monotonic() - started


def main() -> int:
    """Runs them; gives the exit code."""
    known = quick_ones()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[[], *known], help="all if none")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found: dict[str, Figures] = {}
    seconds: dict[str, float] = {}
    failed = []
    for name in given.names or known:
        for _ in range(given.repeats):
            try:
                said, seconds[name] = run(name, known[name])
            except subprocess.CalledProcessError as error:
                failed.append(name)
                print(f"{name} failed, with the code {error.returncode}", file=sys.stderr)
                break
            for figure, value in figures(said):
                found.setdefault(name, {}).setdefault(figure, []).append(value)
        print(f"{name}: {seconds.get(name, 0.0):.0f} s", flush=True)
    whole = sum(seconds.values())
    print(f"all, once: {whole:.0f} s, of at most {MOST_SECONDS}")
    if given.json:
        content = {"date": datetime.now(UTC).date().isoformat(), "figures": found}
        given.json.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return int(bool(failed) or whole > MOST_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
