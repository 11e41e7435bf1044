"""Matthews' correlation of what is decided and what is true."""

from __future__ import annotations

from typing import ClassVar, Literal

from armtune.metrics._scored import Scored, Told
from armtune.plugins.lazy_imports import sklearn_metrics


class Matthews(Scored):
    """Matthews' correlation coefficient: 1 if all is right, 0 for a guess that knows nothing."""

    better: ClassVar[str] = "maximize"

    name: Literal["matthews"] = "matthews"

    def score(self, told: Told) -> float:
        return float(sklearn_metrics.matthews_corrcoef(told.truth, told.decided))
