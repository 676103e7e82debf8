# SPDX-License-Identifier: Apache-2.0
"""Boot many machines, a few at a time, and hand out their results as they come.

    with Runs(plan, judge, jobs=4) as runs:
        for result in runs: ...

Each of `jobs` threads takes the next Run of the plan, boots it, waits for its end and lets `judge`
look at the machine before its memory goes. Results come in the order in which runs end. The plan is
asked for a run only when a thread is free, by one thread at a time, so it may depend on results.

Invariants: a machine belongs to the thread that started it. Leaving the `with` block, for whatever
reason, kills the machines that still run and ends all threads; an exception in a thread ends the
whole and is raised where the results are read.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from weft.machine import Machine, MachineConfig
from weft.outcome import Outcome


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


class Runs:
    def __init__(self, plan: Iterator[Run], judge: Judge, jobs: int) -> None:
        self._plan = plan
        self._judge = judge
        self._lock = threading.Lock()  # for the plan, and for the three below
        self._stopping = False
        self._machines: set[Machine] = set()
        self._threads = [threading.Thread(target=self._work) for _ in range(jobs)]
        self._results: queue.SimpleQueue[Result | BaseException | None] = queue.SimpleQueue()

    def __enter__(self) -> Runs:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._stopping = True
            for machine in self._machines:
                # Its own thread sees the end and cleans up; it has not got to that yet if the pid
                # is gone already.
                if machine.pid is not None:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(machine.pid, signal.SIGKILL)
        for thread in self._threads:
            thread.join()

    def __iter__(self) -> Iterator[Result]:
        working = len(self._threads)
        while working:
            item = self._results.get()
            if item is None:
                working -= 1
            elif isinstance(item, BaseException):
                raise item
            else:
                yield item

    def _work(self) -> None:
        try:
            while (run := self._next()) is not None:
                result = self._boot(run)
                if result is None:
                    break
                self._results.put(result)
            self._results.put(None)
        except BaseException as error:  # goes on in the thread that reads
            self._results.put(error)

    def _next(self) -> Run | None:
        with self._lock:
            return None if self._stopping else next(self._plan, None)

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
