"""How soon `armtune serve` answers over loopback, on one core.

    python benchmarks/serve.py runs/avmnist/best

The server is kept to one core. A client with one connection sends a sample of every modality as
JSON, and waits for each answer; then several clients at a time do. Percentiles of the milliseconds
from a request's first byte to its answer's last.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from armtune.bundle import Predictor

PORT = 8765
WARM = 50


def body_of(folder: Path) -> str:
    """A request with one sample, random."""
    rng = np.random.default_rng(0)
    shapes = Predictor(folder).shapes
    inputs = {m: rng.random((1, *shape)).round(4).tolist() for m, shape in shapes.items()}
    return json.dumps({"inputs": inputs})


def asked(body: str, times: int) -> list[float]:
    """Milliseconds of each of some requests over one connection."""
    connection, found = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60), []
    for _ in range(times):
        start = time.perf_counter()
        connection.request("POST", "/predict", body)
        response = connection.getresponse()
        response.read()
        found.append(1000 * (time.perf_counter() - start))
        assert response.status == 200
    connection.close()
    return found


def wait() -> None:
    """Until the server answers."""
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", PORT)
        try:
            connection.request("GET", "/health")
            connection.getresponse().read()
            return
        except ConnectionError:
            time.sleep(0.1)
        finally:
            connection.close()


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--requests", type=int, default=2000)
    options = parser.parse_args()
    body, (core, *_) = body_of(options.bundle), sorted(os.sched_getaffinity(0))
    verb = ("-m", "armtune", "serve", str(options.bundle), "--port", str(PORT))
    with subprocess.Popen([sys.executable, *verb], stdout=subprocess.DEVNULL) as server:
        try:
            os.sched_setaffinity(server.pid, {core})
            wait()
            asked(body, WARM)
            print(f"a request of {len(body)} bytes; load {os.getloadavg()[0]:.1f}")
            print("| clients | requests | median ms | 95 % ms | 99 % ms | requests a second |")
            print("|---|---|---|---|---|---|")
            for clients in (1, 8):
                each, start = options.requests // clients, time.perf_counter()
                with ThreadPoolExecutor(clients) as pool:
                    lists = list(pool.map(asked, [body] * clients, [each] * clients))
                seconds = time.perf_counter() - start
                found = [each for own in lists for each in own]
                levels = " | ".join(f"{x:.2f}" for x in np.percentile(found, [50, 95, 99]))
                rate = len(found) / seconds
                print(f"| {clients} | {len(found)} | {levels} | {rate:.0f} |")
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
