"""What a sweep can export: the chosen trial trained on all data, and the ensemble it drew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from armtune.recipe.objectives import Goals
from armtune.recipe.schema import Recipe
from armtune.report.tables import CHOSEN_MARK, Grid, figure, goal_metrics, jsonable
from armtune.sweeps import SweepResult
from armtune.sweeps.study.final import winning_model

Metrics = Mapping[str, float]


@dataclass(frozen=True)
class Export:
    """Something that could be exported.

    Attributes:
        validation: metrics on validation; empty where it has learnt those samples.
        test: metrics on test; empty where it wasn't asked.
        exported: whether it is what the sweep exports.
        models: of an ensemble, what share each has.
    """

    name: str
    validation: Metrics
    test: Metrics
    exported: bool
    models: Sequence[Mapping[str, float]] = field(default_factory=tuple)

    def as_dict(self) -> dict[str, Any]:
        """The same, as JSON can hold it."""
        metrics = {
            split: {name: jsonable(value) for name, value in each.items()}
            for split, each in (("validation", self.validation), ("test", self.test))
        }
        about = {"name": self.name, "exported": self.exported, "models": list(self.models)}
        return {**about, **metrics}


def exports_of(recipe: Recipe, result: SweepResult) -> list[Export]:
    """What there is beside the chosen trial's confirmations."""
    found, ensemble = list[Export](), result.ensemble
    model = winning_model(recipe, result)
    end = result.finals.get(model) if model else None
    if model and model.epochs and end and not end.reason:
        name = f"trial {model.number} on all data, {model.epochs} epochs"
        found.append(Export(name, {}, end.test, not (ensemble and ensemble.stands)))
    if ensemble:
        count = len(ensemble.weights)
        name = f"ensemble of {count} model{'s' * (count > 1)}"
        models = tuple(ensemble.models)
        found.append(Export(name, ensemble.validation, ensemble.test, ensemble.stands, models))
    return found


def exports_grid(exports: Sequence[Export], goals: Goals) -> Grid:
    """A row for each of them and each metric; what is exported carries a star."""
    rows = [
        (
            f"{export.name} {CHOSEN_MARK}" if export.exported else export.name,
            metric,
            figure(export.validation.get(metric)),
            figure(export.test.get(metric)),
        )
        for export in exports
        for metric in goal_metrics(goals)
    ]
    return Grid("Exported", ("model", "metric", "validation", "test"), tuple(rows))
