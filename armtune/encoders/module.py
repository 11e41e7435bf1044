"""Any module of torch as an encoder: the base of plug-ins that have one."""

from __future__ import annotations

import hashlib
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from armtune.encoders import Encoder, Frozen
from armtune.encoders.frozen_features import FrozenFeatures
from armtune.encoders.mlp import Mlp
from armtune.plugins.blame import blaming
from armtune.plugins.registry import plugins

if TYPE_CHECKING:
    from torch import nn

    from armtune.nn.layers import Init


@dataclass(frozen=True)
class FrozenModule(Frozen):
    """A module of torch that isn't trained.

    Attributes:
        encoder: the encoder's options.
        source: digest of the file that it is defined in.
    """

    encoder: dict[str, Any]
    source: str

    def build(self, shape: tuple[int, ...]) -> nn.Module:
        from armtune.nn.wrapped import features_of, seeded

        encoder = plugins("encoders")[self.encoder["name"]].model_validate(self.encoder)
        assert isinstance(encoder, ModuleEncoder), "what made this"
        with blaming(type(encoder).module):
            module = seeded(lambda: encoder.module(shape))
            features_of(module, shape)
        return module


class ModuleEncoder(Encoder):
    """Base of encoders that are a module of torch, which needs to know no member axis.

    A subclass has a ``name`` and a method ``module``.
    """

    standardize: ClassVar[bool] = False
    """As a rule the module gets samples as the data set gives them, pixels from 0 to 1 say."""

    tuning: Literal["frozen", "full"] = "full"
    """Whether the module stays as it is made, or is trained."""
    width: int = Field(0, ge=0)
    """Units of the rectified layers that follow, and features; 0 for the module's own features."""
    depth: int = Field(1, ge=0, le=1000)
    """Number of those layers; 0 for a linear one."""

    def module(self, shape: tuple[int, ...]) -> nn.Module:
        """The module, from ``(sample, *shape)`` to ``(sample, feature)``.

        First weights that it draws from torch's own random numbers differ by the training's seed;
        those of a frozen one don't.
        """
        raise NotImplementedError

    @property
    def then(self) -> Encoder:
        """What reads the module's features."""
        return Mlp(width=self.width, depth=self.depth) if self.width else FrozenFeatures()

    def frozen(self) -> Frozen | None:
        # How samples are scaled is told by training samples: such a part is no function of one.
        return None if self.tuning != "frozen" or self.standardize else self._part

    @property
    def _part(self) -> Frozen:
        source = Path(inspect.getfile(type(self))).read_bytes()
        options = self.model_dump(mode="json", exclude={"tuning", "width", "depth"})
        digest = hashlib.sha256(source).hexdigest()
        return FrozenModule(self.then, self.files(), options, digest)

    def build(self, shape: tuple[int, ...], init: Init) -> tuple[nn.Module, int]:
        from armtune.nn.layers import Sequential
        from armtune.nn.wrapped import wrap

        if self.tuning == "frozen":
            return self._part.whole(shape, init)
        with blaming(type(self).module):
            first, size = wrap(lambda: self.module(shape), shape, init)
        if not self.width:
            return first, size
        then, size = self.then.build((size,), init)
        return Sequential(first, then), size
