# SPDX-License-Identifier: Apache-2.0
"""Unmaps that wait at the same time share a shootdown: the trace of the guest test `shootdown` shows how
many walks there were. A walk is a visitor with the process's id, seen once by each CPU's mailbox."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from weft.harness.guest import Guest

CPUS = 4
UNMAPS = 2 * 6 + 12 * 10  # of the two tests in shootdown.c


def test_unmaps_share_their_walks(boot: Callable[..., Guest], tmp_path: Path) -> None:
    capture = tmp_path / "trace.weft"
    with boot("test_shootdown", cpus=CPUS, accel="icount", timeout=120) as guest:
        assert guest.wait().ok
        guest.capture(capture)
    argv = [guest.tree.trace_tool, "dump", "--json", capture]
    dump = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True)
    events = [json.loads(line) for line in dump.stdout.splitlines()]
    assert not any(event.get("event") == "lost" for event in events)
    processes = [event["process"] for event in events if event.get("event") == "process_create"]
    visits = [
        event for event in events
        if event.get("event") == "mailbox_push" and event["why"] == "visit"
        and event["traveller"] == processes[-1]
    ]  # fmt: skip
    walks = len(visits) / CPUS
    assert 0 < walks < UNMAPS / 2
