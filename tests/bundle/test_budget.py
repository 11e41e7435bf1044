"""Bundles that somebody else wrote: nothing is computed without bounds, nothing runs unchecked."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file, save

import armtune
from armtune.bundle.budget import (
    MOST_BYTES,
    MOST_PARTS,
    Budget,
    TooLargeError,
    check_arguments,
)
from armtune.bundle.manifest import MANIFEST, PROGRAM, checksum, read_manifest
from armtune.bundle.predictor import Predictor
from armtune.bundle.program import Program
from armtune.bundle.serving import load_served
from armtune.data import Dataset
from armtune.errors import RunError

Change = Callable[[dict[str, Any]], object]


def rewrite(bundle: Path, change: Change) -> None:
    """Changes a bundle's program, and makes all checksums right again."""
    program = json.loads((bundle / PROGRAM).read_text())
    change(program)
    (bundle / PROGRAM).write_text(json.dumps(program))
    sign(bundle, {PROGRAM})


def sign(bundle: Path, names: set[str]) -> None:
    about = json.loads((bundle / MANIFEST).read_text())
    about["sha256"] |= {name: sha256((bundle / name).read_bytes()).hexdigest() for name in names}
    (bundle / MANIFEST).write_text(json.dumps({**about, "checksum": checksum(about)}))


def doubled(times: int) -> Change:
    def change(program: dict[str, Any]) -> None:
        name = program["result"]
        for k in range(times):
            both = [{"value": name}, {"value": name}]
            name = f"twice_{k}"
            program["nodes"].append([name, "aten.cat.default", [both, 0], {}])
        program["result"] = name

    return change


def test_forty_concatenations_take_no_memory(bundle: Path, dataset: Dataset) -> None:
    rewrite(bundle, doubled(40))
    views = dict(dataset.test.views)
    with pytest.raises(TooLargeError):
        Program(bundle)(views, {m: np.ones(len(v), bool) for m, v in views.items()})
    # What numpy may not compute, the network itself does.
    assert Predictor(bundle).predict(views).probabilities.shape == (60, 3)


