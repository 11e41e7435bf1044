"""A bundle as a service over HTTP. Needs the extra ``armtune[serve]``."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from fastapi import FastAPI, HTTPException, Request, Response
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse

from armtune import __version__
from armtune.bundle.predictor import Predictor
from armtune.bundle.requests import read_request
from armtune.errors import DataError

Answer = Callable[[Request], Awaitable[Response]]


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


class Answered(JSONResponse):
    """JSON in ASCII: names may hold halves of characters, which UTF-8 can't."""

    def render(self, content: Any) -> bytes:
        """The body."""
        return json.dumps(content, allow_nan=False).encode()


class Service:
    """Answers requests about one bundle; models run one at a time.

    Raises:
        RunError: the folder isn't a bundle, or a file differs from its checksum.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.predictor, self.limits, self.counts = Predictor(folder), limits, Counts()
        self._one = anyio.CapacityLimiter(1)

    async def health(self) -> Response:
        """What is served."""
        shapes = {m: list(shape) for m, shape in self.predictor.shapes.items()}
        target = {"kind": self.predictor.target.kind, "names": list(self.predictor.target.names)}
        about = {"status": "ok", "armtune": __version__, "shapes": shapes, "target": target}
        return Answered(about)

    async def metrics(self) -> Response:
        """Counts for Prometheus."""
        return PlainTextResponse(self.counts.text(), media_type="text/plain; version=0.0.4")

    async def predict(self, request: Request) -> Response:
        """What the model says of the samples in a request."""
        with anyio.move_on_after(self.limits.seconds):
            body = await self._body(request)
            work = partial(self._predicted, body)
            records = await anyio.to_thread.run_sync(
                work, abandon_on_cancel=True, limiter=self._one
            )
            return Answered({"predictions": records})
        raise HTTPException(503, f"not answered within {self.limits.seconds:g} seconds")

    async def counted(self, request: Request, answer: Answer) -> Response:
        """Answers, and counts the answer."""
        response = await answer(request)
        self.counts.answers[response.status_code] += 1
        return response

    async def _body(self, request: Request) -> bytes:
        """The body, of which no more than may be is taken into memory."""
        parts, size = [], 0
        try:
            async for part in request.stream():
                size += len(part)
                if size > self.limits.size:
                    raise HTTPException(413, f"a request has {self.limits.size} bytes at most")
                parts.append(part)
        except ClientDisconnect as error:
            raise HTTPException(400, "the connection was closed within the request") from error
        return b"".join(parts)

    def _predicted(self, body: bytes) -> list[dict[str, Any]]:
        try:
            samples = read_request(body, self.predictor.shapes)
            started = time.perf_counter()
            records = list(self.predictor.predict(samples).records())
        except DataError as error:
            # What was sent may hold halves of characters, which no answer can.
            said = str(error).encode(errors="backslashreplace").decode()
            raise HTTPException(422, said) from error
        self.counts.seconds += time.perf_counter() - started
        self.counts.samples += len(records)
        self.counts.predictions += 1
        return records


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
    app.middleware("http")(service.counted)
    return app


def run(folder: Path, host: str, port: int, limits: Limits) -> None:
    """Serves until it is interrupted.

    Raises:
        RunError: as of ``Service``.
    """
    import uvicorn

    app = application(folder, limits)
    uvicorn.run(app, host=host, port=port, log_level="warning", timeout_keep_alive=30)
