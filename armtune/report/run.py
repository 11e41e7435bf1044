"""A run's folder as a report: its trials, front, chosen trial and confirmations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from armtune.errors import RunError
from armtune.recipe.load import content_of
from armtune.recipe.looking import look
from armtune.recipe.objectives import Goals
from armtune.recipe.schema import Recipe
from armtune.recipe.space import Space, load_space
from armtune.references import References
from armtune.report.costs import costs_dict
from armtune.report.exports import Export, exports_grid, exports_of
from armtune.report.headline import Tile, tiles_of
from armtune.report.judged import read_judged
from armtune.report.lineage import lineage_grid
from armtune.report.references import references_dict, references_grid
from armtune.report.sample import of_front, sample, sample_line
from armtune.report.solo_comparison import Solo, solo_grid, solo_line, winner_seeds
from armtune.report.tables import (
    Confirmed,
    Grid,
    chosen_line,
    confirmed_dict,
    confirmed_grid,
    front_grid,
    trial_dict,
    trials_grid,
)
from armtune.report.verdict import facts_of, sentences
from armtune.sweeps import SweepResult, TrialRecord, read_result
from armtune.sweeps.study.costs import Cost, costs_of
from armtune.sweeps.study.folder import RECIPE, recipe_of, used_data
from armtune.sweeps.study.lineage import Segment
from armtune.sweeps.study.reader import StudyReader, read_study


@dataclass(frozen=True)
class RunReport:
    """What is known of a run, whether it has ended or not.

    Attributes:
        recipe: the recipe it runs, or ran.
        space: what the recipe searches.
        data: one line that says which data were really used.
        records: all trials, by number.
        front: numbers of the trials on the front.
        chosen: number of the trial that the rule picks so far; None when none qualifies.
        confirmed: metrics of the re-trainings, those that failed left empty.
        seeds: their seeds.
        solo: metrics of each modality trained alone with the chosen trial's settings.
        written: the recipe as it is written, where ``recipe`` is without a user's own plug-ins.
        exports: what could be exported beside the chosen trial's confirmations.
        lineages: what each trial's model has behind it, where the trials are a population.
        notes: sentences one should see, such as that no trial meets the constraints.
        references: the simple models that were measured beside the sweep; None where none were.
        verdict: what the chosen trial is worth, in sentences; none where it wasn't re-trained.
        tiles: the figures of it that matter most.
        judged: what the exported model says of samples that it hasn't learnt; empty if not known.
        costs: what each part of the sweep cost; none where that wasn't noted.
    """

    folder: Path
    recipe: Recipe
    space: Space
    data: str
    goals: Goals
    records: list[TrialRecord]
    front: list[int]
    chosen: int | None
    confirmed: Confirmed
    solo: Solo
    notes: Sequence[str] = ()
    lineages: Mapping[int, Sequence[Segment]] = field(default_factory=dict)
    written: Mapping[str, Any] = field(default_factory=dict)
    references: References | None = None
    verdict: Sequence[str] = ()
    tiles: Sequence[Tile] = ()
    judged: Mapping[str, Any] = field(default_factory=dict)
    exports: Sequence[Export] = ()
    costs: Sequence[Cost] = ()
    seeds: Mapping[int, Sequence[int]] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path, overrides: Sequence[str] = ()) -> RunReport:
        """Reads a run's folder; none of the files that its recipe names is run.

        Args:
            overrides: changes to ``data``, where they lie elsewhere by now.

        Raises:
            RunError: the folder holds no sweep, or a damaged one.
        """
        study = read_study(folder)
        result, known = read_result(folder, study), study.confirmed()
        seen = look(folder / RECIPE)
        recipe = recipe_of(folder, overrides) if overrides else seen.recipe
        goals = Goals.from_recipe(recipe)
        facts = facts_of(result, goals.score, recipe.sweep.choose)
        costs, unread = _costs(folder, recipe, result, study)
        return cls(
            folder=folder,
            recipe=recipe,
            space=Space() if seen.left_out else load_space(recipe, folder),
            data=used_data(folder)["description"],
            goals=goals,
            records=result.records,
            front=result.front,
            chosen=result.chosen,
            confirmed={n: [c.metrics for c in seeds] for n, seeds in known.items()},
            solo={
                m: [c.metrics for c in result.solo[m] if not c.reason]
                for m in recipe.modalities
                if m in result.solo
            },
            notes=[*result.notes, *unread],
            lineages=study.lineages(),
            written=seen.content,
            references=result.references,
            verdict=list(sentences(facts)) if facts else (),
            tiles=tiles_of(facts) if facts else (),
            judged=read_judged(folder, result),
            exports=exports_of(recipe, result),
            costs=costs,
            seeds={n: [c.seed for c in seeds] for n, seeds in known.items()},
        )

    @property
    def name(self) -> str:
        """The run's name."""
        return self.recipe.name

    @property
    def content(self) -> Mapping[str, Any]:
        """All that the recipe says, as plain data."""
        return self.written or content_of(self.recipe)

    @property
    def label(self) -> str:
        """What tells the run from others: its folder."""
        return str(self.folder)

    @property
    def rule(self) -> str:
        """The recipe's ``sweep.choose``."""
        return self.recipe.sweep.choose

    @property
    def choice(self) -> str:
        """A sentence on which trial was chosen."""
        return chosen_line(self.records, self.chosen, self.rule)

    @property
    def preserved(self) -> str:
        """A sentence on whether the strongest modality was preserved; empty if not known."""
        winner = winner_seeds(self.confirmed, self.chosen)
        return solo_line(self.solo, winner, self.goals.score)

    @cached_property
    def shown(self) -> RunReport:
        """The same with no more trials than can be seen in figures and tables."""
        front = of_front(self.front, self.chosen)
        seen = sample(self.records, (*front, *self.confirmed, self.chosen))
        return replace(self, records=seen)

    @property
    def left_out(self) -> str:
        """A sentence on the trials that ``shown`` leaves out; empty if there are none."""
        shown = {record.number for record in self.shown.records}
        return sample_line(shown, len(self.records), self.front)

    def grids(self) -> list[Grid]:
        """The tables that have rows, the most important last."""
        grids = [
            lineage_grid(self.lineages),
            trials_grid(self.records, self.goals),
            front_grid(self.records, self.front, self.goals, self.chosen),
            confirmed_grid(self.confirmed, self.goals),
            *([references_grid(self.references)] if self.references else []),
            solo_grid(self.solo, winner_seeds(self.confirmed, self.chosen), self.goals.score),
            exports_grid(self.exports, self.goals),
        ]
        return [grid for grid in grids if grid.rows]

    def as_dict(self) -> dict[str, Any]:
        """The same, as JSON can hold it."""
        return {
            "name": self.name,
            "data": self.data,
            "objectives": [str(objective) for objective in self.goals.objectives],
            "constraints": [str(constraint) for constraint in self.goals.constraints],
            "choose": self.rule,
            "chosen": self.chosen,
            "front": self.front,
            "confirmed": confirmed_dict(self.confirmed),
            "solo": {m: confirmed_dict({0: list(seeds)})["0"] for m, seeds in self.solo.items()},
            "exports": [export.as_dict() for export in self.exports],
            "notes": list(self.notes),
            "verdict": list(self.verdict),
            "references": references_dict(self.references) if self.references else None,
            "costs": costs_dict(self.costs),
            "trials": [trial_dict(record) for record in self.records],
        }


def _costs(
    folder: Path, recipe: Recipe, result: SweepResult, study: StudyReader
) -> tuple[list[Cost], list[str]]:
    """What each part cost; and why that isn't known, if it can't be read."""
    try:
        return costs_of(folder, recipe, result, study), []
    except RunError as error:
        return [], [str(error)]
