"""What a recipe leaves to its data: encoders, the search space, and where the search begins.

What the recipe states stays as it is stated: an encoder, a fusion or a balancing method that it
names is not searched for, and numbers that it gives are where the search begins.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from armtune.balancing import Balancing
from armtune.data import Dataset
from armtune.encoders import Encoder
from armtune.encoders.auto import Auto
from armtune.encoders.mlp import Mlp
from armtune.encoders.tabular import Tabular
from armtune.encoders.temporal_cnn import TemporalCnn
from armtune.plugins.registry import plugins
from armtune.recipe.automatic_encoders import chosen_encoder
from armtune.recipe.automatic_lengths import EPOCHS, lengths, lengths_tried, unsaid_epochs
from armtune.recipe.automatic_sequences import ENCODER, OPTIONS, as_vectors, either_way
from armtune.recipe.automatic_vectors import binned, of_columns, without_wide_bins
from armtune.recipe.document import Document, read_document
from armtune.recipe.entries import for_modalities, read_entries
from armtune.recipe.load import content_of, with_overrides
from armtune.recipe.overrides import UnknownPathError
from armtune.recipe.ranges import Dimension, Range, listed, merged
from armtune.recipe.schema import AUTO, Recipe
from armtune.recipe.shipped import spaces_folder
from armtune.recipe.start_checks import METHOD, unmade

METHODS = ("none", "arm", "auxiliary", "modality_dropout", "lfm")
"""The balancing methods that the automatic space tries."""
UNIMODAL = "auxiliary"
"""The method that linear models begin with: each then also learns by itself."""
SLOW = 0.03
"""What the learning rate of one encoder is multiplied by, to see whether it overfits."""
KINDS: dict[str, tuple[str, ...]] = {
    "vectors": ("mlp", "frozen_features", "tabular", "ft_transformer"),
    "images": ("lenet", "resnet18", "resnet34"),
    "text": ("embedding_bag", "bag_of_words", "huggingface", "static_embeddings"),
    "sequences": ("temporal_cnn", "gru", "transformer"),
}
"""The shipped spaces for what samples are, and the encoders that read such samples."""
APART: dict[str, dict[str, Any]] = {
    "fusion": {"name": "late", "dim": 0},
    "training.optimizer": {"name": "adamw", "lr": 5e-3, "weight_decay": 0.1},
}
"""What linear encoders and kernels go with: each modality decides by itself."""
CENTERED = TemporalCnn(center=True)
"""The network that sequences begin with where they are read as vectors, too: these keep the means
over time that it takes off."""
KERNEL = "random_fourier"
"""The encoder that the search tries beside perceptrons."""


def is_open(recipe: Recipe) -> bool:
    """Whether something of a recipe can't be told without its data."""
    encoders = (modality.encoder for modality in recipe.modalities.values())
    lengths = bool(recipe.training.steps) and unsaid_epochs(recipe)
    return _searches_auto(recipe) or lengths or any(isinstance(e, Auto) for e in encoders)


def resolved(recipe: Recipe, dataset: Dataset, folder: Path) -> Recipe:
    """The recipe with all that was left to the data written out.

    Args:
        folder: the recipe's folder, from which its spaces' files are taken.

    Raises:
        RecipeError: it states what doesn't go with what was left to the data.
    """
    automatic = _searches_auto(recipe)
    encoders = {
        m: chosen_encoder(m, dataset)
        for m, modality in recipe.modalities.items()
        if isinstance(modality.encoder, Auto)
    }
    values: dict[str, Any] = dict(lengths(recipe, len(dataset.train), automatic))
    vectors = as_vectors(_unchanged(encoders, recipe), dataset) if automatic else {}
    if automatic:
        encoders = {**_as_first(encoders, recipe), **{m: CENTERED for m in vectors}}
        values |= _beginning(recipe, encoders, folder)
    for modality, encoder in encoders.items():
        values[f"modalities.{modality}.encoder"] = encoder.model_dump(mode="json")
    if not automatic:
        return with_overrides(recipe, values)
    changed = with_overrides(recipe, {**values, "sweep.space": []})
    space = without_wide_bins(_space(recipe, changed, encoders, vectors, folder), encoders, dataset)
    kinds = {_kind(own.encoder) for own in changed.modalities.values()}
    space |= lengths_tried(recipe, changed, kinds, dataset)
    others = [item for item in recipe.sweep.space if item != AUTO]
    simple = _simple(changed, space) if vectors or _has_text(encoders.values()) else {}
    next_to_try = [] if _plans_itself(recipe) else list(_next_to_try(changed, space, simple))
    started = [*recipe.sweep.start_from, *next_to_try]
    return with_overrides(changed, {"sweep.space": [space, *others], "sweep.start_from": started})


