"""Modules of torch as encoders: in packs, folds, checkpoints and bundles; and their errors."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from armtune.bundle.formats.onnx import LIBRARIES
from armtune.bundle.predictor import Predictor
from armtune.data.folding import folded
from armtune.encoders import Encoder
from armtune.encoders.module import ModuleEncoder
from armtune.errors import RecipeError, RunError
from armtune.export.write import write_bundle
from armtune.nn.wrapped import running_buffers
from armtune.recipe.schema import Recipe
from armtune.testing import Check, checks, plugins_of
from armtune.training.data_parallel import share_encoders
from armtune.training.loop import Run, train
from tests.conftest import toy_dataset, toy_recipe
from tests.encoders.packs import learn_alike_packed_and_alone

FILE = Path(__file__).with_name("module_plugins.py")
PLUGINS = plugins_of(FILE, "encoders")
SHAPES: dict[str, tuple[int, ...]] = {"image": (2, 6, 6), "audio": (5,)}
FORMATS = ["torch", *(["onnx"] if all(map(find_spec, LIBRARIES)) else [])]


def encoder(name: str, **options: Any) -> Encoder:
    made = PLUGINS[name].model_validate(options)
    assert isinstance(made, Encoder)
    return made


def recipe(name: str = "small_module", seed: int = 1, **options: Any) -> Recipe:
    training = {"epochs": 3, "batch_size": 32}
    content = toy_recipe(SHAPES, seed=seed, **training).model_dump()
    content["modalities"]["image"]["encoder"] = {"name": name, **options}
    content["plugins"] = [str(FILE)]
    return Recipe.model_validate(content)


@pytest.mark.parametrize("options", [{}, {"tuning": "frozen"}, {"width": 3}], ids=str)
@pytest.mark.parametrize("name", ["small_module", "plain_module"])
@pytest.mark.parametrize("check", checks("encoders"), ids=lambda check: check.__name__)
def test_contract(check: Check, name: str, options: dict[str, Any]) -> None:
    check(encoder(name, **options))


@pytest.mark.parametrize("options", [{}, {"tuning": "frozen", "width": 4}], ids=str)
def test_members_of_a_pack_learn_what_each_learns_alone(options: dict[str, Any]) -> None:
    pair, data = [recipe(seed=seed, **options) for seed in (1, 2)], toy_dataset(SHAPES)
    learn_alike_packed_and_alone(pair, data, accuracy=0.6)


def test_a_training_that_is_taken_up_again_ends_as_if_never_stopped(tmp_path: Path) -> None:
    data = toy_dataset(SHAPES)
    whole = Run([recipe()], data, dtype=torch.float64)
    train(whole, lambda *_: None)
    begun = Run([recipe()], data, dtype=torch.float64)
    begun.advance()
    begun.train_steps(pause=lambda: begun.step == 3)
    begun.save(tmp_path / "checkpoint")
    again = Run([recipe()], data, dtype=torch.float64)
    again.restore(tmp_path / "checkpoint")
    assert again.resume([tmp_path / "checkpoint"])
    train(again, lambda *_: None)
    assert again.best == whole.best
    assert torch.equal(again.flat.values, whole.flat.values)
    pairs = zip(*(running_buffers(run.network).items() for run in (again, whole)), strict=True)
    assert all(torch.equal(one, other) for (_, one), (_, other) in pairs)


def test_the_best_epoch_has_its_own_running_averages() -> None:
    run = Run([recipe()], toy_dataset(SHAPES))
    train(run, lambda *_: None)
    assert run.best[0]["epoch"] == 3
    run.kept.metrics[0]["epoch"] = 1.0  # as if later epochs had been worse
    known = {name: t.clone() for name, t in running_buffers(run.network).items()}
    for name in known:
        run.kept.state[name].add_(1)
    with run.at_best() as network:
        for name, tensor in running_buffers(network).items():
            assert torch.equal(tensor, known[name] + 1)
    for name, tensor in running_buffers(run.network).items():
        assert torch.equal(tensor, known[name])


def test_folds_are_trained_each_by_itself() -> None:
    own = recipe("plain_module")
    data = folded(toy_dataset(SHAPES), 3)
    run = Run([own] * 3, data)
    train(run, lambda *_: None)
    assert run.best[0]["accuracy"] > 0.5


@pytest.mark.parametrize(
    "options", [{}, {"tuning": "frozen"}, {"tuning": "frozen", "width": 4}], ids=str
)
def test_bundles_predict_as_the_training_does(tmp_path: Path, options: dict[str, Any]) -> None:
    own = recipe(**options)
    run = Run([own], toy_dataset(SHAPES))
    train(run, lambda *_: None)
    run.save_model(tmp_path / "model")
    metrics = {"validation": run.best[0]}
    to = tmp_path / "best"
    about = write_bundle(to, own, tmp_path / "model", run.dataset, run.scales, metrics, FORMATS)
    assert list(about["formats"]) == FORMATS
    assert all(each["largest_difference"] <= 1e-5 for each in about["formats"].values())
    test = run.dataset.test
    said = Predictor(to).predict({m: np.array(view) for m, view in test.views.items()})
    found = np.argmax(said.probabilities, axis=1) == test.labels  # type: ignore[attr-defined]
    assert found.mean() == pytest.approx(run.test()[0]["accuracy"], abs=1e-6)


def test_several_workers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run([recipe()], toy_dataset(SHAPES))
    place = "armtune.training.data_parallel.distributed"
    monkeypatch.setattr(f"{place}.is_initialized", lambda: True)
    monkeypatch.setattr(f"{place}.get_rank", lambda: 0)
    monkeypatch.setattr(f"{place}.get_world_size", lambda: 2)
    with pytest.raises(RunError, match="by one worker a trial"):
        share_encoders(run.network)


def test_a_source_that_changed_gives_features_of_its_own() -> None:
    part = encoder("plain_module", tuning="frozen", width=3).frozen()
    assert part == encoder("plain_module", tuning="frozen", width=9).frozen()
    assert part != encoder("small_module", tuning="frozen").frozen()
    assert encoder("plain_module").frozen() is None


BROKEN = """\
from typing import Literal
from armtune.encoders.module import ModuleEncoder
from armtune.encoders import Encoder

