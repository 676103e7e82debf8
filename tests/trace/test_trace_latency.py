# SPDX-License-Identifier: Apache-2.0
"""Latency and statistics: known stories give known figures."""

from __future__ import annotations

import json
import random

import pytest
import stories
from stories import PANG, PING, PONG, Story
from synthetic import Capture

STAGES = ["entry", "enqueue", "doorbell", "wakeup", "dispatch", "service", "reply", "resume"]


def latency(tool, tmp_path, story: Story) -> dict:
    return tool.json("latency", story.capture.write(tmp_path / "a.weft"))


def medians(path: dict) -> dict[str, int]:
    return {stage: figures["p50"] for stage, figures in path["stages"].items()}


def test_a_cross_core_call_is_cut_into_its_stages(tool, tmp_path):
    """See stories.cross_call: 100 ns between events, 700 ns of service."""
    story = Story()
    stories.cross_call(story)
    result = latency(tool, tmp_path, story)
    (path,) = result["paths"]
    assert path["client"]["name"] == "ping" and path["server"]["name"] == "pong"
    assert (path["path"], path["endpoint"], path["n"]) == ("cross", stories.PONG_ENDPOINT, 1)
    assert medians(path) == {"entry": 0, "enqueue": 100, "doorbell": 600, "wakeup": 100,
                             "dispatch": 200, "service": 700, "reply": 300, "resume": 200}
    assert path["p50"] == 2200 and result["stage_sum_mismatches"] == 0


def test_a_direct_call_has_no_mailbox_stages(tool, tmp_path):
    story = Story()
    stories.direct_call(story)
    (path,) = latency(tool, tmp_path, story)["paths"]
    assert path["path"] == "direct" and path["server"]["thread"] == PANG
    assert medians(path) == {"entry": 0, "enqueue": 0, "doorbell": 0, "wakeup": 5, "dispatch": 5,
                             "service": 200, "reply": 0, "resume": 5}


def test_the_way_into_the_kernel_counts_when_it_is_recorded(tool, tmp_path):
    story = Story()
    story.at(0, "syscall_entry", number=1, thread=PING)
    stories.direct_call(story)
    story.at(0, "syscall_exit", number=1, thread=PING, status=0)
    stories.direct_call(story)
    (path,) = latency(tool, tmp_path, story)["paths"]
    assert path["stages"]["entry"]["min"] == 0 and path["stages"]["entry"]["max"] == 100
    assert path["max"] == path["min"] + 100


def test_messages_without_both_ends_are_not_counted_as_latencies(tool, tmp_path):
    story = Story()
    stories.direct_call(story)
    story.at(0, "ipc_call", path="cross", message=99, endpoint=stories.PONG_ENDPOINT)
    story.at(0, "switch", state="blocked_call", previous=PING, next=Capture.idle(0))
    result = latency(tool, tmp_path, story)
    assert (result["messages"], result["incomplete"]) == (2, 1)
    assert sum(path["n"] for path in result["paths"]) == 1


def test_aborted_messages_are_counted_apart(tool, tmp_path):
    story = Story()
    story.at(0, "ipc_call", path="queued", message=99, endpoint=stories.PANG_ENDPOINT)
    story.at(0, "switch", state="blocked_call", previous=PING, next=Capture.idle(0))
    story.at(0, "ipc_abort", error=9, message=99, client=PING)
    story.at(0, "wakeup", priority=20, thread=PING, cause=0)
    story.at(0, "switch", state="runnable", previous=Capture.idle(0), next=PING)
    result = latency(tool, tmp_path, story)
    assert (result["messages"], result["aborted"], result["paths"]) == (1, 1, [])


