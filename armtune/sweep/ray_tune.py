"""The sweep with Ray: Tune places the trials and watches over their processes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from armtune.errors import RunError
from armtune.recipe.schema import Resources
from armtune.sweep import ray_start as ray_start
from armtune.sweep.complaints import Complaints
from armtune.sweep.engine import Confirmed, worker_for
from armtune.sweep.overtime import overtime, take_stack
from armtune.sweep.packing import is_open, largest, packs_of
from armtune.sweep.records import Confirmation
from armtune.sweep.room import check_room, places
from armtune.sweep.search import Search
from armtune.sweep.trial import Failure, Step, Task, Workshop, note_failure
from armtune.sweep.worker import Worker, confirmation

if TYPE_CHECKING:
    from armtune.sweep.team import Team

import ray  # isort: skip (after ray_start, which sets what Ray reads when imported)
from ray import tune  # isort: skip
from ray.tune.schedulers import FIFOScheduler  # isort: skip
from ray.tune.search import Searcher  # isort: skip

PLACES_SECONDS = 1.0
"""Nodes come and go: the room for workers is counted so often."""


class RayEngine:
    """An engine that trains with as many processes as the resources allow.

    Args:
        ready: waits until Ray is there.

    Raises:
        RunError: Ray can't ever hold one trial.
    """

    def __init__(self, workshop: Workshop, resources: Resources, ready: Callable[[], None]) -> None:
        self._workshop, self._resources = workshop, resources
        self._size = 1
        ready()
        check_room(_nodes(), resources)

    def search(self, search: Search) -> None:
        """Trains all trials that the search hands out."""
        if not search.left:
            self._size = search.found_size(largest(search.recipe, self._room()))
            return
        clerk = _Clerk(search, self._resources)
        trainable = tune.with_parameters(
            _Trainable, workshop=self._workshop, resources=self._resources
        )
        with tempfile.TemporaryDirectory(prefix="armtune-tune-") as scratch:
            tuner = tune.Tuner(
                # Tune wants some reserved, be it a byte.
                tune.with_resources(trainable, {**_reserved(self._resources), "memory": 1}),
                tune_config=tune.TuneConfig(
                    search_alg=_Asking(clerk),
                    scheduler=_Deciding(clerk),
                    num_samples=-1,
                    reuse_actors=True,
                    trial_name_creator=_name,
                    trial_dirname_creator=_folder_name,
                ),
                run_config=tune.RunConfig(
                    name="sweep",
                    storage_path=scratch,
                    verbose=0,
                    callbacks=[_Starting(clerk)],
                    checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                ),
            )
            fit(tuner, clerk)
        self._size = clerk.size
        search.note_size(clerk.size)

    def _room(self) -> int:
        return places(_nodes(), self._resources)

    def confirm(self, tasks: Sequence[Task], told: Confirmed) -> None:
        """Trains and tests each task."""
        amounts = {f"num_{kind}s": n for kind, n in _reserved(self._resources).items()}
        remote = ray.remote(_confirm).options(max_retries=0, **amounts)
        workshop = ray.put(self._workshop)
        room = self._room()
        todo = [(pack, 0) for pack in reversed(packs_of(tasks, self._size, room))]
        refs = dict[Any, tuple[list[Task], int]]()
        while todo or refs:
            # A team waits for its processes' place without one of its own: no more than fit.
            while todo and len(refs) < room:
                pack, tried = todo.pop()
                refs[remote.remote(workshop, self._resources, pack)] = (pack, tried)
            (ready,), _ = ray.wait(list(refs), num_returns=1)
            pack, tried = refs.pop(ready)
            for task, end in zip(pack, _ends(ready, pack), strict=True):
                dead = isinstance(end, Failure) and end.transient
                if dead and tried < task.recipe.sweep.retries:
                    todo.append(([task], tried + 1))
                else:
                    told(task, confirmation(task, end))
            room = self._room()


def fit(tuner: tune.Tuner, complaints: Complaints) -> None:
    """Runs Tune to its end.

    Raises:
        RunError: Tune gave up.
        BaseException: what was noted while it was calling.
    """
    try:
        tuner.fit()
    except tune.TuneError as error:
        complaints.complain()
        raise RunError(f"Ray Tune gave up: {str(error).splitlines()[-1]}") from error
    complaints.complain()


class _Clerk(Complaints):
    """Passes what Tune tells to the search.

    A trial of Tune's is a *leg* of a pack: the time in which its members stay the same. When one
    of them has ended, the others and new ones in the free places are the next leg, which goes to
    the worker that has just become free. Where the size of packs is to be measured, the first leg's
    worker does it, while others begin with packs of one, which then grow.

    Attributes:
        size: the most members of a pack, as far as it is known.
    """

    def __init__(self, search: Search, resources: Resources) -> None:
        self.search, self._resources = search, resources
        most = largest(search.recipe, places(_nodes(), resources))
        unknown = is_open(search.recipe, most)
        self.size, self._to_measure = (1, most) if unknown else (most, 0)
        self._legs: list[list[Task]] = []
        self._out = 0
        self._room, self._counted = 1, -PLACES_SECONDS

    def next_leg(self) -> dict[str, Any] | None:
        """What the next worker trains; None while all places are taken or nothing is left."""
        most = self._places()
        if self._out >= most:
            return None
        going = self._legs.pop(0) if self._legs else []
        pack = self.search.fill(going, self.size, most)
        if not pack:
            return None
        self._out += 1
        new = [task.number for task in pack[len(going) :]]
        leg = {"tasks": pack, "new": new, "size": self.size, "measure": self._to_measure}
        self._to_measure = 0
        return leg

    def _places(self) -> int:
        # Tune asks many times a second, and Ray answers from another process.
        if time.monotonic() - self._counted > PLACES_SECONDS:
            self._room, self._counted = places(_nodes(), self._resources), time.monotonic()
        return self._room

    @property
    def over(self) -> bool:
        """Whether no leg will follow."""
        return self.search.over and not self._legs

    def hear(self, leg: dict[str, Any], said: Sequence[Step | Failure], size: int = 0) -> bool:
        """Takes in what a worker said, and the size if it measured one; whether the leg goes on."""
        self.size = size or self.size
        going = self.search.hear_all(leg["tasks"], said)
        if len(going) == len(leg["tasks"]) and leg["size"] == self.size:
            return True
        self._out -= 1
        if going:
            self._legs.append(going)
        return False


class _Trainable(tune.Trainable):
    """A worker's process, which trains one trial after the other."""

    def setup(self, config: dict[str, Any], **given: Any) -> None:
        self._worker = _worker(given["workshop"], given["resources"])
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._begin(new_config)
        return True

    def _begin(self, leg: dict[str, Any]) -> None:
        self._most, self._recipe = leg["measure"], leg["tasks"][0].recipe
        self._worker.start(leg["tasks"])

    def step(self) -> dict[str, Any]:
        return {"size": self._measured(), "said": self._worker.step()}

    def _measured(self) -> int:
        """The size of packs, where this leg's worker is to measure it and hasn't yet, else 0."""
        most, self._most = self._most, 0
        if not most:
            return 0
        assert isinstance(self._worker, Worker), "a team trains no packs"
        return self._worker.pack_size(self._recipe, most)

    def cleanup(self) -> None:
        self._worker.close()


