"""The gated recurrent layer equals torch's, member by member."""

from __future__ import annotations

import torch

from armtune.nn.layers import Init
from armtune.nn.random_streams import stream
from armtune.nn.recurrent import BidirectionalGru


def torchs(layer: BidirectionalGru, member: int, size_in: int) -> torch.nn.GRU:
    gru = torch.nn.GRU(size_in, layer.width, bidirectional=True, batch_first=True).double()
    with torch.no_grad():
        for way, ending in enumerate(("l0", "l0_reverse")):
            getattr(gru, f"weight_ih_{ending}").copy_(layer.weight_in[member, way].T)
            getattr(gru, f"weight_hh_{ending}").copy_(layer.weight[member, way].T)
            getattr(gru, f"bias_ih_{ending}").copy_(layer.bias_in[member, way, 0])
            getattr(gru, f"bias_hh_{ending}").copy_(layer.bias[member, way, 0])
    return gru


def test_is_torchs_own_in_both_directions() -> None:
    layer = BidirectionalGru(3, 4, Init([stream(0, "init"), stream(1, "init")], torch.float64))
    x = torch.randn(2, 5, 7, 3, generator=stream(0, "x"), dtype=torch.float64)
    for member in range(2):
        expected, _ = torchs(layer, member, 3)(x[member])
        assert torch.allclose(layer(x)[member], expected, atol=1e-12)
