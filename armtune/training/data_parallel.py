"""One training by several processes, each of which encodes a share of every batch.

Every process holds the whole network and sees every batch whole. It takes its share of the samples
through the encoders, gathers the others' features, and does all the rest as if it were alone:
heads, fusion, losses, the balancing method, evaluation. Only the encoders' gradients differ, since
each process has those of its own samples; their sum is the gradient of the batch. So results are
those of one process, for every balancing method, but for the order in which numbers are added.

The processes are those of ``torch.distributed``'s default group; where there is none, or one
process only, nothing is shared and nothing costs anything.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed, nn

from armtune.errors import RunError
from armtune.nn.flat_parameters import FlatParameters
from armtune.nn.wrapped import Wrapped
from armtune.training.network import ENCODERS, MultimodalNet


def share_encoders(network: MultimodalNet) -> Shares | None:
    """Lets each process that trains here encode its share; None where this one trains alone.

    Whoever calls an encoder afterwards still gets all samples' features, if all processes call it.

    Raises:
        RunError: an encoder is a module of torch, which may learn from a batch as a whole.
    """
    if not distributed.is_available() or not distributed.is_initialized():
        return None
    rank, count = distributed.get_rank(), distributed.get_world_size()
    if count == 1:
        return None
    if any(isinstance(part, Wrapped) for part in network.modules()):
        said = "a module of torch that is trained learns from whole batches"
        raise RunError(f"sweep.resources.workers: {said}, so by one worker a trial")
    for encoder in network.encoders:
        share = Share(rank, count)
        encoder.register_forward_pre_hook(share.take)
        encoder.register_forward_hook(share.join)
    return Shares(count)


class Shares:
    """What is left to do for the processes that train together, ``count`` of them."""

    def __init__(self, count: int) -> None:
        self.count = count

    @torch.no_grad()
    def add_up(self, flat: FlatParameters) -> None:
        """Makes every process's gradients those of the whole batch, alike to the last bit."""
        for buffer in flat.buffers:
            for name, part in flat.named(buffer).items():
                if not name.startswith(ENCODERS):
                    # All have the same already, but perhaps for rounding, which must not add up.
                    part.div_(self.count)
            distributed.all_reduce(buffer)


class Share:
    """An encoder's hooks: samples to this process's share of them, and its features to all's."""

    def __init__(self, rank: int, count: int) -> None:
        self.rank, self.count = rank, count
        self.samples = 0

    def take(self, encoder: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor]:
        """This process's samples, as many as the others have: the last one fills the places up."""
        (views,) = given
        self.samples = views.shape[1]
        size = -(-self.samples // self.count)
        rows = torch.arange(self.rank * size, (self.rank + 1) * size, device=views.device)
        return (views.index_select(1, rows.clamp_(max=self.samples - 1)),)

    def join(self, encoder: nn.Module, given: Any, own: Tensor) -> Tensor:
        """All samples' features; a gradient flows into this process's own."""
        parts = [torch.empty_like(own) for _ in range(self.count)]
        distributed.all_gather(parts, own.detach().contiguous())
        parts[self.rank] = own
        return torch.cat(parts, dim=1)[:, : self.samples]
