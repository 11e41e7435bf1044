"""Recipes that nobody writes: each is refused in plain words, and soon."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from armtune.errors import RecipeError
from armtune.recipe.objectives import Choice, Constraint, Objective
from armtune.recipe.ranges import parse_range
from armtune.recipe.space import load_sweep

SOON = 5.0
"""Seconds that a check may take at most; the machine may be busy, so the slow took ten of them."""


def plain() -> dict[str, Any]:
    return {
        "name": "odd",
        "data": {"name": "avmnist"},
        "modalities": {m: {"encoder": {"name": "lenet"}} for m in ("image", "audio")},
        "sweep": {"trials": 1},
    }


def refusal(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], overrides: tuple[str, ...] = ()
) -> str:
    content = plain()
    change(content)
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(content, width=10**9), encoding="utf-8")
    started = time.process_time()  # the machine may be shared
    with pytest.raises(RecipeError) as caught:
        load_sweep(tmp_path / "r.yaml", overrides)
    assert time.process_time() - started < SOON
    return str(caught.value)


def sweeps(**keys: Any) -> Callable[[dict[str, Any]], object]:
    return lambda content: content["sweep"].update(keys)


LOOP = "loop.py"
ODD: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "modality [key]": (
        lambda c: c["modalities"].update({"[key]": {"encoder": {"name": "mlp"}}}),
        "modalities.[key]: needs a name of letters",
    ),
    "key [key]": (lambda c: c["modalities"]["image"].update({"[key]": 1}), "[key]: unknown key"),
    "weight [key]": (
        sweeps(mode="scalar", weights={"[key]": -1}),
        "sweep.weights.[key]: needs a number above 0, not -1",
    ),
    "modality *": (
        lambda c: c["modalities"].update({"*": {"encoder": {"name": "mlp"}}}),
        "modalities.*: needs a name of letters",
    ),
    "long name": (lambda c: c.update(name="x" * 300), "at most 64 characters, and this one 300"),
    "long modality": (
        lambda c: c["modalities"].update({"m" * 300: {"encoder": {"name": "mlp"}}}),
        "at most 64 characters",
    ),
    "long space": (sweeps(space=["s" * 300]), "there is no file"),
    "long start": (sweeps(start_from=["s" * 300]), "there is no sweep in"),
    "long plug-in": (lambda c: c.update(plugins=["p" * 300]), "can't be read: File name too long"),
    "NUL in a plug-in": (lambda c: c.update(plugins=["a\0b"]), "holds the character 0"),
    "NUL in a key": (lambda c: c.update({"a\0b": 1}), "a key holds the character 0"),
    "NUL in data": (lambda c: c["data"].update(otherwise="a\0b"), "holds the character 0"),
    "circle of links": (lambda c: c.update(plugins=[LOOP]), "can't be read: Too many levels"),
    "tiny step": (
        sweeps(space=[{"training.optimizer.lr": {"uniform": [0.1, 1], "step": 1e-310}}]),
        "make more than 1,000,000 values",
    ),
    "wide": (
        sweeps(space=[{"training.optimizer.lr": {"uniform": [-1e308, 1e308]}}]),
        "is too wide a range",
    ),
    "large whole numbers": (
        sweeps(space=[{"training.optimizer.lr": {"int": [1, 2**63 - 1]}}]),
        "is too wide a range",
    ),
    "larger whole numbers": (
        sweeps(space=[{"training.optimizer.lr": {"int": [1, 10**40]}}]),
        "is a whole number beyond 9223372036854775807",
    ),
    "width": (
        lambda c: c.update(fusion={"name": "concat", "dim": 2**63}),
        "fusion.dim: is a whole number beyond 9223372036854775807",
    ),
    "trials": (sweeps(trials=10**12, sampler={"name": "grid"}), "is more than 1,000,000"),
    "seeds": (sweeps(confirm={"seeds": 10**12}), "is more than 1,000,000"),
    "seed": (sweeps(seed=2**32), "sweep.seed: needs a whole number of at least 0 and below 429496"),
    "constraint": (sweeps(constraints=["1" * 20_000]), "write 'METRIC >= NUMBER'"),
    "choose": (sweeps(choose="highest accuracy where" + " " * 60_000 + "x"), "METRIC >= NUMBER"),
    "and": (sweeps(choose="knee where " + "a >= 1 and " * 9_000), "write 'highest METRIC'"),
    "unknown keys": (
        lambda c: c.update({f"trainin{k}": 1 for k in range(5_000)}),
        "holds 5004 entries, more than 1000",
    ),
    "some unknown keys": (
        lambda c: c.update({f"trainin{k}": 1 for k in range(900)}),
        "trainin0: unknown key; did you mean 'training'?",
    ),
    "unknown paths": (
        sweeps(space=[{f"trainin.k{k}": {"uniform": [0, 1]} for k in range(900)}]),
        "trainin.k0: no recipe has this path",
    ),
    "conditions": (
        sweeps(
            space=[
                {
                    "training.optimizer.lr": {
                        "uniform": [0.1, 1],
                        "when": {f"balancing.nam{k}": "arm" for k in range(900)},
                    }
                }
            ]
        ),
        "a condition reads balancing.nam0",
    ),
    "choices": (
        sweeps(space=[{"training.epochs": {"choice": list(range(1, 20_000))}}]),
        "more than",
    ),
    "long list": (
        sweeps(space=[{"training.epochs": {"choice": [1] * 200_000}}]),
        "is longer than 500 kB, which no recipe is",
    ),
    "files": (sweeps(space=["none.yaml"] * 900), "'none.yaml' stands here twice"),
    "long key": (lambda c: c.update({"x" * 100_000: 1}), "unknown key"),
}


@pytest.mark.parametrize(("change", "said"), ODD.values(), ids=ODD.keys())
def test_it_is_refused_in_plain_words_and_soon(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    (tmp_path / LOOP).symlink_to(tmp_path / LOOP)
    assert said in refusal(tmp_path, change)


def test_modalities_that_are_a_list_may_meet_an_override(tmp_path: Path) -> None:
    said = refusal(
        tmp_path,
        lambda c: c.update(modalities=[{"image": 1}, "audio"]),
        ("modalities.*.encoder.name=mlp", "modalities.*=1"),
    )
    assert "modalities: needs a mapping" in said


def test_goals_are_read_with_any_spaces() -> None:
    assert Objective.parse("  maximize \t accuracy\n") == Objective("accuracy", "maximize")
    assert Constraint.parse("missing/audio>=.5") == Constraint("missing/audio", ">=", 0.5)
    choice = Choice.parse("highest  accuracy  where  loss <= 1  and  a  >=  2e-1")
    assert [str(c) for c in choice.constraints] == ["loss <= 1", "a >= 0.2"]


def test_steps_may_make_as_many_values_as_are_of_use() -> None:
    assert parse_range("a", {"uniform": [0, 1], "step": 1e-6}).step == 1e-6
    with pytest.raises(ValueError, match="more than 256"):
        parse_range("a", {"choice": list(range(257))})


def test_a_deep_text_is_no_matter(tmp_path: Path) -> None:
    for text in ("[" * 50_000, "- " * 20_000, "a: " + "{a: " * 5_000):
        (tmp_path / "r.yaml").write_text(text)
        with pytest.raises(RecipeError):
            load_sweep(tmp_path / "r.yaml")
