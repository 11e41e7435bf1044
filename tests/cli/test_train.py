"""``armtune train``: what it needs of the machine."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from armtune.bundle.manifest import read_manifest
from armtune.cli import main
from armtune.report.board import EVENTS


def test_a_gpu_that_is_not_there_is_an_error_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    views = {name: rng.normal(size=(40, 3)) for name in ("a", "b")}
    np.savez(tmp_path / "own.npz", label=np.arange(40) % 2, **views)
    (tmp_path / "r.yaml").write_text(
        "name: r\ndata: {name: arrays, path: own.npz}\n"
        "modalities: {a: {encoder: {name: mlp}}, b: {encoder: {name: mlp}}}\n"
        "sweep: {resources: {gpu: 1}}\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["armtune", "train", str(tmp_path / "r.yaml")])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 1
    assert "torch finds no GPU here" in capsys.readouterr().err


def test_a_split_that_says_little_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    views = {name: rng.normal(size=(80, 3)) for name in ("a", "b")}
    np.savez(tmp_path / "own #c.npz", label=np.arange(80) % 2, **views)
    (tmp_path / "r.yaml").write_text(
        "name: r\ndata: {name: arrays, path: own.npz}\ntraining: {epochs: 1, folds: 1}\n"
        "modalities: {a: {encoder: {name: mlp}}, b: {encoder: {name: mlp}}}\n",
        encoding="utf-8",
    )
    given = [str(tmp_path / "r.yaml"), "data.path=own #c.npz", "--to", str(tmp_path / "model")]
    monkeypatch.setattr(sys, "argv", ["armtune", "train", *given])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code in (0, None)
    printed = " ".join(capsys.readouterr().out.split())
    assert "validation holds 6 samples: scores on so few are mostly chance" in printed


def test_its_curves_are_for_tensorboard(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    views = {name: rng.normal(size=(80, 3)) for name in ("a", "b")}
    np.savez(tmp_path / "own.npz", label=np.arange(80) % 2, **views)
    (tmp_path / "r.yaml").write_text(
        "name: r\ndata: {name: arrays, path: own.npz}\ntraining: {epochs: 3}\n"
        "modalities: {a: {encoder: {name: mlp}}, b: {encoder: {name: mlp}}}\n",
        encoding="utf-8",
    )
    given = [str(tmp_path / "r.yaml"), "--to", str(tmp_path / "model")]
    monkeypatch.setattr(sys, "argv", ["armtune", "train", *given])
    for _ in range(2):  # an earlier model's file is replaced with it
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code in (0, None)
    capsys.readouterr()
    (file,) = (tmp_path / "model").glob(EVENTS)
    assert file.name in read_manifest(tmp_path / "model")["sha256"]
    events = [e for e in EventFileLoader(str(file)).Load() if e.summary.value]
    steps = [e.step for e in events if any(v.tag == "accuracy" for v in e.summary.value)]
    assert steps == [1, 2, 3]
