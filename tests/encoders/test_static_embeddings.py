"""Pretrained vectors of tokens: the mean that it says, trained or not, whole in bundles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from armtune.bundle.predictor import Predictor
from armtune.datasets._load import load_dataset
from armtune.encoders.static_embeddings import StaticEmbeddings
from armtune.errors import DataError
from armtune.export.write import write_bundle
from armtune.nn.layers import Init
from armtune.nn.random_streams import stream
from armtune.nn.static_embeddings import MeanVectors, TrainedVectors, read_vectors
from armtune.recipe.load import load_recipe
from armtune.recipe.schema import Recipe
from armtune.training.loop import Run, train
from tests.data import tokenizer_files
from tests.data.tokenizer_files import WIDTH, WORDS
from tests.datasets import table_files
from tests.encoders.packs import learn_alike_packed_and_alone

TOKENS = torch.tensor([[3.0, 4, 0, 0], [10, 10, 5, 1], [0, 0, 0, 0]])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with vectors and their tokenizer."""
    return tokenizer_files.write(tmp_path / "vectors").parent


def vectors(folder: Path) -> np.ndarray:
    """The file's own, of a root mean square of 1."""
    table = load_file(folder / "model.safetensors")["embeddings"].astype(np.float32)
    return table / np.sqrt(np.square(table).mean())


def save(folder: Path, **tensors: np.ndarray) -> Path:
    path = folder / "model.safetensors"
    save_file({name.replace("_", "."): tensor for name, tensor in tensors.items()}, path)
    return path


def init(*seeds: int) -> Init:
    return Init([stream(seed, "init") for seed in seeds], torch.float64)


def test_features_are_the_mean_of_the_tokens_vectors(folder: Path) -> None:
    table = vectors(folder)
    expected = np.stack([table[[2, 3]].mean(0), table[[9, 9, 4, 0]].mean(0), np.zeros(WIDTH)])
    part = StaticEmbeddings(path=str(folder)).frozen()
    assert part is not None
    np.testing.assert_allclose(part.build((4,))(TOKENS), expected, atol=1e-6)
    first = TrainedVectors(read_vectors(folder / "model.safetensors"), init(1, 2))
    found = first(TOKENS.double().expand(2, -1, -1))
    for k in range(2):
        np.testing.assert_allclose(found[k].detach(), expected, atol=1e-6)


def test_a_vocabulary_that_was_shrunk_is_read_as_model2vec_reads_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(4, 3)).astype(np.float32)
    mapping, weights = np.array([0, 3, 3, 1, 2, 0]), rng.random(6).astype(np.float32)
    path = save(tmp_path, embeddings=table, mapping=mapping, weights=weights)
    found = MeanVectors(read_vectors(path), path)(torch.tensor([[2.0, 3, 6, 0]]))[0]
    whole = table[mapping] * weights[:, None]
    expected = whole[[1, 2, 5]].mean(0) / np.sqrt(np.square(whole).mean())
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("name", ["embeddings", "embedding_weight"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int8])
def test_tables_of_several_types_are_read(tmp_path: Path, name: str, dtype: Any) -> None:
    path = save(tmp_path, **{name: np.array([[3, -4], [0, 5]], dtype)})
    scale = np.sqrt((9 + 16 + 25) / 4)
    np.testing.assert_allclose(read_vectors(path), np.array([[3, -4], [0, 5]]) / scale)


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({"other": np.zeros((2, 2))}, "has no tensor embeddings or embedding.weight, but other"),
        ({}, "has no tensor embeddings or embedding.weight, but none"),
        ({"embeddings": np.zeros(3)}, r"its table has shape \(3,\), not \(token, feature\)"),
        ({"embeddings": np.zeros((0, 3))}, r"its table has shape \(0, 3\)"),
        ({"embeddings": np.full((2, 2), np.nan)}, "holds numbers that aren't finite"),
        (
            {"embeddings": np.ones((2, 2)), "mapping": np.array([0, 2])},
            "its mapping leads to rows outside of 2",
        ),
        (
            {"embeddings": np.ones((2, 2)), "weights": np.ones(3)},
            "has 3 weights for 2 tokens",
        ),
    ],
    ids=["other", "none", "line", "empty", "nan", "mapping", "weights"],
)
def test_what_is_no_table_of_vectors_is_named(
    tmp_path: Path, tensors: dict[str, np.ndarray], said: str
) -> None:
    path = save(tmp_path, **tensors)
    with pytest.raises(DataError, match=f"model.safetensors: .*{said}"):
        read_vectors(path)