def told(recipe: Recipe, changed: Recipe) -> list[str]:
    """What was chosen for a recipe by its data, in sentences."""
    said = [
        f"modalities.{m}.encoder: auto became {changed.modalities[m].encoder.name}"
        for m, modality in recipe.modalities.items()
        if isinstance(modality.encoder, Auto)
    ]
    if _searches_auto(recipe):
        first = changed.training
        said.append(
            f"sweep.space: auto begins with fusion {changed.fusion.name}, {first.epochs} epochs "
            f"of batches of {first.batch_size}"
        )
    return said


def _searches_auto(recipe: Recipe) -> bool:
    return AUTO in recipe.sweep.space


def _unchanged(encoders: Mapping[str, Encoder], recipe: Recipe) -> dict[str, Encoder]:
    """Those of modalities without augmentations, few of which could change components."""
    return {m: encoder for m, encoder in encoders.items() if not recipe.modalities[m].augment}


def _as_first(encoders: Mapping[str, Encoder], recipe: Recipe) -> dict[str, Encoder]:
    """The encoders that the search begins with: linear ones where all samples are vectors."""
    if len(encoders) < len(recipe.modalities):
        return dict(encoders)
    if not all(isinstance(encoder, Mlp) for encoder in encoders.values()):
        return dict(encoders)
    return {m: encoder.model_copy(update={"depth": 0}) for m, encoder in encoders.items()}


def _beginning(recipe: Recipe, encoders: Mapping[str, Encoder], folder: Path) -> dict[str, Any]:
    """Values that the search begins with, of what the recipe leaves out."""
    values: dict[str, Any] = {}
    if len(encoders) == len(recipe.modalities) and _begin_apart([*encoders.values()]):
        given = {
            *recipe.model_fields_set,
            *map("training.{}".format, recipe.training.model_fields_set),
            *(["fusion"] if _own_fusions(recipe, folder) - _fusions() else []),
        }
        own = {"balancing": {"name": UNIMODAL}} if _serves(UNIMODAL, recipe) else {}
        values = {path: value for path, value in {**APART, **own}.items() if path not in given}
    if "pruner" not in recipe.sweep.model_fields_set:
        values["sweep.pruner"] = {"name": "pareto_asha"}
    return values


def _own_fusions(recipe: Recipe, folder: Path) -> set[str]:
    """The fusions that a recipe's own range chooses from, if it has one."""
    own = dict(_own_ranges(recipe, recipe, folder)).get("fusion.name")
    return set(own.choices) if own else set()


def _fusions() -> set[str]:
    """Those that can decide linearly, with which vectors begin."""
    return set(_shipped("vectors")["fusion.name"]["choice"])


def _begin_apart(encoders: Collection[Encoder]) -> bool:
    """Whether all are linear, or sequences are read as vectors, too, and there are no images."""
    if any(_kind(encoder) == "images" for encoder in encoders):
        return False
    return CENTERED in encoders or all(isinstance(e, Mlp) and not e.depth for e in encoders)


