"""Asks a service as browsers and programs do, without a network."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import numpy as np

FORM = "multipart/form-data; boundary=edge"


Sent = tuple[str, "str | None", bytes]
"""A part's name, its file's name (None of a field that is no file), and what is in it."""


def form(*sent: Sent) -> bytes:
    """A form as a browser sends it."""
    return b"".join([*map(part, sent), b"--edge--\r\n"])


def part(sent: Sent) -> bytes:
    name, file, content = sent
    of = "" if file is None else f'; filename="{file}"'
    head = f'--edge\r\nContent-Disposition: form-data; name="{name}"{of}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def npy(array: np.ndarray[Any, Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


class Client:
    """Asks an ASGI application as a server would."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def ask(
        self,
        path: str = "/predict",
        body: bytes = b"",
        method: str = "POST",
        kind: str = "",
        hangs_up: bool = False,
    ) -> tuple[int, bytes]:
        return asyncio.run(self.asked(path, body, method, kind, hangs_up))

    def rows(self, rows: Any) -> tuple[int, Any]:
        status, answer = self.ask(body=json.dumps({"rows": rows}).encode())
        return status, json.loads(answer)

    def predict(self, inputs: Any) -> tuple[int, Any]:
        status, answer = self.ask(body=json.dumps({"inputs": inputs}).encode())
        return status, json.loads(answer)

    def upload(self, *sent: Sent) -> tuple[int, Any]:
        status, answer = self.ask(body=form(*sent), kind=FORM)
        return status, json.loads(answer)

    async def asked(
        self, path: str, body: bytes, method: str, kind: str = "", hangs_up: bool = False
    ) -> tuple[int, bytes]:
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
            "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": [(b"content-type", kind.encode())] if kind else [],
            "scheme": "http", "server": ("127.0.0.1", 1), "client": ("127.0.0.1", 2),
            "root_path": "",
        }  # fmt: skip
        halves = [body[: len(body) // 2], body[len(body) // 2 :]]
        parts = [
            {"type": "http.request", "body": half, "more_body": k == 0}
            for k, half in enumerate(halves)
        ]
        if hangs_up:
            parts[1] = {"type": "http.disconnect"}
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if parts:
                return parts.pop(0)
            await asyncio.sleep(60)
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        return sent[0]["status"], b"".join(part.get("body", b"") for part in sent[1:])
