"""Residual networks equal He et al.'s, and take batch-norm weights over exactly."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor, nn

from armtune.encoders.resnet import ResNet18
from armtune.nn.layers import GroupNorm, Init
from armtune.nn.random_streams import stream
from armtune.nn.resnet import ResNet, fold_statistics


class Block(nn.Module):
    """The paper's basic block, its parts named as torchvision names them."""

    def __init__(self, size_in: int, size_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(size_in, size_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(size_out)
        self.conv2 = nn.Conv2d(size_out, size_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(size_out)
        self.downsample = nn.Sequential()
        if stride > 1 or size_in != size_out:
            shortcut = nn.Conv2d(size_in, size_out, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(size_out))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        return (y + self.downsample(x)).relu()


class Reference(nn.Module):
    """A residual network of two stages of two blocks, with batch norms."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = nn.Sequential(Block(width, width, 1), Block(width, width, 1))
        self.layer2 = nn.Sequential(Block(width, 2 * width, 2), Block(2 * width, 2 * width, 1))
        self.fc = nn.Linear(2 * width, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.max_pool2d(self.bn1(self.conv1(x)).relu(), 3, 2, 1)
        return self.layer2(self.layer1(x)).mean((2, 3))


def one_init() -> Init:
    return Init([stream(0, "init")], torch.float64)


def resnet(shape: tuple[int, ...], stem: str = "imagenet", norm: str = "frozen") -> ResNet:
    return ResNet(shape, 4, (2, 2), stem, norm, one_init())


@pytest.mark.parametrize("side", [20, 33])
def test_weights_with_batch_norm_are_taken_over_exactly(side: int) -> None:
    torch.manual_seed(0)
    reference = Reference(3, 4).double()
    images = torch.randn(8, 3, side, side, dtype=torch.float64)
    reference(images)  # moves the running statistics away from 0 and 1
    expected = reference.eval()(images)
    network = resnet((3, side, side))
    folded = fold_statistics(reference.state_dict())
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter[0] = folded[name]
    assert torch.allclose(network(images[None])[0], expected, atol=1e-10)


def test_frames_are_averaged() -> None:
    film = torch.randn(1, 2, 3, 2, 9, 8, dtype=torch.float64)
    whole, single = resnet((3, 2, 9, 8), "small"), resnet((2, 9, 8), "small")
    expected = torch.stack([single(film[:, :, k]) for k in range(3)]).mean(0)
    assert torch.allclose(whole(film), expected, atol=1e-12)


def test_a_grey_image_is_one_channel() -> None:
    image = torch.randn(1, 2, 9, 8, dtype=torch.float64)
    assert torch.equal(resnet((9, 8))(image), resnet((1, 9, 8))(image.unsqueeze(2)))


def test_the_small_stem_keeps_small_images() -> None:
    sizes = {}
    for stem in ("imagenet", "small"):
        network = resnet((1, 16, 16), stem, "group")
        network.layer1.register_forward_hook(
            lambda _, given, __, stem=stem: sizes.update({stem: given[0].shape[-2:]})
        )
        network(torch.zeros(1, 1, 1, 16, 16, dtype=torch.float64))
    assert sizes == {"imagenet": (4, 4), "small": (16, 16)}


def test_group_norm_stands_for_batch_norm_by_default() -> None:
    network = resnet((1, 16, 16), "small", "group")
    norms = [m for m in network.modules() if isinstance(m, GroupNorm)]
    assert len(norms) == 10
    assert not list(network.buffers())


@pytest.mark.parametrize("stem", ["imagenet", "small"])
@pytest.mark.parametrize("side", [16, 8])
@pytest.mark.parametrize("width", [4, 64])
def test_small_images_are_read_one_by_one(width: int, side: int, stem: str) -> None:
    options = {"width": width, "stem": stem}
    module, size = ResNet18.model_validate(options).build((side, side), one_init())
    x = torch.randn(1, 3, side, side, generator=stream(0, "x"), dtype=torch.float64)
    features = module(x)
    assert features.shape == (1, 3, size)
    assert torch.allclose(module(x[:, :1]), features[:, :1], atol=1e-12)
    # Norms over too few values would leave nothing of an image.
    assert not torch.allclose(features[:, 0], features[:, 1], atol=1e-3)


def test_images_too_small_are_refused_with_the_smallest() -> None:
    refused = ResNet18(width=1).misfit((3, 16, 16))
    assert re.fullmatch(r"resnet18 of width 1 .* 17 × 17 and more, not 16 × 16", refused)
    assert not ResNet18(width=1).misfit((17, 17))
    assert not ResNet18(width=1, norm="frozen").misfit((3, 8, 8))
    module, _ = ResNet18(width=1).build((17, 17), one_init())
    assert module(torch.ones(1, 1, 17, 17, dtype=torch.float64)).isfinite().all()
    ResNet18(width=1, norm="frozen").build((3, 8, 8), one_init())
