"""``armtune serve``: right answers to right requests, and 4xx to a thousand wrong ones."""

from __future__ import annotations

import asyncio
import http.client
import json
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("python_multipart")

from armtune.bundle import Predictor
from armtune.bundle.manifest import CHECKSUM, MANIFEST, checksum
from armtune.bundle.server import Limits, application
from armtune.cli.serve import NEEDED, command
from armtune.data import Dataset
from armtune.errors import RunError
from tests.bundle.asking import FORM, Client, form, npy

# Starlette imports what newer Pythons deprecate.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def client(whole: Path) -> Client:
    return Client(application(whole, Limits(size=200_000)))


@pytest.fixture
def views(dataset: Dataset) -> dict[str, np.ndarray[Any, Any]]:
    return {m: np.array(view[:4]) for m, view in dataset.test.views.items()}


def test_it_says_what_the_model_says(client: Client, whole: Path, views: Any) -> None:
    status, answer = client.predict({m: view.tolist() for m, view in views.items()})
    assert status == 200
    expected = list(Predictor(whole).predict(views).records())
    assert [record["class"] for record in answer["predictions"]] == [e["class"] for e in expected]
    for record, own in zip(answer["predictions"], expected, strict=True):
        assert record["probabilities"] == pytest.approx(own["probabilities"], abs=1e-6)


def test_modalities_may_be_missing(client: Client, whole: Path, views: Any) -> None:
    some = views["image"].tolist()
    some[1] = None
    inputs = {"image": some, "audio": views["audio"].tolist()}
    holed = {m: view.copy() for m, view in views.items()}
    holed["image"][1] = np.nan
    _, answer = client.predict(inputs)
    expected = list(Predictor(whole).predict(holed).records())
    assert [r["class"] for r in answer["predictions"]] == [e["class"] for e in expected]
    assert client.predict({"audio": views["audio"].tolist()})[0] == 200
    status, answer = client.predict({"image": [None]})
    assert (status, answer["detail"]) == (422, "sample 0 has no modality")


def test_halves_of_characters_are_answered(bundle: Path, views: Any) -> None:
    manifest = json.loads((bundle / MANIFEST).read_text())
    names = [f"\ud800{k}" for k in range(len(manifest["target"]["names"]))]
    manifest["target"]["names"] = names
    manifest[CHECKSUM] = checksum(manifest)
    (bundle / MANIFEST).write_text(json.dumps(manifest))
    client = Client(application(bundle, Limits(size=200_000)))
    status, answer = client.ask("/health", method="GET")
    assert (status, json.loads(answer)["target"]["names"]) == (200, names)
    status, answer = client.predict({m: view.tolist() for m, view in views.items()})
    assert status == 200
    assert {record["class"] for record in answer["predictions"]} <= set(names)
    status, answer = client.predict({"\ud800": None})
    assert (status, answer["detail"][:7]) == (422, "\\ud800:")


def test_a_client_that_hangs_up_is_no_fault_of_ours(client: Client) -> None:
    status, answer = client.ask(body=b'{"inputs"', hangs_up=True)
    assert (status, json.loads(answer)["detail"][:14]) == (400, "the connection")


def test_health_and_metrics(client: Client, views: Any) -> None:
    status, answer = client.ask("/health", method="GET")
    assert status == 200
    assert json.loads(answer)["shapes"] == {"image": [6, 6], "audio": [5]}
    client.predict({m: view.tolist() for m, view in views.items()})
    client.predict([])
    lines = client.ask("/metrics", method="GET")[1].decode().splitlines()
    assert 'armtune_requests_total{status="200"} 2' in lines
    assert 'armtune_requests_total{status="422"} 1' in lines
    assert "armtune_samples_total 4" in lines
    assert "armtune_prediction_seconds_count 1" in lines


def test_a_body_that_is_too_large_is_refused(client: Client) -> None:
    status, answer = client.ask(body=b"[" * 200_001)
    assert (status, json.loads(answer)["detail"]) == (413, "a request has 200000 bytes at most")


