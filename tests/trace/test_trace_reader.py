# SPDX-License-Identifier: Apache-2.0
"""Reading captures: merging, time, gaps, names, and refusing what is no capture."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
import stories
from stories import PANG, PANG_ENDPOINT, PING, Story
from synthetic import RECORDS_PER_PAGE, Capture

READERS = ("check", "stat", "latency", "dump")
SECTION_TABLE = 112


def dump(tool, path: Path) -> list[dict]:
    return [json.loads(line) for line in tool.ok("dump", path, "--json").splitlines()]


def only(events: list[dict], *names: str) -> list[dict]:
    return [event for event in events if event["event"] in names]


def test_events_of_all_cpus_come_in_the_order_of_time(tool, tmp_path):
    path = stories.whole(5).capture.write(tmp_path / "a.weft")
    times = [event["time"] for event in dump(tool, path)]
    assert times == sorted(times) and len(times) > 250


def test_events_of_one_cpu_keep_their_order_at_equal_times(tool, tmp_path):
    capture = Capture(cpus=2)
    for value in range(600):
        capture.event(value % 2, 1000, "user_instant", name=1, value=value)
    events = only(dump(tool, capture.write(tmp_path / "a.weft")), "user_instant")
    for cpu in (0, 1):
        values = [event["value"] for event in events if event["cpu"] == cpu]
        assert values == list(range(cpu, 600, 2))


def test_every_event_and_field_of_the_schema_is_shown(tool, tmp_path, schema_generator):
    """Each event is written with all its fields set, and read back by the names of the schema."""
    capture = Capture(cpus=3)
    schema = schema_generator.load_schema()
    expected = {}
    for number, event in enumerate(schema.events):
        if event.name == "page":
            continue
        values = {}
        for field in event.fields:
            values[field.name] = {"small": 2, "a": 70000 + number, "b": 80000 + number,
                                  "wide": 1 << 40 | number}[field.slot]
            if field.type == "signed":
                values[field.name] = -5
            if field.type == "characters":
                values[field.name] = int.from_bytes(b"weft", "little")
            if field.enum and field.slot != "small":
                values[field.name] = 2
        capture.event(1, 5000 + number, event.name, **values)
        expected[event.name] = {**values, "time": 5000 + number}
    seen = {e["event"]: e for e in dump(tool, capture.write(tmp_path / "a.weft")) if e["time"] >= 5000}
    assert set(seen) == set(expected)
    for event in schema.events:
        if event.name == "page":
            continue
        for field in event.fields:
            shown, value = seen[event.name][field.name], expected[event.name][field.name]
            if field.enum:
                assert schema.enums[field.enum][shown] == value
            elif field.type == "characters":
                assert shown == "weft"
            elif field.type == "syscall":
                assert shown == schema.syscalls[value]
            else:
                assert shown == value, (event.name, field.name)


@pytest.mark.parametrize("hz", [1_000_000_000, 2_400_000_000, 1_000_003, 0])
def test_ticks_become_nanoseconds(tool, tmp_path, hz):
    capture = Capture(cpus=1, clock_hz=hz)
    ticks = [1, 999, 123_456_789, 987_654_321_012]
    for tick in ticks:
        capture.event(0, tick, "doorbell_receive")
    seen = [e["time"] for e in only(dump(tool, capture.write(tmp_path / "a.weft")), "doorbell_receive")]
    for tick, time in zip(ticks, seen, strict=True):
        exact = tick * 1_000_000_000 // hz if hz else tick
        assert exact - 1 <= time <= exact


def test_the_48_bit_clock_may_wrap(tool, tmp_path):
    """CPU 0 wraps within its section, CPU 1 has events on the far side only."""
    capture = Capture(cpus=2)
    capture.rings.clear()
    end = 1 << 48
    for offset in (-3000, -1000, 1000, 3000):
        capture.event(0, (end + offset) % end, "user_instant", name=1, value=offset & 0xFFFF)
    capture.event(1, 2000, "user_instant", name=1, value=2000)
    events = only(dump(tool, capture.write(tmp_path / "a.weft")), "user_instant")
    assert [event["value"] for event in events] == [-3000 & 0xFFFF, -1000 & 0xFFFF, 1000, 2000, 3000]
    times = [event["time"] for event in events]
    assert [time - times[0] for time in times] == [0, 2000, 4000, 5000, 6000]


def test_lost_pages_are_counted_at_start_and_in_the_middle(tool, tmp_path):
    capture = Capture(cpus=1)
    capture.ring(0, 0).lose(3)
    for time in range(1000, 1600):
        capture.event(0, time, "doorbell_receive")
    capture.ring(0, 0).lose(2)
    capture.event(0, 9000, "doorbell_receive")
    path = capture.write(tmp_path / "a.weft")
    gaps = [(event["time"], event["records"]) for event in only(dump(tool, path), "lost")]
    assert gaps == [(1000, 3 * RECORDS_PER_PAGE), (1599, 0), (9000, 2 * RECORDS_PER_PAGE)]
    stat = tool.json("stat", path)
    assert stat["cpus"][0]["lost"] == 5 * RECORDS_PER_PAGE
    assert f"{5 * RECORDS_PER_PAGE} lost" in tool("check", path).stdout


def test_names_are_known_from_the_start_and_unknown_ids_have_one(tool, tmp_path):
    story = stories.Story()
    story.capture.name("thread", stories.PING, "a much longer na", time=900_000)
    story.at(0, "wakeup", priority=1, thread=777, cause=0)
    path = story.capture.write(tmp_path / "a.weft")
    text = tool.ok("dump", path)
    assert "next=10(a much longer na)" in text
    names = {row["thread"]: row["name"] for row in tool.json("stat", path)["threads"]}
    assert names[777] == "thread 777" and names[100] == "idle/0"


def test_metadata_does_not_disturb_readers(tool, tmp_path):
    story = stories.whole(1)
    story.capture.metadata = json.dumps({"accel": "tcg"})
    tool.ok("check", story.capture.write(tmp_path / "a.weft"))


def test_standard_input_is_read(tool, tmp_path):
    path = stories.whole(1).capture.write(tmp_path / "a.weft")
    done = tool("dump", "-", "--json", stdin=path.read_bytes())
    assert done.returncode == 0 and done.stdout == tool.ok("dump", path, "--json")


def patched(data: bytes, offset: int, form: str, value: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into(form, changed, offset, value)
    return bytes(changed)


BAD = {
    "empty": lambda data: b"",
    "short": lambda data: data[:50],
    "foreign": lambda data: b"\x7fELF" + data[4:],
    "text": lambda data: b"hello world\n" * 100,
    "cut": lambda data: data[:-4096],
    "longer": lambda data: data + b"x",
    "header only": lambda data: data[:4096],
    "another schema": lambda data: patched(data, 16, "<Q", 1),
    "record size": lambda data: patched(data, 12, "<I", 8),
    "no CPUs": lambda data: patched(data, 32, "<I", 0),
    "too many CPUs": lambda data: patched(data, 32, "<I", 100_000),
    "too many sections": lambda data: patched(data, 36, "<I", 1 << 30),
    "section outside": lambda data: patched(data, SECTION_TABLE + 8, "<Q", 1 << 40),
    "section overflows": lambda data: patched(data, SECTION_TABLE + 16, "<Q", (1 << 64) - 4096),
    "section of another CPU": lambda data: patched(data, SECTION_TABLE + 4, "<I", 9),
    "section twice": lambda data: patched(data, SECTION_TABLE + 40, "<Q", 0),
    "section odd": lambda data: patched(data, SECTION_TABLE + 16, "<Q", 33),
    "no page record": lambda data: patched(data, 4096, "<Q", 0),
    "wrong page number": lambda data: patched(data, 4096 + 8, "<Q", 77),
    "unknown event": lambda data: patched(data, 4096 + 16, "<Q", 255),
    "zeroed record": lambda data: patched(data, 4096 + 32, "<Q", 0),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("command", [*READERS, "convert"])
def test_bad_files_are_refused_in_one_line(tool, tmp_path, command, kind):
    path = tmp_path / "bad.weft"
    path.write_bytes(BAD[kind](stories.whole(1).capture.to_bytes()))
    out = tmp_path / "out.pftrace"
    line = tool.refuses(command, path, *(["-o", out] if command == "convert" else []))
    assert str(path) in line
    assert not out.exists() and not list(tmp_path.glob("*.part"))


def test_pages_out_of_order_are_refused(tool, tmp_path):
    capture = Capture(cpus=1)
    for time in range(3 * RECORDS_PER_PAGE):
        capture.event(0, 1000 + time, "doorbell_receive")
    ring = capture.ring(0, 0)
    ring.pages[1], ring.pages[2] = ring.pages[2], ring.pages[1]
    assert "out of order" in tool.refuses("dump", capture.write(tmp_path / "a.weft"))


@pytest.mark.parametrize("arguments, words", [
    (["nonsense"], "there is no command nonsense (see weft-trace --help)"),
    (["check"], "usage: weft-trace check IN.weft whether it can have happened"),
    (["convert", "x.weft"], "usage: weft-trace convert IN.weft -o OUT.pftrace"),
    (["capture", "-o", "x"], "usage: weft-trace capture --ram FILE --kernel ELF"),
    (["latency"], "[--hgrm FOLDER] where the time of messages went"),
    (["stat", "a", "b"], "usage: weft-trace stat IN.weft [--json]"),
    (["dump"], "usage: weft-trace dump IN.weft [--json] every event as a line"),
    (["stat", "--wrong", "x"], "--wrong is no option, or lacks a value"),
    (["stat", "x", "-o"], "-o is no option, or lacks a value"),
    (["latency", "x", "--slowest", "1001"], "--slowest is a number from 0 to 1000, not 1001"),
    (["latency", "x", "--slowest", "-1"], "--slowest is a number from 0 to 1000, not -1"),
    (["path", "x", "--message", "0"], "--message is a number from 1 to 4294967295, not 0"),
    (["path", "x", "--from", "now"], "--from is a number from 0 to 18446744073709551615, not now"),
])
def test_bad_usage_is_told_in_one_line(tool, arguments, words):
    assert words in tool.refuses(*arguments)


def test_without_a_command_all_are_shown(tool):
    done = tool()
    assert done.returncode == 2 and done.stderr == tool.ok("--help") and not done.stdout


@pytest.mark.parametrize("path", ["/nonexistent.weft", "/"])
def test_missing_files_are_named(tool, path):
    assert path in tool.refuses("check", path)


def test_a_full_disk_is_an_error(tool, tmp_path):
    path = stories.whole(200).capture.write(tmp_path / "a.weft")
    assert "/dev/full" in tool.refuses("convert", path, "-o", "/dev/full")


def told_directly() -> tuple[Story, Story]:
    """The same calls twice: as the events of a direct call, and in the two records that stand for them."""
    plainly, shortly = Story(), Story()
    for story in (plainly, shortly):
        for _ in range(200):
            begin, end = story.now + 100, story.now + 400
            if story is plainly:
                story.at(0, "ipc_call", path="direct", client=PING, endpoint=PANG_ENDPOINT)
                story.at(0, "ipc_deliver", after=0, path="direct", client=PING, server=PANG)
                story.at(0, "switch", after=0, state="blocked_call", previous=PING, next=PANG)
                story.at(0, "ipc_reply", after=300, path="direct", client=PING)
                story.at(0, "switch", after=0, state="blocked_receive", previous=PANG, next=PING)
            else:
                story.at(0, "ipc_call_direct", server=PANG, endpoint=PANG_ENDPOINT)
                story.at(0, "ipc_reply_direct", after=300, client=PING)
            assert story.now == end and end == begin + 300
            stories.cross_call(story)
    return plainly, shortly


@pytest.mark.parametrize("command", ["latency", "stat", "path"])
def test_a_record_that_stands_for_several_events_tells_the_same(tool, tmp_path, command):
    told = [tool.json(command, story.capture.write(tmp_path / f"{index}.weft"))
            for index, story in enumerate(told_directly())]
    if command == "stat":
        for side in told:
            for cpu in side["cpus"]:
                assert cpu.pop("events") > 0
    assert told[0] == told[1]


def test_direct_records_are_dumped_as_they_are(tool, tmp_path):
    _, story = told_directly()
    lines = tool.ok("dump", story.capture.write(tmp_path / "a.weft")).splitlines()
    assert sum("ipc_call_direct server=12(pang) endpoint=21" in line for line in lines) == 200
    assert sum("ipc_reply_direct client=10(ping)" in line for line in lines) == 200
    assert tool("check", tmp_path / "a.weft").returncode == 0


def test_a_direct_call_behind_a_gap_is_the_running_threads(tool, tmp_path):
    """The page behind the gap says who runs, so its first record needs no switch before it."""
    story = Story()
    for _ in range(300):
        stories.cross_call(story)
    story.capture.rings[0, 0].lose(3)
    story.at(0, "ipc_call_direct", server=PANG, endpoint=PANG_ENDPOINT)
    story.at(0, "ipc_reply_direct", after=300, client=PING)
    result = tool.json("latency", story.capture.write(tmp_path / "a.weft"))
    (row,) = [path for path in result["paths"] if path["path"] == "direct"]
    assert row["n"] == 1 and (row["client"]["name"], row["server"]["name"]) == ("ping", "pang")


def test_without_switches_a_direct_call_tells_of_messages_only(tool, tmp_path):
    story = Story()
    story.at(0, "mask", mask=0x7E, running=PING)
    story.at(0, "ipc_call_direct", server=PANG, endpoint=PANG_ENDPOINT)
    story.at(0, "ipc_reply_direct", after=300, client=PING)
    stat = tool.json("stat", story.capture.write(tmp_path / "a.weft"))
    assert stat["cpus"][0]["messages"] == 1
    assert [thread["running"] for thread in stat["threads"] if thread["name"] == "pang"] == [100]
