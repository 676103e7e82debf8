# SPDX-License-Identifier: Apache-2.0
"""Clocks of CPUs that are apart: measured from the traffic, recorded, corrected, or plainly not known."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import stories
import weft_trace_schema as schema
from stories import Story
from synthetic import Capture, record

SECOND_NS = 10**9
START_NS = 1_000_000
HEADER, SECTION = 112, struct.Struct("<IIQQQQ")
EVENTS, LIFE, CLOCKS = 0, 1, 3
CLOCK_BYTES = 88


def told(clocks: dict[int, Callable[[int], int]] | None = None, rounds: int = 20, pause: int = 0,
         cpus: int = 2) -> Story:
    """Stories in turn on CPUs whose clocks show what `clocks` make of the true time."""
    story = Story(capture=Capture(cpus=cpus, clocks=clocks or {}), now=START_NS)
    for index in range(rounds):
        stories.cross_call(story, doorbell=index % 2 == 0)
        stories.direct_call(story)
        stories.signal(story)
        stories.one_way(story)
        stories.saved_call(story)
        story.now += pause
    return story


def ahead(offset: int, drift: float = 0.0) -> Callable[[int], int]:
    return lambda time: time + offset + round((time - START_NS) * drift)


def recorded(tool, story: Story, tmp_path: Path) -> Path:
    """The capture with its clocks measured and recorded."""
    fixed = tmp_path / "fixed.weft"
    assert tool.ok("clock", story.capture.write(tmp_path / "raw.weft"), "-o", fixed) == ""
    return fixed


def stages(tool, path: Path) -> list[dict]:
    report = tool.json("latency", path)
    assert report["paths"] and report["stage_sum_mismatches"] == 0
    return sorted(report["paths"], key=lambda each: (each["endpoint"], each["n"]))


@pytest.mark.parametrize("offset", [-3_000_000, -20_000, -5_000, 5_000, 20_000, 3_000_000_000])
def test_a_clock_that_is_apart_is_bracketed_and_corrected(tool, tmp_path, offset):
    story = told({1: ahead(offset)})
    fixed = recorded(tool, story, tmp_path)
    assert tool("check", tmp_path / "raw.weft").returncode == 1
    assert "0 lost, 0 violations" in tool.ok("check", fixed)

    clock = tool.json("clock", fixed)["cpus"][1]
    assert clock["lower"] < offset < clock["upper"] and clock["upper"] - clock["lower"] <= 1000
    assert clock["corrected"] and clock["lower"] <= clock["offset"] <= clock["upper"]

    truth = stages(tool, told().capture.write(tmp_path / "true.weft"))
    found = stages(tool, fixed)
    assert len(found) == len(truth)
    error = abs(clock["offset"] - offset) + 1
    for right, measured in zip(truth, found, strict=True):
        assert measured["n"] == right["n"] and measured["client"] == right["client"]
        for stage in ("doorbell", "reply", "service", "wakeup"):
            assert measured["stages"][stage]["min"] >= 0
            assert abs(measured["stages"][stage]["p50"] - right["stages"][stage]["p50"]) <= error
        assert measured["p50"] == right["p50"], "a round trip begins and ends on one clock"


@pytest.mark.parametrize("offset", [0, -50, 50])
def test_clocks_that_may_agree_stay_as_they_are(tool, tmp_path, offset):
    """An offset shorter than every journey cannot be told from none: nothing may change."""
    story = told({1: ahead(offset)})
    fixed = recorded(tool, story, tmp_path)
    clock = tool.json("clock", fixed)["cpus"][1]
    assert clock["bracketed"] and not clock["corrected"] and clock["offset"] == 0
    assert clock["lower"] < offset < clock["upper"]
    for command in ("dump", "latency", "check"):
        assert tool.ok(command, fixed) == tool.ok(command, tmp_path / "raw.weft")


@pytest.mark.parametrize(("offset", "drift"), [(0, 50e-6), (4_000, -50e-6), (-1_000_000, 200e-6)])
def test_a_clock_that_drifts_is_followed(tool, tmp_path, offset, drift):
    story = told({1: ahead(offset, drift)}, rounds=400, pause=2_000_000)
    fixed = recorded(tool, story, tmp_path)
    assert tool("check", tmp_path / "raw.weft").returncode == 1
    assert "0 lost, 0 violations" in tool.ok("check", fixed)
    report = tool.json("clock", fixed)
    clock = report["cpus"][1]
    assert clock["drift_lower_ppt"] < drift * 1e12 < clock["drift_upper_ppt"]
    assert clock["drift_upper_ppt"] - clock["drift_lower_ppt"] < 10e-6 * 1e12
    # Each window's bracket holds the truth as it was then, wherever in the window.
    assert len(report["windows"]) >= 8
    for window in report["windows"]:
        bounds = [offset + (at - START_NS) * drift for at in (window["from"], window["to"])]
        assert window["lower"] < max(bounds) and min(bounds) < window["upper"]


def test_of_several_clocks_only_the_wrong_one_is_touched(tool, tmp_path):
    """CPU 2 is apart; CPU 0 never hears of it but by way of CPU 1. CPU 3 is silent, 4 and 5
    keep to themselves."""
    story = told({2: ahead(-9_000)}, cpus=6)
    for index in range(10):
        for cpu, to in ((1, 2), (2, 1), (4, 5), (5, 4)):
            story.at(cpu, "mailbox_push", to=to, traveller=500, why="signal", after=300)
            story.at(cpu, "doorbell_elide", to=to)
            story.at(to, "mailbox_take", traveller=500, why="signal", after=200 + index)
    fixed = recorded(tool, story, tmp_path)
    cpus = tool.json("clock", fixed)["cpus"]
    assert [cpu["corrected"] for cpu in cpus] == [False, False, True, False, False, False]
    assert cpus[2]["lower"] < -9_000 < cpus[2]["upper"]
    assert "0 violations" in tool.ok("check", fixed)
    assert not cpus[3]["bracketed"] and cpus[3]["crossings"] == 0
    text = tool.ok("clock", fixed)
    assert "cpu 3 cannot be bracketed: nothing was exchanged" in text
    assert "cpu 5 cannot be bracketed: nothing that it exchanged leads to CPU 0" in text


@pytest.mark.parametrize("offset", [0, -5_000, 5_000])
def test_traffic_in_one_direction_bounds_one_side(tool, tmp_path, offset):
    story = Story(capture=Capture(cpus=2, clocks={1: ahead(offset)}), now=START_NS)
    for _ in range(10):
        stories.signal(story)
    fixed = recorded(tool, story, tmp_path)
    clock = tool.json("clock", fixed)["cpus"][1]
    assert clock["lower"] is None and not clock["bracketed"] and offset < clock["upper"]
    # A signal that comes before it was sent is put right all the same, as little as it takes.
    assert clock["corrected"] == (offset < 0)
    assert "0 violations" in tool.ok("check", fixed)
    assert "cpu 1 cannot be bracketed: what it exchanged with others went one way" in tool.ok("clock", fixed)


def test_statistics_say_what_is_known_of_clocks(tool, tmp_path):
    story = told({1: ahead(5_000)}, cpus=3)
    fixed = recorded(tool, story, tmp_path)
    clocks = tool.json("clock", fixed)["cpus"]
    assert tool.json("stat", fixed)["clocks"] == clocks
    width = (clocks[1]["upper"] - clocks[1]["lower"]) / 1000
    assert tool.ok("stat", fixed).splitlines()[1:4] == [
        f"clocks: cpu 1 corrected by {-clocks[1]['offset'] / 1000:.3f}",
        "clocks: cpu 2 not compared with the others", f"clocks: compared to within {width:.3f}"]
    assert tool.json("stat", tmp_path / "raw.weft")["clocks"] is None
    assert "clocks: not measured\n" in tool.ok("stat", tmp_path / "raw.weft")


def test_the_timeline_says_what_is_known_of_clocks(tool, trace_processor, tmp_path):
    fixed = recorded(tool, told({1: ahead(5_000)}), tmp_path)
    clock = tool.json("clock", fixed)["cpus"][1]
    timeline = tmp_path / "a.pftrace"
    tool.ok("convert", fixed, "-o", timeline)
    (rows,) = trace_processor(timeline, [
        "SELECT extract_arg(source_arg_set_id, 'description') FROM track WHERE name = 'cpu 1 mailbox'"])
    assert rows == [(f"its clock is corrected by {-clock['offset'] / 1000:.3f} us, "
                     f"known to within {(clock['upper'] - clock['lower']) / 1000:.3f} us",)]


def test_a_clock_that_jumps_is_left_alone_and_named(tool, tmp_path):
    middle = START_NS + 100_000
    story = told({1: lambda time: time + (20_000 if time > middle else 0)})
    fixed = recorded(tool, story, tmp_path)
    report = tool.json("clock", fixed)
    assert not report["explained"]
    assert [cpu["explained"] for cpu in report["cpus"]] == [True, False]
    assert not any(cpu["corrected"] for cpu in report["cpus"])
    done = tool("check", fixed)
    assert done.returncode == 1 and "cpu 1 time 0 ns: its clock contradicts the others'" in done.stdout


def test_greetings_survive_what_floods_wash_away(tool, tmp_path):
    """Both rings of events have lost their beginning; what the CPUs said at boot is left."""
    capture = Capture(cpus=2, clocks={1: ahead(700_000)})
    capture.ring(0, EVENTS).lose(3)
    capture.ring(1, EVENTS).lose(3)
    story = Story(capture=capture, now=START_NS)
    for step in range(9):
        cpu = step % 2 ^ 1
        capture.event(cpu, 1000 + 400 * step, "greeting", **{"with": cpu ^ 1, "step": step})
    for _ in range(20):
        stories.cross_call(story)
    fixed = recorded(tool, story, tmp_path)
    report = tool.json("clock", fixed)
    clock = report["cpus"][1]
    assert report["losses"] and clock["corrected"]
    assert clock["boot_lower"] < 700_000 < clock["boot_upper"] == clock["boot_lower"] + 798
    assert clock["lower"] < 700_000 < clock["upper"] and clock["crossings"] > 40
    assert "0 violations" in tool.ok("check", fixed)
    (path,) = tool.json("latency", fixed)["paths"]
    assert path["n"] >= 19 and path["stages"]["doorbell"]["min"] > 0


# ---- captures of guests ------------------------------------------------------------------------


def sections(data: bytes) -> list[tuple[int, int, int, int, int, int]]:
    count = struct.unpack_from("<I", data, 36)[0]
    return [SECTION.unpack_from(data, HEADER + SECTION.size * i) for i in range(count)]


def shifted(data: bytes, cpu: int, ticks: int) -> bytes:
    """The capture as if one CPU's clock were ahead by so many ticks."""
    changed = bytearray(data)
    for kind, of, offset, length, _, _ in sections(data):
        if kind in (EVENTS, LIFE) and of == cpu:
            for at in range(offset, offset + length, 16):
                low, high = struct.unpack_from("<IH", changed, at)
                time = (low | high << 32) + ticks
                struct.pack_into("<IH", changed, at, time & 0xFFFFFFFF, time >> 32 & 0xFFFF)
    return bytes(changed)


