# SPDX-License-Identifier: Apache-2.0
"""The tools keep up with large captures: events per second of one core, in bounded memory.

Processor time is measured, not the clock on the wall, and the best of three runs counts, so that other
load on the host does not matter. docs/trace.md has the figures for 30 million events.
"""

from __future__ import annotations

import os
import resource
import subprocess
from pathlib import Path

import pytest
from bulk import Bulk, write_bulk

EVENTS = 2_000_000
MEMORY = 64 << 20
LEAST = {"stat": 10e6, "check": 10e6, "latency": 10e6, "convert": 5e6}


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> tuple[Path, Bulk]:
    path = tmp_path_factory.mktemp("large") / "large.weft"
    return path, write_bulk(path, EVENTS)


def limit_memory() -> None:
    """Counts what is allocated; the mapped capture is not."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))


def seconds(tool, command: str, path: Path) -> float:
    argv = [tool.path, command, path] + (["-o", "/dev/null"] if command == "convert" else [])
    before = os.times()
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True, preexec_fn=limit_memory, timeout=300)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


@pytest.mark.parametrize("command", LEAST)
def test_it_reads_so_many_events_a_second(tool, large, command):
    path, bulk = large
    best = min(seconds(tool, command, path) for _ in range(3))
    assert bulk.events / best >= LEAST[command], f"{bulk.events / best / 1e6:.1f} million a second"


def test_a_large_capture_is_understood(tool, large):
    path, bulk = large
    assert f"{bulk.events} events on 4 CPUs, 0 lost, 0 violations" in tool.ok("check", path)
    latency = tool.json("latency", path)
    assert (latency["messages"], latency["messages"] - latency["one_way"]) == (bulk.messages, bulk.calls)
    assert latency["stage_sum_mismatches"] == latency["incomplete"] == 0
    assert sum(path["n"] for path in latency["paths"]) == bulk.calls
