"""The sweep with Ray: Tune places the trials and watches over their processes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from armtune.errors import RunError
from armtune.files import tells_of_storage
from armtune.recipe.schema import Resources
from armtune.sweeps.engines import ray_start as ray_start
from armtune.sweeps.engines.callback_errors import CallbackErrors
from armtune.sweeps.engines.cluster_capacity import check_capacity, places
from armtune.sweeps.engines.dispatcher import Dispatcher
from armtune.sweeps.engines.engine import Retrainings, worker_for
from armtune.sweeps.engines.work_units import WorkUnit
from armtune.sweeps.study.search import Search
from armtune.sweeps.workers.departure import listen, take_departure
from armtune.sweeps.workers.time_limit import limit_exceeded, take_stack
from armtune.sweeps.workers.trial import Failure, Task, TrainingFactory, note_failure
from armtune.sweeps.workers.worker import Worker

if TYPE_CHECKING:
    from armtune.sweeps.engines.data_parallel import ProcessGroup

import ray  # isort: skip (after ray_start, which sets what Ray reads when imported)
from ray import tune  # isort: skip
from ray.tune.schedulers import FIFOScheduler  # isort: skip
from ray.tune.search import Searcher  # isort: skip

PLACES_SECONDS = 1.0
"""Nodes come and go: the room for workers is counted so often."""
WAIT_SECONDS, LONGEST_WAIT = 0.2, 2.0
"""A worker that waits for something to do asks so often, at first and in the end: many that wait
shall not keep the driver busy."""


class RayEngine:
    """An engine that trains with as many processes as the resources allow.

    Args:
        ready: waits until Ray is there.

    Raises:
        RunError: Ray can't ever hold one trial.
    """

    def __init__(
        self, factory: TrainingFactory, resources: Resources, ready: Callable[[], None]
    ) -> None:
        self._factory, self._resources = factory, resources
        self._capacity, self._counted = 1, -PLACES_SECONDS
        ready()
        check_capacity(_nodes(), resources)

    def work(self, stages: Iterator[Search | Retrainings]) -> None:
        """See ``Engine``."""
        dispatcher = Dispatcher(stages, self._places)
        if not dispatcher.begin():
            return
        trainable = tune.with_parameters(
            _Trainable, factory=self._factory, resources=self._resources
        )
        with tempfile.TemporaryDirectory(prefix="armtune-tune-") as scratch:
            tuner = tune.Tuner(
                tune.with_resources(trainable, partial(_placed, self._resources)),
                tune_config=tune.TuneConfig(
                    search_alg=_DispatcherSearcher(dispatcher),
                    scheduler=_DispatcherScheduler(dispatcher),
                    num_samples=-1,
                    reuse_actors=True,
                    trial_name_creator=_name,
                    trial_dirname_creator=_folder_name,
                ),
                run_config=tune.RunConfig(
                    name="sweep",
                    storage_path=scratch,
                    verbose=0,
                    callbacks=[_StartCallback(dispatcher)],
                    checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                ),
            )
            fit(tuner, dispatcher)

    def _places(self) -> int:
        """How many workers there is room for; Tune asks many times a second."""
        if time.monotonic() - self._counted > PLACES_SECONDS:
            self._capacity, self._counted = places(_nodes(), self._resources), time.monotonic()
        return self._capacity


def fit(tuner: tune.Tuner, callback_errors: CallbackErrors) -> None:
    """Runs Tune to its end.

    Raises:
        RunError: Tune gave up.
        BaseException: what was noted while it was calling.
    """
    try:
        tuner.fit()
    except tune.TuneError as error:
        callback_errors.reraise()
        raise RunError(f"Ray Tune gave up: {str(error).splitlines()[-1]}") from error
    callback_errors.reraise()


class _Trainable(tune.Trainable):
    """A worker's process, which does one unit after the other."""

    def setup(self, config: dict[str, Any], **given: Any) -> None:
        listen()
        self._worker = _worker(given["factory"], given["resources"])
        self._new = True
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._begin(new_config)
        return True

    def _begin(self, config: dict[str, Any]) -> None:
        self._unit: WorkUnit = config["unit"]
        self._wait = WAIT_SECONDS
        # Tune would send it back with each result.
        self.config = {}
        if self._unit.tasks and not self._unit.whole:
            self._worker.start(self._unit.tasks)

    def step(self) -> dict[str, Any]:
        if self._new:
            self._new = False
            return {"new": True}
        return {"new": False, "size": self._measured(), "said": self._said()}

    def _said(self) -> list[Any]:
        if not self._unit.tasks:
            time.sleep(self._wait)
            self._wait = min(2 * self._wait, LONGEST_WAIT)
            return []
        return self._worker.confirm(self._unit.tasks) if self._unit.whole else self._worker.step()

    def _measured(self) -> int:
        """The size of packs, where this unit's worker is to measure it and hasn't yet, else 0."""
        most, self._unit.measure = self._unit.measure, 0
        if not most:
            return 0
        assert isinstance(self._worker, Worker), "a process group trains no packs"
        return self._worker.pack_size(self._unit.tasks[0].recipe, most)

    def cleanup(self) -> None:
        self._worker.close()