@pytest.mark.parametrize("accel", ["icount", "tcg"])
def test_a_guest_says_how_far_its_clocks_are_apart(tool, boot, tmp_path, accel):
    """The clocks of a guest agree. One that is shifted afterwards comes out as far apart as it is."""
    with boot(image="test_ipc", cpus=4, accel=accel) as guest:
        guest.wait()
        real = guest.capture(tmp_path / "real.weft")
    data = real.read_bytes()
    assert [(of, length) for kind, of, _, length, _, _ in sections(data) if kind == CLOCKS] == \
        [(0, 4 * CLOCK_BYTES)], "a capture has its clocks recorded"
    report = tool.json("clock", real)
    assert report["explained"] and not report["losses"]
    for cpu in report["cpus"][1:]:
        assert cpu["bracketed"] and not cpu["corrected"] and cpu["lower"] <= 0 <= cpu["upper"]
        assert cpu["boot_lower"] <= 0 <= cpu["boot_upper"], "every CPU greets CPU 0 at boot"

    hz = struct.unpack_from("<Q", data, 24)[0]
    width = report["cpus"][2]["upper"] - report["cpus"][2]["lower"]
    wrong, fixed = tmp_path / "wrong.weft", tmp_path / "fixed.weft"
    for microseconds in (-4_000, 7_000, 1_000_000):
        wrong.write_bytes(shifted(data, 2, microseconds * hz // 10**6))
        assert tool("check", wrong).returncode == 1
        tool.ok("clock", wrong, "-o", fixed)
        assert "0 violations" in tool.ok("check", fixed)
        clock = tool.json("clock", fixed)["cpus"][2]
        assert clock["corrected"] and clock["lower"] <= microseconds * 1000 <= clock["upper"]
        assert abs(clock["upper"] - clock["lower"] - width) <= 4, "a shift makes nobody less sure"


def test_python_shows_corrected_times(tool, tmp_path):
    import weft.trace

    fixed = recorded(tool, told({1: ahead(20_000)}), tmp_path)
    dumped = [json.loads(line) for line in tool.ok("dump", fixed, "--json").splitlines()]
    capture = weft.trace.load(fixed)
    assert capture.clocks["offset"][1] != 0
    times = [event.time for event in capture if event.cpu == 1]
    assert times == [event["time"] for event in dumped if event["cpu"] == 1]


# ---- damage ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("at", "value", "words"), [
    (0, 7, "the record of CPU 0's clock is damaged"),
    (CLOCK_BYTES + 8, -1 << 62, "the record of CPU 1's clock is damaged"),
    (CLOCK_BYTES + 16, 1 << 31, "the record of CPU 1's clock is damaged"),
], ids=["cpu", "offset", "drift"])
def test_a_damaged_record_is_refused(tool, tmp_path, at, value, words):
    data = bytearray(recorded(tool, told(), tmp_path).read_bytes())
    offset = next(offset for kind, _, offset, _, _, _ in sections(data) if kind == CLOCKS)
    struct.pack_into("<q", data, offset + at, value)
    (tmp_path / "damaged.weft").write_bytes(data)
    assert words in tool.refuses("dump", tmp_path / "damaged.weft")