def _space(
    recipe: Recipe,
    changed: Recipe,
    encoders: Mapping[str, Encoder],
    vectors: Mapping[str, Mlp],
    folder: Path,
) -> Range:
    """The ranges that the shipped spaces have for what the recipe leaves open.

    Args:
        changed: the recipe as its data made it, without a space.
        encoders: those that were chosen.
        vectors: what reads sequences as vectors.
    """
    # Linear decisions, with which vectors begin, are none that a gate could weigh.
    meeting = {p: r for p, r in _shipped("vectors").items() if p.startswith("fusion.")}
    ranges: Range = meeting if vectors else {}
    for modality in recipe.modalities:
        shipped = _shipped(_kind(changed.modalities[modality].encoder))
        if modality in vectors:
            shipped = either_way(shipped, _shipped("vectors"), vectors[modality])
        elif isinstance(encoders.get(modality), Tabular):
            shipped = of_columns(shipped)
        for path, written in _for_encoder(shipped, encoders.get(modality)):
            ranges.setdefault(path.replace("*", modality), _renamed(written, modality))
    kept = {path: r for path, r in ranges.items() if not _stated(path, recipe)}
    own = dict(_own_ranges(recipe, changed, folder))
    kept |= _balancing(recipe, changed, own.get(METHOD))
    known = {path: dimension.choices for path, dimension in own.items() if dimension.choices}
    narrowed = {p: _narrowed(r, known) for p, r in kept.items() if p not in own}
    return {p: r for p, r in narrowed.items() if all(r.get("when", {"": True}).values())}


def _for_encoder(shipped: Range, encoder: Encoder | None) -> Iterator[tuple[str, Range]]:
    """A shipped space's ranges as they serve an encoder.

    Without those of encoders' options where none was chosen. An encoder that isn't among those
    that the space chooses from stays, with the ranges of the options that it has.
    """
    of_encoders = {path: r for path, r in shipped.items() if path.startswith(OPTIONS)}
    yield from ((path, r) for path, r in shipped.items() if path not in of_encoders)
    names = of_encoders.get(ENCODER, {}).get("choice", ())
    if encoder is not None and (not names or encoder.name in names):
        yield from of_encoders.items()
    elif encoder is not None:
        own = [f"{OPTIONS}{option}" for option in type(encoder).model_fields if option != "name"]
        for path in [path for path in own if path in of_encoders]:
            yield path, {key: v for key, v in of_encoders[path].items() if key != "when"}


def _renamed(written: Range, modality: str) -> Range:
    """A range whose condition is about this modality where it is about any."""
    if "when" not in written:
        return written
    when = {path.replace("*", modality): value for path, value in written["when"].items()}
    return {**written, "when": when}


def _plans_itself(recipe: Recipe) -> bool:
    """Whether it is settled already what a sweep tries after the recipe's own values."""
    sweep = recipe.sweep
    return bool(sweep.start_from) or sweep.sampler.name == "grid" or sweep.pruner.population


def _simple(changed: Recipe, space: Range) -> Range:
    """What else is tried with samples that aren't vectors: what these begin with.

    Args:
        changed: the recipe as its data made it.
    """
    apart = {f"{path}.{key}": v for path, own in APART.items() for key, v in own.items()}
    values = {path: value for path, value in apart.items() if path in space}
    if UNIMODAL in space.get(METHOD, {}).get("choice", ()):
        values[METHOD] = UNIMODAL
    slow = any(_kind(own.encoder) == "images" for own in changed.modalities.values())
    if EPOCHS in space:
        values[EPOCHS] = space[EPOCHS]["choice"][1 if slow else -1]
    return values


def _has_text(encoders: Collection[Encoder]) -> bool:
    """Whether some samples are texts: words have much to tell linear models."""
    return any(_kind(encoder) == "text" for encoder in encoders)


