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
    progress.begin(0, "booting")
    assert progress.seconds_left() == 30.0
    now[0] = 4.0
    assert progress.seconds_left() == 26.0


def test_a_slower_step_is_noticed_by_what_has_arrived() -> None:
    progress, now = make(io.StringIO())
    progress.begin(0, "booting")
    progress.tick(0, "a")
    now[0] = 12.0  # later than estimated, with a quarter of the results
    assert progress.seconds_left() == 36.0 + 20.0


def test_it_never_counts_below_zero() -> None:
    progress, now = make(io.StringIO())
    progress.begin(0, "booting")
    progress.end(0)
    progress.begin(1, "booting")
    now[0] = 100.0
    assert progress.seconds_left() == 0.0


def test_steps_that_are_there_already_take_no_time() -> None:
    progress, _ = make(io.StringIO())
    progress.end(1)
    assert progress.seconds_left() == 10.0


def test_guesses_are_corrected_by_what_others_of_the_kind_took() -> None:
    now = [0.0]
    steps = [Step("a", 10.0, 1, "tcg"), Step("b", 10.0, 1, "tcg"), Step("c", 10.0, 1, "icount"), Step("d", 7.0, 1)]
    progress = Progress(steps, io.StringIO(), lambda: now[0])
    progress.begin(0, "booting")
    now[0] = 5.0
    progress.end(0)
    assert progress.seconds_left() == 5.0 + 10.0 + 7.0


def test_workers_share_what_is_left_but_no_single_step() -> None:
    now = [0.0]
    progress = Progress([Step("a", 10.0, 1), Step("b", 10.0, 1), Step("c", 40.0, 1)], io.StringIO(), lambda: now[0], 2)
    assert progress.seconds_left() == 40.0
    progress.end(2)
    assert progress.seconds_left() == 10.0


def test_a_log_gets_a_line_per_step_and_a_terminal_one_living_line() -> None:
    log, terminal = io.StringIO(), Terminal()
    for stream in (log, terminal):
        progress, _ = make(stream)
        progress.begin(0, "booting")
        progress.tick(0, "syscall.null")
        progress.end(0)
        progress.finish()
    assert log.getvalue() == "[1/2] icount: booting (about 30 s left)\n"
    assert "syscall.null" in terminal.getvalue()
    assert "\n" not in terminal.getvalue()


def test_durations_for_people() -> None:
    assert duration(8.2) == "8 s"
    assert duration(125) == "2 min 5 s"
