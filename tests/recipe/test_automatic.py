"""What recipes leave to their data: encoders by shape, composed spaces, enough updates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from armtune.datasets._load import load_dataset
from armtune.encoders.auto import encoder_for
from armtune.encoders.tabular import Tabular
from armtune.encoders.temporal_cnn import TemporalCnn
from armtune.errors import RecipeError
from armtune.recipe.automatic import SLOW, _for_encoder, is_open, told
from armtune.recipe.automatic_lengths import STEPS, few_steps, updates
from armtune.recipe.load import dump_recipe, load_recipe
from armtune.recipe.schema import Recipe
from armtune.recipe.shipped import spaces_folder
from armtune.recipe.space import Space, load_space, load_sweep, settled_by_data
from armtune.sweeps import sweep
from armtune.sweeps.study.first_values import start_values

Array = NDArray[Any]
RNG = np.random.default_rng(0)
VIEWS: dict[str, Array] = {
    "vector": RNG.normal(size=(60, 9)),
    "sequence": RNG.normal(size=(60, 12, 3)),
    "picture": RNG.normal(size=(60, 16, 16)),
    "words": np.where(
        np.arange(12) < RNG.integers(4, 13, (60, 1)), RNG.integers(1, 90, (60, 12)), 0
    ),
}


def write(folder: Path, views: Mapping[str, Array], **keys: Any) -> Path:
    np.savez(folder / "own.npz", **views, label=np.arange(60) % 3)
    recipe = {
        "name": "own",
        "data": {"name": "arrays", "path": "own.npz"},
        "modalities": {m: {} for m in views},
        **keys,
    }
    path = folder / "r.yaml"
    path.write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    return path


def settled(path: Path) -> tuple[Recipe, Recipe, Space]:
    given, space = load_sweep(path)
    dataset = load_dataset(given, path.parent)
    return given, *settled_by_data(given, space, dataset, path.parent)


@pytest.mark.parametrize(
    ("shape", "sequence", "name"),
    [
        ((40,), False, "mlp"),
        ((50, 6), False, "temporal_cnn"),
        ((28, 28), False, "lenet"),
        ((28, 30), True, "temporal_cnn"),
        ((3, 32, 32), False, "lenet"),
        ((3, 64, 64), False, "resnet18"),
        ((9, 30, 40), False, "temporal_cnn"),
        ((8, 3, 64, 64), False, "resnet18"),
        ((2, 2, 2, 2, 2), False, "mlp"),
    ],
)
def test_the_shape_chooses_the_encoder(shape: tuple[int, ...], sequence: bool, name: str) -> None:
    encoder = encoder_for(shape, sequence)
    assert encoder.name == name
    assert not encoder.misfit(shape)


def test_each_modality_gets_an_encoder_and_its_shipped_ranges(tmp_path: Path) -> None:
    given, recipe, space = settled(write(tmp_path, VIEWS))
    names = {m: modality.encoder.name for m, modality in recipe.modalities.items()}
    assert names == {
        "vector": "mlp",
        "sequence": "temporal_cnn",
        "picture": "lenet",
        "words": "embedding_bag",
    }
    assert recipe.modalities["words"].encoder.model_dump()["vocabulary"] == VIEWS["words"].max()
    paths = [d.path for d in space.dimensions]
    assert "modalities.sequence.encoder.center" in paths
    assert "modalities.vector.encoder.depth" in paths
    scales = [d for d in space.dimensions if d.path.endswith("lr_scale")]
    assert [(d.low, d.high) for d in scales] == [(0.01, 1.0)] * 4
    assert any("words.encoder: auto became embedding_bag" in said for said in told(given, recipe))


def test_shorter_trainings_are_tried_where_they_are_slow_and_longer_ones_of_vectors(
    tmp_path: Path,
) -> None:
    def lengths(views: Mapping[str, Array], **keys: Any) -> tuple[Any, ...]:
        _, recipe, space = settled(write(tmp_path, views, **keys))
        found = [d.choices for d in space.dimensions if d.path == "training.epochs"]
        assert not found or recipe.training.epochs in found[0]
        return found[0] if found else ()

    slow = {"a": VIEWS["vector"], "b": VIEWS["picture"]}
    quarter, half, whole = lengths(slow)
    assert (quarter, half) == (-(-whole // 4), -(-whole // 2))
    begun, longer = lengths({m: slow["a"] for m in "ab"})
    assert longer == 3 * begun
    assert lengths(slow, training={"epochs": 8}) == ()
    assert lengths({m: slow["a"] for m in "ab"}, training={"epochs": 8}) == ()
    own = {"training.epochs": {"choice": [2, 9]}}
    assert lengths(slow, sweep={"space": ["auto", own]}, training={"epochs": 9}) == (2, 9)


def test_vectors_begin_with_linear_models_and_late_fusion(tmp_path: Path) -> None:
    views = {"a": VIEWS["vector"], "b": RNG.normal(size=(60, 4))}
    _, recipe, space = settled(write(tmp_path, views))
    first = space.defaults(recipe)
    assert {d.path for d in space.dimensions if not d.when} <= set(first)
    assert first["balancing.name"] == "auxiliary"
    assert {"balancing.name": "arm"} in recipe.sweep.start_from
    assert {"modalities.b.lr_scale": SLOW} in recipe.sweep.start_from
    assert (first["fusion.name"], first["fusion.dim"]) == ("late", 0)
    assert first["modalities.a.encoder.depth"] == first["modalities.b.encoder.depth"] == 0
    methods = next(d for d in space.dimensions if d.path == "balancing.name").choices
    assert {"none", "arm"} < set(methods)


def test_what_a_recipe_names_is_not_searched(tmp_path: Path) -> None:
    views = {"a": VIEWS["vector"], "b": VIEWS["sequence"]}
    path = write(tmp_path, views, fusion={"name": "sum"}, balancing={"name": "arm"})
    content = yaml.safe_load(path.read_text())
    content["modalities"]["b"] = {"encoder": {"name": "gru", "width": 8}}
    content["training"] = {"epochs": 3, "batch_size": 20}
    path.write_text(yaml.safe_dump(content))
    _, recipe, space = settled(path)
    paths = {d.path for d in space.dimensions}
    assert recipe.modalities["b"].encoder.name == "gru"
    assert (recipe.training.epochs, recipe.training.batch_size) == (3, 20)
    assert (recipe.fusion.name, recipe.balancing.name) == ("sum", "arm")
    assert not {p for p in paths if p.startswith(("modalities.b.encoder", "fusion."))}
    assert "balancing.name" not in paths
    assert "balancing.gap_weight" in paths


def test_own_ranges_stand_beside_the_automatic_ones(tmp_path: Path) -> None:
    own = {"training.optimizer.lr": {"log": [1e-3, 2e-3]}}
    views = {"a": VIEWS["vector"], "b": VIEWS["vector"]}
    _, _, space = settled(write(tmp_path, views, sweep={"space": ["auto", own]}))
    [lr] = [d for d in space.dimensions if d.path == "training.optimizer.lr"]
    assert (lr.low, lr.high) == (1e-3, 2e-3)
    assert len(space.dimensions) > 5


def test_own_choices_narrow_what_the_automatic_ranges_are_about(tmp_path: Path) -> None:
    own = {
        "balancing.name": {"choice": ["none", "ogm_ge"]},
        "modalities.a.encoder.name": {"choice": ["mlp"]},
    }
    views = {"a": VIEWS["vector"], "b": VIEWS["vector"]}
    _, _, space = settled(write(tmp_path, views, sweep={"space": ["auto", own]}))
    found = {d.path: d for d in space.dimensions}
    assert found["balancing.name"].choices == ("none", "ogm_ge")
    assert {
        d.when["balancing.name"] for p, d in found.items() if p.startswith("balancing.") and d.when
    } == {("ogm_ge",)}
    assert "modalities.a.encoder.depth" in found
    assert "modalities.a.encoder.bandwidth" not in found
    assert "modalities.b.encoder.bandwidth" in found


def test_vectors_are_also_tried_through_a_kernel(tmp_path: Path) -> None:
    views = {"a": VIEWS["vector"], "b": RNG.normal(size=(60, 4)), "picture": VIEWS["picture"]}
    _, recipe, space = settled(write(tmp_path, views))
    found = {d.path: d for d in space.dimensions}
    assert found["modalities.b.encoder.name"].choices == ("mlp", "random_fourier")
    when = {"modalities.b.encoder.name": ("random_fourier",)}
    assert found["modalities.b.encoder.bandwidth"].when == when
    kernels = {f"modalities.{m}.encoder.name": "random_fourier" for m in "ab"}
    assert kernels in recipe.sweep.start_from
    assert "modalities.picture.encoder.name" not in found


def test_sequences_are_read_step_by_step_and_as_vectors(tmp_path: Path) -> None:
    short, long = (RNG.normal(size=(60, steps, 3)) for steps in (9, 40))
    path = write(tmp_path, {"a": short, "b": long}, sweep={"trials": 2})
    _, recipe, space = settled(path)
    first = space.defaults(recipe)
    assert first["modalities.a.encoder.name"] == "temporal_cnn"
    assert first["modalities.a.encoder.center"]
    assert (first["fusion.name"], first["fusion.dim"]) == ("late", 0)
    assert first["balancing.name"] == "auxiliary"
    linear, kernels, moved, *_ = start_values(recipe, space, tmp_path)
    third = len(load_dataset(recipe, tmp_path).train) // 3
    assert "modalities.a.encoder.components" not in linear
    for values, name in ((linear, "mlp"), (kernels, "random_fourier")):
        assert {values[f"modalities.{m}.encoder.name"] for m in "ab"} == {name}
        assert values["modalities.b.encoder.components"] == third
        assert values["training.epochs"] == recipe.training.epochs
        assert (values["fusion.dim"], values["balancing.name"]) == (0, "auxiliary")
    assert linear["modalities.b.encoder.depth"] == 0
    assert not moved["modalities.a.encoder.center"]
    found = {d.path: d.when for d in space.dimensions}
    name = "modalities.a.encoder.name"
    assert found["modalities.a.encoder.center"] == {name: ("temporal_cnn",)}
    assert found["modalities.a.encoder.width"] == {name: ("temporal_cnn", "mlp")}


def test_sequences_of_too_many_numbers_are_only_read_step_by_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = 44
    monkeypatch.setattr("armtune.recipe.automatic_sequences.MOST_WORK", 36 * trained**2)
    views = {"a": VIEWS["sequence"], "b": RNG.normal(size=(60, 13, 3))}
    path = write(tmp_path, views)
    _, recipe, space = settled(path)
    assert len(load_dataset(recipe, tmp_path).train) == trained
    names = {d.path for d in space.dimensions if d.path.endswith("encoder.name")}
    assert names == {"modalities.a.encoder.name"}
    assert recipe.modalities["b"].encoder == TemporalCnn()


def test_augmented_sequences_are_only_read_step_by_step(tmp_path: Path) -> None:
    augmented = {"a": {"augment": {"jitter": {}}}, "b": {}}
    views = {"a": VIEWS["sequence"], "b": VIEWS["sequence"]}
    _, _, space = settled(write(tmp_path, views, modalities=augmented))
    names = {d.path for d in space.dimensions if d.path.endswith("encoder.name")}
    assert names == {"modalities.b.encoder.name"}


def test_beside_images_sequences_begin_as_these_do(tmp_path: Path) -> None:
    views = {m: VIEWS[m] for m in ("sequence", "picture", "vector")}
    _, recipe, space = settled(write(tmp_path, views))
    assert (recipe.fusion.name, recipe.balancing.name) == ("concat", "none")
    linear = start_values(recipe, space, tmp_path)[0]
    assert linear["modalities.vector.encoder.depth"] == 0
    assert linear["modalities.sequence.encoder.name"] == "mlp"
    assert (linear["fusion.name"], linear["balancing.name"]) == ("late", "auxiliary")


@pytest.mark.parametrize("name", ["vector", "sequence"])
def test_a_fusion_of_ones_own_that_is_not_linear_can_be_searched(name: str, tmp_path: Path) -> None:
    own = {"fusion.name": {"choice": ["late", "gated"]}}
    views = {"a": VIEWS[name], "b": VIEWS[name]}
    _, recipe, space = settled(write(tmp_path, views, sweep={"space": ["auto", own]}))
    assert next(d for d in space.dimensions if d.path == "fusion.name").choices == ("late", "gated")
    assert recipe.fusion.name == "concat"


def test_texts_are_also_tried_with_linear_decisions(tmp_path: Path) -> None:
    views = {m: VIEWS[m] for m in ("words", "picture")}
    _, recipe, space = settled(write(tmp_path, {**views, "vector": VIEWS["vector"]}))
    first, linear = space.defaults(recipe), start_values(recipe, space, tmp_path)[0]
    assert (first["fusion.name"], first["balancing.name"]) == ("concat", "none")
    assert (linear["fusion.name"], linear["fusion.dim"]) == ("late", 0)
    assert (linear["balancing.name"], linear["training.optimizer.lr"]) == ("auxiliary", 5e-3)
    assert linear["modalities.vector.encoder.depth"] == 0
    assert linear["training.epochs"] == -(-recipe.training.epochs // 2)
    # The search begins with it.
    assert {"balancing.name": "none"} not in recipe.sweep.start_from


def test_an_encoder_that_is_none_of_those_searched_stays_and_keeps_its_ranges() -> None:
    shipped = yaml.safe_load((spaces_folder() / "vectors.yaml").read_text())
    found = dict(_for_encoder(shipped, Tabular(blocks=[3])))
    assert "modalities.*.encoder.name" not in found
    assert "modalities.*.encoder.bandwidth" not in found
    assert found["modalities.*.encoder.depth"] == {"int": [0, 2]}
    assert "modalities.*.lr_scale" in found


def test_one_modality_leaves_out_methods_that_do_not_serve(tmp_path: Path) -> None:
    path = write(tmp_path, {"a": VIEWS["vector"]})
    _, _, space = settled(path)
    assert not [d for d in space.dimensions if d.path.startswith("balancing")]


def test_columns_of_counts_are_no_words(tmp_path: Path) -> None:
    sizes = np.geomspace(20, 20_000, 12)
    views = {"counts": RNG.poisson(sizes, (60, 12)), "rare": RNG.integers(1, 10**6, (60, 12))}
    encoders = settled(write(tmp_path, {**VIEWS, **views}))[1].modalities
    assert encoders["words"].encoder.name == "embedding_bag"
    assert {encoders[m].encoder.name for m in views} == {"mlp"}


def test_wide_vectors_are_reduced_to_a_third_of_the_samples(tmp_path: Path) -> None:
    views = {"wide": RNG.normal(size=(60, 99)), "narrow": RNG.normal(size=(60, 9))}
    _, recipe, _ = settled(write(tmp_path, views))
    trained = len(load_dataset(recipe, tmp_path).train)
    found = {m: recipe.modalities[m].encoder.components for m in views}  # type: ignore[attr-defined]
    assert found == {"wide": trained // 3, "narrow": 0}


def test_an_automatic_sweep_judges_by_folds_and_exports_an_ensemble(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, VIEWS))
    near = "highest accuracy within one standard error, then lowest loss"
    assert (recipe.training.folds, recipe.sweep.ensemble, recipe.sweep.choose) == (
        "auto",
        "auto",
        near,
    )
    searched = load_recipe(write(tmp_path, VIEWS, sweep={"space": ["optimizer"]}))
    assert (searched.training.folds, searched.sweep.ensemble) == (1, "off")
    assert searched.sweep.choose == "highest accuracy"
    own = {"training": {"folds": 2}, "sweep": {"ensemble": 3, "objectives": ["minimize loss"]}}
    stated = load_recipe(write(tmp_path, VIEWS, **own))
    assert (stated.training.folds, stated.sweep.ensemble) == (2, 3)
    assert stated.sweep.choose == "lowest loss"
    together = load_recipe(write(tmp_path, VIEWS, sweep={"resources": {"workers": 2}}))
    assert together.training.folds == 1


def test_small_data_get_enough_updates(tmp_path: Path) -> None:
    path = write(tmp_path, {"a": VIEWS["vector"], "b": VIEWS["vector"]})
    given, recipe, _ = settled(path)
    dataset = load_dataset(given, tmp_path)
    per_epoch = updates(len(dataset.train), recipe.training.batch_size)
    assert STEPS <= per_epoch * recipe.training.epochs < STEPS + per_epoch
    assert few_steps(recipe, dataset) == []
    short = load_recipe(path, ["training.epochs=3"])
    assert "fewer than some 500" in few_steps(short, dataset)[0]


def test_steps_raise_the_epochs_only_where_these_are_left_out(tmp_path: Path) -> None:
    views = {"a": VIEWS["vector"]}
    path = write(tmp_path, views, sweep={"space": []}, training={"steps": 40, "batch_size": 10})
    _, recipe, _ = settled(path)
    assert recipe.training.epochs == 15  # 4 updates each are enough
    path = write(tmp_path, views, sweep={"space": []}, training={"steps": 400, "batch_size": 10})
    assert settled(path)[1].training.epochs == 100


def test_a_settled_recipe_leaves_nothing_open(tmp_path: Path) -> None:
    path = write(tmp_path, {"a": VIEWS["vector"], "b": VIEWS["sequence"]})
    _, recipe, space = settled(path)
    path.write_text(dump_recipe(recipe), encoding="utf-8")
    again, same = load_sweep(path)
    assert not is_open(again)
    assert (again, same) == (recipe, space)


def test_shipped_spaces_have_bare_names(tmp_path: Path) -> None:
    keys = {"sweep": {"space": ["optimizer", "arm"]}, "balancing": {"name": "arm"}}
    path = write(tmp_path, {"a": VIEWS["vector"], "b": VIEWS["vector"]}, **keys)
    paths = {d.path for d in load_space(load_recipe(path), Path("/nowhere")).dimensions}
    assert {"training.optimizer.lr", "balancing.tau"} <= paths
    assert spaces_folder().is_dir()
    with pytest.raises(RecipeError, match=r"did you mean 'optimizer\.yaml'"):
        load_sweep(path, ["sweep.space=[optimiser]"])


def test_a_sweep_keeps_what_became_of_auto(tmp_path: Path) -> None:
    changes = {"sweep": {"trials": 2, "confirm": None}, "training": {"epochs": 1}}
    path = write(tmp_path, {"a": VIEWS["vector"], "b": VIEWS["sequence"]}, **changes)
    recipe = load_recipe(path)
    sweep(recipe, tmp_path / "run", tmp_path, inline=True)
    kept = load_recipe(tmp_path / "run" / "recipe.yaml")
    assert {m: v.encoder.name for m, v in kept.modalities.items()} == {
        "a": "mlp",
        "b": "temporal_cnn",
    }
    assert "balancing.name" in kept.sweep.space[0]
    assert kept.sweep.pruner.name == "pareto_asha"
    sweep(recipe, tmp_path / "run", tmp_path, inline=True, resume=True)


def test_a_dozen_samples_are_a_batch(tmp_path: Path) -> None:
    path = write(tmp_path, {"vector": VIEWS["vector"][:12]}, sweep={"space": "auto"})
    np.savez(tmp_path / "own.npz", vector=VIEWS["vector"][:12], label=np.arange(12) % 2)
    _, recipe, _ = settled(path)
    assert recipe.training.batch_size == 16
