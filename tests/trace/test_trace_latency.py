# SPDX-License-Identifier: Apache-2.0
"""Latency and statistics: known stories give known figures."""

from __future__ import annotations

import json
import math
import random
import statistics

import pytest
import stories
from stories import INTRUDER, PANG, PING, PONG, Story
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
    story.at(0, "ipc_call", path="cross", client=PING, endpoint=stories.PONG_ENDPOINT)
    story.at(0, "switch", state="blocked_call", previous=PING, next=Capture.idle(0))
    result = latency(tool, tmp_path, story)
    assert (result["messages"], result["incomplete"]) == (2, 1)
    assert sum(path["n"] for path in result["paths"]) == 1


def test_aborted_messages_are_counted_apart(tool, tmp_path):
    story = Story()
    story.at(0, "ipc_call", path="queued", client=PING, endpoint=stories.PANG_ENDPOINT)
    story.at(0, "switch", state="blocked_call", previous=PING, next=Capture.idle(0))
    story.at(0, "ipc_abort", error=9, client=PING)
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
        trips, called, answered = [], None, False
        for event in events:
            if event["event"] == "ipc_call":
                called = event["time"] if event["path"] == way else None
            elif event["event"] == "ipc_reply":
                answered = True
            elif event["event"] == "switch" and event["next"] == PING and answered:
                trips += [event["time"] - called] if called else []
                answered = False
        assert row["n"] == len(trips) == 1000
        for name, permille in (("min", 0), ("p50", 500), ("p90", 900), ("p99", 990),
                               ("p999", 999), ("max", 1000)):
            assert row[name] == percentile(trips, permille)
        assert list(row["stages"]) == STAGES


def test_text_shows_the_same_paths(tool, tmp_path):
    text = tool.ok("latency", stories.whole(3).capture.write(tmp_path / "a.weft"))
    assert "ping (10) -> pong (11), endpoint 20, cross, n = 3" in text
    assert "ping (10) -> pang (12), endpoint 21, direct, n = 12" in text  # with those answered by pong


def test_one_way_messages_are_no_round_trips(tool, tmp_path):
    story = Story()
    stories.one_way(story)
    stories.one_way_here(story)
    stories.direct_call(story)
    result = latency(tool, tmp_path, story)
    assert (result["messages"], result["one_way"], result["incomplete"]) == (3, 2, 0)
    (path,) = result["paths"]
    assert (path["path"], path["n"]) == ("direct", 1)
    sends = {row["path"]: row for row in result["sends"]}
    assert medians(sends["cross"]) == {"entry": 0, "enqueue": 100, "doorbell": 300, "wakeup": 100}
    assert (sends["cross"]["p50"], sends["queued"]["p50"]) == (500, 100)
    assert sends["cross"]["server"]["thread"] == PONG


def test_a_call_that_fails_at_once_is_aborted_and_complete(tool, tmp_path):
    story = Story()
    stories.failed_call(story)
    stories.direct_call(story)
    result = latency(tool, tmp_path, story)
    assert (result["messages"], result["aborted"], result["incomplete"]) == (2, 1, 0)


def test_a_saved_caller_is_served_until_somebody_answers(tool, tmp_path):
    story = Story()
    stories.saved_call(story)
    (path,) = latency(tool, tmp_path, story)["paths"]
    assert path["server"]["thread"] == PANG and path["stages"]["service"]["p50"] == 1000
    assert path["p50"] == sum(medians(path).values())


@pytest.mark.parametrize("in_service, stage", [(False, "dispatch"), (True, "service")])
def test_a_planted_delay_is_named_for_the_messages_that_it_hit_and_no_others(
        tool, tmp_path, in_service, stage):
    story = Story()
    story.capture.thread(INTRUDER, "intruder", stories.SERVER, cpu=1)
    hit = set()
    for index in range(300):
        if index % 60 == 30:
            hit.add(stories.delayed_call(story, in_service=in_service))
        else:
            stories.cross_call(story)
            stories.direct_call(story)
    result = latency(tool, tmp_path, story)
    named = {row["message"] for row in result["slowest"] if row["obstacles"]}
    assert named == hit and len(result["slowest"]) == 10
    for row in result["slowest"][:5]:
        (obstacle,) = row["obstacles"]
        assert (obstacle["kind"], obstacle["stage"], obstacle["cpu"]) == ("thread", stage, 1)
        assert obstacle["thread"]["name"] == "intruder" and obstacle["length"] == 5000
        assert row["start"] < obstacle["time"] < row["end"]
    (summary,) = result["obstacles"]
    assert (summary["messages"], summary["length"]) == (5, 25000)


