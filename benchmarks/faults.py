"""Kills and other faults at random moments of many small sweeps, and what they cost.

    python benchmarks/faults.py [FAULTS] [KIND…]

Sweeps run until a fault strikes, are resumed and struck again, and at last resumed to their end.
Killed with SIGKILL are in turn: the driver of a sweep in one process, the driver of one on Ray, a
worker of Ray's, and Ray's node (its raylet). Further faults, for which see ``fault_kinds.py``, are
a full disk and one that turns read-only, in one process and on Ray, a journal that is put back to
an earlier moment, and a clock that is set back. Each finished sweep is compared with an
undisturbed one. KINDs are beginnings of the names in the first column of the table; all, if none is
named. About 10 s a fault in one process, 40 s on Ray.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import tiny
from fault_kinds import (
    ClockSetBack,
    EarlierJournal,
    Fault,
    FullDisk,
    ReadOnly,
    killing,
    set_back,
)

from armtune.recipe.schema import Recipe
from armtune.sweeps import SweepResult, TrialRecord, read_records, read_result
from armtune.sweeps.run import Place, run_sweep
from armtune.sweeps.study.records import Listener
from armtune.sweeps.workers.trial import METRICS, trial_folder

EPOCHS, TRIALS, SECONDS = 20, 8, 0.05
FAULTS_A_SWEEP = 5
LONGEST = 600.0
"""Seconds after which a sweep that doesn't end counts as stuck; other work may share the cores."""
PACK = 3
"""Trials that a worker trains at once: members come and go while processes die."""
PATIENCE = 30
"""Seconds that Ray's processes may take to miss their driver."""


def recipe() -> Recipe:
    """Of some seconds in one process."""
    confirm = {"top": 1, "seeds": 2, "solo": False}
    return tiny.recipe(
        EPOCHS,
        trials=TRIALS,
        sampler={"name": "random"},
        confirm=confirm,
        retries=20,
        pack=PACK,
        references=False,
    )


TOLD = ("started ", "confirmed ")
"""How lines begin that ``Aloud`` says."""


class Aloud(Listener):
    """Says what is trained."""

    def trial_started(self, record: TrialRecord) -> None:
        print("started", record.number, flush=True)

    def confirmed(self, number: int, seed: int, metrics: dict[str, float]) -> None:
        print("confirmed", number, seed, flush=True)


def sweep(folder: Path, on: str, back: float) -> None:
    """Starts or resumes a sweep in this process."""
    set_back(back)
    place = Place(folder, Path(), resume=True, inline=on == "inline")
    run_sweep(recipe(), place, (Aloud(),), tiny.TinyWorkshop(seconds=SECONDS))


def session(leader: int) -> dict[int, str]:
    """The living processes of a session: number → command."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, its = stat.read_text().rpartition(")")[2].split()[:4]
            command = stat.with_name("cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, UnicodeDecodeError):
            continue
        if int(its) == leader and state not in "ZX":
            found[int(stat.parent.name)] = command
    return found


def driver(leader: int) -> list[int]:
    """The process that leads the session."""
    return [leader]


def worker(leader: int) -> list[int]:
    """Ray's processes that train; idle ones and Ray's own agents are none."""
    found = session(leader).items()
    mine = {p: c for p, c in found if c.startswith("ray::")}
    return [p for p, c in mine.items() if "IDLE" not in c and "Agent" not in c]


def node(leader: int) -> list[int]:
    """Ray's node."""
    found = session(leader).items()
    return [pid for pid, command in found if command.partition(" ")[0].endswith("/raylet")]


KINDS: dict[str, tuple[str, type[Fault]]] = {
    "driver, one process": ("inline", killing(driver)),
    "driver, on Ray": ("ray", killing(driver)),
    "worker": ("ray", killing(worker)),
    "node": ("ray", killing(node)),
    "disk full, one process": ("inline", FullDisk),
    "disk full, on Ray": ("ray", FullDisk),
    "disk read-only, one process": ("inline", ReadOnly),
    "disk read-only, on Ray": ("ray", ReadOnly),
    "journal put back": ("inline", EarlierJournal),
    "clock set back": ("inline", ClockSetBack),
}