class _DispatcherSearcher(Searcher):
    """Asks the search for the next trial."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__()
        self._dispatcher = dispatcher

    def suggest(self, trial_id: str) -> Any:
        with self._dispatcher.catching():
            if unit := self._dispatcher.next_unit():
                return {"unit": unit}
        # None: not now, as one that is out may have to be taken up again.
        return Searcher.FINISHED if self._dispatcher.over else None

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        pass

    def save(self, checkpoint_path: str) -> None:
        pass

    def restore(self, checkpoint_path: str) -> None:
        raise NotImplementedError


class _DispatcherScheduler(FIFOScheduler):
    """Lets the search decide which trials go on."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._dispatcher = dispatcher

    def on_trial_result(self, controller: Any, trial: Any, result: dict[str, Any]) -> str:
        if result["new"]:
            self._dispatcher.worker_joined()
            return str(self.CONTINUE)
        with self._dispatcher.catching():
            goes_on = self._dispatcher.handle(trial.config["unit"], result["said"], result["size"])
        # Tune keeps a trial's last result.
        result["said"].clear()
        return str(self.CONTINUE if goes_on else self.STOP)

    def on_trial_error(self, controller: Any, trial: Any) -> None:
        """The worker's process died; whatever a training raises comes as a result."""
        unit, words = trial.config["unit"], last_words(trial)
        failures = [died(task, words) for task in unit.tasks]
        with self._dispatcher.catching():
            self._dispatcher.lose(unit, failures)


class _StartCallback(tune.Callback):
    """Tells which units a worker has taken up; drops what Tune keeps of those that are over."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        with self._dispatcher.catching():
            self._dispatcher.started(trial.config["unit"])

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        # Running means of all that a result holds, even of its time stamps.
        trial.metric_analysis.clear()
        trial.metric_n_steps.clear()


def _name(trial: Any) -> str:
    return str(trial.config["unit"])


def _folder_name(trial: Any) -> str:
    """A folder's name; a trial that is taken up again is another one to Tune."""
    return f"{_name(trial)}-{trial.trial_id}"


def last_words(trial: Any) -> str:
    """What Tune wrote of the end of a trial's process, without its heading."""
    return Path(trial.error_file).read_text(encoding="utf-8").partition("\n")[2]


def died(task: Task, words: str) -> Failure:
    """A failure of the process that trained a task.

    Args:
        words: Ray's account: one line and more about the process, or a remote traceback.
    """
    if stack := take_stack(task.folder):
        return note_failure(task.folder, limit_exceeded(task.recipe.sweep.trial_seconds), stack)
    if said := take_departure(task.folder):
        return note_failure(task.folder, said, words, transient=True)
    first, *others = words.strip().splitlines() or ["no reason is known"]
    reason = others[-1] if others and "ray::" in first else first
    reason, stops = f"the worker died: {reason}", tells_of_storage(words)
    return note_failure(task.folder, reason, words, transient=True, stops=stops)


def _worker(factory: TrainingFactory, resources: Resources) -> Worker | ProcessGroup:
    """What trains a trial: this process, or several that this one only speaks to."""
    if resources.workers == 1:
        return worker_for(factory, resources, expendable=True)
    from armtune.sweeps.engines.data_parallel import ProcessGroup

    return ProcessGroup(factory, resources)


def _placed(resources: Resources, config: dict[str, Any]) -> tune.PlacementGroupFactory:
    """What the process that trains a trial reserves; Tune asks for each trial."""
    alone = resources.workers == 1
    return _request(resources.cpu if alone else 0, resources.gpu if alone else 0)


@cache
def _request(cpu: float, gpu: float) -> tune.PlacementGroupFactory:
    # Tune wants some reserved, be it a byte: a process group reserves its own.
    return tune.PlacementGroupFactory([{"CPU": cpu, "GPU": gpu, "memory": 1}])


def _nodes() -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return nodes
