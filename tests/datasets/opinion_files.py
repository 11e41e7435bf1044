"""Tiny computational sequences and folds, of the layout that the CMU Multimodal SDK writes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

from armtune.datasets._opinions import Opinions

Tracks = Mapping[str, tuple[np.ndarray, np.ndarray]]
FOLDS = {"train": 12, "valid": 4, "test": 4}
SEGMENTS = 5


def write_sequences(path: Path, name: str, tracks: Tracks) -> None:
    """``tracks`` has features and intervals of each video."""
    with h5py.File(path, "w") as file:
        root = file.create_group(name)
        root.create_group("metadata").create_dataset("description", data=b"tiny")
        for video, (features, intervals) in tracks.items():
            group = root.create_group(f"data/{video}")
            group.create_dataset("features", data=np.asarray(features, np.float32))
            group.create_dataset("intervals", data=np.asarray(intervals, np.float32))


def write_folds(path: Path, folds: Mapping[str, list[str]]) -> None:
    """As in the SDK: plain lists, and an address or two."""
    lines = [f"standard_{fold}_fold = {videos!r}\n" for fold, videos in folds.items()]
    path.write_text('_URL_ = {}\n_URL_["x"] = "nowhere"\n' + "".join(lines), encoding="utf-8")


def write(data: Opinions, folder: Path, seed: int = 0) -> None:
    """All files of a data set; words and voice tell how a segment is meant, the face a little."""
    rng = np.random.default_rng(seed)
    folder.mkdir(exist_ok=True)
    videos = [f"video{seed}{k:02d}" for k in range(sum(FOLDS.values()))]
    made = [video(rng) for _ in videos]
    keys = {"text": "glove_vectors", "audio": "COVAREP", "vision": "FACET 4.2", "labels": "labels"}
    for number, (key, name) in enumerate(keys.items()):
        tracks = {v: parts[number] for v, parts in zip(videos, made, strict=True)}
        write_sequences(folder / data.file_of(key), name, tracks)
    ends = np.cumsum(list(FOLDS.values()))[:-1]
    lists = zip(FOLDS, np.split(np.array(videos), ends), strict=True)
    write_folds(folder / data.file_of("folds"), {fold: own.tolist() for fold, own in lists})


def video(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Five segments of 4 s: words of half a second, voice at 20 Hz and face at 10 Hz."""
    scores = rng.permutation([-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0])[:SEGMENTS]
    edges = 4.0 * np.arange(SEGMENTS + 1)
    spoken = [k for k in range(8 * SEGMENTS) if k % 8 < 2 + k // 8]
    words = np.array([[0.5 * k, 0.5 * k + 0.5] for k in spoken])
    parts = [(features(rng, words.mean(1), scores, 6, 1.0), words)]
    for rate, width, share in ((20, 4, 0.6), (10, 3, 0.3)):
        steps = np.arange(4 * SEGMENTS * rate) / rate
        intervals = np.stack([steps, steps + 1 / rate], axis=1)
        parts.append((features(rng, intervals.mean(1), scores, width, share), intervals))
    parts[1][0][3, 0] = -np.inf  # as COVAREP has them
    return [*parts, (scores[:, None], np.stack([edges[:-1], edges[1:]], axis=1))]


def features(
    rng: np.random.Generator, times: np.ndarray, scores: np.ndarray, width: int, share: float
) -> np.ndarray:
    noise = rng.normal(size=(len(times), width))
    return np.asarray(noise + share * scores[(times // 4).astype(int)][:, None])
