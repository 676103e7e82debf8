# SPDX-License-Identifier: Apache-2.0
"""A restart as the timeline and the records of the guest tell it."""

from __future__ import annotations

import re
import statistics
import subprocess
from collections.abc import Callable
from pathlib import Path

from weft.harness.guest import Guest

KILLS = 10
WARM_UP = 3
KILLED = 3  # weft/supervisor.h: enum weft_service_cause
# Names of events: init's of its second task (userspace/init/services.c), and the service library's.
FAILED, RESTART, READY, ANSWERED = 3, 4, 1, 2


def test_a_restart_is_seen_from_the_failure_to_the_first_answer(boot: Callable[..., Guest], tmp_path: Path) -> None:
    with boot(image="test_services_load", accel="icount", cmdline=f"kills={KILLS}", timeout=120) as guest:
        assert guest.wait().ok
        times = [record for record in guest.records if record["record"] == "recovery"]
        capture = guest.capture(tmp_path / "trace.weft")
        done = subprocess.run([guest.tree.trace_tool, "dump", capture], capture_output=True, text=True, timeout=120)
    assert len(times) == KILLS + WARM_UP
    for time in times:
        assert 0 < time["known"] <= time["started"] <= time["ready"] <= time["answered"]
    assert statistics.median(time["answered"] for time in times) < 100_000  # microseconds of guest time
    for text in ("fail", "rest", "firs"):  # names come in pieces
        assert f'text="{text}"' in done.stdout, text
    events = re.findall(r"cpu (\d+) +user_(\w+) name=(\d+) value=(\d+)", done.stdout)
    begun = max(at for at, event in enumerate(events) if event[:3] == ("0", "begin", str(RESTART)))
    instance = events[begun][3]
    arrow = str(1 << 16 | int(instance))
    assert int(instance) == KILLS + WARM_UP + 1
    story = [
        ("0", "instant", FAILED, KILLED), ("0", "begin", RESTART, instance), ("0", "flow_out", RESTART, arrow),
        ("0", "end", RESTART, 0), ("1", "instant", READY, instance), ("1", "instant", ANSWERED, instance),
        ("1", "flow_in", ANSWERED, arrow),
    ]  # fmt: skip
    rest = iter(events[begun - 1 :])
    for step in story:  # in this order; the two CPUs may do something else in between
        assert tuple(map(str, step)) in rest, (step, events[begun - 3 :])
