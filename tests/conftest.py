"""What all tests share: where real data lie, and toy data and recipes that train in moments."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from armtune.data import Dataset
from armtune.plugins.options import Options
from armtune.plugins.registry import KINDS, plugins
from armtune.recipe.schema import Recipe, admit_plugins
from armtune.testing.toys import TWO, Shapes, toy_dataset, toy_recipe, toy_split
from tests.browser import Browser, browsing

__all__ = ["TWO", "Shapes", "toy_dataset", "toy_recipe", "toy_split"]

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).parent.parent
REAL = Path(os.environ.get("ARMTUNE_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture
def real() -> Path:
    """The folder of real data; tests that need it are skipped where it isn't there."""
    if not (REAL / "mnist").is_dir():
        pytest.skip("no real data here: set ARMTUNE_DATA")
    return REAL


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A headless Chromium; tests that need it are skipped where there is none."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium here: apt-get install chromium")
    with browsing(program, tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture
def make_dataset() -> Callable[..., Dataset]:
    return toy_dataset


@pytest.fixture
def make_recipe() -> Callable[..., Recipe]:
    return toy_recipe


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder ``bert-base-uncased`` with a random BERT of 8 features, 20 words and 16 tokens."""
    transformers = pytest.importorskip("transformers")
    transformers.utils.logging.disable_progress_bar()
    sizes = {"vocab_size": 20, "hidden_size": 8, "intermediate_size": 16}
    counts = {"num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 16}
    folder = tmp_path_factory.mktemp("hub") / "bert-base-uncased"
    config = transformers.BertConfig(**sizes, **counts, initializer_range=0.5)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transformers.BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture
def own_plugins() -> Iterator[None]:
    """Leaves out the plug-ins that other tests in this process have made known."""
    known = {kind: dict(plugins(kind)) for kind in KINDS}
    for kind, before in known.items():
        own = {n: p for n, p in before.items() if p.__module__.startswith("armtune.")}
        _have(kind, own)
    admit_plugins()
    yield
    for kind, before in known.items():
        _have(kind, before)
    admit_plugins()


def _have(kind: str, found: Mapping[str, type[Options]]) -> None:
    plugins(kind).clear()
    plugins(kind).update(found)


@pytest.fixture(autouse=True)
def without_references(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sweeps measure no references, which cost seconds, where a test doesn't ask for them."""
    if "with_references" not in request.fixturenames:
        monkeypatch.setattr("armtune.references.process.beside", lambda *_: nullcontext())


@pytest.fixture
def with_references() -> None:
    """Sweeps measure references as recipes say."""
