"""Models of images and sound: their own features and preprocessing, packs, bundles, and faults."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from armtune.bundle.manifest import MODEL
from armtune.bundle.predictor import Predictor
from armtune.data import Dataset
from armtune.encoders.huggingface import HuggingFace
from armtune.errors import DataError, RecipeError
from armtune.export.write import Models, write_models
from armtune.nn.layers import Init
from armtune.nn.random_streams import stream
from armtune.recipe.schema import Recipe
from armtune.testing import encoders as contract
from armtune.training.loop import Run, train
from armtune.training.samples import Samples
from tests.conftest import toy_dataset, toy_recipe
from tests.encoders.tiny_models import KINDS, PICTURES, SCALED, Maker, make_model

transformers = pytest.importorskip("transformers")
TUNINGS = ["frozen", "lora", "last", "full"]
NORMAL = (("image_mean", 0.0), ("image_std", 1.0))


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """Each kind of model, made once."""
    folder, made = tmp_path_factory.mktemp("models"), dict[str, Path]()

    def model(kind: str) -> Path:
        if kind not in made:
            made[kind] = make_model(kind, folder / kind)
        return made[kind]

    return model


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARMTUNE_CACHE", str(tmp_path_factory.mktemp("cache")))


def encoder(folder: Path, tuning: str = "frozen", **options: Any) -> HuggingFace:
    return HuggingFace.model_validate({"path": str(folder), "tuning": tuning, "rank": 2, **options})


def build(folder: Path, tuning: str, shape: tuple[int, ...], *seeds: int) -> tuple[nn.Module, int]:
    init = Init([stream(seed, "init") for seed in seeds], torch.float64)
    module, size = encoder(folder, tuning).build(shape, init)
    return module.eval(), size


def samples(shape: tuple[int, ...], members: int = 2) -> torch.Tensor:
    """From 0 to 1, as images are."""
    return torch.rand(members, 3, *shape, generator=stream(0, "x"), dtype=torch.float64)


def own_inputs(kind: str, folder: Path, x: np.ndarray[Any, Any]) -> torch.Tensor:
    """What Pillow, or the model's own feature extractor, makes of samples."""
    if kind in PICTURES:
        return torch.from_numpy(np.stack([pillow(kind, one) for one in x])).float()
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    found = [extractor(one, sampling_rate=16000, return_tensors="pt") for one in x]
    [name] = [name for name in found[0] if "mask" not in name]
    return torch.cat([one[name] for one in found])


