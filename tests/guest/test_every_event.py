# SPDX-License-Identifier: Apache-2.0
"""Every event that the schema declares is seen: the guest test `trace_events` makes them happen, the
capture of its boot is searched for each by its name."""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from weft.harness import ktap
from weft.harness.guest import Guest

SCHEMA = Path(__file__).resolve().parents[2] / "trace/schema/events.toml"
HEADER_BYTES = 4096  # of a capture; records follow, a `page` record first
ID_BYTE = 6  # of a record


def seen(guest: Guest, capture: Path) -> set[str]:
    """The names of all events in a capture. `page` frames the others; the tool does not list it."""
    argv = [guest.tree.trace_tool, "dump", "--json", capture]
    dump = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True)
    records = [json.loads(line) for line in dump.stdout.splitlines()]
    return {record["event"] for record in records if "event" in record}


@pytest.mark.parametrize("accel", ["tcg", "icount"])
def test_every_declared_event_is_seen(
    boot: Callable[..., Guest], tmp_path: Path, accel: str
) -> None:
    declared = tomllib.loads(SCHEMA.read_text())["events"]
    capture = tmp_path / "trace.weft"
    with boot("test_trace_events", cpus=4, accel=accel, timeout=120) as guest:
        assert guest.wait().ok
        assert ktap.parse(guest.console).ok
        guest.capture(capture)
        names = seen(guest, capture)
    assert capture.read_bytes()[HEADER_BYTES + ID_BYTE] == declared["page"]["id"]
    # A crossing is of other designs, and seen by test_designs.py.
    assert sorted(declared.keys() - names) == ["crossing", "page"]
