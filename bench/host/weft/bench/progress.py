# SPDX-License-Identifier: Apache-2.0
"""Progress with the time left, on a terminal as one living line, elsewhere as a line per step.

    progress = Progress(steps=[Step("icount", 6.0, 8), ...], stream=sys.stderr, clock=time.monotonic)
    progress.begin(0, "booting"); progress.tick(0, "ipc.call.same_core"); progress.end(0); progress.finish()

Steps may begin in any order, and several at a time, by as many workers as there are. The estimate of a
step comes from how long it took the last time or from a guess; while it runs it is corrected by how many
results have arrived. Guesses of one kind are corrected by the steps of that kind that have ended. An
estimate that is used up says "soon done" instead of counting below zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TextIO


@dataclass(frozen=True)
class Step:
    """One boot: how long it is expected to take and how many results it will bring."""

    label: str
    seconds: float
    results: int
    kind: str = ""  # of a guess: what it is a guess of; empty where it was measured


class Progress:
    """Knows how far a list of steps has come."""

    def __init__(self, steps: Sequence[Step], stream: TextIO, clock: Callable[[], float], workers: int = 1) -> None:
        self._steps = steps
        self._stream = stream
        self._clock = clock
        self._living = stream.isatty()
        self._workers = workers
        self._started: dict[int, float] = {}
        self._arrived: dict[int, int] = {}
        self._ended: set[int] = set()
        self._taken: dict[str, tuple[float, float]] = {}  # by kind: guessed and true seconds of what has ended

    def begin(self, index: int, what: str) -> None:
        """A step starts."""
        self._started[index] = self._clock()
        self._arrived[index] = 0
        self._show(index, what)

    def tick(self, index: int, what: str) -> None:
        """A result arrived."""
        self._arrived[index] += 1
        if self._living:
            self._show(index, what)

    def end(self, index: int, what: str = "", seconds: float | None = None) -> None:
        """A step is over. Of one that did not begin here it is told `what` it was, and how many `seconds`
        it took."""
        step = self._steps[index]
        if seconds is None and index in self._started:
            seconds = self._clock() - self._started[index]
        if seconds is not None and step.kind:
            guessed, taken = self._taken.get(step.kind, (0.0, 0.0))
            self._taken[step.kind] = guessed + step.seconds, taken + seconds
        self._ended.add(index)
        if what:
            self._show(index, what)

    def finish(self) -> None:
        """Nothing is left: clears the living line."""
        if self._living:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def seconds_left(self) -> float:
        """The estimate for what runs and what has not begun."""
        left = [self._left(index) for index in range(len(self._steps)) if index not in self._ended]
        return max(sum(left) / self._workers, max(left, default=0.0))

    def _left(self, index: int) -> float:
        step = self._steps[index]
        guessed, taken = self._taken.get(step.kind, (0.0, 0.0))
        seconds = step.seconds * (taken / guessed if guessed else 1.0)
        if index not in self._started:
            return seconds
        elapsed = self._clock() - self._started[index]
        left = seconds - elapsed
        if self._arrived[index] and step.results:
            share = min(1.0, self._arrived[index] / step.results)
            left = min(left, elapsed / share - elapsed) if left > 0 else elapsed / share - elapsed
        return max(0.0, left)

    def _show(self, index: int, what: str) -> None:
        left = self.seconds_left()
        remaining = f"about {duration(left)} left" if left >= 1 else "soon done"
        place = len(self._ended | set(self._started))
        line = f"[{place}/{len(self._steps)}] {self._steps[index].label}: {what} ({remaining})"
        self._stream.write(f"\r\x1b[K{line}" if self._living else f"{line}\n")
        self._stream.flush()


def duration(seconds: float) -> str:
    """A length of time for people: 8 s, 2 min 5 s."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"
