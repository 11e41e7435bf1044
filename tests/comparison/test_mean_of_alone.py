"""The mean of models tuned alone: against sums by hand, with samples that lack a modality."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from armtune.comparison.mean_of_alone import FILE, Places, measure, read, write
from armtune.data import Dataset
from armtune.data.folding import judged
from armtune.errors import RunError
from armtune.sweeps import Confirmation
from armtune.sweeps.workers.trial import OUTPUTS
from armtune.testing.toys import TOYS, TWO, toy_recipe

BOTH = IMAGE, AUDIO = tuple(TWO)


def said(dataset: Dataset, places: Places) -> dict[str, dict[str, torch.Tensor]]:
    """Outputs of each modality's model by split, drawn and written where re-trainings leave them.

    The head's differ, which nobody should read.
    """
    draw = torch.Generator().manual_seed(0)
    found: dict[str, dict[str, torch.Tensor]] = {}
    for own in places.values():
        for modality, place in own.items():
            place.mkdir(parents=True)
            for split, name in OUTPUTS.items():
                shape = 2, len(judged(dataset, split)), dataset.target.width
                outputs = 2 * torch.randn(*shape, generator=draw)
                save_file({"outputs": outputs}, place / name)
                found.setdefault(modality, {})[split] = outputs[0]
    return found


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return {1000: {m: tmp_path / m for m in BOTH}}


@pytest.mark.parametrize("kind", list(TOYS))
def test_it_decides_by_the_mean_of_what_the_models_serve(kind: str, places: Places) -> None:
    dataset = TOYS[kind]()
    target, outputs = dataset.target, said(dataset, places)
    [found] = measure(toy_recipe(), dataset, places)
    for split in OUTPUTS:
        each = [outputs[m][split].double() for m in BOTH]
        labels = target.tensor(judged(dataset, split).labels, "cpu", torch.float64)[None]
        mean = torch.stack([target.served(o) for o in each]).mean(0)
        # Probabilities decide as their logits do; values as they are, in units of their deviation.
        if kind == "classes":
            mean = mean.log()
        elif kind == "labels":
            mean = mean.logit()
        else:
            mean = (mean - torch.tensor(target.mean)) / torch.tensor(target.std)  # type: ignore[attr-defined]
        score = score_of(target, mean, labels)
        metrics = getattr(found, split)
        assert metrics[target.score] == pytest.approx(score, abs=1e-5)
        loss = float(target.losses(mean[None], labels).mean())
        assert metrics["loss"] == pytest.approx(loss, abs=1e-5)
        for k, modality in enumerate(BOTH):
            alone = score_of(target, each[k], labels)
            assert metrics[f"unimodal_{target.score}/{modality}"] == pytest.approx(alone, abs=1e-5)
            assert metrics[f"missing/{BOTH[1 - k]}"] == pytest.approx(alone, abs=1e-5)


def score_of(target: object, outputs: torch.Tensor, labels: torch.Tensor) -> float:
    marks = target.marks(target.decide(outputs[None]), labels)  # type: ignore[attr-defined]
    return float(target.score_of(marks[0].double()))  # type: ignore[attr-defined]


def test_of_a_sample_that_lacks_a_modality_the_other_decides(places: Places) -> None:
    dataset = TOYS["classes"]()
    outputs = said(dataset, places)
    has = np.arange(len(dataset.test)) % 3 > 0
    lacking = replace(dataset, test=replace(dataset.test, present={AUDIO: has}))
    [found] = measure(toy_recipe(), lacking, places)
    image, audio = (outputs[m]["test"].softmax(1).numpy() for m in (IMAGE, AUDIO))
    decided = np.where(has[:, None], (image + audio) / 2, image).argmax(1)
    right = decided == dataset.test.labels
    assert found.test["accuracy"] == pytest.approx(right.mean())
    # Without images, what lacks sound too is decided by the model of sounds, as on no data.
    heard = audio.argmax(1) == dataset.test.labels
    assert found.test["missing/image"] == pytest.approx(heard.mean())
    assert found.test["unimodal_accuracy/audio"] == pytest.approx(heard[has].mean())


def test_contributions_are_shapley_values_of_the_means(places: Places) -> None:
    dataset = TOYS["classes"]()
    said(dataset, places)
    [found] = measure(toy_recipe(), dataset, places)
    test = found.test
    blind = np.bincount(dataset.test.labels).max() / len(dataset.test)
    first = (test["missing/audio"] - blind + test["accuracy"] - test["missing/image"]) / 2
    assert test["contribution/image"] == pytest.approx(first)
    assert test["contribution/audio"] == pytest.approx(test["accuracy"] - blind - first)


def test_what_was_not_kept_or_is_damaged_is_named(places: Places) -> None:
    dataset = TOYS["classes"]()
    said(dataset, places)
    file = places[1000][AUDIO] / OUTPUTS["test"]
    save_file({"outputs": torch.zeros(2, 3, dataset.target.width)}, file)
    with pytest.raises(RunError, match=rf"{file}: of other samples: \(3, "):
        measure(toy_recipe(), dataset, places)
    file.write_bytes(b"nothing")
    with pytest.raises(RunError, match=f"{file}: damaged"):
        measure(toy_recipe(), dataset, places)
    file.unlink()
    with pytest.raises(RunError, match=f"{file}: missing, or too large"):
        measure(toy_recipe(), dataset, places)


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read(tmp_path) is None
    seeds = [Confirmation(1000, {"accuracy": 0.5}, {"accuracy": 0.25})]
    write(tmp_path, "why", seeds)
    assert read(tmp_path) == ("why", seeds)
    write(tmp_path, "", [Confirmation(1, {"loss": float("nan")}, {})])
    assert "NaN" not in (tmp_path / FILE).read_text(encoding="utf-8")
    found = read(tmp_path)
    assert found is not None
    assert np.isnan(found[1][0].validation["loss"])


@pytest.mark.parametrize("content", ["{}", "[]", '{"failure": "", "seeds": [{"seed": 1}]}', "x"])
def test_a_damaged_file_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content, encoding="utf-8")
    with pytest.raises(RunError, match=f"{FILE}: damaged"):
        read(tmp_path)


def test_it_is_measured_on_what_folds_held_out(
    places: Places, make_dataset: Callable[..., Dataset]
) -> None:
    from armtune.data.folding import folded

    dataset = folded(make_dataset(), 3)
    outputs = said(dataset, places)
    [found] = measure(toy_recipe(), dataset, places)
    labels = np.concatenate([dataset.train.labels, dataset.validation.labels])
    mean = sum(outputs[m]["validation"].softmax(1) for m in BOTH)
    right = mean.argmax(1).numpy() == labels  # type: ignore[union-attr]
    assert found.validation["accuracy"] == pytest.approx(right.mean())