def test_what_takes_too_long_is_given_up(whole: Path, views: Any) -> None:
    app = application(whole, Limits(seconds=0.05))
    slow = Client(app)
    before = Predictor.predict

    def sleeping(self: Predictor, samples: Any) -> Any:
        time.sleep(0.5)
        return before(self, samples)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Predictor, "predict", sleeping)
        status, answer = slow.predict({m: view.tolist() for m, view in views.items()})
    assert (status, answer["detail"]) == (503, "not answered within 0.05 seconds")


def test_arrays_can_be_uploaded(client: Client, whole: Path, views: Any) -> None:
    samples = [("image", f"{k}.npy", npy(view)) for k, view in enumerate(views["image"])]
    status, answer = client.upload(*samples, ("audio", "all.npy", npy(views["audio"])))
    assert status == 200
    expected = list(Predictor(whole).predict(views).records())
    assert [r["class"] for r in answer["predictions"]] == [e["class"] for e in expected]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], "no form of files|has no part"),
        ([("smell", "a.npy", npy(np.zeros(5)))], "smell"),
        (
            [("audio", "a.npy", npy(np.zeros(5))), ("audio", "b.npy", npy(np.zeros((1, 4))))],
            "differ",
        ),
        ([("audio", "a.npy", npy(np.zeros(5))[:-3])], "audio: damaged"),
        ([("audio", "a.npy", npy(np.array([None])))], "audio: damaged"),
        ([("audio", "../../a.wav", b"RIFF")], "reads arrays"),
        ([("audio", "a.wav", b""), ("image", "b.png", b""), ("audio", "c.wav", b"")], "as many"),
    ],
)
def test_files_that_are_wrong_are_told_so(client: Client, files: Any, said: str) -> None:
    status, answer = client.upload(*files)
    assert status == 422
    assert re.search(said, answer["detail"])
    assert tempfile.gettempdir() not in answer["detail"]


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=other"])
def test_forms_that_are_none(client: Client, kind: str) -> None:
    for body in (b"", b"nothing", form(("audio", "a.npy", npy(np.zeros(5))))[:-20]):
        assert client.ask(body=body, kind=kind)[0] == 422


def test_fields_without_a_file_are_refused(client: Client) -> None:
    body = (
        b'--edge\r\nContent-Disposition: form-data; name="image"\r\n\r\n/etc/passwd\r\n--edge--\r\n'
    )
    assert client.ask(body=body, kind=FORM)[0] == 422


def test_those_that_wait_are_asked_for_together(whole: Path, views: Any) -> None:
    client, asked = Client(application(whole)), list[int]()
    before = Predictor.predict

    def slow(self: Predictor, samples: Any) -> Any:
        asked.append(len(samples["image"]))
        time.sleep(0.3)
        return before(self, samples)

    right = json.dumps({"inputs": {m: view.tolist() for m, view in views.items()}}).encode()
    wrong = right.replace(b"[[[", b"[[[1e999, ", 1)
    bodies = [right] * 6 + [json.dumps({"inputs": {"image": [None], "audio": [None]}}).encode()]

    async def many() -> list[tuple[int, bytes]]:
        return await asyncio.gather(
            *(client.asked("/predict", body, "POST") for body in (*bodies, wrong))
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Predictor, "predict", slow)
        answers = asyncio.run(many())
    assert [status for status, _ in answers] == [200] * 6 + [422] * 2
    assert max(asked) > 4
    own = list(Predictor(whole).predict(views).records())
    for _, answer in answers[:6]:
        found = json.loads(answer)["predictions"]
        assert [r["class"] for r in found] == [e["class"] for e in own]


ODD: list[Any] = [
    None, True, "", "1", "nan", [], {}, [[]], {"a": 1}, 10**400, -1, 1e308, [None], ["a"], [[1, 2]],
    [[[1]]], [[1], [2, 3]], [{}], "💥", "\x00",
]  # fmt: skip


RIGHT: dict[str, Any] = {"inputs": {"image": [[[0.0] * 6] * 6] * 2, "audio": [[0.0] * 5] * 2}}


