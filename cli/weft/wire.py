# SPDX-License-Identifier: Apache-2.0
"""A guest's second serial port, on which its own driver serves a terminal (userspace/drivers/uart).

    wire = Wire(selector, on_data, pump)      bytes move while the selector is waited on, which `pump` does
    wire.send(b"help\\n")                     what the guest does not take yet is kept
    wire.shown                                all that it has sent, as text, without what moves the cursor
    wire.wait_for(r"weft> ", seconds=10)

What is sent before the guest has sent anything waits for that: until its driver is there, the port would
lose it. A guest that reads nothing costs memory here and no time.
"""

from __future__ import annotations

import codecs
import os
import re
import selectors
import socket
import time
from collections.abc import Callable

READ_SIZE = 1 << 16
MATCH_MAX = 4096  # characters
MOVES = re.compile(r"\r\x1b\[K|\r")
PART_OF_A_MOVE = re.compile(r"\r(\x1b\[?)?\Z")


class Wire:
    def __init__(self, selector: selectors.BaseSelector, on_data: Callable[[bytes], None] | None,
                 pump: Callable[[float], bool]) -> None:  # fmt: skip
        self.shown = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""  # the begin of what may move the cursor
        self._heard = False
        self._on_data, self._selector, self._pump = on_data, selector, pump
        self._socket, self.qemus = socket.socketpair()
        self._socket.setblocking(False)
        self._writer = self._socket.dup()  # a selector takes each descriptor once
        self._pending = bytearray()
        self._then: Callable[[], None] | None = None
        self._writes = False
        self.ended = False  # the machine has gone
        selector.register(self._socket, selectors.EVENT_READ, self._read)

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        for end in (self._socket, self._writer, self.qemus):
            end.close()

    def _read(self) -> None:
        if not self.drain():
            self._selector.unregister(self._socket)
            self.ended = True

    def drain(self) -> bool:
        """Takes what is there. False: there will be no more."""
        try:
            while data := os.read(self._socket.fileno(), READ_SIZE):
                self._take(data)
        except BlockingIOError:
            return True
        except ConnectionError:
            pass
        return False

    def _take(self, data: bytes) -> None:
        text = self._held + self._decoder.decode(data)
        part = PART_OF_A_MOVE.search(text)
        self._held = part[0] if part else ""
        self.shown += MOVES.sub("", text[: part.start()] if part else text)
        if self._on_data is not None:
            self._on_data(data)
        if not self._heard:
            self._heard = True
            self._write()

    def wait_for(self, pattern: str, seconds: float, start: int = 0) -> re.Match[str]:
        """The first match in `shown` from `start` on, past or to come; what is to come must match within MATCH_MAX
        characters. Raises TimeoutError after `seconds`, EOFError when the machine ends without it."""
        expression, deadline = re.compile(pattern), time.monotonic() + seconds
        while (match := expression.search(self.shown, start)) is None:
            if self.ended:
                raise EOFError(f"the machine ended without /{pattern}/ on its terminal: {self.shown[-500:]}")
            start, before = max(start, len(self.shown) - MATCH_MAX), len(self.shown)
            while len(self.shown) == before and not self.ended:
                if not self._pump(deadline):
                    raise TimeoutError(f"no /{pattern}/ on the terminal within {seconds:g} s: {self.shown[-500:]}")
        return match

    @property
    def unsent(self) -> int:
        return len(self._pending)

    def when_sent(self, then: Callable[[], None]) -> None:
        """Calls it, once, when all that was to be sent is sent."""
        self._then = then

    def send(self, data: bytes) -> None:
        self._pending += data
        if self._heard:
            self._write()

    def _write(self) -> None:
        try:
            while self._pending:
                del self._pending[: self._writer.send(self._pending)]
        except BlockingIOError:
            pass
        except ConnectionError:
            self._pending.clear()
        if bool(self._pending) == self._writes:
            return
        self._writes = not self._writes
        if self._writes:
            self._selector.register(self._writer, selectors.EVENT_WRITE, self._write)
        else:
            self._selector.unregister(self._writer)
            then, self._then = self._then, None
            if then is not None:
                then()
