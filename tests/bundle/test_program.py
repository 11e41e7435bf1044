"""numpy's operators against torch's, and convolutions in blocks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from armtune.bundle.program import OPERATORS

RNG = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (5, 2), (4, 4)])
@pytest.mark.parametrize("block", [1, 1 << 22])
def test_convolution(kernel: tuple[int, int], block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("armtune.bundle.program.BLOCK_BYTES", block)
    x, weight, bias = normal(5, 3, 8, 7), normal(4, 3, *kernel), normal(4)
    tensors = [torch.from_numpy(array) for array in (x, weight, bias)]
    with torch.no_grad():
        # torch pads by itself where a side is even, and warns that this costs a copy
        edges = [e for k in reversed(kernel) for e in ((k - 1) // 2, k // 2)]
        expected = F.conv2d(F.pad(tensors[0], edges), *tensors[1:])
    found = OPERATORS["aten.conv2d.padding"](x, weight, bias, [1, 1], "same")
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("options", [([2, 2], "same"), ([1, 1], "valid")])
def test_other_convolutions_are_refused(options: tuple[list[int], str]) -> None:
    with pytest.raises(NotImplementedError, match="same padding"):
        OPERATORS["aten.conv2d.padding"](
            normal(1, 1, 4, 4), normal(1, 1, 3, 3), normal(1), *options
        )


def test_pooling_drops_the_rest_at_the_edge() -> None:
    x = normal(2, 3, 7, 6)
    expected = F.max_pool2d(torch.from_numpy(x), [3, 2])
    np.testing.assert_array_equal(OPERATORS["aten.max_pool2d.default"](x, [3, 2]), expected)


CASES = {
    "aten.flatten.using_ints": [(), (1,), (1, 2), (0, -2)],
    "aten.select.int": [(1, 2)],
    "aten.slice.Tensor": [(1, 0, 9223372036854775807), (2, 1, 3), (-1, 1)],
    "aten.softmax.int": [(-1,), (0,)],
    "aten.sum.dim_IntList": [([-2],), ([0, 1],)],
    "aten.transpose.int": [(0, 2)],
    "aten.unsqueeze.default": [(1,), (-1,)],
}


@pytest.mark.parametrize(
    ("name", "arguments"), [(name, each) for name, cases in CASES.items() for each in cases]
)
def test_operators_are_torchs(name: str, arguments: tuple[object, ...]) -> None:
    x = normal(2, 3, 4)
    _, operator, overload = name.split(".")
    expected = getattr(getattr(torch.ops.aten, operator), overload)(torch.from_numpy(x), *arguments)
    np.testing.assert_allclose(OPERATORS[name](x, *arguments), expected, atol=1e-6)


def test_parts() -> None:
    x = normal(2, 7)
    parts = OPERATORS["aten.split_with_sizes.default"](x, [2, 5], 1)
    assert [part.shape for part in parts] == [(2, 2), (2, 5)]
    assert [part.shape for part in OPERATORS["aten.unbind.int"](x, 1)] == [(2,)] * 7
