from __future__ import annotations

import math
from typing import Any

import pytest
from tensorboard.plugins.hparams import metadata

from armtune.recipe.objectives import Goals
from armtune.recipe.space import Dimension, Space
from armtune.report.hparams import HParams


def page(script: Any, *dimensions: Dimension, **sweep: Any) -> HParams:
    recipe = script.recipe(**sweep)
    return HParams(recipe, Space(dimensions), Goals.from_recipe(recipe))


@pytest.mark.parametrize(
    ("choices", "domain", "value"),
    [
        ((1, 2.5), [1.0, 2.5], 1.0),
        ((True, False), [False, True], True),
        (("a", "b"), ["a", "b"], "a"),
        ((None, 0.5), ["0.5", "None"], "None"),
        ((True, 2), ["2", "True"], "True"),
    ],
)
def test_choices_have_one_type(
    script: Any, choices: tuple[Any, ...], domain: list[Any], value: Any
) -> None:
    written = page(script, Dimension("fusion.dim", "choice", choices=choices))
    content = written.experiment().value[0].metadata.plugin_data.content
    (info,) = metadata.parse_experiment_plugin_data(content).hparam_infos
    assert [getattr(v, v.WhichOneof("kind")) for v in info.domain_discrete.values] == domain

    record = script.record(0, values={"fusion.dim": choices[0]})
    content = written.session_start(record).value[0].metadata.plugin_data.content
    told = metadata.parse_session_start_info_plugin_data(content).hparams["fusion.dim"]
    assert getattr(told, told.WhichOneof("kind")) == value


def test_columns_are_headed_by_what_tells_them_apart(script: Any) -> None:
    paths = ["training.optimizer.lr", "modalities.image.encoder.name", "modalities.image.lr_scale"]
    paths += ["modalities.audio.encoder.name"]
    dimensions = [Dimension(path, "choice", choices=("a", "b")) for path in paths]
    content = page(script, *dimensions).experiment().value[0].metadata.plugin_data.content
    infos = metadata.parse_experiment_plugin_data(content).hparam_infos
    assert [info.name for info in infos] == paths
    assert [info.description for info in infos] == paths
    shown = [info.display_name for info in infos]
    assert shown == ["lr", "image.encoder", "lr_scale", "audio.encoder"]


def test_objectives_and_constraints_are_columns(script: Any) -> None:
    goals = {"objectives": ["minimize loss"], "constraints": ["missing/audio >= 0.3"]}
    assert page(script, **goals).metrics == [
        "loss",
        "accuracy",
        "contribution_gap",
        "contribution/image",
        "contribution/audio",
        "missing/audio",
        "weakest_accuracy",
    ]


def test_a_row_leaves_out_what_is_no_number(script: Any) -> None:
    metrics = {"accuracy": 0.5, "contribution_gap": math.nan, "phi/image": 1.0}
    record = script.record(0, "FAIL", 2, metrics=metrics)
    row = {"best/accuracy": 0.5, "trial/state": 3.0, "trial/epochs": 2.0}
    assert page(script).row(record) == row
