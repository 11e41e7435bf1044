"""How much memory and time a bundle's program may take, known before an operation is computed.

A program is a file that anybody may have written: forty concatenations of a value with itself would
take a million million times its memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from armtune.errors import RunError

MOST_BYTES = 1 << 28
"""Most memory for all results that are still needed."""
MOST_PRODUCTS = 1 << 35
"""Most multiplications, and numbers made, of a whole run."""
MOST_PARTS = 10_000
"""Most parts that a value may be taken apart into."""

ARRAYS = {
    "_operator.getitem": 1,
    "aten.add.Tensor": 2,
    "aten.baddbmm.default": 3,
    "aten.conv2d.padding": 3,
    "aten.div.Tensor": 2,
    "aten.matmul.default": 2,
    "aten.mul.Tensor": 2,
    "aten.sub.Tensor": 2,
    "aten.where.self": 3,
}
"""How many of an operator's arguments, from the first, are arrays; of the others one is."""


LISTS = ("_operator.getitem", "aten.cat.default")
"""Operators whose arrays come in a list."""
ONE_NUMBER = ("_operator.getitem", "aten.select.int")
"""Operators that take a part out; a list would take many, each as often as it is named."""
MOST_WHOLE = 1 << 63
"""Whole numbers beyond are no machine's: numpy would compute with them to any length."""


class TooLargeError(RunError):
    """A program would take more memory or time than it may."""


def check_arguments(operator: str, inputs: Sequence[Any], options: Mapping[str, Any]) -> None:
    """Refuses arrays where numbers belong, which numpy would take for many of them, and others.

    Raises:
        TypeError, ValueError: there is one, or an unbounded number of parts.
    """
    count = ARRAYS.get(operator, 1)
    plain = [*inputs[count:], *options.values()]
    if operator in ONE_NUMBER and any(isinstance(each, list | tuple) for each in plain):
        raise TypeError(f"{operator} needs single numbers")
    if not all(_is_plain(each) for each in _flat(plain)):
        raise TypeError(f"{operator} needs numbers after its arrays")
    if (parts := _parts(operator, inputs, options)) > MOST_PARTS:
        raise ValueError(f"{operator} of {parts} parts")
    arrays = list(_flat(inputs[:count])) if operator in LISTS else inputs[:count]
    if not all(_is_numbers(each) for each in arrays):
        raise TypeError(f"{operator} needs arrays of numbers")


def _parts(operator: str, inputs: Sequence[Any], options: Mapping[str, Any]) -> int:
    """How many parts an operation takes a value apart into."""
    if operator == "aten.unbind.int":
        return int(inputs[0].shape[inputs[1] if len(inputs) > 1 else options.get("axis", 0)])
    if operator == "aten.conv2d.padding":
        return int(inputs[6] if len(inputs) > 6 else options.get("groups", 1))
    return 1


class Budget:
    """What a run of a program has taken so far."""

    def __init__(self) -> None:
        self.held = self.products = 0

    def spend(self, operator: str, inputs: Sequence[Any]) -> None:
        """Counts an operation that is about to be computed.

        Raises:
            TooLargeError: it takes more than is left.
        """
        numbers, products, width = _cost(operator, inputs)
        self.products += max(numbers, products)
        if self.held + numbers * width > MOST_BYTES or self.products > MOST_PRODUCTS:
            raise TooLargeError(f"{operator} of a model would take more memory or time than it may")

    def hold(self, result: Any) -> None:
        """Counts a result, which stays until it is released."""
        self.held += sum(array.nbytes for array in _arrays(result))

    def release(self, result: Any) -> None:
        """Takes a result off again."""
        self.held -= sum(array.nbytes for array in _arrays(result))


def _cost(operator: str, inputs: Sequence[Any]) -> tuple[int, int, int]:
    """Numbers that an operation makes, the products it takes, and most bytes of a number."""
    arrays = list(_arrays(list(inputs)))
    shapes = [array.shape for array in arrays]
    width = max((array.itemsize for array in arrays), default=8)
    sizes = [prod(shape) for shape in shapes]
    if operator == "aten.cat.default":
        return sum(sizes), 0, width
    if operator == "aten.expand.default":
        return prod(expanded(shapes[0], inputs[1])), 0, width
    if operator in ("aten.matmul.default", "aten.baddbmm.default"):
        return *_product(*shapes[-2:]), width
    if operator == "aten.conv2d.padding":
        (samples, channels, *space), (outputs, *kernel) = shapes[:2]
        made, windows = samples * outputs * prod(space), channels * prod(kernel) * prod(space)
        return made + windows, made * prod(kernel), width
    if ARRAYS.get(operator, 1) > 1:
        return prod(np.broadcast_shapes(*shapes)), 0, max(width, 4)
    return max(sizes, default=0), 0, width


def expanded(shape: tuple[int, ...], sizes: Sequence[int]) -> list[int]:
    """Sizes to broadcast to, of which -1 stands for the array's own."""
    return [own if size < 0 else size for own, size in zip(shape, sizes, strict=True)]


def _product(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, int]:
    """Numbers and products of a matrix product."""
    if min(len(left), len(right)) < 2:
        raise ValueError("matrix products need matrices")
    made = prod(np.broadcast_shapes(left[:-2], right[:-2])) * left[-2] * right[-1]
    return made, made * left[-1]


def _is_plain(value: Any) -> bool:
    """Whether it is an option: a number of a machine, a word, or nothing."""
    if isinstance(value, int):
        return abs(value) < MOST_WHOLE
    return value is None or isinstance(value, float | str)


def _is_numbers(value: Any) -> bool:
    """Whether it is an array of numbers, or a number that stands for one."""
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype.kind in "biuf"
    return isinstance(value, int | float) and _is_plain(value)


def _flat(parts: Any) -> Iterator[Any]:
    if isinstance(parts, list | tuple):
        for part in parts:
            yield from _flat(part)
    else:
        yield parts


def _arrays(value: Any) -> Iterator[NDArray[Any]]:
    return (each for each in _flat(value) if isinstance(each, np.ndarray))
