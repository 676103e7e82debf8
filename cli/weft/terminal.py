# SPDX-License-Identifier: Apache-2.0
"""The guest's terminal on the user's: what `weft run --terminal` shows and passes on.

    with Terminal() as terminal:
        with Machine(config, terminal.line, terminal.data) as machine:
            terminal.attach(machine)

Two streams meet here: the lines of the kernel's console (the first serial port), and the bytes of the guest's
terminal (the second). A line never stands within another one: where the terminal has a row that is not finished
(a prompt, something that is being typed), the line goes above it.

At a real terminal each key goes to the guest at once, ^C as well. ^A is the escape: ^A x ends the machine, ^A ^A
is one ^A for the guest. Who ends the command by a signal gets the terminal back as it was. Where the output is a
file or a pipe, only finished rows are written. Where the input is one, all of it is typed, and its end is ^D, which
the shell takes for `halt`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import termios
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weft.machine import Machine

ESCAPE = b"\x01"  # ^A
END_OF_INPUT = b"\x04"  # ^D
ERASE = b"\r\x1b[K"
TYPED_AHEAD_MAX = 1 << 16  # no more is read from a pipe while so much waits for the guest
ENDINGS = (signal.SIGTERM, signal.SIGHUP)


class Row:
    """The last row of a terminal: what stands behind the last newline."""

    def __init__(self) -> None:
        self.bytes = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The rows that are finished."""
        done = []
        self.bytes += data
        while (end := self.bytes.find(b"\n")) >= 0:
            done.append(self._shown(self.bytes[:end]))
            del self.bytes[: end + 1]
        return done

    @staticmethod
    def _shown(row: bytearray) -> bytes:
        """As it looks in the end: without what was erased."""
        text = bytearray()
        for byte in bytes(row).rpartition(ERASE)[2].rstrip(b"\r").replace(b"\b \b", b"\x7f"):
            if byte == 0x7F:
                del text[-1:]
            else:
                text.append(byte)
        return bytes(text)


class Terminal:
    """See the module. `ended`: the user has ended the machine."""

    def __init__(self, log: Callable[[str], None] | None = None) -> None:
        self.ended = False
        self._log = log or (lambda _: None)
        self._row = Row()
        self._input = sys.stdin.fileno() if sys.stdin else os.open(os.devnull, os.O_RDONLY)  # None: it is closed
        self._output = sys.stdout.fileno()
        self._shows_keys, self._shows_rows = os.isatty(self._input), not os.isatty(self._output)
        self._before: list[Any] | None = None
        self._caught: list[signal.Signals] = []
        self._escaped = False
        self._return = b""  # the end of what came last
        self._machine: Machine | None = None

    def __enter__(self) -> Terminal:
        if self._shows_keys:
            self._before = termios.tcgetattr(self._input)
            raw = termios.tcgetattr(self._input)
            raw[0] &= ~(termios.ICRNL | termios.IXON)
            raw[3] &= ~(termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN)
            if threading.current_thread() is threading.main_thread():
                self._caught = [ending for ending in ENDINGS if signal.getsignal(ending) is signal.SIG_DFL]
            for ending in self._caught:
                signal.signal(ending, self._terminated)
            termios.tcsetattr(self._input, termios.TCSADRAIN, raw)
            print("weft: ^A x ends the machine", flush=True)
        return self

    def __exit__(self, _kind: type[BaseException] | None, _value: BaseException | None,
                 _trace: TracebackType | None) -> None:  # fmt: skip
        if self._before is not None:
            termios.tcsetattr(self._input, termios.TCSADRAIN, self._before)
        for ending in self._caught:
            signal.signal(ending, signal.SIG_DFL)
        if self._row.bytes and not self._shows_rows:
            self._write(b"\n")

    def _terminated(self, number: int, _frame: FrameType | None) -> None:
        """A signal that ends this process, and with it QEMU: as if nobody had caught it, but for the terminal."""
        with contextlib.suppress(termios.error):  # it may be gone
            termios.tcsetattr(self._input, termios.TCSANOW, self._before or [])
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def attach(self, machine: Machine) -> None:
        """From here on what is typed goes to the machine."""
        assert machine.wire is not None
        self._machine = machine
        try:
            machine.follow(self._input, self._typed, self._input_ended)
        except PermissionError:  # a file, which never makes anybody wait
            while data := os.read(self._input, 1 << 16):
                machine.wire.send(data)
            self._input_ended()

    def _write(self, data: bytes) -> None:
        sys.stdout.flush()
        while data:
            data = data[os.write(self._output, data) :]

    def line(self, line: str) -> None:
        """A line of the kernel's console."""
        self._log(line)
        text = line.encode() + b"\n"
        if self._shows_rows or not self._row.bytes:
            self._write(text)
        else:
            self._write(ERASE + text + bytes(self._row.bytes))

    def data(self, data: bytes) -> None:
        """What the guest's terminal shows."""
        rows = self._row.feed(data)
        for row in rows:
            self._log(row.decode(errors="replace"))
        if self._shows_rows:
            self._write(b"".join(row + b"\n" for row in rows))
        else:
            data = self._return + data
            self._return = data[len(data.rstrip(b"\r")) :]
            self._write(data[: len(data) - len(self._return)].replace(b"\r\n", b"\n"))  # the terminal adds them

    def _input_ended(self) -> None:
        if self._machine is not None and self._machine.wire is not None and not self._shows_keys:
            self._machine.wire.send(END_OF_INPUT)

    def _typed(self, data: bytes) -> None:
        machine = self._machine
        assert machine is not None and machine.wire is not None
        wire = machine.wire
        if not self._shows_keys:
            wire.send(data)
            if wire.unsent > TYPED_AHEAD_MAX:
                machine.unfollow(self._input)
                wire.when_sent(lambda: self.attach(machine))
            return
        for key in (bytes([byte]) for byte in data):
            if self._escaped and key in (b"x", b"X"):
                self.ended = True
                machine.stop("ended by ^A x")
                return
            if key != ESCAPE or self._escaped:
                wire.send(key)
                self._escaped = False
            else:
                self._escaped = True