def test_pickles_arent_read(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(DataError, match=r"has no model.safetensors; pytorch_model.bin may be a pi"):
        StaticEmbeddings(path=str(tmp_path)).files()
    with pytest.raises(DataError, match=r"only safetensors are read, no pickles"):
        read_vectors(tmp_path / "pytorch_model.bin")
    with pytest.raises(DataError, match="lost is not in"):
        StaticEmbeddings(path="lost").files()


@pytest.mark.parametrize("tuning", ["frozen", "full"])
def test_numbers_beyond_the_table_are_of_another_tokenizer(folder: Path, tuning: str) -> None:
    own = StaticEmbeddings.model_validate({"path": str(folder), "tuning": tuning})
    beyond = np.array([[1, len(WORDS) + 1, 0]], np.float32)
    said = f"has vectors of {len(WORDS)} tokens, samples name token {len(WORDS) + 1}: it belongs"
    part = own.frozen()
    read = part.build((3,)) if part else None
    module, _ = own.build((3,), init(1))
    with pytest.raises(DataError, match=said):
        read(torch.from_numpy(beyond)) if read else own.fit(module, beyond, None)


def test_rows_that_lack_the_text_dont_count(folder: Path) -> None:
    own = StaticEmbeddings(path=str(folder), tuning="full")
    module, _ = own.build((2,), init(1))
    own.fit(module, np.array([[1, 2], [99, 0]], np.float32), np.array([True, False]))


FACTS = {"facts": {"name": "tabular", "width": 4}}
PHOTO = {"photo": {"name": "mlp", "width": 4}}


def recipe(
    folder: Path,
    seed: int = 1,
    tuning: str = "frozen",
    beside: dict[str, Any] = FACTS,
    **training: Any,
) -> Recipe:
    texts = {"name": "static_embeddings", "path": str(folder), "width": 8, "tuning": tuning}
    data = table_files.options(tokenizers={"words": str(folder)}, absent="skip")
    return Recipe.model_validate(
        {
            "name": "t",
            "data": data,
            "modalities": {
                "words": {"encoder": texts},
                **{m: {"encoder": encoder} for m, encoder in beside.items()},
            },
            "fusion": {"name": "concat", "dim": 8},
            "balancing": {"name": "none"},
            "training": {
                "epochs": 40, "batch_size": 8, "folds": 1, "seed": seed,
                "optimizer": {"name": "adamw", "lr": 0.02}, **training,
            },
        }
    )  # fmt: skip


@pytest.mark.parametrize("tuning", ["frozen", "full"])
def test_members_learn_texts_apart(folder: Path, tuning: str) -> None:
    table_files.write(folder.parent / "own.csv", table_files.rows(folder.parent))
    pair = [recipe(folder, seed, tuning, PHOTO) for seed in (1, 2)]
    learn_alike_packed_and_alone(pair, load_dataset(pair[0], folder.parent))


@pytest.mark.parametrize("tuning", ["frozen", "full"])
def test_new_texts_are_told_from_the_bundle_alone(folder: Path, tuning: str) -> None:
    base = folder.parent
    own = table_files.rows(base)
    table_files.write(base / "own.csv", own)
    test = [row for row in own if row["use"] == "test"]
    table_files.write(base / "new.csv", test, ["title", "tags", "maker", "price", "made"])
    made = recipe(folder, tuning=tuning, epochs=2)
    run = Run([made], load_dataset(made, base))
    train(run, lambda *_: None)
    run.save_model(base / "model")
    metrics = {"validation": run.best[0]}
    about = write_bundle(base / "best", made, base / "model", run.dataset, run.scales, metrics)
    assert "torch" in about["formats"]
    views = {m: np.array(view) for m, view in run.dataset.test.views.items()}
    expected = Predictor(base / "best").predict(views).probabilities  # type: ignore[attr-defined]
    for file in (*folder.iterdir(), base / "own.csv", base / "model"):
        file.unlink()
    predictor = Predictor(base / "best")
    parts = [one.probabilities for one in predictor.stream(predictor.read(base / "new.csv"))]  # type: ignore[attr-defined]
    np.testing.assert_allclose(np.concatenate(parts), expected, atol=1e-5)


def test_words_of_the_tables_own_vocabulary_are_refused(folder: Path) -> None:
    content = recipe(folder).model_dump(mode="json")
    content["data"]["tokenizers"] = {}
    path = folder.parent / "recipe.yaml"
    path.write_text(Recipe.model_validate(content).model_dump_json())
    said = r"modalities.words.encoder.*: static_embeddings reads tokens.*data.tokenizers"
    with pytest.raises(Exception, match=said):
        load_recipe(path)
