"""One range of a search space: how it is written, and what lies in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Literal

from armtune.recipe.document import shown
from armtune.recipe.wording import did_you_mean, one_of

Kind = Literal["float", "int", "choice", "fixed"]
Range = dict[str, Any]
"""A range as a search space writes it."""

FORMS = ("uniform", "log", "int", "choice", "grid", "fixed")
"""What a range can be; the key that says so holds its ends or choices."""

MOST_VALUES = 1_000_000
"""Values that steps may make; of choices, each of which is tried, fewer."""
MOST_CHOICES = 256
MOST_WHOLE = 2**53
"""Whole numbers up to which a range may go: those that a float holds exactly."""

_EXTRAS = {"uniform": ("step",), "int": ("step", "log"), "log": ()}


@dataclass(frozen=True)
class Dimension:
    """One thing that a sweep varies.

    Attributes:
        path: dotted path in the recipe, without ``*``.
        kind: ``float`` and ``int`` have ends, ``choice`` and ``fixed`` have choices.
        low: lowest value.
        high: highest value.
        step: distance of neighbouring values; None for any.
        log: whether equal ratios are equally likely, not equal differences.
        choices: all values, plain scalars; one if fixed.
        when: the values of other dimensions with which this one applies; all must hold.
    """

    path: str
    kind: Kind
    low: float = 0.0
    high: float = 0.0
    step: float | None = None
    log: bool = False
    choices: tuple[Any, ...] = ()
    when: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def holds(self, value: Any) -> bool:
        """Whether a value can be drawn."""
        if self.choices:
            return any(same(value, choice) for choice in self.choices)
        right = isinstance(value, int if self.kind == "int" else (int, float))
        if isinstance(value, bool) or not right or not self.low <= value <= self.high:
            return False
        return self.step is None or _whole((value - self.low) / self.step)

    def applies(self, values: Mapping[str, Any]) -> bool:
        """Whether the conditions hold.

        Args:
            values: values of the dimensions before it, of those that apply.
        """
        return all(path in values and values[path] in ok for path, ok in self.when.items())

    @property
    def finite(self) -> Sequence[Any] | None:
        """All values that can be drawn, lowest first; None where they have no end."""
        if self.choices:
            return self.choices
        if self.kind == "int":
            return range(int(self.low), int(self.high) + 1, int(self.step or 1))
        if self.step is None:
            return None
        steps = round((self.high - self.low) / self.step)
        return [self.low + i * self.step for i in range(steps + 1)]

    @property
    def extremes(self) -> tuple[Any, ...]:
        """All choices, or both ends."""
        return self.choices or (self.low, self.high)

    def __str__(self) -> str:
        if self.choices:
            return f"{', '.join(shown(choice) for choice in self.choices)}"
        return f"{shown(self.low)} to {shown(self.high)}"


def same(one: Any, other: Any) -> bool:
    """Whether two scalars are the same in a recipe, where ``true`` isn't 1."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def parse_range(path: str, content: Any) -> Dimension:
    """Reads a range as a search space writes it.

    Raises:
        ValueError: it is no range; says what would be.
    """
    if not isinstance(content, Mapping):
        raise ValueError(f"needs a range such as {{uniform: [0, 1]}}, not {shown(content)}")
    form = _form(content)
    extras = _EXTRAS.get(form, ())
    for key in content:
        if key not in (form, "when", *extras):
            hint = did_you_mean(key, ["when", *extras])
            raise ValueError(f"{form!r} has no {key!r}" + (f"; {hint}" if hint else ""))
    when = _conditions(content.get("when", {}))
    if form in ("choice", "grid", "fixed"):
        return Dimension(path, _kind(form), choices=_choices(form, content[form]), when=when)
    low, high = _ends(form, content[form])
    log = _log(form, content, low)
    step = _step(form, content, low, high)
    return Dimension(path, _kind(form), low, high, step, log, when=when)


def merged(one: Range | None, other: Range, path: str) -> Range:
    """A range for both of two plug-ins whose options have one name; the first's where they differ.

    Args:
        path: of the plug-in's name, with one of which each of the ranges applies.
    """
    if one is None:
        return other
    if {**one, "when": 0} != {**other, "when": 0}:
        return one
    return {**one, "when": {path: [*listed(one["when"][path]), *listed(other["when"][path])]}}


