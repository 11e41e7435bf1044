"""Whether encoders read their modalities' shapes: what only the data can tell, before a training.

Which encoders the trials of a sweep can have depends on its space: a modality is at fault where
none of them reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import cast

from armtune.encoders import Encoder
from armtune.errors import Fault, RecipeError
from armtune.plugins.registry import plugins
from armtune.recipe.augment_checks import misfits
from armtune.recipe.load import with_overrides
from armtune.recipe.ranges import Dimension
from armtune.recipe.schema import Recipe

Shape = tuple[int, ...]


def refuse_unread(
    recipe: Recipe, dimensions: Sequence[Dimension], shapes: Mapping[str, Shape]
) -> list[str]:
    """Refuses modalities that no trial's encoder can read, and augmentations that don't fit.

    Args:
        dimensions: what is searched; nothing where the recipe is trained as it is.
        shapes: of each modality's samples, without the sample axis.

    Returns:
        a sentence on each searched encoder that can't read its modality where another one can.

    Raises:
        RecipeError: holds a fault for each modality that none can read, or whose sound has another
            rate than its encoder reads, and for each augmentation.
    """
    faults, notes = [], []
    for modality in recipe.modalities:
        path = f"modalities.{modality}.encoder.name"
        problems = _problems(recipe, modality, dimensions, shapes[modality])
        said = [f"{path}: {p}; trials that draw it will fail" for p in problems.values() if p]
        if len(said) < len(problems):
            notes += said
        else:
            faults.append(Fault("; ".join(problems.values()), path, hint=_able(shapes[modality])))
    faults += [*_other_rates(recipe), *misfits(recipe, shapes)]
    if faults:
        raise RecipeError(faults)
    return notes


def _other_rates(recipe: Recipe) -> Iterator[Fault]:
    """Faults of sound whose rate is another one than its encoder reads."""
    given = getattr(recipe.data, "rate", None)
    if given is None or getattr(recipe.data, "sound", "") != "wave":
        return
    for modality, own in recipe.modalities.items():
        rate = own.encoder.sound_rate
        if rate and rate != given:
            said = f"the model of {modality} reads {rate} samples a second, not {given}"
            yield Fault(said, "data.rate", hint=f"data.rate: {rate}")


def _problems(
    recipe: Recipe, modality: str, dimensions: Sequence[Dimension], shape: Shape
) -> dict[str, str]:
    """Why an encoder can't read a modality, by its name, for all that trials can have.

    Empty where it can with some of the options that are searched: both ends, or every choice.
    """
    around = f"modalities.{modality}.encoder."
    inner = {d.path.removeprefix(around): d for d in dimensions if d.path.startswith(around)}
    found = {}
    for name in _names(recipe.modalities[modality].encoder.name, inner.pop("name", None)):
        changed = with_overrides(recipe, {f"{around}name": name})
        encoder = changed.modalities[modality].encoder
        ranges = {
            option: (getattr(encoder, option), *dimension.extremes)
            for option, dimension in inner.items()
            if option in type(encoder).model_fields
        }
        drawn = (dict(zip(ranges, values, strict=True)) for values in product(*ranges.values()))
        problems = (encoder.model_copy(update=options).misfit(shape) for options in drawn)
        first = next(problems)
        found[name] = first if all(problems) else ""
    return found


def _names(own: str, searched: Dimension | None) -> Sequence[str]:
    """Names of the encoders that trials can have."""
    if searched is None:
        return (own,)
    # Where its conditions don't hold, the recipe's own stays.
    return (*searched.choices, own) if searched.when else searched.choices


def _able(shape: Shape) -> str:
    """The encoders that read a shape, as they are by default."""
    known = {name: cast(Encoder, plugin()) for name, plugin in plugins("encoders").items()}
    able = [name for name, encoder in known.items() if not encoder.misfit(shape)]
    return f"these read it: {', '.join(able)}"
