"""What a recipe asks for and this machine lacks: told, and no fault of the recipe."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from armtune.cli import main
from armtune.recipe import machine, not_here
from armtune.recipe.load import load_recipe

RECIPE = """\
name: far
data: {name: arrays, path: data.npz}
modalities:
  a: {encoder: {name: mlp}}
  b: {encoder: {name: huggingface, path: models/bert}}
sweep: {space: [], trials: 1}
"""


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """On a machine of 4 cores and a GPU, with all packages; nothing else is there."""
    monkeypatch.delenv("ARMTUNE_DATA", raising=False)
    monkeypatch.setattr(not_here, "cores", lambda: 4)
    monkeypatch.setattr(not_here, "gpus", lambda: 1)
    monkeypatch.setattr(not_here, "lacking_packages", lambda extra: [])
    path = tmp_path / "far.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def told(path: Path, *overrides: str) -> list[str]:
    return not_here.not_here(load_recipe(path, overrides), path.parent)


def place_all(folder: Path) -> None:
    (folder / "data.npz").touch()
    (folder / "models" / "bert").mkdir(parents=True)
    (folder / "models" / "bert" / "config.json").write_text('{"model_type": "bert"}')
    (folder / "models" / "bert" / "model.safetensors").touch()


def test_nothing_is_told_where_all_is_here(recipe: Path) -> None:
    place_all(recipe.parent)
    assert told(recipe, "sweep.resources.cpu=4", "sweep.resources.gpu=1") == []


def test_files_and_folders_of_models(recipe: Path) -> None:
    own = recipe.parent
    assert told(recipe, "modalities.a.weights=first.safetensors") == [
        f"data.path: data.npz is not in {own}; ARMTUNE_DATA may name another folder",
        f"modalities.a.weights: first.safetensors is not in {own}; "
        "ARMTUNE_DATA may name another folder",
        f"modalities.b.encoder.path: models/bert is not in {own}; "
        "ARMTUNE_DATA may name another folder; armtune fetch models/bert brings it from the Hub",
    ]


def test_folders_that_hold_no_model(recipe: Path) -> None:
    place_all(recipe.parent)
    model = recipe.parent / "models" / "bert"
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    [said] = told(recipe)
    assert said.startswith("modalities.b.encoder.path: ")
    assert "pickled weights (.bin, .pt) are never read" in said
    (model / "config.json").unlink()
    assert told(recipe) == [
        f"modalities.b.encoder.path: {model}: holds no config.json, so no model of Hugging Face"
    ]


def test_the_folder_of_data_counts(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (recipe.parent / "elsewhere").mkdir()
    place_all(recipe.parent / "elsewhere")
    monkeypatch.setenv("ARMTUNE_DATA", str(recipe.parent / "elsewhere"))
    assert told(recipe) == []


def test_a_stand_in_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r.yaml"
    data = "{name: avmnist, noise: clips, noise_file: gone.npz, otherwise: avdigits}"
    path.write_text(f"name: r\ndata: {data}\nmodalities: {{image: {{}}}}\n", encoding="utf-8")
    assert [said.split(": ")[0] for said in told(path)] == ["data.noise_file"]
    assert told(path)[0].endswith("; avdigits stands in")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["cpu=5"], "a trial reserves 5 CPU cores, this machine has 4"),
        (["cpu=3", "workers=2"], "a trial reserves 6 CPU cores (2 workers, 3 each), this machine"),
        (["gpu=2"], "a trial reserves 2 GPUs, this machine has 1"),
    ],
)
def test_cores_and_gpus(recipe: Path, changes: list[str], said: str) -> None:
    place_all(recipe.parent)
    found = told(recipe, *(f"sweep.resources.{change}" for change in changes))
    assert found[0].startswith(f"sweep.resources: {said}")


def test_extras(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place_all(recipe.parent)
    lacking = {"huggingface": ["peft", "transformers"]}
    monkeypatch.setattr(not_here, "lacking_packages", lambda extra: lacking[extra])
    assert told(recipe) == [
        "modalities.b.encoder: needs peft, transformers, not installed here: "
        "pip install 'armtune[huggingface]'"
    ]


def test_packages_that_are_not_installed_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = ["numpy>=1.26", "gone-at-all>=2; extra == 'x'", 'numpy>=1; extra == "x"']
    monkeypatch.setattr(machine, "requires", lambda name: listed)
    assert machine.lacking_packages("x") == ["gone-at-all"]
    assert machine.lacking_packages("y") == []


def test_gpus_are_counted_by_their_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "DEVICES", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert machine.gpus() == 0
    for name in ("nvidia0", "nvidia1", "nvidiactl"):
        (tmp_path / name).touch()
    assert machine.gpus() == 2
    for named, count in {"0": 1, "0,1,2": 2, "": 0, "-1": 0}.items():
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
        assert machine.gpus() == count


def test_check_tells_it_and_finds_no_fault(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in ([], ["--json"]):
        monkeypatch.setattr(sys, "argv", ["armtune", "check", str(recipe), *words])
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code in (0, None)
        out = capsys.readouterr().out
        found = json.loads(out)["not_here"] if words else out.splitlines()[1:]
        assert "data.path: data.npz is not in" in found[0]
        assert len(found) == 2
