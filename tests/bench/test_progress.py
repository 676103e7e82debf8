# SPDX-License-Identifier: Apache-2.0
"""Progress: the time left, on a terminal and in a log."""

from __future__ import annotations

import io

from weft.bench.progress import Progress, Step, duration


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def make(stream: io.StringIO) -> tuple[Progress, list[float]]:
    now = [0.0]
    steps = [Step("icount", 10.0, 4), Step("tcg", 20.0, 4)]
    return Progress(steps, stream, lambda: now[0]), now


def test_time_left_counts_the_steps_that_follow() -> None:
    progress, now = make(io.StringIO())
    progress.begin("booting")
    assert progress.seconds_left() == 30.0
    now[0] = 4.0
    assert progress.seconds_left() == 26.0


def test_a_slower_step_is_noticed_by_what_has_arrived() -> None:
    progress, now = make(io.StringIO())
    progress.begin("booting")
    progress.tick("a")
    now[0] = 12.0  # later than estimated, with a quarter of the results
    assert progress.seconds_left() == 36.0 + 20.0


def test_it_never_counts_below_zero() -> None:
    progress, now = make(io.StringIO())
    progress.begin("booting")
    progress.begin("booting")
    now[0] = 100.0
    assert progress.seconds_left() == 0.0


def test_a_log_gets_a_line_per_step_and_a_terminal_one_living_line() -> None:
    log, terminal = io.StringIO(), Terminal()
    for stream in (log, terminal):
        progress, _ = make(stream)
        progress.begin("booting")
        progress.tick("syscall.null")
        progress.finish()
    assert log.getvalue() == "[1/2] icount: booting (about 30 s left)\n"
    assert "syscall.null" in terminal.getvalue()
    assert "\n" not in terminal.getvalue()


def test_durations_for_people() -> None:
    assert duration(8.2) == "8 s"
    assert duration(125) == "2 min 5 s"
