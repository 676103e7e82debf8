# SPDX-License-Identifier: Apache-2.0
"""Run long commands: say what is going on, keep the rest for when it goes wrong.

`run_step` starts a command, hands each line of its output to a filter that picks what a person
wants to see, and writes everything to build/setup.log. On failure the last lines are shown and a
Failure is raised. On a terminal the picked lines overwrite each other, otherwise one is printed
every few seconds, so that a log in CI stays readable.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from weft.failure import Failure
from weft.paths import BUILD

LOG = BUILD / "setup.log"
LAST_LINES = 15
SECONDS_PER_LINE = 3.0  # where progress cannot overwrite itself

LineFilter = Callable[[str], str | None]


class Progress:
    """One line that changes on a terminal; now and then a line everywhere else."""

    def __init__(self, seconds_per_line: float = SECONDS_PER_LINE) -> None:
        self._seconds_per_line = seconds_per_line
        self._terminal = sys.stdout.isatty()
        self._width = 0
        self._printed = time.monotonic()

    def show(self, text: str) -> None:
        if not self._terminal:
            if time.monotonic() - self._printed >= self._seconds_per_line:
                self._printed = time.monotonic()
                print(f"  {text}", flush=True)
            return
        text = f"  {text}"[:100]
        print("\r" + text.ljust(self._width), end="", flush=True)
        self._width = len(text)

    def clear(self) -> None:
        if self._terminal and self._width:
            print("\r" + " " * self._width + "\r", end="", flush=True)
            self._width = 0


def run_step(
    title: str,
    command: Sequence[str],
    pick: LineFilter,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run a command to its end. Raises Failure when it cannot be run or does not exit with 0."""
    started = time.monotonic()
    print(f"{title} ...", flush=True)
    code, last = _stream(command, pick, cwd, environment)
    if code:
        for line in last:
            print(f"    {line}", file=sys.stderr)
        raise Failure(f"{title} failed (exit code {code}); everything it said is in {LOG}")
    print(f"{title}: done in {time.monotonic() - started:.0f} s", flush=True)


def _stream(
    command: Sequence[str],
    pick: LineFilter,
    cwd: Path | None,
    environment: Mapping[str, str] | None,
) -> tuple[int, list[str]]:
    LOG.parent.mkdir(parents=True, exist_ok=True)
    progress = Progress()
    last: deque[str] = deque(maxlen=LAST_LINES)
    with LOG.open("a", encoding="utf-8") as log:
        log.write("$ " + " ".join(command) + "\n")
        try:
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
        except OSError as error:
            raise Failure(f"cannot run {command[0]}: {error.strerror}") from error
        assert process.stdout is not None
        for line in process.stdout:
            log.write(line)
            last.append(line.rstrip())
            picked = pick(line.rstrip())
            if picked:
                progress.show(picked)
        progress.clear()
        return process.wait(), list(last)
