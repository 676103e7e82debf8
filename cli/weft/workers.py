# SPDX-License-Identifier: Apache-2.0
"""A few threads that work off a plan, for campaigns whose runs are processes.

    class Runs(Workers[Run, Result]):
        def _do(self, item): ...        # what a thread does with an item; self._tell(result) hands out
        def _kill(self): ...            # ends the processes of all threads; the lock is held

    with Runs(plan, jobs=4) as runs:
        for result in runs: ...

Results come in the order in which they are told. The plan is asked for an item only when a thread is free,
by one thread at a time, so it may depend on results.

Invariants: leaving the `with` block, for whatever reason, kills what still runs and ends all threads; an
exception in a thread ends the whole and is raised where the results are read.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Generic, Self, TypeVar

from weft import interrupt

Item = TypeVar("Item")
Result = TypeVar("Result")


class Workers(Generic[Item, Result]):
    def __init__(self, plan: Iterator[Item], jobs: int) -> None:
        self._plan = plan
        self._lock = threading.Lock()  # for the plan, for `_stopping`, and for what a subclass has running
        self._stopping = False
        self._threads = [threading.Thread(target=self._work) for _ in range(jobs)]
        self._results: queue.SimpleQueue[Result | BaseException | None] = queue.SimpleQueue()

    def _do(self, item: Item) -> None:
        raise NotImplementedError

    def _kill(self) -> None:
        raise NotImplementedError

    def _tell(self, result: Result) -> None:
        self._results.put(result)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._stopping = True
            self._kill()
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
            while (item := self._next()) is not None:
                self._do(item)
            self._results.put(None)
        except BaseException as error:  # goes on in the thread that reads
            self._results.put(error)

    def _next(self) -> Item | None:
        interrupt.check()
        with self._lock:
            return None if self._stopping else next(self._plan, None)
