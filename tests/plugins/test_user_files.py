"""Plug-ins from a user's own file: named by a recipe, run once, and known wherever it travels."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from armtune.errors import RecipeError
from armtune.plugins import user_files
from armtune.plugins.registry import KINDS, plugins
from armtune.recipe.load import dump_recipe, load_recipe
from armtune.recipe.schema import Recipe, admit_plugins

CODE = """\
from __future__ import annotations
from typing import Literal
from armtune.encoders import Encoder
from armtune.metrics import Measure

class Mine(Encoder):
    '''Mine.'''
    name: Literal["mine"] = "mine"
    size: int = 3

class Half(Measure):
    '''Always a half.'''
    name: Literal["half"] = "half"

    def value(self, logits, labels):
        return 0.5
"""
RECIPE = """\
name: small
plugins: [mine.py]
data: {name: avmnist}
modalities:
  image: {encoder: {name: mine, size: 5}}
metrics:
  middle: {name: half}
sweep: {constraints: [middle >= 0.1]}
"""


@pytest.fixture(autouse=True)
def forgetting() -> Iterator[None]:
    """Takes out again what a test has added."""
    known = {kind: dict(plugins(kind)) for kind in KINDS}
    modules = set(sys.modules)
    yield
    for kind, before in known.items():
        plugins(kind).clear()
        plugins(kind).update(before)
    for name in set(sys.modules) - modules:
        if name.startswith("armtune_plugins_"):
            del sys.modules[name]
    admit_plugins()


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(CODE)
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    return str(caught.value)


def test_a_recipe_names_what_its_file_defines(recipe: Path) -> None:
    loaded = load_recipe(recipe, ["modalities.image.encoder.size=7"])
    assert loaded.modalities["image"].encoder.model_dump() == {"name": "mine", "size": 7}
    assert loaded.plugins == [str(recipe.parent / "mine.py")]
    assert list(loaded.metrics) == ["middle"]


def test_the_command_line_can_name_a_file(recipe: Path) -> None:
    recipe.write_text(RECIPE.replace("plugins: [mine.py]\n", ""))
    assert load_recipe(recipe, ["plugins=[mine.py]"]).modalities["image"].encoder.name == "mine"


def test_options_of_a_plugin_are_checked_like_any_other(recipe: Path) -> None:
    recipe.write_text(RECIPE.replace("size: 5", "sise: 5"))
    assert (
        "r.yaml:5:33 modalities.image.encoder.sise: unknown key; did you mean 'size'?"
        in refusal(recipe)
    )


def test_it_reads_back_from_any_folder(recipe: Path, tmp_path: Path) -> None:
    loaded = load_recipe(recipe)
    elsewhere = tmp_path / "elsewhere" / "recipe.yaml"
    elsewhere.parent.mkdir()
    elsewhere.write_text(dump_recipe(loaded))
    assert load_recipe(elsewhere) == loaded


def test_it_travels_to_a_process_that_has_not_run_the_file(recipe: Path, tmp_path: Path) -> None:
    sent = tmp_path / "sent"
    sent.write_bytes(pickle.dumps(load_recipe(recipe)))
    code = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb')).modalities['image'])"
    command = [sys.executable, "-c", code, str(sent)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Mine(name='mine', size=5)" in ran.stdout


def test_an_edited_file_takes_the_place_of_the_old_one(recipe: Path) -> None:
    load_recipe(recipe)
    (recipe.parent / "mine.py").write_text(CODE.replace("size: int = 3", "width: int = 4"))
    recipe.write_text(RECIPE.replace("size: 5", "width: 6"))
    assert load_recipe(recipe).modalities["image"].encoder.model_dump()["width"] == 6


def test_a_file_runs_once(recipe: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    text = CODE + f"with open({str(ran)!r}, 'a') as file:\n    file.write('x')\n"
    (tmp_path / "mine.py").write_text(text)
    load_recipe(recipe)
    load_recipe(recipe)
    assert ran.read_text() == "x"


def test_a_reader_may_refuse_to_run_it(recipe: Path) -> None:
    with pytest.raises(RecipeError, match=r"plugins\[0\]: .*mine.py is code, which isn't run"):
        load_recipe(recipe, run_files=False)
    user_files.run(recipe.parent / "mine.py")
    admit_plugins()
    assert load_recipe(recipe, run_files=False).modalities["image"].encoder.name == "mine"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\nraise KeyError('no')\n", "mine.py:2 can't be run: KeyError: 'no'"),
        ("def f(:\n", "mine.py:1 can't be run: SyntaxError"),
        ("import nosuchthing\n", "mine.py:1 can't be run: ModuleNotFoundError"),
        ("x = 1\n", "mine.py defines no plug-in"),
        (CODE.replace('"mine"', '"mlp"'), "mine.py: 'mlp' in encoders is taken, by "),
    ],
)
def test_a_file_that_will_not_do_is_refused_at_its_place(
    recipe: Path, text: str, said: str
) -> None:
    (recipe.parent / "mine.py").write_text(text)
    assert said in refusal(recipe)
    assert "r.yaml:2:11 plugins[0]: " in refusal(recipe)
    assert "mine" not in plugins("encoders")


BUILD = """
    def build(self, shape, init):
        from armtune.nn import layers

        return layers.Sequential(layers.Flatten(), layers.Linear(5, self.size, init)), self.size
