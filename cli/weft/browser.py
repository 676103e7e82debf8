# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium to drive: open a page, ask it questions, take a picture.

    with Browser() as browser:
        page = browser.open("http://127.0.0.1:1234/")
        page.wait_for("document.querySelectorAll('canvas').length > 0", seconds=30)
        page.screenshot(Path("page.png"))
        assert page.complaints == []

It speaks the DevTools protocol over a pair of pipes (messages end in NUL), so that it needs neither
a port nor a package. `complaints` collects uncaught exceptions and console errors, `requests` the addresses
that the page asked for. The browser dies with the object, and with this process; its profile is a temporary
folder.
"""

from __future__ import annotations

import base64
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
SECONDS = 60.0
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # it may run as root in a container, and opens nothing but our own pages
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
# Chromium takes its commands from descriptor 3 and answers on 4. They are put there by a program of
# their own, as between fork and exec Python may use these numbers itself.
LAUNCH = """
import fcntl, os, sys
moved = [fcntl.fcntl(int(text), fcntl.F_DUPFD, 10) for text in sys.argv[1:3]]
for descriptor, number in zip(moved, (3, 4)):
    os.dup2(descriptor, number)
    os.close(descriptor)
os.execv(sys.argv[3], sys.argv[3:])
"""
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class BrowserError(Exception):
    """The browser is not there, did not answer in time, or refused."""


class Browser:
    """See the module."""

    def __init__(self, width: int = 1600, height: int = 1000) -> None:
        path = next(filter(None, map(shutil.which, NAMES)), None)
        if path is None:
            raise BrowserError("no Chromium on this machine (./weft setup installs it)")
        self._profile = tempfile.TemporaryDirectory(prefix="weft-browser-", ignore_cleanup_errors=True)
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        command = [path, *FLAGS, f"--window-size={width},{height}", f"--user-data-dir={self._profile.name}"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, str(to_browser), str(from_browser), *command],
            pass_fds=(to_browser, from_browser),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=lambda: _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0),
        )
        os.close(to_browser)
        os.close(from_browser)
        self._buffer = b""
        self._next = 0
        self._pages: dict[str, Page] = {}

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the browser and everything that it started."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for descriptor in (self._in, self._out):
            os.close(descriptor)
        self._profile.cleanup()

    def open(self, address: str) -> Page:
        """A new page that shows an address; returns as soon as it begins to load."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = Page(self, session)
        self._pages[session] = page
        for domain in ("Runtime", "Log", "Page", "Network"):
            page.call(f"{domain}.enable")
        page.call("Page.navigate", {"url": address})
        return page

    def call(
        self,
        method: str,
        parameters: dict[str, Any] | None = None,
        session: str | None = None,
        seconds: float = SECONDS,
    ) -> dict[str, Any]:
        """One command of the protocol and its answer, which may take so long."""
        self._next += 1
        message = {"id": self._next, "method": method, "params": parameters or {}}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        for answer in self._messages(time.monotonic() + seconds):
            if answer.get("id") == message["id"]:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error'].get('message')}")
                return dict(answer["result"])
        raise BrowserError(f"{method}: no answer within {seconds:g} s")

    def wait(self, condition: Callable[[], bool], otherwise: str, seconds: float) -> None:
        """Take what pages say until a condition on it holds."""
        messages = self._messages(time.monotonic() + seconds)
        while not condition():
            if next(messages, None) is None:
                raise BrowserError(f"{otherwise} within {seconds:g} s")

    def _messages(self, deadline: float) -> Iterator[dict[str, Any]]:
        """Messages as they come, until the deadline; events go to their pages on the way."""
        while True:
            while b"\0" in self._buffer:
                raw, self._buffer = self._buffer.split(b"\0", 1)
                message = json.loads(raw)
                page = self._pages.get(message.get("sessionId", ""))
                if page is not None and "method" in message:
                    page.take(message["method"], message["params"])
                yield message
            ready, _, _ = select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                return
            data = os.read(self._in, 1 << 20)
            if not data:
                raise BrowserError(f"the browser has ended (exit code {self._process.wait()})")
            self._buffer += data


class Page:
    """One tab."""

    def __init__(self, browser: Browser, session: str) -> None:
        self.complaints: list[str] = []
        self.console: list[str] = []
        self.requests: list[str] = []
        self.address = ""
        self._browser = browser
        self._session = session

    def call(
        self, method: str, parameters: dict[str, Any] | None = None, seconds: float = SECONDS
    ) -> dict[str, Any]:
        return self._browser.call(method, parameters, self._session, seconds)

    def take(self, method: str, parameters: dict[str, Any]) -> None:
        """Remember what the page says about itself."""
        if method == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            text = details.get("exception", {}).get("description") or details.get("text", "")
            self.complaints.append(str(text))
        elif method == "Runtime.consoleAPICalled":
            words = [str(word.get("value", word.get("description", ""))) for word in parameters["args"]]
            self.console.append(" ".join(words))
            if parameters["type"] == "error":
                self.complaints.append(" ".join(words))
        elif method == "Page.frameNavigated" and "parentId" not in parameters["frame"]:
            self.address = str(parameters["frame"]["url"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(str(parameters["request"]["url"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            entry = parameters["entry"]
            self.complaints.append(f"{entry['text']} {entry.get('url', '')}".strip())

    def evaluate(self, expression: str, seconds: float = SECONDS) -> Any:
        """The value of a JavaScript expression (a promise's, when it is one)."""
        answer = self.call(
            "Runtime.evaluate",
            {"expression": expression, "returnByValue": True, "awaitPromise": True},
            seconds,
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            text = details.get("exception", {}).get("description") or details.get("text")
            raise BrowserError(f"{expression}: {text}")
        return answer["result"].get("value")

    def wait_for(self, expression: str, seconds: float = SECONDS) -> Any:
        """Ask until the expression is true; the page itself does the waiting, a frame at a time."""
        milliseconds = int(seconds * 1000)
        waiting = (
            "new Promise((done) => { const end = performance.now() + %d;"
            " const look = () => { let value; try { value = (%s); } catch (error) { value = false; }"
            " if (value || performance.now() > end) done(value); else setTimeout(look, 50); };"
            " look(); })" % (milliseconds, expression)
        )
        value = self.evaluate(waiting, seconds + SECONDS)
        if not value:
            raise BrowserError(f"not true within {seconds:g} s: {expression}")
        return value

    def arrive(self, address: str, seconds: float = SECONDS) -> None:
        """Wait until the page has gone to an address that begins so."""
        self._browser.wait(lambda: self.address.startswith(address), f"the page did not go to {address}", seconds)

    def look(self, width: int, height: int, dark: bool) -> None:
        """What the page finds: the size of the window, and whether its user likes it dark."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", {"features": [scheme]})

    def screenshot(self, path: Path, clip: dict[str, float] | None = None) -> Path:
        """What the page shows, or a part of it (x, y, width, height, scale), as a PNG file."""
        part = {"clip": clip, "captureBeyondViewport": True} if clip else {}
        data = self.call("Page.captureScreenshot", {"format": "png", **part})["data"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(data))
        return path
