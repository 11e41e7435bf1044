"""``armtune train``: one training of a recipe, without a search."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from armtune.cli._arguments import Overrides, RecipePath

if TYPE_CHECKING:
    from rich.console import Console

    from armtune.data import Dataset
    from armtune.recipe.schema import Recipe
    from armtune.training.folds import CrossValidation
    from armtune.training.loop import EpochMetrics, Run


def command(
    recipe: RecipePath,
    overrides: Overrides = None,
    to: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the model goes.", show_default="runs/<name>-train"),
    ] = None,
    test: Annotated[
        bool, typer.Option("--test", help="Also read the test split, at the best epoch.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the metrics as JSON.")] = False,
) -> None:
    """Train a recipe once and export the model of the best epoch, its curves for armtune board."""
    from armtune.bundle.target import check_target
    from armtune.cli._progress import progress_bars
    from armtune.cli._terminal import Terminal
    from armtune.datasets._load import load_dataset
    from armtune.export.write import write_bundle
    from armtune.recipe.automatic import is_open, resolved, told
    from armtune.recipe.data_notes import data_notes
    from armtune.recipe.load import load_recipe
    from armtune.recipe.space import placed
    from armtune.sweeps.study.folder import self_contained

    given = load_recipe(recipe, overrides or [])
    folder = to or Path("runs") / f"{given.name}-train"
    check_target(folder)
    console = Terminal.wide(stderr=as_json)
    with progress_bars(console) as progress:
        dataset = load_dataset(given, recipe.parent, progress)
    console.print(f"data: {dataset.description}", highlight=False)
    with placed(recipe, overrides or []):
        loaded = resolved(given, dataset, recipe.parent) if is_open(given) else given
        for said in told(given, loaded):
            console.print(said, highlight=False)
        for note in data_notes(loaded, (), dataset):
            console.print(note, style="yellow", highlight=False)
        with tempfile.TemporaryDirectory() as aside:
            curves = Path(aside) / "curves"
            run = _trained(loaded, dataset, console, curves)
            metrics = {"validation": run.best[0], **({"test": run.test()[0]} if test else {})}
            model = Path(aside) / "model.safetensors"
            run.save_model(model)
            whole = self_contained(loaded, recipe.parent)
            beside = list(curves.iterdir())
            write_bundle(
                folder, whole, model, dataset, run.scales, metrics,
                beside=beside, judge=(whole, model),
            )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(metrics, indent=2))
    for split, values in metrics.items():
        best = f" at epoch {run.best[0]['epoch']:.0f}" if split == "validation" else ""
        console.print(f"{split}{best}: {_line(values, run.target.score)}", highlight=False)
    console.print(f"model: {folder}", highlight=False)


def _trained(
    recipe: Recipe, dataset: Dataset, console: Console, curves: Path
) -> Run | CrossValidation:
    """Trains, and leaves each epoch's metrics in a folder, as TensorBoard reads them."""
    import torch

    from armtune.report.tensorboard import Curves
    from armtune.sweeps.engines.engine import means_here
    from armtune.training.loop import train
    from armtune.training.schedule import begin

    threads, device = means_here(recipe.sweep.resources)
    torch.set_num_threads(threads)
    run = begin([recipe], dataset, device)
    told = Curves(curves, run.target.score)

    def ended(epoch: int, metrics: Sequence[EpochMetrics]) -> None:
        told.epoch_ended(epoch, metrics[0])
        said = f"epoch {epoch}/{recipe.training.epochs}  {_line(metrics[0], run.target.score)}"
        console.print(said, highlight=False)

    train(run, ended)
    return run


def _line(metrics: EpochMetrics, score: str) -> str:
    shown = (score, "loss", f"weakest_{score}", "contribution_gap")
    return "  ".join(f"{name} {metrics[name]:.4f}" for name in shown)
