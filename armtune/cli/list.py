"""``armtune list``: what a recipe can name."""

from __future__ import annotations

import json
import pydoc
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from shutil import get_terminal_size
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

import typer

from armtune.cli._completion import listed_names
from armtune.cli._output import say
from armtune.text.escapes import for_terminal

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
            metavar="KIND|NAME",
            help="Kinds such as encoders, metrics, recipes or spaces, or single names such as arm, "
            "with all that is known of them.",
            autocompletion=listed_names,
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List what a recipe can name: plug-ins with their options, metrics, shipped search spaces.

    The shipped recipes as well: ``armtune sweep`` and the other verbs take them by these names.
    Without a kind or a name it lists the names alone; what is longer than the terminal is paged.
    """
    everything, wanted = _items(), kinds or ()
    known, words = _kinds(everything), known_words()
    for one in wanted:
        if one not in words:
            raise typer.BadParameter(_unknown(one, words))
    items = [i for i in everything if not wanted or i.kind in wanted or i.name in wanted]
    if as_json:
        typer.echo(json.dumps([asdict(item) for item in items], indent=2))
        return
    _show("\n".join(_lines(items) if wanted else _headlines(items, known)))


def known_words() -> list[str]:
    """The kinds and names that there are."""
    items = _items()
    return list(dict.fromkeys([*_kinds(items), *(item.name for item in items)]))


def _kinds(items: Sequence[Item]) -> list[str]:
    return list(dict.fromkeys(item.kind for item in items))


def _show(text: str) -> None:
    """Prints text; in a terminal that it doesn't fit into, by ``$PAGER``."""
    if sys.stdout.isatty() and text.count("\n") + 1 >= get_terminal_size().lines:
        pydoc.pager(for_terminal(text) + "\n")
    else:
        say(text)


def _headlines(items: Sequence[Item], kinds: Sequence[str]) -> Iterable[str]:
    """The names of each kind."""
    width = max(40, min(100, get_terminal_size().columns))
    for kind in kinds:
        # Some metrics go by one name with several kinds of target.
        names = ", ".join(dict.fromkeys(item.name for item in items if item.kind == kind))
        yield from wrap(f"{kind}: {names}", width, subsequent_indent="  ", break_on_hyphens=False)
    yield f"More on each: armtune list {kinds[0]}, or a name such as arm."


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

    return f"no kind or name is called {kind!r}; {did_you_mean(kind, kinds, 'there are')}"


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
