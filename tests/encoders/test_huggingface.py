"""Pretrained text encoders: the library's own features, members apart, and what is trained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from armtune.bundle.manifest import MODEL
from armtune.bundle.predictor import Predictor
from armtune.data import Dataset, Split
from armtune.encoders.huggingface import HuggingFace
from armtune.errors import DataError, RunError
from armtune.export.write import write_bundle
from armtune.nn.layers import Init
from armtune.nn.random_streams import stream
from armtune.recipe.load import dump_recipe, load_recipe
from armtune.recipe.schema import Recipe
from armtune.targets.classes import Classes
from armtune.training.loop import Run, train
from tests.conftest import toy_recipe
from tests.encoders.packs import learn_alike_packed_and_alone

transformers = pytest.importorskip("transformers")
TUNINGS = ["frozen", "lora", "full"]


def build(folder: Path, tuning: str, *seeds: int, length: int = 6) -> nn.Module:
    encoder = HuggingFace.model_validate({"path": str(folder), "tuning": tuning, "rank": 2})
    module, size = encoder.build((length,), Init([stream(s, "init") for s in seeds], torch.float64))
    assert size == 8
    return module


def tokens(members: int = 2) -> Tensor:
    ids = torch.randint(1, 20, (members, 3, 6), generator=stream(0, "x"))
    ids[:, 1, 4:] = 0
    return ids.double()


@pytest.mark.parametrize("tuning", TUNINGS)
def test_features_are_the_mean_of_the_librarys_own_states(tiny_bert: Path, tuning: str) -> None:
    model = transformers.AutoModel.from_pretrained(tiny_bert).double().eval()
    x = tokens()
    for k, features in enumerate(build(tiny_bert, tuning, 0, 1)(x)):
        whole = model(input_ids=x[k, 0:1].long()).last_hidden_state.mean(1)
        cut = model(input_ids=x[k, 1:2, :4].long()).last_hidden_state.mean(1)
        assert torch.allclose(features[0:2], torch.cat([whole, cut]), atol=1e-9)


@pytest.mark.parametrize("tuning", TUNINGS)
def test_padding_changes_nothing(tiny_bert: Path, tuning: str) -> None:
    x = tokens()
    padded = torch.cat([x, x.new_zeros(2, 3, 5)], dim=2)
    longer = build(tiny_bert, tuning, 0, 1, length=11)
    assert torch.allclose(longer(padded), build(tiny_bert, tuning, 0, 1)(x), atol=1e-9)


@pytest.mark.parametrize(("tuning", "trained"), list(zip(TUNINGS, ["", "lora_", "/"], strict=True)))
def test_only_what_is_to_be_tuned_is(tiny_bert: Path, tuning: str, trained: str) -> None:
    module = build(tiny_bert, tuning, 0, 1)
    names = [name for name, _ in module.named_parameters()]
    assert bool(names) == (tuning != "frozen")
    assert all(trained in name for name in names)
    assert not set(module.state_dict()) - set(names)
    features = module(tokens())
    assert features.requires_grad
    if names:
        features.square().sum().backward()
        parameters = dict(module.named_parameters())
        assert all(p.grad is not None and len(p) == 2 for p in parameters.values())
        assert any(p.grad is not None and p.grad.any() for p in parameters.values())


@pytest.mark.parametrize("tuning", TUNINGS)
def test_members_are_their_own(tiny_bert: Path, tuning: str) -> None:
    def moved(*seeds: int) -> nn.Module:
        module = build(tiny_bert, tuning, *seeds)
        with torch.no_grad():
            for parameter in module.parameters():
                for part, seed in zip(parameter, seeds, strict=True):
                    noise = torch.randn(part.shape, generator=stream(seed, "x"), dtype=part.dtype)
                    part += 0.1 * noise
        return module

    x = tokens()
    together = moved(1, 2)(x)
    for k in range(2):
        assert torch.allclose(together[k : k + 1], moved(k + 1)(x[k : k + 1]), atol=1e-12)


def dataset() -> Dataset:
    def split(count: int, seed: int) -> Split:
        rng = np.random.default_rng(seed)
        labels = (np.arange(count) % 2).astype(np.int64)
        words = rng.integers(1, 10, (count, 6)) + 10 * labels[:, None]
        words[np.arange(6) >= rng.integers(2, 7, count)[:, None]] = 0
        touch = rng.normal(size=(count, 3)) + 2 * labels[:, None]
        views = {"text": words.astype(np.float32), "touch": touch.astype(np.float32)}
        return Split(views, labels)

    parts = [split(count, seed) for seed, count in enumerate((60, 30, 30))]
    return Dataset("toy", "toy", Classes(("no", "yes")), *parts, digest="0")


def recipe(folder: Path, tuning: str, seed: int = 0) -> Recipe:
    optimizer = {"name": "adamw", "lr": 0.03}
    shapes: dict[str, Any] = {"text": (6,), "touch": (3,)}
    base = toy_recipe(shapes, {"name": "arm"}, epochs=25, seed=seed, optimizer=optimizer)
    content = base.model_dump()
    encoder = {"name": "huggingface", "path": str(folder), "tuning": tuning, "rank": 2}
    content["modalities"]["text"]["encoder"] = encoder
    return Recipe.model_validate(content)


@pytest.mark.parametrize("tuning", TUNINGS)
def test_a_pack_learns_like_each_alone(tiny_bert: Path, tuning: str) -> None:
    pair = [recipe(tiny_bert, tuning, seed) for seed in (0, 1)]
    learn_alike_packed_and_alone(pair, dataset())


@pytest.mark.parametrize("tuning", TUNINGS)
def test_a_bundle_predicts_without_the_folder(tiny_bert: Path, tmp_path: Path, tuning: str) -> None:
    folder = Path(shutil.copytree(tiny_bert, tmp_path / "bert"))
    run, data = Run([recipe(folder, tuning)], dataset()), dataset()
    train(run, lambda *_: None)
    run.save_model(tmp_path / MODEL)
    metrics = {"validation": run.best[0]}
    write_bundle(tmp_path / "best", run.recipes[0], tmp_path / MODEL, data, run.scales, metrics, [])
    shutil.rmtree(folder)
    classes = Predictor(tmp_path / "best").predict(data.test.views).classes
    assert (classes == data.test.labels).mean() > 0.8
    [model] = (tmp_path / "best").glob("encoder_*")
    (model / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(RunError, match=r"config\.json: differs from its checksum"):
        Predictor(tmp_path / "best")


def test_a_folder_beside_the_recipe_is_found_from_anywhere(tiny_bert: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_bert, tmp_path / "bert")
    text = dump_recipe(recipe(Path("bert"), "frozen"))
    (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
    encoder = load_recipe(tmp_path / "recipe.yaml").modalities["text"].encoder
    assert isinstance(encoder, HuggingFace)
    assert encoder.path == str(tmp_path / "bert")


@pytest.mark.parametrize("tuning", TUNINGS)
def test_other_formats_need_no_folder(tiny_bert: Path, tmp_path: Path, tuning: str) -> None:
    run = Run([recipe(tiny_bert, tuning)], dataset())
    run.save_model(tmp_path / MODEL)
    metrics = {"validation": {"accuracy": 0.5}}
    # Compared with the model as it is written.
    write_bundle(
        tmp_path / "best",
        run.recipes[0],
        tmp_path / MODEL,
        dataset(),
        run.scales,
        metrics,
        ["torch"],
    )
    assert (tmp_path / "best/model.pt2").is_file()


def test_pickled_weights_are_not_read(tiny_bert: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_bert, tmp_path / "bert"))
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(DataError, match=r"bert: no model that can be read \(.*safetensors"):
        build(folder, "frozen", 0)


def test_code_in_the_folder_is_not_run(tiny_bert: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_bert, tmp_path / "bert"))
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "strange", "auto_map": {"AutoModel": "own.Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w')")
    with pytest.raises(DataError, match="no model that can be read"):
        build(folder, "frozen", 0)
    assert not (tmp_path / "run").exists()


def test_incomplete_files_are_named(tiny_bert: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_bert, tmp_path / "bert"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    with pytest.raises(DataError, match=r"bert: lacks 16 tensors, such as encoder\.layer\.2"):
        build(folder, "frozen", 0)


def test_long_texts_and_other_shapes_are_refused(tiny_bert: Path) -> None:
    with pytest.raises(ValueError, match="reads 16 tokens, not 17"):
        build(tiny_bert, "frozen", 0, length=17)
    refused = HuggingFace(path=str(tiny_bert)).misfit((3, 4))
    assert refused == "huggingface reads token numbers (token,), not (3, 4)"


@pytest.fixture
def with_tokenizer(tiny_bert: Path, tmp_path: Path) -> Path:
    """The tiny BERT with a tokenizer that puts 2 before each text and 3, 4 after it."""
    tokenizers = pytest.importorskip("tokenizers")
    folder = Path(shutil.copytree(tiny_bert, tmp_path / "bert"))
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[END]", *"abcdefghijklmno"]
    numbers = {word: number for number, word in enumerate(words)}
    own = tokenizers.Tokenizer(tokenizers.models.WordLevel(numbers, words[1]))
    own.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    own.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP] [END]", special_tokens=[("[CLS]", 2), ("[SEP]", 3), ("[END]", 4)]
    )
    own.save(str(folder / "tokenizer.json"))
    return folder


@pytest.mark.parametrize("tuning", ["frozen", "full"])
def test_texts_of_tables_get_their_ends(with_tokenizer: Path, tuning: str) -> None:
    whole = torch.tensor([[2.0, 5, 6, 7, 3, 4, 0], [2, 8, 3, 4, 0, 0, 0]]).double()
    bare = torch.tensor([[6.0, 7, 8, 0], [9, 0, 0, 0]]).double()
    encoder = HuggingFace.model_validate(
        {"path": str(with_tokenizer), "tuning": tuning, "tokens": "table"}
    )
    init = Init([stream(0, "init")], torch.float64)
    features = encoder.build((4,), init)[0](bare.unsqueeze(0))
    expected = build(with_tokenizer, tuning, 0, length=7)(whole.unsqueeze(0))
    assert torch.allclose(features, expected, atol=1e-9)
    with pytest.raises(ValueError, match="reads 16 tokens, not 17"):
        encoder.build((14,), init)
    (with_tokenizer / "tokenizer.json").unlink()
    with pytest.raises(DataError, match=r"tokenizer\.json: can't be read"):
        encoder.build((4,), init)
