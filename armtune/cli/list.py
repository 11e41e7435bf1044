"""``armtune list``: what a recipe can name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from armtune.cli._output import say

if TYPE_CHECKING:
    from armtune.plugins.options import Options
    from armtune.recipe.describe import Key


@dataclass(frozen=True)
class Item:
    """One name, what it is, and the options that go with it."""

    kind: str
    name: str
    summary: str
    options: list[Key] = field(default_factory=list)


def command(
    kinds: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KIND",
            help="These kinds only, such as encoders, metrics, recipes or spaces.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List what a recipe can name: plug-ins with their options, metrics, shipped search spaces.

    The shipped recipes as well: ``armtune sweep`` and the other verbs take them by these names.
    """
    everything = _items()
    known = list(dict.fromkeys(item.kind for item in everything))
    for kind in kinds or ():
        if kind not in known:
            raise typer.BadParameter(_unknown(kind, known))
    items = [item for item in everything if item.kind in (kinds or known)]
    if as_json:
        typer.echo(json.dumps([asdict(item) for item in items], indent=2))
        return
    say("\n".join(_lines(items)))


def _items() -> list[Item]:
    from armtune.metrics import metrics_of
    from armtune.plugins.registry import KINDS, plugins
    from armtune.recipe.describe import keys_of, summary
    from armtune.recipe.shipped import first_sentence, recipes_folder, shipped, spaces_folder
    from armtune.targets import kinds

    found = [
        Item(kind, name, f"{summary(plugin)}{_better(plugin)}", keys_of(plugin))
        for kind in KINDS
        for name, plugin in plugins(kind).items()
    ]
    measured = {m: kind for kind, target in kinds().items() for m in metrics_of(target)}
    everywhere = set.intersection(*(set(metrics_of(target)) for target in kinds().values()))
    found += [
        Item("metrics", m.name, f"{m.meaning} ({m.better}{'' if m in everywhere else f'; {kind}'})")
        for m, kind in measured.items()
    ]
    folders = {"recipes": recipes_folder(), "spaces": spaces_folder()}
    return found + [
        Item(kind, name, first_sentence(path))
        for kind, folder in folders.items()
        for name, path in shipped(folder).items()
    ]


def _better(plugin: type[Options]) -> str:
    """Whether more or less of a metric is better, where it says so."""
    better = getattr(plugin, "better", "")
    return f" ({better})" if better else ""


def _unknown(kind: str, kinds: Sequence[str]) -> str:
    from armtune.recipe.wording import did_you_mean

    return f"no kind is called {kind!r}; {did_you_mean(kind, kinds, 'there are')}"


def _lines(items: Iterable[Item]) -> Iterable[str]:
    before = None
    for item in items:
        if item.kind != before:
            yield item.kind
        before = item.kind
        yield f"  {item.name}: {item.summary}"
        for option in item.options:
            default = option.default or "needed"
            yield f"    {option.name} ({default}): {option.meaning}"