def test_an_interrupt_in_the_way_is_named(tool, tmp_path):
    story = Story()
    message = story.message()
    story.at(0, "ipc_call", path="direct", client=PING, endpoint=stories.PANG_ENDPOINT)
    story.at(0, "ipc_deliver", after=5, path="direct", client=PING, server=PANG)
    story.at(0, "switch", after=5, state="blocked_call", previous=PING, next=PANG)
    began = story.at(0, "irq_entry", vector=0x20)
    story.at(0, "irq_exit", after=700, vector=0x20)
    story.at(0, "ipc_reply", after=200, path="direct", client=PING)
    story.at(0, "switch", after=5, state="blocked_receive", previous=PANG, next=PING)
    (row,) = latency(tool, tmp_path, story)["slowest"]
    (obstacle,) = row["obstacles"]
    assert (obstacle["kind"], obstacle["vector"], obstacle["stage"]) == ("interrupt", 0x20, "service")
    assert (obstacle["time"], obstacle["length"]) == (began, 700)


def test_a_server_that_is_busy_is_named(tool, tmp_path):
    """pong answers one call late; ping's waits in the queue meanwhile."""
    story = Story()
    story.at(1, "wakeup", priority=30, thread=PONG, cause=0)
    story.at(1, "switch", state="runnable", previous=Capture.idle(1), next=PONG)
    message = story.message()
    story.at(0, "ipc_call", path="cross", client=PING, endpoint=stories.PONG_ENDPOINT)
    story.at(0, "mailbox_push", to=1, traveller=PING, why="ipc_call")
    story.at(0, "switch", state="blocked_call", previous=PING, next=Capture.idle(0))
    story.at(1, "mailbox_take", traveller=PING, why="ipc_call")
    story.at(1, "ipc_deliver", after=9000, path="cross", client=PING, server=PONG)
    story.at(1, "ipc_reply", after=300, path="cross", client=PING)
    story.at(1, "mailbox_push", to=0, traveller=PING, why="ipc_reply")
    story.at(0, "mailbox_take", traveller=PING, why="ipc_reply")
    story.at(0, "wakeup", priority=20, thread=PING, cause=PONG)
    story.at(0, "switch", state="runnable", previous=Capture.idle(0), next=PING)
    (row,) = latency(tool, tmp_path, story)["slowest"]
    (obstacle,) = row["obstacles"]
    assert (obstacle["kind"], obstacle["stage"], obstacle["length"]) == ("busy", "wakeup", 9000)
    assert obstacle["thread"]["thread"] == PONG


def test_the_number_of_slowest_messages_can_be_chosen(tool, tmp_path):
    path = stories.whole(10).capture.write(tmp_path / "a.weft")
    result = json.loads(tool.ok("latency", path, "--json", "--slowest", 3))
    totals = [row["total"] for row in result["slowest"]]
    assert len(totals) == 3 and totals == sorted(totals, reverse=True)
    assert totals[0] == max(row["max"] for row in result["paths"])
    assert tool("latency", path, "--slowest", "many").returncode == 2


def test_many_different_values_are_kept_with_a_known_precision(tool, tmp_path):
    """More values than a histogram has buckets, over 14 octaves: within 1/512, and none is forgotten."""
    random.seed(3)
    story = Story()
    trips = []
    for _ in range(12000):
        message = story.message()
        service = random.randrange(1, 1 << random.randrange(10, 24))
        story.at(0, "ipc_call", path="direct", client=PING, endpoint=stories.PANG_ENDPOINT)
        story.at(0, "ipc_deliver", after=5, path="direct", client=PING, server=PANG)
        story.at(0, "switch", after=5, state="blocked_call", previous=PING, next=PANG)
        story.at(0, "ipc_reply", after=service, path="direct", client=PING)
        story.at(0, "switch", after=5, state="blocked_receive", previous=PANG, next=PING)
        trips.append(service + 15)
    (row,) = latency(tool, tmp_path, story)["paths"]
    assert (row["n"], row["min"], row["max"]) == (len(trips), min(trips), max(trips))
    assert row["mean"] == pytest.approx(sum(trips) / len(trips), abs=0.1)
    for name, permille in (("p50", 500), ("p90", 900), ("p99", 990), ("p999", 999)):
        exact = percentile(trips, permille)
        assert exact <= row[name] <= exact * (1 + 1 / 512)


