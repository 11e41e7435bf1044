"""What of a recipe's encoders learns nothing, and what reads its features."""

from __future__ import annotations

from armtune.encoders import Encoder, Frozen
from armtune.recipe.schema import Recipe


def frozen_parts(recipe: Recipe) -> dict[str, Frozen]:
    """First parts of encoders whose features are computed once for a data set, by modality.

    Of samples that are augmented features differ from step to step: those aren't taken apart.

    Raises:
        DataError: the files that one is made from aren't there.
    """
    same = {m: own.encoder for m, own in recipe.modalities.items() if not own.augment}
    found = {m: encoder.frozen() for m, encoder in same.items()}
    return {m: part for m, part in found.items() if part is not None}


def learnt_encoders(recipe: Recipe) -> dict[str, Encoder]:
    """The encoders that a network is built of: of samples, or of what frozen parts give."""
    parts = frozen_parts(recipe)
    return {
        m: parts[m].then if m in parts else modality.encoder
        for m, modality in recipe.modalities.items()
    }
