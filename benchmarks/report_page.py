"""How long the report and TensorBoard's pictures of a large sweep take, and how big the page is.

    python benchmarks/report_page.py [TRIALS] [FILE]

Makes up records with metrics of 15 epochs each and writes the page to FILE (a temporary folder if
none is named). Then opens it in headless Chromium, if there is one, and says after how long the
load event came and the first figure was drawn.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

from armtune.recipe.load import load_recipe, with_overrides
from armtune.recipe.objectives import Goals
from armtune.recipe.space import load_space
from armtune.report.page import write_report
from armtune.report.run import RunReport
from armtune.report.tensorboard import TensorBoardListener
from armtune.sweeps import front_of
from armtune.sweeps.study.records import SweepStart, TrialRecord

RECIPE = Path(__file__).parents[1] / "recipes" / "avmnist.yaml"
EPOCHS = 15
PROBE = """<script>
addEventListener("load", () => {
  const loaded = performance.now();
  const wait = setInterval(() => {
    if (!document.querySelector(".js-plotly-plot .main-svg")) return;
    clearInterval(wait);
    fetch(`/told?loaded=${loaded}&drawn=${performance.now()}`);
  }, 5);
});
</script></body>"""


def record_of(number: int, draw: random.Random, folder: Path) -> TrialRecord:
    """A made-up trial with its file of metrics: a third pruned, one in fifty failed."""
    state = draw.choices(["COMPLETE", "PRUNED", "FAIL"], [64, 34, 2])[0]
    epochs = EPOCHS if state == "COMPLETE" else draw.choice([3, 9])
    values = {
        "training.optimizer.lr": 10 ** draw.uniform(-3.5, -2),
        "training.optimizer.weight_decay": 10 ** draw.uniform(-5, -1),
        "balancing.alpha": draw.uniform(0, 3),
        "balancing.gap_weight": draw.uniform(0, 5),
        "balancing.tau": draw.uniform(0, 2),
        "balancing.dropout": draw.uniform(0, 0.4),
    }
    lines = [
        {"epoch": e, **metrics_of(e, values["balancing.alpha"], draw)} for e in range(1, epochs + 1)
    ]
    path = folder / "trials" / f"{number:04d}" / "metrics.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    started = 1e9 + 20 * (number // 2)
    metrics = {k: float(v) for k, v in lines[-1].items()}
    return TrialRecord(number, state, values, metrics, epochs, "", started, started + epochs)


def metrics_of(epoch: int, alpha: float, draw: random.Random) -> dict[str, float]:
    """Accuracy that rises, and a gap that alpha closes."""
    accuracy = 0.9 - 0.5 / epoch + draw.gauss(0, 0.01)
    gap = abs(0.4 - 0.1 * alpha + draw.gauss(0, 0.03))
    return {
        "accuracy": accuracy,
        "contribution_gap": gap,
        "contribution/image": (accuracy + gap) / 2,
        "contribution/audio": (accuracy - gap) / 2,
        "weakest_accuracy": accuracy - gap,
    }


def report_of(trials: int, folder: Path) -> RunReport:
    """A made-up run."""
    recipe = with_overrides(load_recipe(RECIPE), {"sweep.trials": trials})
    goals, draw = Goals.from_recipe(recipe), random.Random(0)  # noqa: S311
    records = [record_of(n, draw, folder) for n in range(trials)]
    front = front_of(records, goals)
    return RunReport(
        folder=folder, recipe=recipe, space=load_space(recipe, RECIPE.parent), data="made up",
        goals=goals, records=records, front=front, chosen=front[0],
        confirmed={front[0]: [records[front[0]].metrics] * 5}, solo={},
    )  # fmt: skip


def opened(page: Path) -> str:
    """When Chromium had loaded the page and drawn its first figure; empty without Chromium."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        return ""
    content = page.read_text(encoding="utf-8").replace("</body>", PROBE).encode()
    told: Queue[str] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/told?"):
                told.put(self.path.partition("?")[2])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content if self.path == "/" else b"")

        def log_message(self, *arguments: object) -> None:
            """Nothing."""

    with (
        ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
    ):
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
        options.append("--window-size=1280,1000")  # figures are drawn as they come into view
        options.append(f"--user-data-dir={profile}")  # another browser may hold the usual one
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen([browser, *options, url], **quiet) as process:  # type: ignore[call-overload]
            try:
                return told.get(timeout=60)
            except Empty:
                return "no figure was drawn within a minute"
            finally:
                process.terminate()
                server.shutdown()


def main() -> None:
    """Measures and prints."""
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder)
        report = report_of(trials, run)
        page = Path(sys.argv[2]) if len(sys.argv) > 2 else run / "report.html"
        started = time.perf_counter()
        write_report([report], page)
        seconds = time.perf_counter() - started
        print(f"page of {trials} trials: {seconds:.1f} s, {page.stat().st_size / 1e6:.1f} MB")
        print(f"in Chromium (ms): {opened(page) or 'not there'}")
        listener = TensorBoardListener()
        listener.sweep_started(
            SweepStart(report.recipe, report.space, "made up", run, report.records)
        )
        started = time.perf_counter()
        listener.sweep_ended(report.records, report.front)
        print(f"TensorBoard's pictures at the end: {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
