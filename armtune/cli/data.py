"""``armtune data``: what a recipe's data set holds, and what the cache keeps."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from armtune.cli._arguments import AsJson, Overrides, RecipePath
from armtune.cli._output import say

if TYPE_CHECKING:
    from armtune.data.overview import Overview, View
    from armtune.recipe.schema import Recipe
    from armtune.recipe.space import Space


def check(recipe: RecipePath, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Read a recipe's data, and say what is there: samples, labels, shapes, bad values.

    Downloads and builds what the recipe needs; data that are missing or damaged are an error, and
    so are encoders that can't read their modality.
    """
    from armtune.errors import DataError
    from armtune.recipe.space import load_sweep, placed

    loaded, space = load_sweep(recipe, overrides or [])
    try:
        with placed(recipe, overrides or []):
            found, notes = _read(loaded, space, recipe)
    except DataError as error:
        if not as_json:
            raise
        typer.echo(json.dumps({"fine": False, "error": str(error)}, indent=2))
        raise typer.Exit(1) from None
    if as_json:
        told = {"fine": True, "error": None, **asdict(found), "notes": notes}
        typer.echo(json.dumps(told, indent=2, allow_nan=False))
        return
    say("\n".join([*_lines(found), *(f"note: {note}" for note in notes)]))


def cache(
    remove: Annotated[
        float | None,
        typer.Option(
            metavar="DAYS",
            min=0,
            help="Remove what wasn't used for so many days; 0 removes all.",
            show_default="nothing is removed",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List what the cache keeps, with sizes and the days since it was used; remove what is old.

    What is removed is built, or downloaded, again when it is wanted again. Nothing but what armtune
    made there is ever touched.
    """
    from armtune.data import cache_usage
    from armtune.data.cache import cache_root

    found, others = cache_usage.kept()
    gone = [each for each in found if remove is not None and each.days >= remove]
    for each in gone:
        cache_usage.remove(each)
    if as_json:
        rows = [
            {"name": e.path.name, "bytes": e.size, "days": e.days, "removed": e in gone}
            for e in found
        ]
        told = {"folder": str(cache_root()), "kept": rows, "others": others}
        typer.echo(json.dumps(told, indent=2))
        return
    for each in found:
        end = ", removed" if each in gone else ""
        say(f"{each.size / 1e6:10.1f} MB  {each.days:6.1f} days  {each.path.name}{end}")
    say(f"{sum(e.size for e in found if e not in gone) / 1e6:10.1f} MB in {cache_root()}")
    if others:
        some = ", ".join(others[:3]) + (", …" if len(others) > 3 else "")
        say(f"not armtune's, and left alone: {len(others)} others there ({some})")


commands = {"check": check, "cache": cache}
"""The verbs of this group, by name."""


def _read(recipe: Recipe, space: Space, path: Path) -> tuple[Overview, list[str]]:
    """The data, and what they make of the recipe."""
    from armtune.cli._progress import progress_bars
    from armtune.cli._terminal import Terminal
    from armtune.data.overview import overview
    from armtune.datasets._load import load_dataset
    from armtune.recipe.automatic import told
    from armtune.recipe.automatic_lengths import few_steps
    from armtune.recipe.shape_checks import refuse_unread
    from armtune.recipe.space import settled_by_data

    with progress_bars(Terminal(stderr=True)) as progress:
        dataset = load_dataset(recipe, path.parent, progress)
    settled, space = settled_by_data(recipe, space, dataset, path.parent)
    refuse_unread(settled, space.dimensions, dataset.shapes)
    return overview(dataset), [*told(recipe, settled), *few_steps(settled, dataset)]


def _lines(found: Overview) -> Iterator[str]:
    yield f"data: {found.description}"
    yield f"stand-in: {'yes' if found.stand_in else 'no'}"
    for split, count in found.samples.items():
        yield f"{split}: {count} samples{_spread(found, split)}"
    yield f"{found.heading} ({', '.join(found.labels)}):"
    cells = {n: [f"{own[n]:.6g}" for own in found.labels.values()] for n in found.labels["train"]}
    width, longest = max(map(len, cells)), max(len(cell) for row in cells.values() for cell in row)
    wide = max(8, longest + 2)
    for name, row in cells.items():
        yield f"  {name:{width}}{''.join(f'{cell:>{wide}}' for cell in row)}"
    for name, view in found.modalities.items():
        yield f"{name}: {_described(view)}"
    yield from map(_column, found.columns)
    for doubt in found.doubts:
        yield f"note: {doubt}"


def _column(guess: Mapping[str, Any]) -> str:
    """What a column was taken for, why, and some of its cells."""
    examples = ", ".join(map(repr, guess["examples"]))
    missing = f"; {guess['missing']} missing" if guess["missing"] else ""
    told = f"{guess['type']} ({guess['reason']}){missing}"
    return f"  {guess['modality']}: {guess['name']!r}: {told}; such as {examples or 'nothing'}"


def _spread(found: Overview, split: str) -> str:
    """How many classes or labels a split has, and how imbalanced they are."""
    if split not in found.imbalance:
        return ""
    there = sum(count > 0 for count in found.labels[split].values())
    ratio = found.imbalance[split]
    return f", {there} {found.target}, the largest {ratio:.3g} times the smallest"


def _described(view: View) -> str:
    shape = " × ".join(map(str, view.shape))
    constant = f"{view.constant} of {view.features} features constant in training"
    words = f"{shape}; {constant}; {view.not_finite or 'no'} values not finite"
    lacking = [f"{count} of {split}" for split, count in view.absent.items() if count]
    return words + (f"; absent in {', '.join(lacking)}" if lacking else "")
