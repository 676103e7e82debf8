# SPDX-License-Identifier: Apache-2.0
"""Progress with the time left, on a terminal as one living line, elsewhere as a line per step.

    progress = Progress(steps=[Step("icount", 6.0, 8), ...], stream=sys.stderr, clock=time.monotonic)
    progress.begin("icount"); progress.tick("ipc.call.same_core"); progress.finish()

The estimate of a step comes from how long it took the last time (details.json of the earlier run in
the same directory) or from the suite's guess; within a step it is corrected by how many benchmarks
have arrived. An estimate that is used up says "soon" instead of counting below zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO


@dataclass(frozen=True)
class Step:
    """One boot: how long it is expected to take and how many results it will bring."""

    label: str
    seconds: float
    results: int


class Progress:
    """Knows how far a list of steps has come."""

    def __init__(self, steps: list[Step], stream: TextIO, clock: Callable[[], float]) -> None:
        self._steps = steps
        self._stream = stream
        self._clock = clock
        self._living = stream.isatty()
        self._index = -1
        self._started = 0.0
        self._arrived = 0

    def begin(self, what: str) -> None:
        """The next step starts."""
        self._index += 1
        self._started = self._clock()
        self._arrived = 0
        self._show(what)

    def tick(self, what: str) -> None:
        """A result arrived."""
        self._arrived += 1
        if self._living:
            self._show(what)

    def finish(self) -> None:
        """Nothing is left: clears the living line."""
        if self._living:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def seconds_left(self) -> float:
        """The estimate for this step and all later ones."""
        step = self._steps[self._index]
        elapsed = self._clock() - self._started
        left = step.seconds - elapsed
        if self._arrived and step.results:
            share = min(1.0, self._arrived / step.results)
            left = min(left, elapsed / share - elapsed) if left > 0 else elapsed / share - elapsed
        return max(0.0, left) + sum(later.seconds for later in self._steps[self._index + 1 :])

    def _show(self, what: str) -> None:
        step = self._steps[self._index]
        left = self.seconds_left()
        remaining = f"about {duration(left)} left" if left >= 1 else "soon done"
        line = f"[{self._index + 1}/{len(self._steps)}] {step.label}: {what} ({remaining})"
        self._stream.write(f"\r\x1b[K{line}" if self._living else f"{line}\n")
        self._stream.flush()


def duration(seconds: float) -> str:
    """A length of time for people: 8 s, 2 min 5 s."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"