def test_a_record_of_too_few_clocks_is_refused(tool, tmp_path):
    data = bytearray(recorded(tool, told(), tmp_path).read_bytes())
    index = next(i for i, section in enumerate(sections(data)) if section[0] == CLOCKS)
    struct.pack_into("<Q", data, HEADER + SECTION.size * index + 16, CLOCK_BYTES)
    (tmp_path / "damaged.weft").write_bytes(data)
    assert "does not hold the clocks of 2 CPUs" in tool.refuses("check", tmp_path / "damaged.weft")


def test_journeys_among_the_names_end_nothing(tool, tmp_path):
    """Damage that fuzzing found: a CPU cannot wait twice."""
    story = told(rounds=1)
    take = schema.EVENTS["mailbox_take"]["id"]
    for traveller in (900, 901):
        story.capture.ring(1, LIFE).add(record(story.now, take, a=traveller), story.now)
        story.at(1, "mailbox_take", traveller=traveller + 10, why="signal")
    assert tool.json("clock", story.capture.write(tmp_path / "a.weft"))["losses"]


def test_wild_offsets_crash_nothing(tool, tmp_path):
    """Whatever a file claims of its clocks, every tool ends with an answer."""
    data = bytearray(recorded(tool, told({1: ahead(5_000)}), tmp_path).read_bytes())
    offset = next(offset for kind, _, offset, _, _, _ in sections(data) if kind == CLOCKS)
    for wild in (-(1 << 60), 1 << 60, 3):
        struct.pack_into("<q", data, offset + CLOCK_BYTES + 8, wild)
        (tmp_path / "wild.weft").write_bytes(data)
        for command in ("stat", "latency", "dump", "clock"):
            tool.ok(command, tmp_path / "wild.weft")
        assert tool("check", tmp_path / "wild.weft").returncode in (0, 1)