class _Asking(Searcher):
    """Asks the search for the next trial."""

    def __init__(self, clerk: _Clerk) -> None:
        super().__init__()
        self._clerk = clerk

    def suggest(self, trial_id: str) -> Any:
        with self._clerk.noting():
            if leg := self._clerk.next_leg():
                return leg
        # None: not now, as one that is out may have to be taken up again.
        return Searcher.FINISHED if self._clerk.over else None

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        pass

    def save(self, checkpoint_path: str) -> None:
        pass

    def restore(self, checkpoint_path: str) -> None:
        raise NotImplementedError


class _Deciding(FIFOScheduler):
    """Lets the search decide which trials go on."""

    def __init__(self, clerk: _Clerk) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._clerk = clerk

    def on_trial_result(self, controller: Any, trial: Any, result: dict[str, Any]) -> str:
        with self._clerk.noting():
            goes_on = self._clerk.hear(trial.config, result["said"], result["size"])
        return str(self.CONTINUE if goes_on else self.STOP)

    def on_trial_error(self, controller: Any, trial: Any) -> None:
        """The worker's process died; whatever a training raises comes as a result."""
        tasks, words = trial.config["tasks"], last_words(trial)
        failures = [died(task, words) for task in tasks]
        with self._clerk.noting():
            self._clerk.hear(trial.config, failures)


class _Starting(tune.Callback):
    """Says which trials a worker has taken up."""

    def __init__(self, clerk: _Clerk) -> None:
        self._clerk = clerk

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        with self._clerk.noting():
            for number in trial.config["new"]:
                self._clerk.search.started(number)


def _name(trial: Any) -> str:
    return f"{trial.config['tasks'][0].number:04d}"


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
        return note_failure(task.folder, overtime(task.recipe.sweep.trial_seconds), stack)
    first, *others = words.strip().splitlines() or ["no reason is known"]
    reason = others[-1] if others and "ray::" in first else first
    return note_failure(task.folder, f"the worker died: {reason}", words, transient=True)


def _confirm(
    workshop: Workshop, resources: Resources, pack: Sequence[Task]
) -> Sequence[Confirmation]:
    worker = _worker(workshop, resources)
    try:
        return worker.confirm(pack)
    finally:
        worker.close()


def _worker(workshop: Workshop, resources: Resources) -> Worker | Team:
    """What trains a trial: this process, or several that this one only speaks to."""
    if resources.workers == 1:
        return worker_for(workshop, resources, expendable=True)
    from armtune.sweep.team import Team

    return Team(workshop, resources)


def _reserved(resources: Resources) -> dict[str, float]:
    """What the process that trains a trial reserves; a team reserves its own."""
    alone = resources.workers == 1
    return {"cpu": resources.cpu if alone else 0, "gpu": resources.gpu if alone else 0}


def _ends(ready: Any, pack: Sequence[Task]) -> Sequence[Confirmation | Failure]:
    try:
        ends: Sequence[Confirmation] = ray.get(ready)
    except ray.exceptions.RayError as error:
        return [died(task, str(error)) for task in pack]
    return ends


def _nodes() -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return nodes
