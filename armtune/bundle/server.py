"""A bundle as a service over HTTP. Needs the extra ``armtune[serve]``."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import anyio.to_thread
import numpy as np
from fastapi import FastAPI, HTTPException, Request, Response
from numpy.typing import NDArray
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from armtune import __version__
from armtune.bundle.predictor import Predictor
from armtune.bundle.raw_rows import Row, sent_words, write_rows
from armtune.bundle.requests import read_request
from armtune.bundle.uploads import Part, are_arrays, uploaded_arrays, written
from armtune.errors import DataError, RecipeError, RunError
from armtune.targets import Prediction

Arrays = Mapping[str, NDArray[Any]]
FORM_DATA = "multipart/form-data"
TOGETHER = 1024
"""Most samples that are predicted at once for requests that wait, and most files of one."""
MOST_FIELDS = 16 * TOGETHER
"""Most cells of a form that are no files."""
SMALL = 1 << 16
"""Bytes of a body that is read at once."""


@dataclass(frozen=True)
class Limits:
    """What a request may take.

    Attributes:
        size: bytes of its body.
        seconds: until it is answered, waiting for others included.
    """

    size: int = 16 << 20
    seconds: float = 10.0


@dataclass
class Counts:
    """What was served so far.

    Attributes:
        answers: number of answers by status.
        samples: samples that were predicted.
        predictions: requests that were predicted.
        seconds: what they took, without waiting.
    """

    answers: Counter[int] = field(default_factory=Counter)
    samples: int = 0
    predictions: int = 0
    seconds: float = 0.0

    def text(self) -> str:
        """In the format that Prometheus reads."""
        lines = ["# TYPE armtune_requests_total counter"]
        lines += [
            f'armtune_requests_total{{status="{status}"}} {count}'
            for status, count in sorted(self.answers.items())
        ]
        lines += ["# TYPE armtune_samples_total counter", f"armtune_samples_total {self.samples}"]
        lines += [
            "# TYPE armtune_prediction_seconds summary",
            f"armtune_prediction_seconds_sum {self.seconds:.9f}",
            f"armtune_prediction_seconds_count {self.predictions}",
        ]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Counting:
    """An ASGI application whose answers are counted."""

    app: ASGIApp
    counts: Counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.counts.answers[message["status"]] += 1
            await send(message)

        await self.app(scope, receive, counted)


@dataclass(eq=False)
class Waiting:
    """A request's samples, and what the model says of them as soon as it has been asked."""

    samples: Arrays
    answer: list[dict[str, Any]] | DataError | None = None

    @property
    def count(self) -> int:
        return len(next(iter(self.samples.values()), ()))


class Answered(JSONResponse):
    """JSON in ASCII: names may hold halves of characters, which UTF-8 can't."""

    def render(self, content: Any) -> bytes:
        """The body."""
        return json.dumps(content, allow_nan=False).encode()