def pillow(kind: str, picture: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """An image scaled by Pillow, cut and normalised."""
    image = pytest.importorskip("PIL.Image")
    about, side = PICTURES[kind], SCALED[kind]
    colours = np.broadcast_to(picture, (3, *picture.shape[-2:])).transpose(1, 2, 0)
    whole = image.fromarray((colours * 255).round().astype(np.uint8))
    scaled = np.asarray(whole.resize((side, side), about["resample"])) / 255
    start = (side - 16) // 2
    cut = scaled[start : start + 16, start : start + 16].transpose(2, 0, 1)
    mean, std = (np.reshape(about.get(k, [d] * 3), (3, 1, 1)) for k, d in NORMAL)
    return (cut - mean) / std


def own_features(kind: str, folder: Path, x: np.ndarray[Any, Any]) -> torch.Tensor:
    """What the library itself gives."""
    whole = transformers.AutoModel.from_pretrained(folder).eval()
    model = whole.vision_model if kind in ("clip", "siglip") else whole
    inputs = own_inputs(kind, folder, x)
    with torch.no_grad():
        if kind == "whisper":
            states = model.encoder(inputs).last_hidden_state
            return states[:, : x.shape[1] // 320 + bool(x.shape[1] % 320)].mean(1)
        told = model(inputs)
    if kind in ("wav2vec2", "hubert"):
        return told.last_hidden_state.mean(1)
    return told.last_hidden_state[:, 0] if kind == "vit" else told.pooler_output.flatten(1)


@pytest.mark.parametrize("kind", KINDS)
def test_features_are_the_librarys_own(models: Maker, kind: str) -> None:
    folder, shape = models(kind), KINDS[kind]
    x = samples(shape)[0].float().numpy()
    if len(shape) > 1:
        x = (x * 255).round() / 255
    expected = own_features(kind, folder, x)
    part = encoder(folder).frozen()
    assert part is not None
    with torch.no_grad():
        found = part.build(shape).eval()(torch.from_numpy(x))
    spread = float(expected.std(0).mean())
    assert spread > 1e-4
    # Pillow rounds scaled pixels to whole numbers.
    most = 0.1 if len(shape) > 1 else 0.02 * spread
    assert float((found - expected).abs().max()) < most


@pytest.mark.parametrize("tuning", TUNINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_members_are_their_own(models: Maker, kind: str, tuning: str) -> None:
    shape = KINDS[kind]
    if (kind, tuning) == ("resnet", "lora"):
        with pytest.raises(ValueError, match="adapts linear layers, and this model has none"):
            build(models(kind), tuning, shape, 0)
        return
    x = samples(shape)
    together, size = build(models(kind), tuning, shape, 1, 2)
    features = together(x)
    assert features.shape == (2, 3, size)
    assert features.requires_grad
    alone = build(models(kind), tuning, shape, 2)[0](x[1:])
    assert torch.allclose(features[1:], alone, atol=1e-9)
    assert torch.allclose(together(x[:, 1:2]), features[:, 1:2], atol=1e-9)
    trained = dict(together.named_parameters())
    assert bool(trained) == (tuning != "frozen")
    assert set(together.state_dict()) == set(trained)
    if trained:
        features.square().sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in trained.values())


@pytest.mark.parametrize("tuning", ["frozen", "full"])
@pytest.mark.parametrize("kind", [kind for kind, shape in KINDS.items() if len(shape) > 1])
def test_encoders_of_images_keep_to_the_contract(models: Maker, kind: str, tuning: str) -> None:
    own = encoder(models(kind), tuning)
    contract.accepts_some_shape_and_names_itself_where_it_refuses(own)
    contract.gives_as_many_features_as_it_says(own)
    contract.reads_each_sample_alone(own)


def test_the_last_layers_alone_are_trained(models: Maker) -> None:
    def trained(kind: str, layers: int) -> set[str]:
        own = encoder(models(kind), "last", layers=layers)
        module, _ = own.build(KINDS[kind], Init([stream(0, "init")], torch.float32))
        return {name for name, _ in module.named_parameters()}

    for kind in KINDS:
        one, two = trained(kind, 1), trained(kind, 2)
        assert one < two, kind
        assert not any("/1/" not in name for name in one), kind
    with pytest.raises(ValueError, match="the model has 2 layers, not 3"):
        trained("vit", 3)


def dataset(kind: str) -> Dataset:
    """Images or sound of three classes, and another modality."""
    plain = toy_dataset({"seen": KINDS[kind], "touch": (3,)}, samples=60)
    spread = {"train": plain.train, "validation": plain.validation, "test": plain.test}
    for split in spread.values():
        view = split.views["seen"]
        view -= view.min()
        view /= view.max()
    return plain


def recipe(folder: Path, tuning: str, seed: int = 0, width: int = 0, epochs: int = 2) -> Recipe:
    shapes: dict[str, Any] = {"seen": (6,), "touch": (3,)}
    optimizer = {"name": "adamw", "lr": 0.02}
    content = toy_recipe(shapes, epochs=epochs, seed=seed, optimizer=optimizer).model_dump()
    own = {"name": "huggingface", "path": str(folder), "tuning": tuning, "rank": 2}
    content["modalities"]["seen"]["encoder"] = {**own, "width": width}
    return Recipe.model_validate(content)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bundle_predicts_what_training_says_without_the_folder(
    models: Maker, tmp_path: Path, kind: str
) -> None:
    folder = Path(shutil.copytree(models(kind), tmp_path / kind))
    asked, data = recipe(folder, "frozen", width=4), dataset(kind)
    run = Run([asked], data)
    train(run, lambda *_: None)
    run.save_model(tmp_path / MODEL)
    group = [Models(asked, [tmp_path / MODEL], run.scales)]
    about = write_models(tmp_path / "best", group, data, {"validation": run.best[0]})
    assert list(about["formats"]) == ["torch"], about["left_out"]
    shutil.rmtree(folder)
    with run.at_best() as network, torch.no_grad():
        batch = next(run.samples.test().chunks(60))
        views = {m: view.unsqueeze(0) for m, view in batch.views.items()}
        expected = network.fuse(network.encode(views))[0].softmax(-1)
    found = Predictor(tmp_path / "best").predict(data.test.views)
    assert np.allclose(found.probabilities, expected, atol=1e-5)


@pytest.mark.parametrize(("kind", "tuning"), [("vit", "full"), ("wav2vec2", "last")])
def test_what_is_tuned_learns_in_packs_and_is_exported(
    models: Maker, tmp_path: Path, kind: str, tuning: str
) -> None:
    data = dataset(kind)
    pair = [recipe(models(kind), tuning, seed) for seed in (0, 1)]
    packed, *alone = (Run(some, data, dtype=torch.float64) for some in (pair, pair[:1], pair[1:]))
    for one in (packed, *alone):
        train(one, lambda *_: None)
    for k, one in enumerate(alone):
        assert packed.best[k] == pytest.approx(one.best[0], abs=1e-7)
    run = Run(pair[:1], data)
    run.save_model(tmp_path / MODEL)
    group = [Models(pair[0], [tmp_path / MODEL], run.scales)]
    metrics = {"validation": {"accuracy": 0.5}}
    about = write_models(tmp_path / "best", group, data, metrics, ["torch"])
    assert about["formats"]["torch"]["largest_difference"] < 1e-5


def test_the_text_tower_of_clip_reads_texts(models: Maker) -> None:
    folder = models("clip")
    ids = torch.randint(3, 19, (1, 3, 8), generator=stream(0, "x"))
    ids[:, :, 6], ids[:, :, 7] = 2, 0
    module, size = build(folder, "frozen", (8,), 0)
    model = transformers.AutoModel.from_pretrained(folder).text_model.double().eval()
    with torch.no_grad():
        expected = model(input_ids=ids[0]).pooler_output
    assert size == 8
    assert torch.allclose(module(ids.double())[0], expected, atol=1e-9)


def test_models_are_read_as_other_tasks_left_them(models: Maker, tmp_path: Path) -> None:
    """A classifier's file holds the encoder under another name."""
    config = transformers.AutoConfig.from_pretrained(models("vit"))
    transformers.ViTForImageClassification(config).save_pretrained(tmp_path / "vit")
    shutil.copy(models("vit") / "preprocessor_config.json", tmp_path / "vit")
    module, size = build(tmp_path / "vit", "frozen", KINDS["vit"], 0)
    assert module(samples(KINDS["vit"], 1)).shape == (1, 3, size)


@pytest.mark.parametrize(
    ("kind", "shape", "said"),
    [
        ("vit", (12,), "huggingface reads images (3, height, width), not (12,)"),
        ("vit", (5, 16, 16), "huggingface reads images (3, height, width), not (5, 16, 16)"),
        ("whisper", (8, 20), "huggingface reads sound (time,), not (8, 20)"),
        (
            "clip",
            (2, 3, 16, 16),
            "huggingface reads images (3, height, width) or token numbers (token,), "
            "not (2, 3, 16, 16)",
        ),
    ],
)
def test_other_samples_are_refused(
    models: Maker, kind: str, shape: tuple[int, ...], said: str
) -> None:
    assert encoder(models(kind)).misfit(shape) == said
    asked = recipe(models(kind), "frozen")
    with pytest.raises(RecipeError, match=r"modalities\.seen\.encoder\.name: huggingface reads"):
        Samples(asked, toy_dataset({"seen": shape, "touch": (3,)}), "cpu")


@pytest.mark.parametrize(
    ("kind", "shape", "said"),
    [
        ("whisper", (16001,), "whisper reads 1 s of sound, not 1.00006"),
        ("wav2vec2", (9,), r"the model can't read samples of shape \(9,\): "),
    ],
)
def test_sound_of_another_length_is_refused(
    models: Maker, kind: str, shape: tuple[int, ...], said: str
) -> None:
    with pytest.raises(RecipeError, match=rf"modalities\.seen\.encoder: .*{said}"):
        Samples(recipe(models(kind), "frozen"), toy_dataset({"seen": shape, "touch": (3,)}), "cpu")


def test_folders_that_cant_be_read_say_why(models: Maker, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(models("vit"), tmp_path / "vit"))
    (folder / "preprocessor_config.json").rename(folder / "kept")
    with pytest.raises(DataError, match=r"vit: holds no preprocessor_config\.json"):
        build(folder, "frozen", KINDS["vit"], 0)
    about = json.loads((folder / "kept").read_text())
    (folder / "processor_config.json").write_text(json.dumps({"image_processor": about}))
    assert build(folder, "frozen", KINDS["vit"], 0)[1] == 8
    (folder / "processor_config.json").write_text(json.dumps({"image_processor": {"size": "big"}}))
    with pytest.raises((DataError, ValueError), match=r"preprocessing|invalid literal"):
        build(folder, "frozen", KINDS["vit"], 0)
    (folder / "config.json").write_text("[]")
    with pytest.raises(DataError, match=r"config\.json: must hold a mapping"):
        build(folder, "frozen", KINDS["vit"], 0)
    (folder / "config.json").unlink()
    with pytest.raises(DataError, match=r"vit: holds no config\.json, so no model"):
        build(folder, "frozen", KINDS["vit"], 0)


def test_models_of_another_kind_name_those_that_are_read(tmp_path: Path) -> None:
    config = transformers.T5Config(
        vocab_size=20, d_model=8, d_kv=4, d_ff=16, num_layers=1, num_heads=2,
        decoder_start_token_id=0,
    )  # fmt: skip
    transformers.T5Model(config).save_pretrained(tmp_path / "t5")
    with pytest.raises(ValueError, match=r"doesn't read models of the type t5; it reads .*vit"):
        build(tmp_path / "t5", "frozen", (6,), 0)
