"""Modules that learn nothing: their weights are buffers, which no optimizer sees."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

Module = TypeVar("Module", bound=nn.Module)


def frozen(module: Module) -> Module:
    """The same module, judging and not training; its tensors are in no file of weights."""
    for part in module.eval().modules():
        for name, tensor in [*part.named_parameters(recurse=False)]:
            delattr(part, name)
            part.register_buffer(name, tensor.detach(), persistent=False)
        for name, buffer in [*part.named_buffers(recurse=False)]:
            part.register_buffer(name, buffer, persistent=False)
    return module


class ForMembers(nn.Module):
    """A frozen module for all members of a pack, ``(member, sample, …)`` to the same of features.

    Args:
        module: from ``(sample, …)`` to ``(sample, …)``.
        dtype: of the features.
    """

    def __init__(self, module: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.module = frozen(module).to(dtype)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            features: Tensor = self.module(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        # Balancing methods may watch the gradient of any features.
        return features.requires_grad_(torch.is_grad_enabled())

    def train(self, mode: bool = True) -> ForMembers:
        """What is frozen judges, whatever the network around it does."""
        return super().train(False)


@torch.no_grad()
def shape_of(
    module: nn.Module, shape: tuple[int, ...], dtype: torch.dtype = torch.float32
) -> tuple[int, ...]:
    """The shape of what a module makes of a sample.

    Raises:
        ValueError: it can't read samples of this shape; says why.
    """
    try:
        return tuple(module(torch.zeros(1, *shape, dtype=dtype)).shape[1:])
    except (RuntimeError, IndexError) as error:
        said = str(error).strip().splitlines()[0]
        raise ValueError(f"the model can't read samples of shape {shape}: {said}") from error