class Service:
    """Answers requests about one bundle; models run one at a time, for all that wait together.

    Raises:
        RunError: the folder isn't a bundle, a file differs from its checksum, or it can't predict.
        RecipeError: the model is of plug-ins whose files haven't run.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.predictor, self.limits, self.counts = Predictor(folder), limits, Counts()
        self.predictor.warm_up()
        self._columns = self.predictor.columns
        self._one, self._waiting = anyio.CapacityLimiter(1), list[Waiting]()

    async def health(self) -> Response:
        """What is served."""
        shapes = {m: list(shape) for m, shape in self.predictor.shapes.items()}
        target = {"kind": self.predictor.target.kind, "names": list(self.predictor.target.names)}
        own = self._columns if self.predictor.has_columns else {}
        rows = {name: "file" if column.is_file else "text" for name, column in own.items()}
        about = {"status": "ok", "armtune": __version__, "shapes": shapes, "target": target}
        return Answered({**about, **({"rows": rows} if rows else {})})

    async def metrics(self) -> Response:
        """Counts for Prometheus."""
        return PlainTextResponse(self.counts.text(), media_type="text/plain; version=0.0.4")

    async def predict(self, request: Request) -> Response:
        """What the model says of the samples in a request."""
        with anyio.move_on_after(self.limits.seconds):
            try:
                return Answered({"predictions": await self._records(request)})
            except DataError as error:
                # What was sent may hold halves of characters, which no answer can.
                said = str(error).encode(errors="backslashreplace").decode()
                raise HTTPException(422, said) from error
            except MemoryError as error:
                raise HTTPException(413, "it takes more memory than there is") from error
            except ClientDisconnect as error:
                raise HTTPException(400, "the connection was closed within the request") from error
        raise HTTPException(503, f"not answered within {self.limits.seconds:g} seconds")

    async def _records(self, request: Request) -> list[dict[str, Any]]:
        body = await self._body(request)
        shapes = self.predictor.shapes
        kind = request.headers.get("content-type", "").strip().lower()
        if not kind.startswith(FORM_DATA):
            columns = self._columns if self.predictor.has_columns else {}
            work = partial(read_request, body, shapes, columns)
            # A thread costs more than a small request.
            found = work() if len(body) < SMALL else await in_thread(work)
            if isinstance(found, list):
                return await in_thread(partial(self._of_rows, found), self._one)
            return await self._together(found)
        parts = await parts_of(request.headers, body)
        if are_arrays(parts, shapes):
            return await self._together(await in_thread(partial(uploaded_arrays, parts, shapes)))
        return await in_thread(partial(self._of_form, parts), self._one)

    async def _body(self, request: Request) -> bytes:
        """The body, of which no more than may be is taken into memory."""
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > self.limits.size:
                raise HTTPException(413, f"a request has {self.limits.size} bytes at most")
            parts.append(part)
        return b"".join(parts)

    async def _together(self, samples: Arrays) -> list[dict[str, Any]]:
        """Predicts, with the samples of all others that wait for the model by then."""
        own = Waiting(samples)
        self._waiting.append(own)
        try:
            await in_thread(partial(self._answer, own), self._one)
        finally:
            self._waiting.remove(own)
        if isinstance(own.answer, DataError):
            raise own.answer
        assert own.answer is not None
        return own.answer

    def _answer(self, own: Waiting) -> None:
        if own.answer is not None:
            return
        batch, most = [own], TOGETHER - own.count
        for other in list(self._waiting):
            fits = other is not own and other.answer is None and other.count <= most
            if fits and self._alike(own, other):
                batch.append(other)
                most -= other.count
        self._ask(batch)
        # One that is wrong spoils it for the others: each is asked for alone.
        if isinstance(own.answer, DataError) and len(batch) > 1:
            for each in batch:
                self._ask([each])

    def _ask(self, batch: Sequence[Waiting]) -> None:
        names = batch[0].samples
        try:
            joined = {m: np.concatenate([each.samples[m] for each in batch]) for m in names}
            records = iter(self._predicted(joined))
        except DataError as error:
            for each in batch:
                each.answer = error
        else:
            for each in batch:
                each.answer = list(islice(records, each.count))

    def _alike(self, *both: Waiting) -> bool:
        """Whether samples can be put together: of the same modalities, shaped as they should be."""
        shapes = self.predictor.shapes
        return both[0].samples.keys() == both[1].samples.keys() and all(
            view.shape == (each.count, *shapes.get(m, ()))
            for each in both
            for m, view in each.samples.items()
        )

    def _of_form(self, parts: Sequence[Part]) -> list[dict[str, Any]]:
        with TemporaryDirectory() as folder:
            found = written(parts, self._columns, Path(folder))
            try:
                return self._of_file(found.rows, Path(folder))
            except DataError as error:
                said = str(error)
                for place, sent in found.sent.items():
                    said = said.replace(f"{folder}/{place}:", f"{sent}:")
                raise DataError(sent_words(said, Path(folder))) from error

    def _of_rows(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        with TemporaryDirectory() as folder:
            try:
                return self._of_file(rows, Path(folder))
            except DataError as error:
                raise DataError(sent_words(str(error), Path(folder))) from error

    def _of_file(self, rows: Sequence[Row], folder: Path) -> list[dict[str, Any]]:
        path = write_rows(rows, folder, self.predictor.has_columns)
        return self._counted(partial(self.predictor.predict_file, path))

    def _predicted(self, samples: Arrays) -> list[dict[str, Any]]:
        return self._counted(partial(self.predictor.predict, samples))

    def _counted(self, predict: Callable[[], Prediction]) -> list[dict[str, Any]]:
        started = time.perf_counter()
        try:
            records = list(predict().records())
        except (RecipeError, RunError) as error:
            # The model did predict when the service began, so that it is about what was sent.
            raise DataError(str(error).replace(f"{self.predictor.folder}: ", "")) from error
        self.counts.seconds += time.perf_counter() - started
        self.counts.samples += len(records)
        self.counts.predictions += 1
        return records


async def in_thread(work: Callable[[], Any], limiter: anyio.CapacityLimiter | None = None) -> Any:
    """What some work gives, done beside the server; it is left alone when nobody waits any more."""
    return await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=limiter)


async def parts_of(headers: Headers, body: bytes) -> list[Part]:
    """The parts of a form.

    Raises:
        DataError: it is none, or has too many.
    """

    async def whole() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        parser = MultiPartParser(headers, whole(), max_files=TOGETHER, max_fields=MOST_FIELDS)
        form = await parser.parse()
    except (MultiPartException, ValueError, KeyError) as error:
        said = getattr(error, "message", str(error))
        raise DataError(f"the body is no form of files: {said[:200]}") from error
    parts = [
        Part(name, text=own)
        if isinstance(own, str)
        else Part(name, own.filename or "", await own.read())
        for name, own in form.multi_items()
    ]
    await form.close()
    if not parts:
        raise DataError("the form has no part; each is named after a modality or a column")
    return parts


def application(folder: Path, limits: Limits = Limits()) -> FastAPI:
    """The service as an ASGI application: ``POST /predict``, ``GET /health``, ``GET /metrics``.

    Raises:
        RunError: as of ``Service``.
    """
    service = Service(folder, limits)
    # Its pages of documentation would load what they show from elsewhere.
    app = FastAPI(title="armtune", openapi_url=None)
    app.get("/health")(service.health)
    app.get("/metrics")(service.metrics)
    app.post("/predict")(service.predict)
    app.add_middleware(Counting, counts=service.counts)
    return app


def run(folder: Path, host: str, port: int, limits: Limits) -> None:
    """Serves until it is interrupted.

    Raises:
        RunError: as of ``Service``.
    """
    import uvicorn

    app = application(folder, limits)
    uvicorn.run(app, host=host, port=port, log_level="warning", timeout_keep_alive=30)
