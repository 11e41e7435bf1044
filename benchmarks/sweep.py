"""Wall time, time to the first trial and peak memory of a shipped sweep.

    python benchmarks/sweep.py recipes/avmnist.yaml [key=value …]

Has `armtune plan` estimate it, runs the sweep in a new folder, twice a second adds up the
proportional set size of all its processes, and prints a table, and how far off the estimate was.
Build the data first (any sweep of the recipe does), since building is not counted.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from armtune.sweeps import read_records, read_result


def family(root: int) -> list[int]:
    """A process and all its descendants."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, rest = stat.read_text().split(" (", 1)
        except OSError:
            continue
        parents.setdefault(int(rest.rpartition(") ")[2].split()[1]), []).append(int(pid))
    found = [root]
    for pid in found:
        found += parents.get(pid, [])
    return found


def memory(pids: list[int]) -> int:
    """Proportional set size of processes, in bytes."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total


def main(arguments: list[str]) -> None:
    """Prints the table of a sweep."""
    with tempfile.TemporaryDirectory() as folder:
        given = [*arguments, "--to", f"{folder}/run"]
        subprocess.run(["armtune", "plan", *given], stdout=subprocess.DEVNULL, check=True)
        command = ["armtune", "sweep", *given, "--quiet"]
        started, peak = time.time(), 0
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while process.poll() is None:
            peak = max(peak, memory(family(process.pid)))
            time.sleep(0.5)
        wall = time.time() - started
        records, notes = read_records(Path(folder) / "run"), read_result(Path(folder) / "run").notes
        about = json.loads((Path(folder) / "run" / "best" / "metrics.json").read_text())
    first = min(r.ended for r in records if r.ended) - started
    states = ", ".join(f"{n} {s.lower()}" for s, n in Counter(r.state for r in records).items())
    print(f"| trials | {len(records)}: {states} |\n|---|---|")
    print(f"| wall time, confirmation and export included | {wall:.0f} s |")
    print(f"| first trial result after launch | {first:.1f} s |")
    print(f"| peak memory, all processes | {peak / 2**30:.2f} GiB |")
    print(f"| chosen | trial {about['trial']} |\n")
    print("\n".join(note for note in notes if "estimated" in note))


if __name__ == "__main__":
    main(sys.argv[1:])
