"""Runs an exported model with numpy alone, so that a small prediction needn't import torch.

``program.json`` lists the operations of the graph that ``torch.export`` found: for each a name, the
operator, and arguments, in which ``{"value": name}`` is an earlier result. Operators are torch's
(https://docs.pytorch.org/docs/stable/torch.compiler_ir.html); those in ``OPERATORS`` can be run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from safetensors.numpy import load_file

from armtune.bundle.budget import Budget, TooLargeError, check_arguments, expanded
from armtune.bundle.manifest import MODEL, PREPROCESSING, PROGRAM, SCALES, is_weights
from armtune.errors import RunError

__all__ = ["OPERATORS", "Program", "TooLargeError"]

Array = NDArray[Any]
BLOCK_BYTES = 1 << 22
"""About how much memory a convolution's windows take at a time."""
MOST_OPERATIONS = 10_000
UNFIT = (
    ArithmeticError, AttributeError, LookupError, MemoryError, NotImplementedError, RecursionError,
    TypeError, ValueError,
)  # fmt: skip
"""What a damaged or foreign program can raise while it is read or run."""


class Program:
    """A bundle's ``program.json`` with its weights.

    Called with samples ``(sample, *shape)`` of every modality, and whether each sample has it
    ``(sample,)``, it gives what the model says, ``(sample, output)``.

    Raises:
        RunError: it can't be read; a call: an operation can't be computed.
        TooLargeError: a call: it would take too much memory or time.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / PROGRAM
        try:
            program = json.loads(self.path.read_text(encoding="utf-8"))
            named = {str(file) for file, _ in program["weights"].values()}
            files = {name: _weights_of(folder, name) for name in (MODEL, PREPROCESSING, *named)}
            # A single model is stored without the member axis that the network's layers have.
            axis = (slice(None),) if program.get("members") else (None,)
            self.weights = {
                name: files[file][key] if file.startswith(SCALES) else files[file][key][axis]
                for name, (file, key) in program["weights"].items()
            }
            self.views, self.present = dict(program["views"]), dict(program["present"])
            self.nodes = [(n, str(o), list(a), dict(k)) for n, o, a, k in program["nodes"]]
            self.result = str(program["result"])
            if len(self.nodes) > MOST_OPERATIONS:
                said = f"has {len(self.nodes)} operations, which no model needs"
                raise RunError(f"{self.path}: {said}")
            self.last = _last_uses(self.nodes)
        except (*UNFIT, OSError) as error:
            raise RunError(f"{self.path}: can't be read: {reason(error)}") from error

    def __call__(self, views: Mapping[str, Array], present: Mapping[str, Array]) -> Array:
        budget = Budget()
        try:
            values: dict[str, Any] = {
                **self.weights,
                **{name: views[m] for name, m in self.views.items()},
                **{name: present[m] for name, m in self.present.items()},
            }
            with np.errstate(all="ignore"):  # infinite weights are the model's own
                for number in range(len(self.nodes)):
                    self._compute(number, values, budget)
            told: Array = values[self.result]
        except UNFIT as error:
            raise RunError(f"{self.path}: can't be computed: {reason(error)}") from error
        return told

    def _compute(self, number: int, values: dict[str, Any], budget: Budget) -> None:
        name, operator, arguments, options = self.nodes[number]
        keywords = {key: _resolved(value, values) for key, value in options.items()}
        inputs = [_resolved(argument, values) for argument in arguments]
        if operator not in OPERATORS:
            raise NotImplementedError(operator)
        check_arguments(operator, inputs, keywords)
        budget.spend(operator, inputs)
        values[name] = OPERATORS[operator](*inputs, **keywords)
        budget.hold(values[name])
        for gone in self.last[number]:
            budget.release(values.pop(gone, None))


def _weights_of(folder: Path, name: str) -> dict[str, Array]:
    """What a program takes weights from: files of a bundle's parts, and no others."""
    if not is_weights(name):
        raise ValueError(f"{name!r} is no file of weights")
    return read_weights(folder / name)


def read_weights(path: Path) -> dict[str, Array]:
    """A bundle's safetensors file.

    Raises:
        RunError: it can't be read.
    """
    try:
        return load_file(path)
    except Exception as error:  # safetensors has errors of its own
        raise RunError(f"{path}: can't be read: {error}") from error


def reason(error: Exception) -> str:
    """An error of numpy or of Python's own, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def _last_uses(nodes: Sequence[Any]) -> list[list[str]]:
    """For each operation the earlier operations' results that no later one needs."""
    made = {name for name, *_ in nodes}
    last = {name: k for k, (_, _, *given) in enumerate(nodes) for name in _names(given)}
    gone: list[list[str]] = [[] for _ in nodes]
    for name, k in last.items():
        if name in made:
            gone[k].append(name)
    return gone


def _names(argument: Any) -> Iterator[str]:
    """The values that an argument names."""
    if isinstance(argument, dict) and "value" in argument:
        yield argument["value"]
    elif isinstance(argument, dict | list):
        for part in argument.values() if isinstance(argument, dict) else argument:
            yield from _names(part)


