"""Starts Ray on this machine, or joins a cluster, while the driver does other things."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import armtune
from armtune.errors import RunError
from armtune.files import of_storage
from armtune.sweeps.workers.trial import reason_of

# Ray reads some of these when it is imported.
os.environ.update(
    RAY_AIR_NEW_OUTPUT="0",
    RAY_CHDIR_TO_TRIAL_DIR="0",
    # How often Ray Train looks after the processes that train a trial together.
    RAY_TRAIN_HEALTH_CHECK_INTERVAL_S="0.5",
    RAY_TRAIN_V2_ENABLED="1",
    RAY_USAGE_STATS_ENABLED="0",
    # The processes that Ray starts beforehand can't be used by Tune, and cost as much as a worker.
    RAY_prestart_worker_first_driver="0",
    # Its node may look for its own store before that listens: again after 50 ms, not a second; for
    # as long as before.
    RAY_raylet_client_connect_timeout_milliseconds="50",
    RAY_raylet_client_num_connect_attempts="200",
    # No record of every task: only Ray's dashboard, which isn't started, shows it.
    RAY_task_events_report_interval_ms="0",
    TUNE_DISABLE_AUTO_CALLBACK_LOGGERS="1",
    # Our own handling of Ctrl-C leaves running trials to be resumed.
    TUNE_DISABLE_SIGINT_HANDLER="1",
    # Tune's record of the experiment isn't used: the study is the only one.
    TUNE_GLOBAL_CHECKPOINT_S="1000000000",
    # Else workers start one after the other; the search hands out no more than there is room for.
    TUNE_MAX_PENDING_TRIALS_PG="1000",
    TUNE_PRINT_ALL_TRIAL_ERRORS="0",
)

STORE_BYTES = 200_000_000
"""Size of Ray's object store: only steps and recipes pass through it."""


@contextmanager
def starting(address: str | None) -> Iterator[Callable[[], None]]:
    """Starts Ray beside the block, if there is none yet; that one ends with the block.

    Yields:
        waits until Ray is there; raises RunError if no Ray answers at the address.
    """
    with ThreadPoolExecutor(1, "ray-start") as pool, _sigterm_exits():
        begun = pool.submit(_ensure, address)
        try:
            yield partial(_finish, begun)
        finally:
            wait([begun])
            if not begun.exception() and begun.result():
                import ray

                ray.shutdown()


def _finish(begun: Future[bool]) -> None:
    begun.result()


def _ensure(address: str | None) -> bool:
    """Starts Ray or joins a cluster, and returns True, if there is none yet."""
    import ray

    if ray.is_initialized():
        return False
    connect(address)
    return True


def connect(address: str | None) -> None:
    """Starts Ray on this machine, or joins a cluster.

    Raises:
        RunError: there is none at the address, or none starts here.
    """
    if address is None:
        _start_here()
        return
    try:
        _knock(address)
    except OSError as error:
        raise RunError(f"no Ray cluster at {address}: {error.strerror or error}") from error
    try:
        # Nodes need the libraries; the code is this one's, whatever is installed there.
        _init(address, runtime_env={"py_modules": [str(Path(armtune.__file__).parent)]})
    except (ConnectionError, RuntimeError, ValueError) as error:
        hint = "a cluster that asks for a token needs RAY_AUTH_MODE=token here"
        raise RunError(f"no Ray cluster at {address}: {reason_of(error)}; {hint}") from error


def _start_here() -> None:
    try:
        _init("local", include_dashboard=False, object_store_memory=STORE_BYTES)
    except Exception as error:  # Ray's own are of no class, as where a busy machine takes too long
        if of_storage(error):
            raise
        hint = "try again, or train in this process: --inline"
        raise RunError(f"Ray didn't start on this machine: {reason_of(error)}; {hint}") from error


def _init(address: str, **options: Any) -> None:
    import ray

    # It warns where it isn't started by the main thread.
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    ray.init(address, log_to_driver=False, logging_level=logging.CRITICAL, **options)


def _knock(address: str) -> None:
    """Raises OSError at once where nothing listens; Ray tries for minutes."""
    host, _, port = address.rpartition(":")
    if port.isdigit() and "//" not in host:
        socket.create_connection((host, int(port)), timeout=5).close()


@contextmanager
def _sigterm_exits() -> Iterator[None]:
    """Lets SIGTERM end the block as an exit does, with all that is to be done then.

    Ray sees to that itself where the main thread starts it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _leave(number: int, frame: object) -> None:
    # Ray's own handler, which comes first, would abort this process in three seconds.
    signal.alarm(0)
    sys.exit(number)