@dataclass
class Tally:
    """What the faults of one kind cost."""

    sweeps: int = 0
    faults: int = 0
    lost: int = 0
    repeated: int = 0
    zombies: int = 0
    stuck: int = 0
    orphans: int = 0
    unequal: int = 0
    notes: list[str] = field(default_factory=list)


class Victim:
    """A sweep under attack."""

    def __init__(self, folder: Path, kind: str, tally: Tally, chance: random.Random) -> None:
        self._folder, self._tally, self._chance = folder, tally, chance
        self._on, fault = KINDS[kind]
        self._fault = fault(folder, chance)
        self._finished: dict[int, TrialRecord] = {}
        self._leaders: list[int] = []

    def run(self, faults: int) -> list[TrialRecord]:
        """Strikes it so often, unless it ends before, and resumes it to its end; its trials."""
        try:
            self._run(faults)
            return read_records(self._folder)
        finally:
            self._fault.close()

    def _run(self, faults: int) -> None:
        for left in range(faults, -1, -1):
            with self._started() as process:
                struck = left and self._strike(process)
                self._wait(process)
            self._leaders.append(process.pid)
            # Resumed at once: processes of the one before may still be there.
            if not struck:
                break
            self._mend()
        for leader in self._leaders:
            self._swept_up(leader)
        self._judge(read_result(self._folder))

    def _started(self) -> subprocess.Popen[str]:
        back = str(self._fault.back)
        command = [sys.executable, __file__, "--sweep", str(self._folder), self._on, back]
        self._log = self._folder.with_suffix(".log")
        self._before = {r.number for r in self._known()}
        return subprocess.Popen(
            command, stdout=self._log.open("w"), stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip

    def _strike(self, process: subprocess.Popen[str]) -> bool:
        while process.poll() is None and not self._trains():
            time.sleep(0.02)
        parallel = 1 if self._on == "inline" else 2
        time.sleep(self._chance.uniform(0, 1.2 * TRIALS * EPOCHS * SECONDS / parallel))
        if process.poll() is not None or not self._fault.strike(process.pid):
            return False
        self._tally.faults += 1
        return True

    def _trains(self) -> bool:
        """Whether it has said of a training that it began or ended; Ray may say other things."""
        return any(line.startswith(TOLD) for line in self._log.read_text().splitlines())

    def _mend(self) -> None:
        self._fault.mend()
        if self._fault.forgets:
            known = {record.number for record in self._known()}
            self._finished = {n: r for n, r in self._finished.items() if n in known}

    def _wait(self, process: subprocess.Popen[str]) -> None:
        try:
            process.wait(LONGEST)
        except subprocess.TimeoutExpired:
            self._tally.stuck += 1
            self._tally.notes.append(f"stuck: {self._log.read_text()[-300:]}")
            process.kill()
        text = self._log.read_text()
        if process.returncode and self._fault.error not in text:
            self._tally.notes.append(f"it wasn't said what happened: {text[-300:]}")
        said = [line.split() for line in text.splitlines()]
        again = {int(w[1]) for w in said if w[:1] == ["started"]} & self._before
        self._tally.repeated += len(again)
        for record in self._known():
            self._finished.setdefault(record.number, record)

    def _known(self) -> list[TrialRecord]:
        """The trials that the journal has as ended."""
        if not (self._folder / "study.journal").exists():
            return []
        return [r for r in read_records(self._folder) if r.state != "RUNNING"]

    def _swept_up(self, leader: int) -> None:
        """Counts processes that outlive their driver by more than some seconds; ends them."""
        for _ in range(10 * PATIENCE):
            if not (left := session(leader)):
                return
            time.sleep(0.1)
        self._tally.orphans += len(left)
        self._tally.notes.append(f"left: {sorted(c[:60] for c in left.values())}")
        for pid in left:
            os.kill(pid, signal.SIGKILL)

    def _judge(self, result: SweepResult) -> None:
        tally, records = self._tally, {r.number: r for r in result.records}
        tally.lost += sum(records.get(n) != record for n, record in self._finished.items())
        tally.zombies += sum(r.state == "RUNNING" for r in result.records)
        wrong = list(differences(result))
        tally.unequal += bool(wrong)
        tally.notes += wrong


def differences(result: SweepResult) -> Iterator[str]:
    """In what a sweep differs from an undisturbed one, which is known in advance."""
    if len(result.records) != TRIALS:
        yield f"{len(result.records)} trials"
    for record in result.records:
        expected = tiny.metrics(record.values[tiny.LR], 0, EPOCHS)
        if record.state != "COMPLETE" or record.metrics != {**expected, "epoch": EPOCHS}:
            yield f"trial {record.number}: {record.state} {record.metrics} {record.reason}"
        lines = (trial_folder(result.folder, record.number) / METRICS).read_text().splitlines()
        epochs = [json.loads(line)["epoch"] for line in lines]
        if epochs != list(range(1, EPOCHS + 1)):
            yield f"trial {record.number} wrote epochs {epochs}"
    ends = {c.seed: c.reason for found in result.confirmed.values() for c in found}
    if ends != {1000: "", 1001: ""}:
        yield f"confirmed with {ends}"


def undisturbed(folder: Path) -> list[float]:
    """The learning rates that a sweep draws that nothing disturbs."""
    run_sweep(recipe(), Place(folder, Path(), inline=True), (), tiny.TinyWorkshop())
    return [record.values[tiny.LR] for record in read_records(folder)]


def campaign(faults: int, folder: Path, kinds: Sequence[str]) -> dict[str, Tally]:
    """So many faults, as many of each kind."""
    chance = random.Random(0)  # noqa: S311
    tallies = {kind: Tally() for kind in kinds}
    drawn = undisturbed(folder / "undisturbed")
    while sum(t.faults for t in tallies.values()) < faults:
        kind = min(tallies, key=lambda k: tallies[k].faults)
        tally = tallies[kind]
        tally.sweeps += 1
        place = folder / f"{list(KINDS).index(kind)}-{tally.sweeps}"
        left = faults - sum(t.faults for t in tallies.values())
        records = Victim(place, kind, tally, chance).run(min(FAULTS_A_SWEEP, left))
        if [record.values[tiny.LR] for record in records] != drawn:
            tally.notes.append(f"{place.name} drew other values")
            tally.unequal += 1
        print(f"{kind}: {tally}", file=sys.stderr, flush=True)
    return tallies


def main(faults: int, named: Sequence[str]) -> None:
    """Prints the tallies as a table, and what was wrong."""
    kinds = [kind for kind in KINDS if not named or kind.startswith(tuple(named))]
    with tempfile.TemporaryDirectory() as folder:
        tallies = campaign(faults, Path(folder), kinds)
    columns = ("faults", "sweeps", "lost", "repeated", "zombies", "stuck", "orphans", "unequal")
    print("| fault |", " | ".join(columns), "|\n|---|" + "---:|" * len(columns))
    total: Counter[str] = Counter()
    for kind, tally in tallies.items():
        figures = {name: getattr(tally, name) for name in columns}
        total.update(figures)
        print(f"| {kind} |", " | ".join(map(str, figures.values())), "|")
    print("| all |", " | ".join(str(total[name]) for name in columns), "|")
    for kind, tally in tallies.items():
        for note in tally.notes:
            print(f"{kind}: {note}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--sweep"]:
        sweep(Path(sys.argv[2]), sys.argv[3], float(sys.argv[4]))
    else:
        main(int((sys.argv[1:] or ["130"])[0]), sys.argv[2:])
