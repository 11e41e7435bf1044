"""``armtune predict``: the forms of its answer. What it predicts is tested in ``tests/bundle``."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from armtune.bundle.manifest import CHECKSUM, MANIFEST, checksum
from armtune.cli import main
from armtune.export.write import write_bundle
from armtune.testing.toys import toy_dataset, toy_recipe
from armtune.training.loop import Run, train


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, dataset, recipe = tmp_path_factory.mktemp("b"), toy_dataset(), toy_recipe(epochs=1)
    run = Run([recipe], dataset)
    train(run, lambda *_: None)
    run.save_model(folder / "model.safetensors")
    weights = folder / "model.safetensors"
    write_bundle(
        folder / "bundle", recipe, weights, dataset, run.scales, {"validation": run.best[0]}, []
    )
    np.savez(folder / "samples.npz", **{m: v[:3] for m, v in dataset.test.views.items()})
    return folder / "bundle"


def predict(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["armtune", "predict", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code


def test_json_says_what_the_table_says(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = str(bundle.parent / "samples.npz")
    predict(monkeypatch, str(bundle), "--input", samples, "--json")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    predict(monkeypatch, str(bundle), "--input", samples)
    rows = [row.split(",") for row in capsys.readouterr().out.splitlines()[1:]]
    assert [[str(line["sample"]), line["class"]] for line in lines] == [row[:2] for row in rows]
    assert all(sum(line["probabilities"].values()) == pytest.approx(1, abs=1e-5) for line in lines)


def test_halves_of_characters_are_written_as_the_terminal_has_them(
    bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    odd = Path(shutil.copytree(bundle, tmp_path / "odd"))
    manifest = json.loads((odd / MANIFEST).read_text())
    manifest["target"]["names"][0] = "\ud800"
    manifest[CHECKSUM] = checksum(manifest)
    (odd / MANIFEST).write_text(json.dumps(manifest))
    samples, to = str(bundle.parent / "samples.npz"), tmp_path / "out.csv"
    predict(monkeypatch, str(odd), "--input", samples, "--output", str(to))
    assert to.read_text(encoding="utf-8").startswith("sample,class,p(\\ud800),")


def test_plugins_are_run_when_named(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ran, samples = tmp_path / "ran", str(bundle.parent / "samples.npz")
    code = f"import pathlib\npathlib.Path({str(ran)!r}).touch()\n"
    (tmp_path / "p.py").write_text(code)
    monkeypatch.setattr(
        sys,
        "argv",
        [
            "armtune",
            "predict",
            str(bundle),
            "--input",
            samples,
            "--plugins",
            str(tmp_path / "p.py"),
        ],
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2, "it defines no plug-in"
    assert ran.exists()


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_fault_in_the_samples_is_all_there_is_to_read(
    bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    form: list[str],
) -> None:
    np.savez(tmp_path / "wrong.npz", image=np.zeros((3, 2)))
    command = ["armtune", "predict", str(bundle), "--input", str(tmp_path / "wrong.npz"), *form]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "image" in said.err


def test_predictions_never_take_the_place_of_the_samples(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = bundle.parent / "samples.npz"
    before = samples.read_bytes()
    command = ["armtune", "predict", str(bundle), "--input", str(samples), "--output", str(samples)]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "would take the place of the samples" in capsys.readouterr().err
    assert samples.read_bytes() == before


def test_the_table_is_written_through_links_pipes_and_devices(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    samples, plain = str(bundle.parent / "samples.npz"), tmp_path / "plain.csv"
    link, target, pipe = tmp_path / "link.csv", tmp_path / "target.csv", tmp_path / "pipe"
    target.write_text("old")
    target.chmod(0o600)
    link.symlink_to(target)
    os.mkfifo(pipe)
    heard: list[bytes] = []
    reader = Thread(target=lambda: heard.append(pipe.read_bytes()))
    reader.start()
    for to in (plain, link, pipe, Path("/dev/null")):
        predict(monkeypatch, str(bundle), "--input", samples, "--output", str(to))
    reader.join(10)
    assert plain.read_bytes() == target.read_bytes() == heard[0]
    assert link.is_symlink()
    assert pipe.is_fifo()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize("place", ["hard link", "in the samples' folder", "in the bundle"])
def test_nor_do_they_take_the_place_of_anything_else_that_is_read(
    bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    place: str,
) -> None:
    samples = bundle.parent / "samples.npz"
    output = {
        "hard link": tmp_path / "hard.npz",
        "in the samples' folder": tmp_path / "arrays" / "image.npy",
        "in the bundle": bundle / "predict.py",
    }[place]
    if place == "hard link":
        os.link(samples, output)
    if place == "in the samples' folder":
        output.parent.mkdir()
        np.save(output, np.zeros((3, 6, 6)))
        samples = output.parent
    before = output.read_bytes()
    command = ["armtune", "predict", str(bundle), "--input", str(samples), "--output", str(output)]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "would take the place of the" in capsys.readouterr().err
    assert output.read_bytes() == before
