"""How long opening a model takes in a fresh process, beside what importing numpy alone takes.

    python benchmarks/opening.py runs/avmnist/best [--runs 20]

Each line starts Python anew. The processor's seconds hardly depend on what else the machine does,
as those by the clock do.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path


def spent(code: str) -> tuple[float, float]:
    """Milliseconds by the clock and of the processor that a Python takes for some code."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    took, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return 1e3 * took, 1e3 * busy


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args(arguments)
    lines = {
        "`armtune.load_bundle`": f"import armtune; armtune.load_bundle({str(options.bundle)!r})",
        "`import numpy`": "import numpy",
        "nothing": "pass",
    }
    print(f"load {os.getloadavg()[0]:.1f}")
    print("| a fresh process | clock, least ms | median ms | processor, least ms |")
    print("|---|---|---|---|")
    for name, code in lines.items():
        spent(code)  # the first one finds no compiled modules, and cold files
        runs = [spent(code) for _ in range(options.runs)]
        clock, busy = zip(*runs, strict=True)
        cells = (min(clock), statistics.median(clock), min(busy))
        print(f"| {name} | {' | '.join(f'{cell:.0f}' for cell in cells)} |")


if __name__ == "__main__":
    main()