def percentile(values: list[int], permille: int) -> int:
    """The smallest value that at least so many of all do not exceed."""
    values = sorted(values)
    return values[max(0, -(-len(values) * permille // 1000) - 1)]


@pytest.mark.parametrize("hz", [1_000_000_000, 2_596_150_347])
def test_percentiles_are_exact_and_stages_sum_to_round_trips(tool, tmp_path, hz):
    """Against the same figures computed here from the events."""
    random.seed(7)
    story = Story(capture=Capture(cpus=2, clock_hz=hz))
    for _ in range(1000):
        story.now += random.randrange(100_000)
        stories.cross_call(story, doorbell=random.random() < 0.5)
        stories.direct_call(story)
    path = story.capture.write(tmp_path / "a.weft")
    result = tool.json("latency", path)
    assert result["stage_sum_mismatches"] == 0 and result["messages"] == 2000
    events = [json.loads(line) for line in tool.ok("dump", path, "--json").splitlines()]
    for way in ("cross", "direct"):
        (row,) = [p for p in result["paths"] if p["path"] == way]
        calls = {e["message"]: e["time"] for e in events
                 if e["event"] == "ipc_call" and e["path"] == way}
        trips, waiting = [], None
        for event in events:
            if event["event"] == "ipc_reply" and event["message"] in calls:
                waiting = event["message"]
            elif event["event"] == "switch" and event["next"] == PING and waiting:
                trips.append(event["time"] - calls[waiting])
                waiting = None
        assert row["n"] == len(trips) == 1000
        for name, permille in (("min", 0), ("p50", 500), ("p90", 900), ("p99", 990),
                               ("p999", 999), ("max", 1000)):
            assert row[name] == percentile(trips, permille)
        assert list(row["stages"]) == STAGES


def test_text_shows_the_same_paths(tool, tmp_path):
    text = tool.ok("latency", stories.whole(3).capture.write(tmp_path / "a.weft"))
    assert "ping -> pong, endpoint 20, cross, n = 3" in text
    assert "ping -> pang, endpoint 21, direct, n = 9" in text  # with those answered by pong


def test_cpu_times_add_up(tool, tmp_path):
    stat = tool.json("stat", stories.whole(20).capture.write(tmp_path / "a.weft"))
    for cpu in stat["cpus"]:
        length = cpu["busy"] + cpu["idle"]
        assert 0 < length <= stat["end"] - stat["start"] and cpu["interrupts"] < length
    running = {row["name"]: row["running"] for row in stat["threads"]}
    assert running["ping"] + running["pang"] == stat["cpus"][0]["busy"]
    assert running["pong"] == stat["cpus"][1]["busy"]
    assert running["idle/0"] == stat["cpus"][0]["idle"]


def test_threads_are_accounted_for(tool, tmp_path):
    story = Story()
    stories.cross_call(story)
    stories.timer(story)
    stat = tool.json("stat", story.capture.write(tmp_path / "a.weft"))
    threads = {row["thread"]: row for row in stat["threads"]}
    assert threads[PING]["calls"] == 1 and threads[PONG]["serves"] == 1
    assert threads[PING]["preemptions"] == 1 and threads[PING]["wakeups"] == 2
    assert threads[PONG]["wait_max"] == 100 and threads[PING]["wait_max"] == 300
    assert threads[100]["idle"] and not threads[PING]["idle"]
    first = stat["cpus"][0]
    assert (first["pushes"], first["takes"], first["doorbells_sent"]) == (1, 1, 1)
    assert (first["interrupt_count"], first["interrupts"]) == (1, 300)
    assert stat["cpus"][1]["doorbells_received"] == 1


def test_events_are_counted_by_kind(tool, tmp_path):
    story = stories.whole(4)
    stat = tool.json("stat", story.capture.write(tmp_path / "a.weft"))
    calls = story.messages - 2 * 4  # and two sent one way in each round, and one failed
    assert stat["events"]["ipc_call"] == calls and stat["events"]["ipc_reply"] == calls - 4
    assert stat["events"]["page_fault"] == 1


def test_text_of_the_statistics_names_all_threads(tool, tmp_path):
    text = tool.ok("stat", stories.whole(2).capture.write(tmp_path / "a.weft"))
    for name in ("ping", "pong", "pang", "idle/0", "idle/1"):
        assert name in text