def _next_to_try(changed: Recipe, space: Range, simple: Range) -> Iterator[dict[str, Any]]:
    """Settings that are worth a trial whatever the data: few trials then reach each of them.

    Args:
        changed: the recipe as its data made it.
        simple: what is tried with texts, and with sequences read as vectors; else nothing.
    """
    names = [path for path in space if path.endswith(".encoder.name")]
    if simple:
        linear = {path: 0 for path in space if path.endswith(".encoder.depth")}
        yield {**simple, **dict.fromkeys(names, Mlp().name), **linear}
    yield from binned(space)
    if names:
        yield {**simple, **dict.fromkeys(names, KERNEL)}
    networks = {f"modalities.{m}.encoder": own.encoder for m, own in changed.modalities.items()}
    otherwise = {
        f"{path}.center": not encoder.center
        for path, encoder in networks.items()
        if isinstance(encoder, TemporalCnn) and f"{path}.center" in space
    }
    if otherwise:
        yield otherwise
    for method in space.get(METHOD, {}).get("choice", ()):
        if method in {"none", "arm", "lfm"} - {changed.balancing.name}:
            yield {METHOD: method}
    if len(changed.modalities) > 1:
        for path in (path for path in space if path.endswith(".lr_scale")):
            yield {path: SLOW}


def _kind(encoder: Encoder) -> str:
    """The shipped space for what an encoder reads."""
    return next((kind for kind, names in KINDS.items() if encoder.name in names), "sequences")


def _shipped(name: str) -> Range:
    content: Range = read_document(spaces_folder() / f"{name}.yaml").content
    return content


def _stated(path: str, recipe: Recipe) -> bool:
    """Whether a range is about a plug-in that the recipe itself names."""
    if path.startswith("fusion."):
        return "fusion" in recipe.model_fields_set
    own_optimizer = recipe.training.optimizer.name != "adamw"
    return path.startswith("training.optimizer.") and own_optimizer


def _balancing(recipe: Recipe, changed: Recipe, own: Dimension | None) -> Range:
    """The choice among balancing methods that serve this recipe, and the ranges of each.

    Args:
        own: the recipe's own choice among them, if it has one.
    """
    methods = [recipe.balancing.name]
    if own is not None:
        methods = [str(choice) for choice in own.choices]
    elif "balancing" not in recipe.model_fields_set:
        methods = [m for m in METHODS if _serves(m, changed)]
    ranges: Range = {METHOD: {"choice": methods}} if len(methods) > 1 else {}
    for method in methods:
        if (spaces_folder() / f"{method}.yaml").is_file():
            for path, written in _shipped(method).items():
                ranges[path] = merged(ranges.get(path), written, METHOD)
    return ranges


def _narrowed(written: Range, known: Mapping[str, Sequence[Any]]) -> Range:
    """A range whose conditions name but what can be drawn; nothing where none can hold.

    Args:
        known: the choices of the recipe's own ranges, by path.
    """
    when = {
        path: [v for v in listed(values) if v in known[path]] if path in known else values
        for path, values in written.get("when", {}).items()
    }
    return {**written, "when": when} if when else written


def _serves(method: str, recipe: Recipe) -> bool:
    balancing = plugins("balancing")[method]()
    assert isinstance(balancing, Balancing), "a balancing method"
    misfit = balancing.misfit(list(recipe.modalities), recipe.data.predicts)
    return not misfit and not any(unmade(recipe, method))


def _own_ranges(recipe: Recipe, changed: Recipe, folder: Path) -> Iterator[tuple[str, Dimension]]:
    """The ranges that the recipe has of its own beside the automatic ones, by path."""
    content: Any = content_of(changed)
    items: Sequence[Any] = recipe.sweep.space
    for entry in read_entries(items, Document(content), folder).good:
        try:
            yield from ((own.path, own.dimension) for own in for_modalities(entry, content))
        except UnknownPathError:  # told when the space is checked
            continue
