"""Samples that a sweep's report shows: chosen, written beside the run, and read again."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import armtune
from armtune.bundle import Predictor
from armtune.export.examples import EACH, MOST, chosen
from armtune.report.examples import read_previews
from armtune.report.page import page
from armtune.report.run import RunReport
from armtune.sweeps.study.folder import EXAMPLES
from tests.datasets.media_files import write_image

ODD = '</figure><script>alert(1)</script> gap "front"'
COUNT = 90
PICTURE = '" src="data:image/png;base64,iVBORw0KGgo'


def test_some_of_each_kind_are_chosen_evenly() -> None:
    together = np.arange(100) % 2 == 0
    found = chosen(4, together, ~together, np.arange(100) < 60)
    assert found == {"together": [0, 10, 22, 34, 46, 58], "alone": [1, 11, 23, 35, 47, 59]}
    assert chosen(4, together, together, together) == {"together": [], "alone": []}
    for modalities in range(2, 11):
        count = len(chosen(2 * modalities, together, ~together, together | True)["alone"])
        assert EACH[0] <= count <= EACH[1]
        assert 2 * modalities * count <= max(MOST, 2 * modalities * EACH[0])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep on pictures and texts, neither of which tells all."""
    folder = tmp_path_factory.mktemp("shown")
    draw = np.random.default_rng(0)
    rows = [["picture", "text", "kind"]]
    for k in range(COUNT):
        kind = k % 3
        photo, word = (kind, draw.integers(3)) if k % 2 else (draw.integers(3), kind)
        write_image(folder / f"{k}.png", int(photo), k)
        rows.append([f"{k}.png", f"word{word} {ODD}", f"<b>{kind}"])
    with (folder / "own.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    recipe = {
        "name": "shown",
        "data": {
            "name": "table", "path": str(folder / "own.csv"), "label": "kind", "image_size": 64,
            "columns": {"photo": ["picture"], "words": ["text"]}, "types": {"text": "text"},
        },
        "modalities": {
            "photo": {"encoder": {"name": "mlp", "width": 4}},
            "words": {"encoder": {"name": "bag_of_words", "width": 4, "vocabulary": 60}},
        },
        "training": {"epochs": 4, "batch_size": 8},
        "sweep": {
            "space": [{"training.optimizer.lr": {"log": [1e-2, 1e-1]}}], "trials": 2,
            "objectives": ["maximize accuracy"], "refit": False, "ensemble": "off",
            "confirm": {"top": 1, "seeds": 1, "solo": False}, "references": False,
        },
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARMTUNE_CACHE", str(folder / "cache"))
        result = armtune.sweep(recipe, to=folder / "run", inline=True)
    return result.folder


def outcomes(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "best/bundle.json").read_text())["outcomes"]
    return found


def test_they_are_what_the_counts_count(run: Path) -> None:
    found = outcomes(run)
    for modality, kinds in found["examples"].items():
        _, together, alone, _ = found["alone"][modality]
        assert len(kinds["together"]) == min(together, 6)
        assert len(kinds["alone"]) == min(alone, 6)
        for entry in kinds["together"]:
            assert entry["told"] == entry["true"] != entry["alone"]
        for entry in kinds["alone"]:
            assert entry["told"] != entry["true"] == entry["alone"]
    assert any(kinds["together"] for kinds in found["examples"].values())


def test_the_page_shows_them_with_pictures_and_texts(run: Path) -> None:
    text = page([RunReport.read(run)])
    assert text == (run / "report.html").read_text(encoding="utf-8")
    names = sum(len(own) for kinds in outcomes(run)["examples"].values() for own in kinds.values())
    figures = re.findall(r"<figure>.*?</figure>", text)
    assert len(figures) == names > 0
    for figure in figures:
        assert figure.count(PICTURE) == 1
        assert re.search(r"<p>words: (word\d )?… script alert 1|<p>words: .*word\d", figure)
        assert "&lt;b&gt;" in figure
        assert "<b>" not in figure
        assert 'class="word"' not in figure, "the data's own words are left alone"
    assert "Right together, wrong by" in text
    assert len(text) < 10e6


def test_they_stay_in_the_run_and_no_bundle_has_them(run: Path) -> None:
    files = [path for path in (run / "best").rglob("*") if path.is_file()]
    assert not any(b"iVBORw0KGgo" in path.read_bytes() for path in files)
    about = json.loads((run / EXAMPLES).read_text())
    assert len(about["samples"]) <= MOST


def test_the_page_needs_no_data(run: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    data = run.parent / "own.csv"
    hidden = data.rename(data.with_suffix(".gone"))
    try:
        text = page([RunReport.read(copy)])
        assert PICTURE in text
        (copy / EXAMPLES).unlink()
        text = page([RunReport.read(copy)])
    finally:
        hidden.rename(data)
    assert PICTURE not in text
    assert "validation sample " in text


@pytest.mark.parametrize(
    "change",
    [
        {"data": "other"},
        {"split": "test"},
        {"samples": 5},
        {"samples": {"x": {}}},
        {"samples": {"1": {"photo": {"picture": "x' onerror='alert(1)"}}}},
        {"samples": {"1": {"photo": {"picture": "iVBO" * 9000}}}},
        {"samples": {"1": {"photo": {"picture": "AAAA"}}}},
        {"samples": {"1": {"photo": {}}}},
        {"samples": {"1": {"photo": 1}}},
    ],
    ids=lambda change: str(change)[:40],
)
def test_what_no_export_wrote_isnt_shown(run: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    about = json.loads((run / EXAMPLES).read_text())
    digest = json.loads((run / "best/bundle.json").read_text())["data"]["digest"]
    for told, shown in ((about, True), ({**about, **change}, False)):
        (tmp_path / EXAMPLES).write_text(json.dumps(told))
        assert bool(read_previews(tmp_path, digest, "validation")) is shown


def test_another_export_leaves_them_alone(run: Path, tmp_path: Path) -> None:
    from armtune.export.from_run import export_winner

    before = (run / EXAMPLES).read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARMTUNE_CACHE", str(run.parent / "cache"))
        export_winner(run, tmp_path / "model", ["torch"])
    assert (run / EXAMPLES).read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]
    assert Predictor(tmp_path / "model").shapes["photo"] == (3, 64, 64)
