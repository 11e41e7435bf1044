"""Several processes that train one task together, placed and watched over by Ray Train."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from threading import Thread
from typing import Any

from ray import train
from ray.train.torch import TorchConfig, TorchTrainer
from ray.util.queue import Empty, Queue

from armtune.errors import RunError
from armtune.recipe.schema import Resources
from armtune.sweeps.engines.engine import means_of
from armtune.sweeps.workers.data_parallel import Follower, Leader
from armtune.sweeps.workers.trial import Confirmation, Failure, Step, Task, TrainingFactory

WAIT_SECONDS = 24 * 3600
"""How long the processes wait for each other: the first one may be building the data."""
NOTICE_SECONDS = 2.0
"""What Ray Train takes to see that another process died, which is then told as the reason."""
LEAVE_SECONDS = 20
"""How long they may take to end."""


class ProcessGroupError(RunError):
    """A process of a process group died, or Ray Train couldn't place them."""


class ProcessGroup:
    """As a ``Worker``: takes up a task and trains it step by step.

    Ray Train reserves all processes' resources at once, or waits; this process needs none. They
    stay for the next task, but where an error may have parted them.
    """

    def __init__(self, factory: TrainingFactory, resources: Resources) -> None:
        self._given = (factory, resources)
        self._fit: _Fit | None = None

    def start(self, tasks: Sequence[Task]) -> None:
        """See ``Worker.start``."""
        self._ask("start", tasks)

    def step(self) -> list[Step | Failure]:
        """See ``Worker.step``.

        Raises:
            ProcessGroupError: a process died.
        """
        said: list[Step | Failure] = self._ask("step")
        return said

    def confirm(self, tasks: Sequence[Task]) -> list[Confirmation | Failure]:
        """See ``Worker.confirm``; raises as ``step`` does."""
        confirmations: list[Confirmation | Failure] = self._ask("confirm", tasks)
        return confirmations

    def close(self) -> None:
        """Ends the processes, as far as they listen; Ray ends those that don't with this one."""
        if self._fit is not None:
            self._fit.close()
            self._fit = None

    def _ask(self, name: str, *arguments: Any) -> Any:
        self._fit = self._fit or _Fit(*self._given)
        try:
            return self._fit.ask(name, arguments)
        except ProcessGroupError:
            self.close()
            raise


class _Fit:
    """A run of Ray Train's, and the way to its first process."""

    def __init__(self, factory: TrainingFactory, resources: Resources) -> None:
        idle = {"num_cpus": 0}
        self._orders, self._answers = Queue(actor_options=idle), Queue(actor_options=idle)
        self._scratch = tempfile.mkdtemp(prefix="armtune-group-")
        self._trainer = TorchTrainer(
            _take_part,
            train_loop_config={
                "given": (factory, resources),
                "queues": (self._orders, self._answers),
            },
            torch_config=TorchConfig(
                backend="cpu:gloo,cuda:nccl" if resources.gpu else "gloo", timeout_s=WAIT_SECONDS
            ),
            scaling_config=train.ScalingConfig(
                num_workers=resources.workers,
                use_gpu=resources.gpu > 0,
                resources_per_worker={"CPU": resources.cpu, "GPU": resources.gpu},
            ),
            run_config=train.RunConfig(name="group", storage_path=self._scratch),
        )
        self._why = "it ended"
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def ask(self, name: str, arguments: Sequence[Any]) -> Any:
        """Lets the first process do something; gives its answer, or raises ProcessGroupError."""
        self._orders.put((name, arguments))
        while True:
            ended = not self._thread.is_alive()
            try:
                return self._answers.get(timeout=1.0)
            except Empty:
                if ended:
                    raise ProcessGroupError(self._why) from None

    def close(self) -> None:
        self._orders.put(("", ()))
        self._thread.join(LEAVE_SECONDS)
        for queue in (self._orders, self._answers):
            queue.shutdown(force=True)
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _run(self) -> None:
        try:
            self._trainer.fit()
        except Exception as error:  # whatever met Ray Train or a process is for the one who asks
            self._why = _reason(error)


def _take_part(config: dict[str, Any]) -> None:
    """What each process does."""
    factory, resources = config["given"]
    if train.get_context().get_world_rank():
        Follower(factory, *means_of(resources), expendable=True).follow()
        return
    leader = Leader(factory, *means_of(resources), expendable=True)
    orders, answers = config["queues"]
    while (order := orders.get())[0]:
        name, arguments = order
        answer = getattr(leader, name)(*arguments)
        if not leader.pace.kept:
            (said,) = answer
            time.sleep(NOTICE_SECONDS)
            raise ProcessGroupError(said.reason)
        answers.put(answer)
    leader.dismiss()


def _reason(error: Exception) -> str:
    """Why a process group ended, in one line."""
    for rank, failure in sorted(getattr(error, "worker_failures", {}).items()):
        lines = str(failure).strip().splitlines() or [type(failure).__name__]
        return f"process {rank} of the trial: {lines[0]}"
    return f"Ray Train: {str(error).strip().splitlines()[0]}"
