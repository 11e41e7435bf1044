"""The tutorials' commands run as they stand there, on tiny data and with little training."""

from __future__ import annotations

import csv
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
TUTORIALS = ROOT / "docs/tutorials"
LITTLE = [
    "training.epochs=1",
    "sweep.trials=2",
    "sweep.confirm.seeds=1",
    "sweep.confirm.top=1",
    "sweep.confirm.solo=false",
    "sweep.ensemble=off",
    "sweep.refit=false",
    "sweep.references=false",
    "training.folds=1",
    "sweep.constraints=[]",
    "sweep.choose=highest accuracy",
]
# A verb's own options win over the recipe's values; the last of several counts.
MORE = {
    "sweep": [*LITTLE, "--quiet"],
    "compare": [*LITTLE, "--quiet", "--trials=1", "--seeds=2"],
}
# Ray as it stands in the page, but in the tutorial's own group of processes, which is ended.
RAY = """\
case "$1" in
start) python -m ray.scripts.scripts "$@" --num-cpus=1 --include-dashboard=false --block \\
    >ray.txt 2>&1 &
  echo $! >ray.pid
  until grep -q "block forever" ray.txt; do kill -0 "$(cat ray.pid)"; sleep 0.2; done;;
stop) kill "$(cat ray.pid)";;
esac
"""
WATCHED = """\
name: watch
data: {name: arrays, path: watch.npz, groups: subject, absent: keep}
modalities:
  accelerometer: {encoder: {name: mlp, width: 8}}
  gyroscope: {encoder: {name: mlp, width: 8}}
training: {batch_size: 8}
sweep: {space: [optimizer]}
"""
KINDS = ("lamp", "chair", "table")


def commands(page: str) -> str:
    """A tutorial's shell blocks as one script, without what needs Docker."""
    text = (TUTORIALS / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```bash\n(.*?)^```", text, flags=re.M | re.S)
    return re.sub(r"^docker .*\n", "", "\n".join(blocks), flags=re.M)


def shop(folder: Path) -> None:
    """Two tables of a picture, a text, a number and a category a row."""
    (folder / "photos").mkdir()
    table(folder, "shop", 60)
    table(folder, "new", 5)


def table(folder: Path, name: str, rows: int) -> None:
    image = pytest.importorskip("PIL.Image")
    random = np.random.default_rng(len(name))
    lines = [["id", "photo", "description", "price", "colour", "kind"]]
    for row in range(rows):
        kind, photo = row % 3, f"photos/{name}-{row}.png"
        pixels = random.integers(60 * kind, 60 * kind + 80, (8, 8, 3), dtype=np.uint8)
        image.fromarray(pixels).save(folder / photo)
        words = " ".join(random.permutation(["a", "fine", f"word{kind}", "for", "the", "house"]))
        price, colour = random.normal(10 * kind, 5), ("red", "green")[row // 3 % 2]
        lines.append([f"{name}-{row}", photo, words, f"{price:.2f}", colour, KINDS[kind]])
    with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(lines)


def watch(folder: Path) -> None:
    """Twelve people's windows of two sensors, of which one failed once."""
    random = np.random.default_rng(0)
    label, subject = np.tile([0, 1], 60), np.repeat(np.arange(12), 10)
    sensors = {m: random.normal(label[:, None, None], size=(120, 12, 3)) for m in "ag"}
    sensors["g"][7] = np.nan
    np.savez(
        folder / "watch.npz",
        accelerometer=sensors["a"],
        gyroscope=sensors["g"],
        label=np.array(["walk", "run"])[label],
        subject=subject,
    )


def watched(folder: Path) -> None:
    """The same, with a small recipe."""
    watch(folder)
    (folder / "watch.yaml").write_text(WATCHED, encoding="utf-8")


def digits(_: Path) -> None:
    """The stand-in, which needs no files."""


def films(folder: Path) -> None:
    """Two lists of clips of eight people, both seen and heard in one file each."""
    pytest.importorskip("av")
    from tests.datasets.media_files import write_video

    for name, count in (("films", 48), ("new", 4)):
        rows = [["film", "sound", "who", "what"]]
        for k in range(count):
            clip = f"clips/{name}-{k}.mp4"
            write_video(folder / clip, k % 3, k)
            heard = "" if (name, k) == ("new", 1) else clip
            rows.append([clip, heard, f"person {k // 3 % 8}", ("cook", "dance", "row")[k % 3]])
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)


MADE = {
    "films.md": (films, "told.csv"),
    "cluster.md": (watched, "runs/watch/best/MODEL_CARD.md"),
    "table.md": (shop, "kinds.csv"),
    "sensors.md": (watch, "classes.csv"),
    "service.md": (digits, "why.csv"),
}


def test_every_tutorial_is_run() -> None:
    assert sorted(MADE) == sorted(page.name for page in TUTORIALS.glob("*.md"))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", MADE)
def test_a_tutorials_commands_run(page: str, tmp_path: Path) -> None:
    if page == "service.md":
        pytest.importorskip("fastapi")
    if page == "cluster.md":
        pytest.importorskip("ray")
    make, left = MADE[page]
    run(page, make, tmp_path)
    assert len((tmp_path / "work" / left).read_text(encoding="utf-8").splitlines()) > 3


def run(page: str, make: Callable[[Path], None], tmp_path: Path) -> None:
    """Runs a tutorial in a folder of its own, and ends all that it started."""
    work = tmp_path / "work"
    work.mkdir()
    make(work)
    script = commands(page).replace("8000", str(free_port())).replace("6379", str(free_port()))
    with subprocess.Popen(
        [shutil.which("bash") or "bash", "-eux", "-c", script],
        cwd=work,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as shell:
        try:
            said, _ = shell.communicate(timeout=280)
        finally:
            ended(shell.pid)
    assert shell.returncode == 0, said[-4000:]


def ended(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


def environment(tmp_path: Path) -> dict[str, str]:
    """A PATH with this checkout's ``armtune``, which trains little; no data but what is made."""
    programs = tmp_path / "bin"
    programs.mkdir()
    inline = '[[ " $* " == *" --address "* ]] || set -- "$@" --inline'
    cases = "".join(
        f'{verb}) set -- "$@" {quoted(more)}; {inline};;\n' for verb, more in MORE.items()
    )
    texts = {
        "armtune": f'case "$1" in\n{cases}esac\nexec "{sys.executable}" -m armtune "$@"\n',
        "ray": RAY,
        "python": f'exec "{sys.executable}" "$@"\n',
    }
    for name, text in texts.items():
        (programs / name).write_text(f"#!/bin/bash\n{text}", encoding="utf-8")
        (programs / name).chmod(0o755)
    known = {k: v for k, v in os.environ.items() if k not in ("ARMTUNE_DATA", "PYTHONPATH")}
    return known | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "ARMTUNE_CACHE": str(tmp_path / "cache"),
        "ARMTUNE_OFFLINE": "1",
        "RAY_AUTH_MODE": "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_prestart_worker_first_driver": "0",  # such workers are of no use to Tune
        "RAY_worker_niceness": "0",  # else its workers wait for all others on a busy machine
        "OMP_NUM_THREADS": "1",
    }


def quoted(more: list[str]) -> str:
    return " ".join(f"'{one}'" for one in more)