"""


def test_an_exported_model_carries_a_copy_that_is_not_run_unasked(tmp_path: Path) -> None:
    from armtune.export.write import write_bundle
    from armtune.testing.toys import toy_dataset, toy_recipe
    from armtune.training.loop import Run, train

    file, shapes = tmp_path / "mine.py", {"audio": (5,)}
    file.write_text(CODE.replace("    size: int = 3\n", f"    size: int = 3\n{BUILD}"))
    user_files.run(file)
    admit_plugins()
    content = toy_recipe(shapes, epochs=1).model_dump()
    content["modalities"]["audio"]["encoder"] = {"name": "mine"}
    made = Recipe.model_validate({**content, "plugins": [str(file)]})
    run = Run([made], toy_dataset(shapes))
    train(run, lambda *_: None)
    run.save_model(tmp_path / "model")
    bundle, metrics = tmp_path / "best", {"validation": run.best[0]}
    write_bundle(bundle, made, tmp_path / "model", run.dataset, run.scales, metrics, [])
    file.unlink()
    copy = bundle / "plugin_0_mine.py"
    assert load_recipe(bundle / "recipe.yaml", run_files=False).plugins == [str(copy)]
    code = "import sys; from pathlib import Path; from armtune.recipe.load import load_recipe; "
    code += "load_recipe(Path(sys.argv[1]), run_files=len(sys.argv) > 2)"
    for arguments, said in (([], f"give it as --plugins {copy}"), (["run"], "")):
        command = [sys.executable, "-c", code, str(bundle / "recipe.yaml"), *arguments]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert said in ended.stderr
        assert bool(said) == bool(ended.returncode)


@pytest.mark.parametrize(
    ("manifest", "refused"),
    [
        ({"sha256": {"mine.py": "0" * 64}}, True),
        ({"sha256": {"mine.py": sha256(CODE.encode()).hexdigest()}}, False),
        ({"sha256": {"other.py": "0" * 64}}, False),
        ({"sha256": ["mine.py"]}, False),
        (["another tool's"], False),
    ],
    ids=["changed", "as exported", "another file", "no sums", "no bundle"],
)
def test_a_file_of_a_bundle_that_was_changed_is_not_run(
    tmp_path: Path, manifest: object, refused: bool
) -> None:
    (tmp_path / "bundle.json").write_text(json.dumps(manifest))
    (tmp_path / "mine.py").write_text(CODE)
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    if not refused:
        assert load_recipe(tmp_path / "recipe.yaml").plugins
        return
    with pytest.raises(RecipeError, match=r"mine\.py differs from its checksum in bundle\.json"):
        load_recipe(tmp_path / "recipe.yaml")
    assert "mine" not in plugins("encoders")


def in_a_run(recipe: Path) -> Path:
    """The same as the recipe of a trial in a run's folder."""
    trial = recipe.parent / "run" / "trials" / "0001"
    trial.mkdir(parents=True)
    (recipe.parent / "run" / "origin.json").write_text("{}")
    (trial / "recipe.yaml").write_text(RECIPE.replace("mine.py", str(recipe.parent / "mine.py")))
    return trial / "recipe.yaml"


def in_a_bundle_that_was_changed(recipe: Path) -> Path:
    """The same in a bundle whose recipe was another one."""
    sums = {"recipe.yaml": "0" * 64, "mine.py": sha256(CODE.encode()).hexdigest()}
    (recipe.parent / "bundle.json").write_text(json.dumps({"sha256": sums}))
    return recipe.rename(recipe.with_name("recipe.yaml"))


def beside_a_bundle(recipe: Path) -> Path:
    """The same in a bundle, naming code elsewhere."""
    bundle = recipe.parent / "bundle"
    bundle.mkdir()
    text = RECIPE.replace("mine.py", "../mine.py")
    (bundle / "recipe.yaml").write_text(text)
    sums = {"recipe.yaml": sha256(text.encode()).hexdigest(), "mine.py": "0" * 64}
    (bundle / "bundle.json").write_text(json.dumps({"sha256": sums}))
    return bundle / "recipe.yaml"


FOREIGN = {
    in_a_run: "code that a run's folder names, which isn't run unasked",
    in_a_bundle_that_was_changed: "recipe.yaml differs from its checksum in bundle.json",
    beside_a_bundle: "code that isn't the bundle's, and isn't run",
}


@pytest.mark.parametrize("place", FOREIGN, ids=[place.__name__ for place in FOREIGN])
def test_foreign_code_runs_where_the_user_names_it(
    recipe: Path, place: Callable[[Path], Path]
) -> None:
    code = recipe.parent / "mine.py"
    foreign = place(recipe)
    said = refusal(foreign)
    assert FOREIGN[place] in said
    assert f"name it yourself: plugins='[{code}]'" in said
    assert "mine" not in plugins("encoders")
    assert load_recipe(foreign, [f"plugins=[{code}]"]).plugins == [str(code)]
