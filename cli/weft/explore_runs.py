# SPDX-License-Identifier: Apache-2.0
"""Boot many machines, a few at a time, and hand out their results as they come.

    with Runs(plan, judge, jobs=4) as runs:
        for result in runs: ...

Each of `jobs` threads takes the next Run of the plan, boots it, waits for its end and lets `judge`
look at the machine before its memory goes: see weft.workers. A machine belongs to the thread that started it.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from weft.machine import Machine, MachineConfig
from weft.outcome import Outcome
from weft.workers import Workers


@dataclass(frozen=True)
class Run:
    """One boot. `subject` is the caller's own idea of what it boots."""

    subject: Any
    seed: int
    config: MachineConfig


@dataclass(frozen=True)
class Result:
    """`wrong` is empty if all went well; `seconds` are the host's; `records` are those of `@weft` lines."""

    run: Run
    wrong: str
    seconds: float
    console: tuple[str, ...]
    records: tuple[dict[str, Any], ...]


Judge = Callable[[Run, Machine, Outcome], str]


class Runs(Workers[Run, Result]):
    def __init__(self, plan: Iterator[Run], judge: Judge, jobs: int) -> None:
        super().__init__(plan, jobs)
        self._judge = judge
        self._machines: set[Machine] = set()

    def _kill(self) -> None:
        for machine in self._machines:
            # Its own thread sees the end and cleans up; it has not got to that yet if the pid is gone already.
            if machine.pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(machine.pid, signal.SIGKILL)

    def _do(self, item: Run) -> None:
        result = self._boot(item)
        if result is not None:
            self._tell(result)

    def _boot(self, run: Run) -> Result | None:
        """None: everything stops, and how this machine ended means nothing."""
        with Machine(run.config) as machine:
            with self._lock:
                if self._stopping:
                    return None
                self._machines.add(machine)
            try:
                outcome = machine.wait()
            finally:
                with self._lock:
                    self._machines.discard(machine)
                    stopping = self._stopping
            if stopping:
                return None
            wrong = self._judge(run, machine, outcome)
            return Result(run, wrong, outcome.seconds, tuple(machine.console), tuple(machine.records))
