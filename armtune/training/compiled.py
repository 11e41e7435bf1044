"""Encoders as programs that ``torch.compile`` makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from armtune.nn.forward import Features
from armtune.training.network import MultimodalNet

PROGRAMS = 4096
"""Programs that a process may hold. torch stops at 8 for all encoders of all its trainings, and
then computes without any, which only a log tells."""


def compiled_encoders(network: MultimodalNet) -> Callable[[Mapping[str, Tensor]], Features]:
    """What encodes batches of one size as ``network.encode`` does, from compiled programs.

    Only encoders are compiled: balancing methods hook into all that comes after them. They are
    compiled for the shapes they meet, at the first call; that takes seconds to minutes, and a C++
    compiler on a CPU.
    """
    # Imported here, since it takes a second. These names are older than recompile_limit, and go on.
    from torch._dynamo import config

    config.cache_size_limit = config.accumulated_cache_size_limit = PROGRAMS
    encoders = [torch.compile(encoder, dynamic=False) for encoder in network.encoders]

    def encode(views: Mapping[str, Tensor]) -> Features:
        return {m: e(views[m]) for m, e in zip(network.modalities, encoders, strict=True)}

    return encode