def hgrm(values: list[int]) -> list[tuple[float, ...]]:
    """The lines of HdrHistogram's percentile output, from its definition: levels from 0 % on, each a fifth
    of the way to half of what is left further; for each the lowest recorded value at which it is reached,
    and the number of values up to that; at last 100 %."""
    values = sorted(values)
    lines: list[tuple[float, ...]] = []
    level, count = 0.0, 0
    while count < len(values):
        value = next(value for value in values
                     if 100.0 * sum(other <= value for other in values) / len(values) >= level)
        count = sum(other <= value for other in values)
        lines.append((value, level / 100, count, 1 / (1 - level / 100)))
        level += 100.0 / (5 * 2 ** (int(math.log(100.0 / (100.0 - level)) / math.log(2)) + 1))
    return [*lines, (values[-1], 1.0, len(values))]


@pytest.mark.parametrize("spread", [0, 1, 40, 100_000])
def test_percentiles_are_written_in_the_form_of_hdr_histogram(tool, tmp_path, spread):
    random.seed(spread)
    story = Story()
    trips = []
    for _ in range(250):
        extra = random.randrange(spread + 1)
        stories.cross_call(story, service=700 + extra)
        trips.append(2200 + extra)
    path = story.capture.write(tmp_path / "a.weft")
    tool.ok("latency", path, "--hgrm", tmp_path / "plots")
    (file,) = (tmp_path / "plots").iterdir()
    assert file.name == "1-ping-pong-cross.hgrm"
    head, empty, *lines = file.read_text().splitlines()
    assert (head, empty) == ("       Value     Percentile TotalCount 1/(1-Percentile)", "")
    expected = []
    for row in hgrm(trips):
        text = f"{row[0]:12.3f} {row[1]:2.12f} {row[2]:10d}"
        expected.append(text + (f" {row[3]:14.2f}" if len(row) == 4 else ""))
    assert lines[:-3] == expected
    mean, deviation = statistics.fmean(trips), statistics.pstdev(trips)
    assert lines[-3] == f"#[Mean    = {mean:12.3f}, StdDeviation   = {deviation:12.3f}]"
    assert lines[-2] == f"#[Max     = {max(trips):12.3f}, Total count    = {250:12d}]"
    assert lines[-1].startswith("#[Buckets = ") and ", SubBuckets     = " in lines[-1]


def test_there_is_a_percentile_file_for_each_path(tool, tmp_path):
    path = stories.whole(50).capture.write(tmp_path / "a.weft")
    result = json.loads(tool.ok("latency", path, "--json", "--hgrm", tmp_path / "plots"))
    files = sorted((tmp_path / "plots").iterdir())
    assert len(files) == len(result["paths"]) + len(result["sends"])
    assert files[0].name == "1-ping-pang-direct.hgrm"
    last = [line for line in files[0].read_text().splitlines() if not line.startswith("#")][-1]
    assert list(map(float, last.split())) == [result["paths"][0]["max"], 1.0, result["paths"][0]["n"]]


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


def test_waits_for_a_cpu_interrupts_and_messages_are_told_of_each_thread(tool, tmp_path):
    story = Story()
    stories.cross_call(story)
    stories.timer(story)
    stories.one_way(story)
    stories.saved_call(story)
    stories.signal(story)
    stat = tool.json("stat", story.capture.write(tmp_path / "a.weft"))
    threads = {row["thread"]: row for row in stat["threads"]}
    ping, pong, pang = (threads[thread] for thread in (PING, PONG, PANG))
    assert (ping["calls"], ping["sends"], ping["signals"]) == (2, 1, 1)
    assert (pong["serves"], pong["replies"], pong["notified"]) == (2, 2, 1)
    assert (pang["serves"], pang["replies"]) == (1, 0)  # pong answered for it
    assert ping["interrupts"] == 300 and stat["cpus"][0]["vectors"] == {"32": 1}
    # Woken three times, preempted once.
    waits = ping["scheduling_latency"]
    assert (waits["n"], waits["min"], waits["max"]) == (5, 100, 300)
    assert stat["cpus"][0]["messages"] == 3
    assert stat["cpus"][1]["scheduling_latency"]["n"] == pong["scheduling_latency"]["n"]


def test_events_are_counted_by_kind(tool, tmp_path):
    story = stories.whole(4)
    stat = tool.json("stat", story.capture.write(tmp_path / "a.weft"))
    calls = story.messages - 2 * 4  # and two sent one way in each round, and one failed
    assert stat["events"]["ipc_call"] == calls and stat["events"]["ipc_reply"] == calls - 4
    assert stat["events"]["page_fault"] == 4 + 1  # one a round that is handled, and the last


def test_text_of_the_statistics_names_all_threads(tool, tmp_path):
    text = tool.ok("stat", stories.whole(2).capture.write(tmp_path / "a.weft"))
    for name in ("ping", "pong", "pang", "idle/0", "idle/1"):
        assert name in text