def _resolved(argument: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(argument, dict):
        return values[argument["value"]]
    if isinstance(argument, list):
        return [_resolved(part, values) for part in argument]
    return argument


def _flatten(x: Array, start: int = 0, end: int = -1) -> Array:
    end = end % x.ndim
    return x.reshape(*x.shape[:start], -1, *x.shape[end + 1 :])


def _unflatten(x: Array, axis: int, sizes: Sequence[int]) -> Array:
    axis = axis % x.ndim
    return x.reshape(*x.shape[:axis], *sizes, *x.shape[axis + 1 :])


def _split(x: Array, sizes: Sequence[int], dim: int = 0) -> list[Array]:
    return np.split(x, list(accumulate(sizes))[:-1], dim)


def _slice(x: Array, axis: int = 0, start: int | None = None, end: int | None = None) -> Array:
    return x[(slice(None),) * (axis % x.ndim) + (slice(start, end),)]


def _softmax(x: Array, axis: int) -> Array:
    powers = np.exp(x - x.max(axis, keepdims=True))
    powers /= powers.sum(axis, keepdims=True)
    return powers


def _add_product(bias: Array, x: Array, weight: Array) -> Array:
    y = np.matmul(x, weight)
    y += bias
    return y


def _same_convolution(
    x: Array,
    weight: Array,
    bias: Array,
    stride: Sequence[int],
    padding: str,
    dilation: Sequence[int] = (1,),
    groups: int = 1,
) -> Array:
    """Convolution with stride 1 and same padding, ``(sample, channel, …)``, in blocks of samples.

    Raises:
        NotImplementedError: another stride or padding.
    """
    if padding != "same" or {*stride, *dilation} != {1}:
        raise NotImplementedError("convolutions with a stride, or other than with same padding")
    if groups > 1:
        channels, own = np.split(x, groups, 1), (np.split(a, groups) for a in (weight, bias))
        parts = [
            _same_convolution(part, some, shift, stride, padding)
            for part, some, shift in zip(channels, *own, strict=True)
        ]
        return np.concatenate(parts, 1)
    kernel = weight.shape[2:]
    # torch puts the odd one of the zeros at the end.
    edges = [((k - 1) // 2, k // 2) for k in kernel]
    block = max(1, BLOCK_BYTES // (x[:1].nbytes * int(np.prod(kernel)) + 1))
    y = np.empty((len(x), len(weight), *x.shape[2:]), x.dtype)
    flat = weight.reshape(len(weight), -1).T
    for start in range(0, len(x), block):
        padded = np.pad(x[start : start + block], [(0, 0), (0, 0), *edges])
        windows = sliding_window_view(padded, kernel, tuple(range(2, x.ndim)))
        windows = np.moveaxis(windows, 1, x.ndim - 1)  # (sample, …, channel, *kernel)
        products = windows.reshape(*windows.shape[: x.ndim - 1], -1) @ flat + bias
        y[start : start + block] = np.moveaxis(products, -1, 1)
    return y


def _max_pool(x: Array, window: Sequence[int]) -> Array:
    """Largest value in windows side by side over the last axes; a rest at the edge is dropped."""
    for axis, size in zip(range(x.ndim - len(window), x.ndim), window, strict=True):
        whole = _slice(x, axis, 0, x.shape[axis] // size * size)
        x = _unflatten(whole, axis, (-1, size)).max(axis + 1)
    return x


OPERATORS: dict[str, Callable[..., Any]] = {
    "_operator.getitem": lambda parts, index: parts[index],
    "aten.add.Tensor": lambda x, y: np.add(x, y),
    "aten.baddbmm.default": _add_product,
    "aten.cat.default": lambda parts, axis=0: np.concatenate(parts, axis),
    "aten.conv2d.padding": _same_convolution,
    "aten.cos.default": lambda x: np.cos(x),
    "aten.div.Tensor": lambda x, y: np.divide(x, y),
    "aten.expand.default": lambda x, sizes: np.broadcast_to(x, expanded(x.shape, sizes)),
    "aten.flatten.using_ints": _flatten,
    "aten.matmul.default": lambda x, y: np.matmul(x, y),
    "aten.max_pool2d.default": _max_pool,
    "aten.mul.Tensor": lambda x, y: np.multiply(x, y),
    "aten.relu.default": lambda x: np.maximum(x, 0),
    "aten.select.int": lambda x, axis, index: x.take(index, axis),
    "aten.sigmoid.default": lambda x: np.exp(-np.logaddexp(0, -x)),
    "aten.sin.default": lambda x: np.sin(x),
    "aten.slice.Tensor": _slice,
    "aten.softmax.int": _softmax,
    "aten.split_with_sizes.default": _split,
    "aten.sub.Tensor": lambda x, y: np.subtract(x, y),
    "aten.sum.dim_IntList": lambda x, axes: x.sum(tuple(axes)),
    "aten.sym_size.int": lambda x, axis: x.shape[axis],
    "aten.tanh.default": lambda x: np.tanh(x),
    "aten.transpose.int": lambda x, one, other: np.swapaxes(x, one, other),
    "aten.unbind.int": lambda x, axis=0: list(np.moveaxis(x, axis, 0)),
    "aten.unflatten.int": _unflatten,
    "aten.unsqueeze.default": lambda x, axis: np.expand_dims(x, axis),
    "aten.where.self": lambda where, x, y: np.where(where, x, y),
}
