"""Whether augmentations fit what they are to change: what only the data can tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from armtune.augmentations import Augmentation
from armtune.data.standardize import Bins
from armtune.encoders import Encoder
from armtune.errors import Fault, RecipeError
from armtune.plugins.registry import plugins
from armtune.recipe.schema import Recipe

Shape = tuple[int, ...]


def refuse_misfits(recipe: Recipe, shapes: Mapping[str, Shape]) -> None:
    """Refuses augmentations that can't change their modality's samples.

    Args:
        shapes: of each modality's samples, without the sample axis.

    Raises:
        RecipeError: holds a fault for each of them.
    """
    if faults := list(misfits(recipe, shapes)):
        raise RecipeError(faults)


def misfits(recipe: Recipe, shapes: Mapping[str, Shape]) -> Iterator[Fault]:
    """A fault for each augmentation that can't change its modality's samples."""
    for name, modality in recipe.modalities.items():
        for key, augmentation in modality.augment.items():
            said = _problem(augmentation, modality.encoder, shapes[name])
            if said:
                hint = _able(modality.encoder, shapes[name])
                yield Fault(said, f"modalities.{name}.augment.{key}", hint=hint)


def _problem(augmentation: Augmentation, encoder: Encoder, shape: Shape) -> str:
    """Why samples of a shape can't be changed before an encoder reads them; empty if they can."""
    name, scaling = augmentation.name, encoder.scaling
    if augmentation.tokens and not encoder.reads_tokens:
        return f"{name} changes token numbers, and {encoder.name} reads none here"
    if encoder.reads_tokens and not augmentation.tokens:
        return f"{name} doesn't change token numbers, which {encoder.name} reads"
    if isinstance(scaling, Bins):
        return f"{name} can't change the bins that {encoder.name} reads"
    if isinstance(scaling, int) and not augmentation.standardized:
        return f"{name} can't change the principal components that {encoder.name} reads"
    return augmentation.misfit((scaling,) if isinstance(scaling, int) else shape)


def _able(encoder: Encoder, shape: Shape) -> str:
    """The augmentations that can change samples of a shape, as they are by default."""
    found = []
    for name, plugin in plugins("augmentations").items():
        augmentation = plugin()
        assert isinstance(augmentation, Augmentation), "what the kind holds"
        if not _problem(augmentation, encoder, shape):
            found.append(name)
    return f"these change it: {', '.join(found)}" if found else ""
