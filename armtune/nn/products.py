"""Matrix products with a member axis; on one thread of a CPU by numpy, which is faster there.

torch multiplies by MKL, which keeps AVX-512 to Intel's processors, and is slow where a result has
few columns. numpy brings OpenBLAS, which has neither fault.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch.autograd.function import once_differentiable

DTYPES = (torch.float32, torch.float64)


def affine(x: Tensor, weight: Tensor, bias: Tensor | None = None, rectify: bool = False) -> Tensor:
    """``x W + b`` of each member, rectified on demand.

    Args:
        x: ``(member, sample, in)``.
        weight: ``(member, in, out)``.
        bias: ``(member, 1, out)``; None for none.
        rectify: whether negative results become 0.

    Returns:
        ``(member, sample, out)``.
    """
    if _by_numpy(x):
        if not torch.is_grad_enabled():
            return _affine(x, weight, bias, rectify)
        multiply: Any = _Affine.apply
        result: Tensor = multiply(x, weight, bias, rectify)
        return result
    y = x @ weight if bias is None else torch.baddbmm(bias, x, weight)
    return y.relu() if rectify else y


def _by_numpy(x: Tensor) -> bool:
    """Whether this is the place to choose how products are computed.

    A recorded or compiled network leaves that to whoever runs it.
    """
    return (
        not torch.compiler.is_compiling()
        and x.device.type == "cpu"
        and x.dtype in DTYPES
        and torch.get_num_threads() == 1
        and not torch.is_autocast_enabled("cpu")
        and _numpy_has_one_thread()
    )


@cache
def _numpy_has_one_thread() -> bool:
    """Makes it so: its threads are others than torch's."""
    threadpool_limits(1, "blas")
    return True


def product(a: Tensor, b: Tensor) -> Tensor:
    """``a b`` of each member, ``(member, …, …)`` each, by numpy and without gradient."""
    with np.errstate(all="ignore"):
        return torch.from_numpy(np.matmul(_array(a), _array(b)))


def _array(x: Tensor) -> Any:
    """The same memory; a copy where neither rows nor columns are in one piece."""
    return (x if 1 in x.stride()[1:] else x.contiguous()).detach().numpy()


def _affine(x: Tensor, weight: Tensor, bias: Tensor | None, rectify: bool) -> Tensor:
    y = product(x, weight)
    if bias is not None:
        y.add_(bias)
    return y.relu_() if rectify else y


class _Affine(torch.autograd.Function):
    """The same with its gradient, as one step of the graph."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, rectify: bool) -> Tensor:
        y = _affine(x, weight, bias, rectify)
        ctx.save_for_backward(x, weight, y if rectify else None)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, rectified = ctx.saved_tensors
        to_x, to_weight, to_bias, _ = ctx.needs_input_grad
        if rectified is not None:
            gradient = torch.ops.aten.threshold_backward(gradient, rectified, 0)
        return (
            product(gradient, weight.mT) if to_x else None,
            product(x.mT, gradient) if to_weight else None,
            gradient.sum(1, keepdim=True) if to_bias else None,
            None,
        )
