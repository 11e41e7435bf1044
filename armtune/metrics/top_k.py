"""Share of samples whose class is among the likeliest few."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from armtune.metrics import Measure

if TYPE_CHECKING:
    from torch import Tensor


class TopK(Measure):
    """Share of samples whose class is among the ``k`` likeliest."""

    better: ClassVar[str] = "maximize"

    name: Literal["top_k"] = "top_k"
    k: int = Field(2, ge=1)
    """How many classes count; all there are, if there are fewer."""

    def value(self, logits: Tensor, labels: Tensor) -> float:
        likeliest = logits.topk(min(self.k, logits.shape[-1])).indices
        return float((likeliest == labels.unsqueeze(-1)).any(-1).double().mean())
