"""Any scorer of scikit-learn, by its name there."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from armtune.metrics._scored import Scored, Told
from armtune.targets import Target


class Sklearn(Scored):
    """A scorer of scikit-learn, such as ``roc_auc_ovr``; all are better the higher they are."""

    serves: ClassVar[type[Target]] = Target
    better: ClassVar[str] = "maximize"

    said_by: ClassVar[str] = "scorer"

    name: Literal["sklearn"] = "sklearn"
    scorer: str = Field("accuracy", max_length=100)
    """Its name, one of ``sklearn.metrics.get_scorer_names()``; losses begin with ``neg_``."""

    def misfit(self, target: type[Target]) -> str:
        # Imports scikit-learn, which only recipes pay for that name such a scorer.
        from armtune.metrics._scorers import misfit

        return misfit(self.scorer, target.kind)

    def score(self, told: Told) -> float:
        from armtune.metrics._scorers import scored

        return scored(self.scorer, told)
