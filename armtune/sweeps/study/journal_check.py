"""Whether a study's file is one that a sweep can have written, line by line, before it is used.

Optuna skips what doesn't fit, so that a sweep whose file lacks a line would seem to have done less
than it has.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from numbers import Real
from pathlib import Path
from typing import Any

from optuna.distributions import json_to_distribution
from optuna.storages.journal._storage import JournalOperation as Does
from optuna.trial import TrialState

from armtune.errors import RunError
from armtune.files import refuse_pipes
from armtune.sweeps.study.journal import repair

Record = Mapping[str, Any]

HINT = "restore the file, or start anew in another folder with --to"


TEMPLATE = ("params", "distributions", "user_attrs", "system_attrs", "intermediate_values")
"""What a trial may be begun with."""


class _OddError(Exception):
    """A record that no sweep writes here; says why."""


def mend_journal(path: Path, study: str) -> None:
    """Readies a study's file to be written on, where there is one.

    Raises:
        RunError: as ``check_journal``, and ``repair``.
    """
    if path.exists():
        repair(path)
        if path.stat().st_size:
            check_journal(path, study)


def check_journal(path: Path, study: str) -> None:
    """Refuses a file in which a record doesn't follow from those before it.

    A last line that is still being written is left out.

    Args:
        study: its name, or what that begins with, before a colon.

    Raises:
        RunError: one doesn't; names its line.
    """
    checks, number = _Checks(study), 0
    for number, line in enumerate(_lines(path), start=1):
        try:
            checks.record(_parsed(line))
        except _OddError as error:
            raise RunError(_said(path, number, str(error))) from error
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            why = f"its record is incomplete or of another kind ({error!r})"
            raise RunError(_said(path, number, why)) from error
    if not number:
        raise RunError(_said(path, 1, "the file is empty"))


def _lines(path: Path) -> Iterator[bytes]:
    try:
        refuse_pipes(path)
        with path.open("rb") as file:
            yield from (line for line in file if line.endswith(b"\n"))
    except OSError as error:
        raise RunError(f"{path}: can't be read: {error.strerror}") from error


def _parsed(line: bytes) -> Record:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _OddError("it isn't JSON") from error
    _need(isinstance(found, dict), "it isn't a record")
    return dict(found)


def _said(path: Path, number: int, why: str) -> str:
    if number == 1:
        return f"{path}: not the study of a sweep, or damaged: line 1: {why}; {HINT}"
    return f"{path}:{number}: this line of the study is damaged: {why}; {HINT}"


def _need(holds: bool, otherwise: str) -> None:
    if not holds:
        raise _OddError(otherwise)


class _Checks:
    """What the records so far have made."""

    def __init__(self, study: str) -> None:
        self._study, self._goals, self._name = study, 0, ""
        self._trials: list[TrialState] = []
        self._noted: list[set[str]] = []
        self._kinds: dict[int, Callable[[Record], object]] = {
            Does.CREATE_STUDY: self._begin,
            Does.SET_STUDY_USER_ATTR: self._note_study,
            Does.SET_STUDY_SYSTEM_ATTR: lambda record: _only(record["system_attr"]),
            Does.CREATE_TRIAL: self._create,
            Does.SET_TRIAL_PARAM: self._draw,
            Does.SET_TRIAL_STATE_VALUES: self._change,
            Does.SET_TRIAL_INTERMEDIATE_VALUE: self._trial,
            Does.SET_TRIAL_USER_ATTR: self._note_trial,
            Does.SET_TRIAL_SYSTEM_ATTR: self._trial,
        }

    def record(self, record: Record) -> None:
        """Takes a record in."""
        kind = record["op_code"]
        _need(kind in self._kinds, f"no sweep does operation {kind!r}")
        _need(bool(self._goals) or kind == Does.CREATE_STUDY, "the study's beginning is missing")
        _need(record.get("study_id", 0) == 0, "it is of another study")
        self._kinds[kind](record)

    def _begin(self, record: Record) -> None:
        name = record["study_name"]
        ours = name == self._study or name.startswith(f"{self._study}: ")
        _need(ours and self._name in ("", name), "it begins another study")
        self._name = name
        goals = len(record["directions"])
        # A sweep that resumes writes it again.
        _need(goals > 0 and self._goals in (0, goals), "it has other objectives")
        self._goals = goals

    def _create(self, record: Record) -> None:
        state = TrialState(record.get("state", TrialState.RUNNING))
        _need(not state.is_finished(), "a trial ends as it begins")
        if record["datetime_start"] is not None:
            datetime.fromisoformat(record["datetime_start"])
        # What a trial that waits for its turn has from the beginning.
        given = {key: record[key] for key in TEMPLATE if key in record}
        _need(all(isinstance(each, dict) for each in given.values()), "what it begins with is odd")
        _need(not given.get("params") and not given.get("distributions"), "it begins with values")
        _need(not given.get("intermediate_values"), "it begins with values")
        self._trials.append(state)
        self._noted.append(set())

    def _trial(self, record: Record) -> int:
        """Number of the trial that a record is about."""
        number = record["trial_id"]
        _need(type(number) is int, "the number of its trial isn't one")
        known = 0 <= number < len(self._trials)
        _need(known, f"it is of trial {number}, whose beginning is missing")
        return int(number)

    def _draw(self, record: Record) -> None:
        number = self._trial(record)
        _need(not self._trials[number].is_finished(), f"trial {number} has ended before")
        _need(isinstance(record["param_name"], str), "its parameter has no name")
        drawn = json_to_distribution(record["distribution"])
        drawn.to_external_repr(record["param_value_internal"])
        _need(_is_number(record["param_value_internal"]), "its value isn't a number")

    def _change(self, record: Record) -> None:
        number, state = self._trial(record), TrialState(record["state"])
        before = self._trials[number]
        _need(not before.is_finished(), f"trial {number} has ended before")
        if state.is_finished():
            _need(before is TrialState.RUNNING, f"trial {number} ends without a start")
            datetime.fromisoformat(record["datetime_complete"])
            noted = {"metrics", "epoch"} <= self._noted[number]
            _need(noted, f"trial {number} ends, and what it measured is missing")
        elif state is TrialState.RUNNING:
            datetime.fromisoformat(record["datetime_start"])
        if state is TrialState.COMPLETE:
            values = record["values"]
            _need(len(values) == self._goals, f"trial {number} lacks values of objectives")
            _need(all(map(_is_number, values)), f"a value of trial {number} isn't a number")
        self._trials[number] = state

    def _note_trial(self, record: Record) -> None:
        number = self._trial(record)
        key, value = _only(record["user_attr"])
        name, _, rest = key.partition(":")
        fits: dict[str, Callable[[Any], bool]] = {
            "metrics": _are_metrics,
            "epoch": _is_number,
            "reason": _is_text,
            "started": _is_number,
            "retried": _are_texts,
            "notes": _are_texts,
            "seconds": lambda v: len(v) == 3 and all(map(_is_duration, v)),
            "rung": lambda v: rest.isdecimal() and _are_metrics(v),
        }
        _need(fits.get(name, _anything)(value), f"its {key!r} of trial {number} is no such thing")
        self._noted[number].add(key)

    def _note_study(self, record: Record) -> None:
        key, value = _only(record["user_attr"])
        name, *rest = key.split(":")
        fits: dict[str, Callable[[Any], bool]] = {
            "sampler": lambda v: _is_text(v["name"]),
            "pack": lambda v: type(v) is int and v > 0,
            "trials in time": lambda v: type(v) is int and v > 0,
            "generation": lambda v: _are_numbers(rest, 1) and _are_descents(v),
            "confirm": lambda v: _are_numbers(rest, 2) and _is_confirmation(v),
            "solo": lambda v: len(rest) == 3 and _are_numbers(rest[::2], 2) and _is_confirmation(v),
            "final": lambda v: _are_numbers(rest, 3) and _is_confirmation(v),
            "ensemble": lambda v: v == {} or _is_ensemble(v),
        }
        _need(fits.get(name, _anything)(value), f"its {key!r} is no such thing")


def _only(attributes: Mapping[str, Any]) -> tuple[str, Any]:
    _need(len(attributes) == 1, "it notes more or less than one thing")
    [(key, value)] = attributes.items()
    return key, value


def _anything(value: Any) -> bool:
    """What others, such as Optuna's dashboard, may note."""
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_duration(value: Any) -> bool:
    return _is_number(value) and 0 <= value < math.inf


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _are_metrics(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_number, value.values()))


def _are_numbers(texts: list[str], count: int) -> bool:
    return len(texts) == count and all(text.isdecimal() for text in texts)


def _are_descents(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_descent, value.items()))


def _is_descent(item: tuple[str, Any]) -> bool:
    number, value = item
    fits = type(value["parent"]) is int and isinstance(value["values"], dict)
    return number.isdecimal() and fits


def _is_ensemble(value: Any) -> bool:
    weights = value["weights"]
    rows = [row for each in weights.values() for row in each] if isinstance(weights, dict) else [0]
    fits = all(isinstance(row, list) and all(map(_is_number, row)) for row in rows)
    models = all(_are_numbers(model.split(":"), 3) for model in weights) if fits else False
    figures = all(_are_metrics(value[name]) for name in ("validation", "single", "test"))
    return models and figures and isinstance(value["wins"], bool)


def _is_confirmation(value: Any) -> bool:
    known = {"validation", "test", "reason", "model", "seconds"}
    fits = _are_metrics(value["validation"]) and _are_metrics(value["test"])
    fits = fits and _is_duration(value.get("seconds", 0.0))
    return fits and _is_text(value["reason"]) and set(value) <= known
