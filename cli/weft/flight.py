# SPDX-License-Identifier: Apache-2.0
"""The flight recorder: captures that are taken when something happens, while the guest goes on.

    triggers = read_triggers(["user:late", "latency:50us", "panic"], limit="5", stop=False)
    recorder = Recorder(machine, tool, out / "trace.weft", triggers, {"commit": ...})
    outcome = machine.wait()
    captures = recorder.finish()             # [Capture(path of trace.1.weft, "user:late"), ...]

What shows in the events (user, latency) and SIGUSR1 (signal) is the business of `weft-trace watch`, in a
process of its own, which reads the guest's memory. What ends a guest (panic, assertion, timeout) is seen
here, and its capture holds everything up to the last event.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weft.machine import Machine, MachineError, Outcome
from weft.machine_config import UsageError

ENDS = ("panic", "assertion", "timeout")
LIMIT_MAX = 10_000
FINISH_SECONDS = 120
_WATCHED = re.compile(r"user:[\x20-\x7e]+|latency:[0-9]+(ns|us|ms|s)")


@dataclass(frozen=True)
class Triggers:
    """What was asked for. `watched` is what weft-trace looks for in the events."""

    watched: tuple[str, ...]
    ends: tuple[str, ...]
    signal: bool
    limit: int
    stop: bool


@dataclass(frozen=True)
class Capture:
    path: Path
    trigger: str


def read_triggers(words: list[str], limit: str, stop: bool) -> Triggers | None:
    """None: there are none. Raises UsageError for what cannot be."""
    if not re.fullmatch(r"[0-9]{1,5}", limit) or not 1 <= int(limit) <= LIMIT_MAX:
        raise UsageError(f"trigger-limit must be 1 to {LIMIT_MAX}, not {limit!r}")
    if not words:
        if stop:
            raise UsageError("--trigger-stop needs a --trigger")
        return None
    for word in words:
        if word not in (*ENDS, "signal") and not _WATCHED.fullmatch(word):
            raise UsageError(f"unknown trigger {word!r} (have: user:NAME, latency:TIME such as 50us,"
                             f" signal, {', '.join(ENDS)})")
    watched = tuple(dict.fromkeys(word for word in words if ":" in word))
    return Triggers(watched, tuple(word for word in ENDS if word in words), "signal" in words, int(limit), stop)


class Recorder:
    """It must end with finish() or abandon()."""

    def __init__(self, machine: Machine, tool: Path, out: Path, triggers: Triggers,
                 extra: dict[str, Any]) -> None:  # fmt: skip
        self._machine, self._tool, self._out = machine, tool, out
        self._triggers, self._extra = triggers, extra
        self._captures: list[Capture] = []
        self._partial = b""
        self._process: subprocess.Popen[bytes] | None = None
        self._handler: Any = None
        self._metadata = tempfile.NamedTemporaryFile("w", suffix=".json")
        json.dump(machine.metadata(extra), self._metadata)
        self._metadata.flush()
        if triggers.watched or triggers.signal:
            self._start()

    def _start(self) -> None:
        machine, triggers = self._machine, self._triggers
        argv = [str(self._tool), "watch", "--ram", str(machine.memory.path), "--kernel", str(machine.config.kernel)]
        argv += ["--meta", self._metadata.name, "--limit", str(triggers.limit), "-o", str(self._out)]
        for word in triggers.watched:
            argv += ["--trigger", word]
        if triggers.signal:  # until the process is ready it must not die of it
            self._handler = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        try:
            self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                             stderr=subprocess.PIPE)  # fmt: skip
        except OSError as error:
            self.abandon()
            raise MachineError(f"watching failed: {error}") from error
        if triggers.signal:
            watcher = self._process
            signal.signal(signal.SIGUSR1, lambda *_: watcher.send_signal(signal.SIGUSR1))
        assert self._process.stdout is not None
        machine.follow(self._process.stdout.fileno(), self._take)

    @property
    def stopped(self) -> bool:
        """Has a trigger ended the guest?"""
        return self._triggers.stop and bool(self._captures)

    def _take(self, data: bytes) -> None:
        """A line for each capture: PATH: TRIGGER at TIME ns."""
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            text = line.decode(errors="replace")
            path = self._numbered(len(self._captures) + 1)
            trigger, _, _ = text.removeprefix(f"{path}: ").rpartition(" at ")
            self._captures.append(Capture(path, trigger))
            print(f"weft: trigger {text.removeprefix(f'{path}: ')}: {path}", flush=True)
            if self._triggers.stop and self._machine.running:
                self._machine.stop(f"ended at the trigger {trigger}")

    def _numbered(self, number: int) -> Path:
        return self._out.with_name(f"{self._out.stem}.{number}{self._out.suffix}")

    def finish(self) -> list[Capture]:
        """After the guest's end: the last looks. Raises MachineError with the tool's own line when it failed."""
        try:
            self._finish_watching()
            for word in self._triggers.ends:
                if self._ended_by(word):
                    path = self._numbered(len(self._captures) + 1)
                    self._machine.capture(path, self._tool, self._extra, trigger=word)
                    self._captures.append(Capture(path, word))
                    print(f"weft: trigger {word}: {path}", flush=True)
                    break  # an assertion is a panic, too
        finally:
            self.abandon()
        return self._captures

    def _ended_by(self, word: str) -> bool:
        outcome: Outcome | None = self._machine.outcome
        panic = self._machine.panic or ""
        if word == "panic":
            return bool(panic)
        if word == "assertion":
            return "assertion failed" in panic
        return outcome is not None and outcome.kind == "timeout"

    def _finish_watching(self) -> None:
        process = self._process
        if process is None:
            return
        try:
            said, complaint = process.communicate(timeout=FINISH_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise MachineError(f"watching failed: {error}") from error
        self._take(said)
        lines = complaint.decode(errors="replace").strip().splitlines()
        if process.returncode:
            raise MachineError(f"watching failed: {lines[-1] if lines else f'exit code {process.returncode}'}")
        for line in lines:
            print(line.replace("weft-trace", "weft", 1), flush=True)

    def abandon(self) -> None:
        """End at once, with the captures that there are."""
        self._metadata.close()
        if self._handler is not None:
            signal.signal(signal.SIGUSR1, self._handler)
            self._handler = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
                if pipe is not None and not pipe.closed:
                    pipe.close()
            self._process = None
