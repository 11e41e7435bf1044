"""A headless Chromium, asked over the pipe of its DevTools: it needs no driver and no network."""

from __future__ import annotations

import base64
import json
import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

SECONDS = 60.0
"""Longest wait for an answer, since machines that test are busy."""
OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--hide-scrollbars", "--force-color-profile=srgb", "--remote-debugging-pipe",
)  # fmt: skip


class Browser:
    """A running browser. Its pipe carries JSON messages, each ended by a zero byte."""

    def __init__(self, to: int, by: int) -> None:
        self._to, self._by, self._rest, self._ids = to, by, b"", count(1)
        self._events: dict[str, list[dict[str, Any]]] = {}

    def call(self, method: str, session: str = "", **params: Any) -> dict[str, Any]:
        """The result of a method of the DevTools protocol."""
        message = {"id": next(self._ids), "method": method, "params": params}
        message |= {"sessionId": session} if session else {}
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == message["id"]:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result
            self._events.setdefault(answer.get("sessionId", ""), []).append(answer)

    def events(self, session: str, method: str) -> list[dict[str, Any]]:
        """What a tab has told so far."""
        told = self._events.get(session, [])
        return [event["params"] for event in told if event["method"] == method]

    def tab(self, width: int = 1280, height: int = 900, dark: bool = False) -> Tab:
        """A new tab with a window of this size, for a system of light or of dark look."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = Tab(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            tab.call(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1}
        tab.call("Emulation.setDeviceMetricsOverride", **size, mobile=width < 600)
        tab.look("screen", dark)
        return tab

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            assert select.select([self._by], [], [], SECONDS)[0], "the browser says nothing"
            part = os.read(self._by, 1 << 20)
            assert part, "the browser has ended"
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found


class Tab:
    """One page in a browser."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        return self._browser.call(method, self._session, **params)

    def open(self, address: str) -> Tab:
        """Opens a page, and waits until it has loaded."""
        self.call("Page.navigate", url=address)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")
        return self

    def look(self, media: str, dark: bool = False) -> None:
        """Shows the page as on a screen or on paper (``print``), light or dark."""
        features = {"prefers-color-scheme": "dark" if dark else "light", "hover": "hover"}
        named = [{"name": name, "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", media=media, features=named)

    def value(self, expression: str) -> Any:
        """What JavaScript gives in the page."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, (expression, answer["exceptionDetails"])
        return answer["result"].get("value")

    def until(self, expression: str, seconds: float = SECONDS) -> Any:
        """The value of an expression, as soon as it is true."""
        deadline = time.monotonic() + seconds
        while not (value := self.value(expression)):
            assert time.monotonic() < deadline, f"never became true: {expression}"
            time.sleep(0.1)
        return value

    def errors(self) -> list[str]:
        """What the page's console holds of errors."""
        told = self._browser.events
        thrown = [
            str(e["exceptionDetails"]) for e in told(self._session, "Runtime.exceptionThrown")
        ]
        logged = [e["entry"] for e in told(self._session, "Log.entryAdded")]
        said = [e for e in told(self._session, "Runtime.consoleAPICalled") if e["type"] == "error"]
        return [
            *thrown,
            *(str(entry) for entry in logged if entry["level"] == "error"),
            *(str(call["args"]) for call in said),
        ]

    def requests(self) -> list[str]:
        """Addresses that the page has asked for."""
        sent = self._browser.events(self._session, "Network.requestWillBeSent")
        return [request["request"]["url"] for request in sent]

    def picture(self, **options: Any) -> bytes:
        """The window's content, or what ``clip`` says, as an image."""
        return base64.b64decode(self.call("Page.captureScreenshot", **options)["data"])

    def paper(self) -> bytes:
        """The page as a PDF."""
        return base64.b64decode(self.call("Page.printToPDF")["data"])


@contextmanager
def browsing(program: str, profile: Path) -> Iterator[Browser]:
    """A browser with an empty profile, which ends with the block."""
    (reads, to), (by, writes) = os.pipe(), os.pipe()
    # Chromium takes messages from 3 and answers at 4.
    files = [(os.POSIX_SPAWN_DUP2, reads, 3), (os.POSIX_SPAWN_DUP2, writes, 4)]
    quiet = [(os.POSIX_SPAWN_OPEN, out, os.devnull, os.O_WRONLY, 0) for out in (1, 2)]
    start = [program, *OPTIONS, f"--user-data-dir={profile}"]
    process = os.posix_spawnp(program, start, os.environ, file_actions=[*files, *quiet])
    os.close(reads)
    os.close(writes)
    try:
        yield Browser(to, by)
    finally:
        os.kill(process, signal.SIGTERM)
        os.waitpid(process, 0)
        os.close(to)
        os.close(by)