def test_results_that_are_needed_no_longer_take_no_room() -> None:
    budget, x = Budget(), np.zeros(MOST_BYTES // 8, np.float32)
    for _ in range(5):
        budget.spend("aten.relu.default", [x])
        budget.hold(x)
        budget.release(x)
    budget.hold(x)
    with pytest.raises(TooLargeError):
        budget.spend("aten.add.Tensor", [np.zeros((MOST_BYTES // 4, 1), np.float32), x[:2]])


def test_products_are_counted() -> None:
    x = np.broadcast_to(np.float32(0), (4096, 4096))
    budget = Budget()
    with pytest.raises(TooLargeError):
        budget.spend("aten.matmul.default", [x, x])


DEEP = json.loads("[" * 900 + "]" * 900)
MALFORMED: dict[str, Change] = {
    "no nodes": lambda p: p.pop("nodes"),
    "nodes of another kind": lambda p: p.update(nodes=5),
    "a node too short": lambda p: p["nodes"].append(["x"]),
    "a name that isn't text": lambda p: p["nodes"].append([[], "aten.relu.default", [], {}]),
    "an unknown operator": lambda p: p["nodes"].append(["x", "os.system", ["id"], {}]),
    "an unknown value": lambda p: p["nodes"].append(
        ["x", "aten.relu.default", [{"value": "nothing"}], {}]
    ),
    "no array": lambda p: p["nodes"].append(["x", "aten.relu.default", ["text"], {}]),
    "a type for numpy": lambda p: p["nodes"][-1][3].update(dtype="O"),
    "weights from elsewhere": lambda p: p["weights"].update(w=["/etc/passwd", "x"]),
    "no result": lambda p: p.update(result="nothing"),
    "an empty pool": lambda p: p["nodes"].append(
        ["x", "aten.max_pool2d.default", [{"value": p["result"]}, [0]], {}]
    ),
    "a result of another shape": lambda p: p.update(result=p["nodes"][0][0]),
    "too many": lambda p: p.update(nodes=p["nodes"] * 10_000),
    "deep": lambda p: p["nodes"].append(["x", "aten.relu.default", DEEP, {}]),
}  # fmt: skip


@pytest.mark.parametrize("change", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_program_ends_in_one_line(
    bundle: Path, dataset: Dataset, change: Change
) -> None:
    rewrite(bundle, change)
    with pytest.raises(RunError) as caught:
        Predictor(bundle).predict(dict(dataset.test.views))
    assert len(str(caught.value).splitlines()) == 1


def test_a_changed_manifest_is_refused(bundle: Path) -> None:
    about = json.loads((bundle / MANIFEST).read_text())
    about["target"]["names"].reverse()
    (bundle / MANIFEST).write_text(json.dumps(about))
    with pytest.raises(RunError, match=r"bundle\.json: differs from its checksum"):
        Predictor(bundle)


def test_a_bundle_from_before_there_were_checksums_is_read(bundle: Path, dataset: Dataset) -> None:
    about = json.loads((bundle / MANIFEST).read_text())
    assert about.pop("checksum") == checksum(about)
    (bundle / MANIFEST).write_text(json.dumps(about))
    assert len(Predictor(bundle).predict(dict(dataset.test.views)).names) == 60


BROKEN: dict[str, Change] = {
    "shapes": lambda m: m.update(shapes=[1]),
    "a shape": lambda m: m["shapes"].update(image="9"),
    "a huge shape": lambda m: m["shapes"].update(image=[2**40]),
    "sha256": lambda m: m.update(sha256=["a"]),
    "target": lambda m: m.update(target="classes"),
    "target kind": lambda m: m["target"].update(kind=[]),
    "target names": lambda m: m["target"].update(names=[1, None, {}]),
    "no names": lambda m: m["target"].update(names=[]),
    "columns": lambda m: m.update(columns={"image": 3}),
    "fills": lambda m: m.update(fills=3),
    "means": lambda m: m.update(fills={"what": "cells", "means": {"image": [1.0]}}),
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN.keys())
def test_a_malformed_manifest_ends_in_one_line(bundle: Path, change: Change) -> None:
    about = json.loads((bundle / MANIFEST).read_text())
    change(about)
    (bundle / MANIFEST).write_text(json.dumps({**about, "checksum": checksum(about)}))
    with pytest.raises(RunError) as caught:
        Predictor(bundle)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("text", ["[]", "3", "null", "{", "[" * 100_000, '{"a": 1}', "\xff"])
def test_what_is_no_manifest_is_refused(bundle: Path, text: str) -> None:
    (bundle / MANIFEST).write_text(text, encoding="latin-1")
    with pytest.raises(RunError, match=r"bundle\.json: can't be read as a bundle"):
        read_manifest(bundle)


def test_code_in_a_bundle_is_compared_before_it_runs(bundle: Path, tmp_path: Path) -> None:
    ran, code = tmp_path / "ran", bundle / "plugin_0_mine.py"
    code.write_text("x = 1\n")
    sign(bundle, {code.name})
    code.write_text(f"import pathlib; pathlib.Path({str(ran)!r}).touch()\n")
    with pytest.raises(RunError, match=r"plugin_0_mine\.py: differs from its checksum"):
        armtune.load_plugins(code)
    assert not ran.exists()


def test_an_expansion_counts_before_it_is_made() -> None:
    x = np.ones((1, 2), np.float32)
    Budget().spend("aten.expand.default", [x, [3, -1]])
    with pytest.raises(TooLargeError):
        Budget().spend("aten.expand.default", [x, [MOST_BYTES, -1]])


def test_a_convolution_has_no_more_groups_than_parts() -> None:
    x = np.ones((1, MOST_PARTS + 1, 1, 1), np.float32)
    weight, bias = np.ones((MOST_PARTS + 1, 1, 1, 1), np.float32), x[0, :, 0, 0]
    given = [x, weight, bias, [1, 1], "same", [1, 1]]
    check_arguments("aten.conv2d.padding", [*given, MOST_PARTS], {})
    for inputs, options in (([*given, MOST_PARTS + 1], {}), (given, {"groups": MOST_PARTS + 1})):
        with pytest.raises(ValueError, match="parts"):
            check_arguments("aten.conv2d.padding", inputs, options)


@pytest.mark.parametrize("file", ["../model.safetensors", "model_x.safetensors", "predict.py"])
def test_weights_come_from_the_files_of_parts_alone(bundle: Path, file: str) -> None:
    def change(program: dict[str, Any]) -> None:
        next(iter(program["weights"].values()))[0] = file

    rewrite(bundle, change)
    with pytest.raises(RunError, match="is no file of weights"):
        Program(bundle)


@pytest.mark.parametrize(
    "ensemble",
    [[], {}, {"members": 1}, {"members": []}, {"members": [[]]}, {"members": ["1"]},
     {"members": [0]}, {"members": [float("nan")]}, {"members": [1.0]}, {"members": [True]},
     {"members": [5000, 5001]}],
)  # fmt: skip
def test_members_that_cannot_be_are_refused(bundle: Path, ensemble: Any) -> None:
    about = json.loads((bundle / MANIFEST).read_text()) | {"ensemble": ensemble}
    (bundle / MANIFEST).write_text(json.dumps({**about, "checksum": checksum(about)}))
    with pytest.raises(RunError, match="ensemble needs members"):
        read_manifest(bundle)


def test_members_without_weights_of_decisions_are_refused(bundle: Path, dataset: Dataset) -> None:
    about = json.loads((bundle / MANIFEST).read_text()) | {"ensemble": {"members": [2]}}
    (bundle / MANIFEST).write_text(json.dumps({**about, "checksum": checksum(about)}))
    with pytest.raises(RunError, match="no weights of decisions of shape"):
        load_served(bundle, dataset.shapes, dataset.target)


X = np.ones((4, 5), np.float32)


@pytest.mark.parametrize(
    ("operator", "inputs"),
    [
        ("_operator.getitem", [X, [0] * 500]),
        ("aten.select.int", [X, 0, [0] * 500]),
        ("aten.add.Tensor", [X[:, :1], [1.0] * 30_000]),
        ("aten.mul.Tensor", [X.astype("i8"), 10**40]),
        ("aten.mul.Tensor", [X.astype(object), X]),
        ("aten.add.Tensor", [np.full(3, "x" * 300), "y" * 300]),
        ("aten.cat.default", [[X, "text"], 0]),
        ("aten.unsqueeze.default", [X, 2**63]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_grows_by_other_means_than_arrays_is_not_computed(
    operator: str, inputs: list[Any]
) -> None:
    with pytest.raises(TypeError, match="needs"):
        check_arguments(operator, inputs, {})


def test_a_recipe_of_a_larger_network_than_there_are_weights_takes_no_memory(
    bundle: Path, dataset: Dataset
) -> None:
    path = bundle / "recipe.yaml"
    content = yaml.safe_load(path.read_text())
    for modality in content["modalities"].values():
        modality["encoder"] |= {"width": 2**40}
    path.write_text(yaml.safe_dump(content))
    sign(bundle, {path.name})
    about = read_manifest(bundle)
    shapes = {m: tuple(shape) for m, shape in about["shapes"].items()}
    with pytest.raises(RunError, match=r"does not fit recipe.yaml: .* has more weights"):
        load_served(bundle, shapes, dataset.target)


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_a_model_that_gives_no_numbers_is_refused(
    bundle: Path, dataset: Dataset, odd: float
) -> None:
    path = bundle / "preprocessing.safetensors"
    stored = load_file(path)
    stored["mean/audio"] = np.full_like(stored["mean/audio"], odd)
    path.write_bytes(save(stored))
    sign(bundle, {path.name})
    with pytest.raises(RunError, match="the model gives NaN or an infinity"):
        Predictor(bundle).predict({m: view[:3] for m, view in dataset.test.views.items()})