class Wrong:
    """Bodies of which none is right, always the same."""

    def __init__(self) -> None:
        self.draw = random.Random(7)

    def broken(self) -> bytes:
        whole = json.dumps(RIGHT).encode()
        return whole[: self.draw.randrange(1, len(whole))]

    def noise(self) -> bytes:
        return b"\xff" + self.draw.randbytes(self.draw.randrange(200))

    def odd(self) -> bytes:
        return json.dumps(self.draw.choice(ODD)).encode()

    def odd_inputs(self) -> bytes:
        return json.dumps({"inputs": self.draw.choice(ODD)}).encode()

    def odd_modality(self) -> bytes:
        name = self.draw.choice(("image", "audio", "smell"))
        return json.dumps({"inputs": {**RIGHT["inputs"], name: self.draw.choice(ODD)}}).encode()

    def odd_number(self) -> bytes:
        samples = json.loads(json.dumps(RIGHT))
        bad = [x for x in ODD if not isinstance(x, (int, float))]
        row = samples["inputs"]["audio"][self.draw.randrange(2)]
        row[self.draw.randrange(5)] = self.draw.choice(bad)
        return json.dumps(samples).encode()

    def other_shape(self) -> bytes:
        width = self.draw.choice([0, 1, 4, 6, 7])
        return json.dumps({"inputs": {"audio": [[0.0] * width] * 3}}).encode()

    def constant(self) -> bytes:
        word = self.draw.choice((b"NaN", b"Infinity", b"-Infinity"))
        return json.dumps(RIGHT).encode().replace(b"0.0", word, self.draw.randrange(1, 9))

    def more(self) -> bytes:
        name = self.draw.choice(("x", "Inputs", ""))
        return json.dumps({**RIGHT, name: self.draw.choice(ODD)}).encode()

    def deep(self) -> bytes:
        depth = self.draw.choice((40, 200, 5000, 50_000))
        return b'{"inputs": {"audio": ' + b"[" * depth + b"]" * depth + b"}}"


def wrong_requests(count: int) -> Iterator[tuple[str, bytes, str]]:
    wrong, right = Wrong(), json.dumps(RIGHT).encode()
    kinds = [kind for name, kind in sorted(vars(Wrong).items()) if not name.startswith("_")]
    for k in range(count):
        path, method, body = "/predict", "POST", wrong.draw.choice(kinds)(wrong)
        if k % 50 == 0:
            body = b" " * 200_001
        elif k % 10 == 0:
            path, body = wrong.draw.choice(("/", "/predict/../x", "/docs", "/Predict")), right
        elif k % 10 == 1:
            method, body = wrong.draw.choice(("GET", "PUT", "DELETE", "PATCH")), right
        yield path, body, method


def test_a_thousand_wrong_requests_are_all_told_so(client: Client, views: Any) -> None:
    statuses: Counter[int] = Counter()
    for path, body, method in wrong_requests(1000):
        status, answer = client.ask(path, body, method)
        assert 400 <= status < 500, (path, method, status, body[:300])
        assert json.loads(answer)["detail"]
        statuses[status] += 1
    assert {404, 405, 413, 422} <= statuses.keys()
    assert statuses.total() == 1000
    assert client.predict({m: view.tolist() for m, view in views.items()})[0] == 200


