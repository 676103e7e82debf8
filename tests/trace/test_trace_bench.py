# SPDX-License-Identifier: Apache-2.0
"""The benchmark's timeline against what the guest itself counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clean import trace_problems

# What fits into such a ring.
ONLY = "syscall.null,thread.switch,ipc.call.same_core,ipc.call.cross_core,ipc.call.matrix,ipc.call.pairs,ipc.notify,trace"
WORDS = f"trace_ring=8388608 samples=300 only={ONLY}"
FLOWS_OF_THREADS = (
    "select st.tid, count(*) from flow f join slice b on b.id = f.slice_out"
    " join thread_track bt on bt.id = b.track_id join thread st using (utid)"
    " where b.name = 'send' group by st.tid"
)
@pytest.fixture(scope="module")
def records_of():
    def run(console: list[str]) -> list[dict]:
        return [json.loads(line.removeprefix("@weft ")) for line in console
                if line.startswith("@weft ")]

    return run


@pytest.mark.parametrize("accel", ["icount", "tcg"])
def test_every_message_of_the_benchmark_has_its_arrow(
        boot, tool, trace_processor, records_of, tmp_path: Path, accel: str):
    with boot(image="bench", cpus=4, accel=accel, profile="bench", cmdline=WORDS, timeout=180) as guest:
        assert guest.wait().kind == "ok"
        capture = guest.capture(tmp_path / "bench.weft")
        counts = {record["thread"]: record for record in records_of(guest.console)
                  if record["record"] == "counts"}
    assert " CPUs, 0 lost, 0 violations" in tool.ok("check", capture)
    trace = tmp_path / "bench.pftrace"
    tool.ok("convert", capture, "-o", trace)
    assert trace_problems(trace, trace_processor) == []

    flows, = trace_processor(trace, [FLOWS_OF_THREADS])
    arrows = dict(flows)
    assert counts
    assert {thread: arrows.get(thread, 0) for thread in counts} == {
        thread: record["calls"] for thread, record in counts.items()}

    latency = tool.json("latency", capture)
    assert latency["stage_sum_mismatches"] == latency["incomplete"] == latency["aborted"] == 0
    crossed = {thread: 0 for thread in counts}
    for path in latency["paths"]:
        if path["path"] == "cross":
            crossed[path["client"]["thread"]] += path["n"]
    assert crossed == {
        thread: record["calls"] if record["client_cpu"] != record["server_cpu"] else 0
        for thread, record in counts.items()}