def listed(names: str | list[str]) -> list[str]:
    """The names that a condition has, one or several."""
    return [names] if isinstance(names, str) else names


def _form(content: Mapping[str, Any]) -> str:
    forms = [form for form in FORMS if form in content]
    if forms == ["log", "int"]:
        forms = ["int"]
    if len(forms) != 1:
        got = " and ".join(forms) or ", ".join(content) or "nothing"
        hint = "" if forms else did_you_mean(got, FORMS)
        raise ValueError(f"needs {one_of(FORMS)}, not {got}" + (f"; {hint}" if hint else ""))
    return forms[0]


def _kind(form: str) -> Kind:
    kinds: dict[str, Kind] = {"int": "int", "choice": "choice", "grid": "choice", "fixed": "fixed"}
    return kinds.get(form, "float")


def _ends(form: str, ends: Any) -> tuple[Any, Any]:
    wanted = "whole numbers" if form == "int" else "numbers"
    right = isinstance(ends, list) and len(ends) == 2 and all(_number(form, end) for end in ends)
    if not right:
        got = f"[{', '.join(map(shown, ends))}]" if isinstance(ends, list) else shown(ends)
        raise ValueError(f"{form!r} needs two {wanted}, [lowest, highest], not {got}")
    low, high = ends if form == "int" else map(float, ends)
    if low >= high:
        raise ValueError(f"the lowest, {shown(low)}, must be below the highest, {shown(high)}")
    if not isfinite(high - low) or (form == "int" and max(-low, high) > MOST_WHOLE):
        raise ValueError(f"{shown(low)} to {shown(high)} is too wide a range to draw from")
    return low, high


def _number(form: str, value: Any) -> bool:
    kinds = int if form == "int" else (int, float)
    return isinstance(value, kinds) and not isinstance(value, bool) and isfinite(value)


def _log(form: str, content: Mapping[str, Any], low: float) -> bool:
    log = form == "log" or content.get("log", False)
    if not isinstance(log, bool):
        raise ValueError(f"'log' needs true or false, not {shown(log)}")
    if log and low <= 0:
        raise ValueError(f"a log range must begin above 0, not at {shown(low)}")
    return log


def _step(form: str, content: Mapping[str, Any], low: float, high: float) -> float | None:
    step = content.get("step")
    if step is None:
        return None
    wanted = "a whole number" if form == "int" else "a number"
    if not _number(form, step) or step <= 0:
        raise ValueError(f"'step' needs {wanted} above 0, not {shown(step)}")
    if content.get("log"):
        raise ValueError("'step' and 'log' exclude each other")
    if not (high - low) / step <= MOST_VALUES:
        raise ValueError(f"steps of {shown(step)} make more than {MOST_VALUES:,} values")
    if not _whole((high - low) / step):
        last = low + (high - low) // step * step
        said = f"steps of {shown(step)} from {shown(low)} don't end at {shown(high)}"
        raise ValueError(f"{said}; the last below it is {shown(last)}")
    return float(step) if form == "uniform" else step


def _whole(steps: float) -> bool:
    return abs(steps - round(steps)) < 1e-6


def _choices(form: str, content: Any) -> tuple[Any, ...]:
    values = [content] if form == "fixed" else content
    if not isinstance(values, list) or not values:
        raise ValueError(f"{form!r} needs a list of values, not {shown(values)}")
    if len(values) > MOST_CHOICES:
        raise ValueError(f"{form!r} has {len(values)} values, more than {MOST_CHOICES}")
    for i, value in enumerate(values):
        if isinstance(value, list | dict):
            raise ValueError(
                f"{form!r} takes numbers, text, true, false or null, not {shown(value)}"
            )
        if value in values[:i]:
            raise ValueError(f"{shown(value)} stands twice among the choices")
    return tuple(values)


def _conditions(content: Any) -> dict[str, tuple[Any, ...]]:
    if not isinstance(content, Mapping):
        form = "{balancing.name: arm}"
        raise ValueError(f"'when' needs a mapping such as {form}, not {shown(content)}")
    conditions = {}
    for path, values in content.items():
        listed = values if isinstance(values, list) else [values]
        if not listed or any(isinstance(value, list | dict) for value in listed):
            raise ValueError(f"'when' needs a value or a list of values for {path!r}")
        conditions[path] = tuple(listed)
    return conditions