def test_the_verb_listens_on_this_machine_alone(whole: Path, views: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = [sys.executable, "-m", "armtune", "serve", str(whole), "--port", str(port)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            assert f"http://127.0.0.1:{port}" in server.stdout.readline()
            body = json.dumps({"inputs": {m: view.tolist() for m, view in views.items()}})
            answers = [answered(port, body) for _ in range(3)]
            assert [status for status, _ in answers] == [200] * 3
            assert len(answers[0][1]["predictions"]) == 4
        finally:
            server.terminate()


def answered(port: int, body: str) -> tuple[int, Any]:
    deadline = time.monotonic() + 60
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request("POST", "/predict", body)
            response = connection.getresponse()
            return response.status, json.load(response)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        finally:
            connection.close()


def test_requests_side_by_side_are_all_answered(client: Client, views: Any) -> None:
    body = json.dumps({"inputs": {m: view.tolist() for m, view in views.items()}}).encode()

    async def many() -> list[tuple[int, bytes]]:
        return await asyncio.gather(*(client.asked("/predict", body, "POST") for _ in range(20)))

    answers = asyncio.run(many())
    assert {status for status, _ in answers} == {200}
    found = [json.loads(answer)["predictions"] for _, answer in answers]
    classes = [[each["class"] for each in own] for own in found]
    assert classes == classes[:1] * 20
    # How many are computed at once may change the last digit.
    for own in found:
        for each, first in zip(own, found[0], strict=True):
            assert each["probabilities"] == pytest.approx(first["probabilities"], abs=1e-6)


@pytest.mark.parametrize("large", [3e38, 10**38])
def test_values_that_no_model_can_compute_with_are_the_senders_fault(
    client: Client, views: Any, large: float
) -> None:
    for view in views.values():
        view[2] = large
    inputs = {m: view.tolist() for m, view in views.items()}
    status, answer = client.predict(inputs)
    said = "the model gives NaN or an infinity of sample 2: are its values far too large?"
    assert (status, answer["detail"]) == (422, said)


def test_who_waits_beside_such_values_is_answered(client: Client, views: Any) -> None:
    right = json.dumps({"inputs": {m: view.tolist() for m, view in views.items()}}).encode()
    large = {m: np.full_like(view, 3e38).tolist() for m, view in views.items()}
    wrong = json.dumps({"inputs": large}).encode()
    bodies = [wrong, right] * 4

    async def many() -> list[tuple[int, bytes]]:
        return await asyncio.gather(*(client.asked("/predict", body, "POST") for body in bodies))

    assert [status for status, _ in asyncio.run(many())] == [422, 200] * 4


def test_what_the_first_answer_would_wait_for_is_done_before(bundle: Path, views: Any) -> None:
    (bundle / "program.json").unlink()
    manifest = json.loads((bundle / MANIFEST).read_text())
    del manifest["sha256"]["program.json"]
    manifest[CHECKSUM] = checksum(manifest)
    (bundle / MANIFEST).write_text(json.dumps(manifest))
    client = Client(application(bundle))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("armtune.bundle.serving.load_served", None)
        assert client.predict({m: view.tolist() for m, view in views.items()})[0] == 200


def test_no_samples_have_no_predictions(client: Client) -> None:
    assert client.predict({"image": [], "audio": []}) == (200, {"predictions": []})
    assert client.predict({"audio": []}) == (200, {"predictions": []})


def test_a_few_bytes_take_no_great_memory(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("armtune.bundle.requests.MOST_NUMBERS", 100)
    audio = [[0.0] * 5] * 3
    status, answer = client.predict({"image": [None] * 3, "audio": audio})
    said = "image: 3 samples are too many at once where some lack it; send 2 at most"
    assert (status, answer["detail"]) == (422, said)
    lacking = [("image", None, b"")] * 3
    status, answer = client.upload(*lacking, ("audio", "a.npy", npy(np.array(audio))))
    assert (status, answer["detail"]) == (422, said)
    assert client.predict({"image": [None] * 2, "audio": audio[:2]})[0] == 200


@pytest.mark.parametrize("sample", [{}, [], None])
def test_very_many_samples_are_refused_at_once(
    client: Client, monkeypatch: pytest.MonkeyPatch, sample: Any
) -> None:
    monkeypatch.setattr("armtune.bundle.requests.MOST_SAMPLES", 100)
    said = "image: 101 samples are too many at once; send 100 at most"
    status, answer = client.predict({"image": [sample] * 101})
    assert (status, answer["detail"]) == (422, said)


def test_a_lack_of_memory_is_no_fault_of_the_service(client: Client, views: Any) -> None:
    def large(self: Predictor, samples: Any) -> Any:
        raise MemoryError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Predictor, "predict", large)
        assert client.predict({m: view.tolist() for m, view in views.items()})[0] == 413


def test_kinds_of_content_are_read_in_any_case(client: Client, views: Any) -> None:
    body = form(("audio", "a.npy", npy(views["audio"])))
    assert (
        client.ask(body=body, kind=FORM.replace("multipart/form-data", "Multipart/Form-Data"))[0]
        == 200
    )


def test_without_its_packages_it_says_what_to_install(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("armtune.cli.serve.find_spec", lambda _: None)
    with pytest.raises(RunError, match=rf"serve needs {', '.join(NEEDED)}: pip install"):
        command(whole)