class Broken(ModuleEncoder):
    '''Raises.'''
    name: Literal["broken_{kind}"] = "broken_{kind}"
    def module(self, shape):
        from torch import nn
        {body}

class Other(Encoder):
    '''Raises too.'''
    name: Literal["other_{kind}"] = "other_{kind}"
    def build(self, shape, init):
        from torch import nn
        {body}
"""
BODIES = {
    "key": ("return {}['weights']", r"10: KeyError: 'weights'", r"17: KeyError: 'weights'"),
    "import": (
        "import no_such_package",
        r"10: ModuleNotFoundError: No module named 'no_such_package'",
        r"17: ModuleNotFoundError: No module named 'no_such_package'",
    ),
    "size": ("return nn.Linear(3, 0 / 0)", "10: ZeroDivisionError", "17: ZeroDivisionError"),
}


@pytest.mark.parametrize("tuning", ["full", "frozen"])
@pytest.mark.parametrize("kind", BODIES)
def test_what_a_plugin_raises_is_told_with_its_file_and_line(
    tmp_path: Path, kind: str, tuning: str
) -> None:
    body, said, _ = BODIES[kind]
    run_of(tmp_path, f"{kind}_{tuning}", body, f"broken_{kind}_{tuning}", said, tuning=tuning)


@pytest.mark.parametrize("kind", BODIES)
def test_so_is_what_any_encoder_raises(tmp_path: Path, kind: str) -> None:
    body, _, said = BODIES[kind]
    run_of(tmp_path, kind, body, f"other_{kind}", said)


def run_of(folder: Path, kind: str, body: str, name: str, said: str, **options: Any) -> None:
    """A training with a broken plug-in, which must say what is broken where."""
    file = folder / "broken.py"
    file.write_text(BROKEN.replace("{kind}", kind).replace("{body}", body))
    plugins_of(file, "encoders")
    with pytest.raises(RecipeError, match=f"modalities.image.encoder: .*broken.py:{said}"):
        Run([recipe(name, **options)], toy_dataset(SHAPES))


def test_a_module_of_the_wrong_kind_is_told_with_its_line(tmp_path: Path) -> None:
    said = r"8: gives \(3, 2, 6, 6\) for 3 samples, not \(sample, feature\): pool or flatten them"
    for tuning in ("full", "frozen"):
        body = "return nn.Identity()"
        run_of(tmp_path, f"map_{tuning}", body, f"broken_map_{tuning}", said, tuning=tuning)


def test_the_base_is_no_encoder_by_itself() -> None:
    with pytest.raises(NotImplementedError):
        ModuleEncoder(name="none").module((3,))


def test_a_frozen_module_may_read_standardised_samples(tmp_path: Path) -> None:
    own = recipe("scaled_module", tuning="frozen", width=4)
    assert own.modalities["image"].encoder.frozen() is None
    run = Run([own], toy_dataset(SHAPES))
    assert run.scales["image"].shape == SHAPES["image"]
    assert not any("held" in name or "/" in name for name, _ in run.network.named_parameters())
    train(run, lambda *_: None)
    run.save_model(tmp_path / "model")
    metrics = {"validation": run.best[0]}
    about = write_bundle(
        tmp_path / "best", own, tmp_path / "model", run.dataset, run.scales, metrics
    )
    assert about["formats"]["torch"]["largest_difference"] <= 1e-5
