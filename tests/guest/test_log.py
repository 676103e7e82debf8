# SPDX-License-Identifier: Apache-2.0
"""Log lines as they arrive on the console."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from weft.harness.guest import Guest

LINE = re.compile(r"^\[ +(\d+)\.(\d{6})\] test_log: (\w+): (\w+)")


@pytest.mark.parametrize(("words", "last"), [("", 3), ("log=error", 1), ("log=warning", 2), ("log=debug", 4)])
def test_lines_tell_time_name_and_level(boot: Callable[..., Guest], words: str, last: int) -> None:
    with boot(image="test_log", cpus=1, accel="icount", cmdline=words + " only=lines_come_out_whole") as guest:
        assert guest.wait().ok
        found = [match for match in map(LINE.match, guest.console) if match]
    every = [("error", "one"), ("warning", "two"), ("info", "three"), ("debug", "four"), ("info", "long")]
    wanted = [line for line in every if [level for level, _ in every].index(line[0]) < last]
    assert [match.group(3, 4) for match in found] == wanted
    times = [(int(match[1]), int(match[2])) for match in found]
    assert times == sorted(times) and times[0] > (0, 0)


def test_a_level_that_there_is_not_is_refused(boot: Callable[..., Guest]) -> None:
    with boot(image="test_log", cpus=1, accel="icount", cmdline="log=loud only=lines_come_out_whole") as guest:
        assert not guest.wait().ok
        assert "test_log: log=loud is none of error, warning, info, debug" in guest.console
