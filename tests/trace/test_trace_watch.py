# SPDX-License-Identifier: Apache-2.0
"""The flight recorder: what is taken from a guest that goes on writing, and which triggers make it."""

from __future__ import annotations

import json
import mmap
import signal
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import weft.trace
import weft_trace_schema as schema
from guest_memory import PAGE_ID, GuestMemory
from stories import COUNTER_NAME, SLICE_NAME, Story, cross_call

SECONDS = 60


class Watched:
    """A guest whose memory is a mapped file, and the tool that watches it."""

    def __init__(self, tool, folder: Path, guest: GuestMemory, *options: object) -> None:
        self.guest, self.tool, self.out = guest, tool, folder / "out.weft"
        self.ram, self.kernel = folder / "ram", folder / "kernel.elf"
        guest.write(self.ram, self.kernel)
        with self.ram.open("r+b") as file:
            guest.memory = mmap.mmap(file.fileno(), 0)
        self.process = subprocess.Popen(
            [tool.path, "watch", "--ram", self.ram, "--kernel", self.kernel, *map(str, options), "-o", self.out],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def line(self) -> str:
        """The next line that the tool prints, one for each capture."""
        watchdog = threading.Timer(SECONDS, self.process.kill)
        watchdog.start()
        text = self.process.stdout.readline()
        watchdog.cancel()
        return text

    def finish(self) -> tuple[str, str]:
        said, complaint = self.process.communicate(timeout=SECONDS)
        assert self.process.returncode == 0, complaint
        return said, complaint

    def capture(self, number: int) -> Path:
        return self.out.with_name(f"out.{number}.weft")


@pytest.fixture
def watched(tool, tmp_path: Path) -> Iterator[Callable[..., Watched]]:
    started: list[Watched] = []

    def start(guest: GuestMemory, *options: object) -> Watched:
        started.append(Watched(tool, tmp_path, guest, *options))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()


class Told:
    """A story that is told to a guest's memory, as far as it has come."""

    def __init__(self, guest: GuestMemory) -> None:
        self.guest, self.story = guest, Story()
        self.told: dict[tuple[int, int], int] = {}

    def tell(self, until: int = 1 << 47) -> None:
        records = []
        for (cpu, kind), ring in self.story.capture.rings.items():
            words = [words for words in struct.iter_unpack("<QQ", ring.bytes)
                     if words[0] >> 48 & 0xFF != PAGE_ID and words[0] & schema.TIME_MASK <= until]
            records += [(word0 & schema.TIME_MASK, cpu, kind, word0, payload)
                        for word0, payload in words[self.told.get((cpu, kind), 0):]]
            self.told[cpu, kind] = len(words)
        for _, cpu, kind, word0, payload in sorted(records, key=lambda record: record[0]):
            self.guest.append(cpu, kind, word0, payload)


def values_of(tool, capture: Path) -> tuple[dict[int, list[int]], dict[int, int]]:
    """The values of the user events and the number of lost records, both by CPU."""
    values: dict[int, list[int]] = {}
    lost: dict[int, int] = {}
    for event in map(json.loads, tool.ok("dump", capture, "--json").splitlines()):
        if event["event"] == "user_instant":
            values.setdefault(event["cpu"], []).append(event["value"])
        lost[event["cpu"]] = lost.get(event["cpu"], 0) + event.get("records", 0)
    return values, lost


def test_a_named_event_of_a_program_takes_a_capture(tool, watched):
    told = Told(GuestMemory(cpus=2, ring_pages=16))
    told.tell()
    watch = watched(told.guest, "--trigger", "user:work")
    told.story.at(0, "user_instant", name=COUNTER_NAME, value=1)
    told.tell()
    at = told.story.at(0, "user_begin", name=SLICE_NAME, value=7)
    told.tell()
    assert watch.line() == f"{watch.capture(1)}: user:work at {at} ns\n"
    assert watch.finish() == ("", "")
    assert weft.trace.load(watch.capture(1)).metadata == {"trigger": "user:work", "trigger_ns": at}
    assert not watch.capture(2).exists()


def test_a_call_that_takes_longer_takes_a_capture(tool, watched):
    told = Told(GuestMemory(cpus=2, ring_pages=16))
    cross_call(told.story, service=500)
    told.tell()
    watch = watched(told.guest, "--trigger", "latency:20us", "--trigger", "user:absent")
    began = told.story.now
    for _ in range(20):
        cross_call(told.story, service=600)
        told.tell()
    cross_call(told.story, service=30_000)
    told.tell()
    line = watch.line()
    assert line.startswith(f"{watch.capture(1)}: latency:20us at "), line
    slowest = tool.json("latency", watch.capture(1))["slowest"][0]
    assert slowest["total"] > 20_000 and slowest["start"] > began
    assert int(line.split()[-2]) == slowest["start"] + slowest["total"]
    assert watch.finish() == ("", "")


def test_a_call_that_is_open_from_look_to_look_is_seen_to_its_end(watched):
    """Its records come in pieces, and between them the tool looks."""
    told = Told(GuestMemory(cpus=2, ring_pages=16))
    watch = watched(told.guest, "--trigger", "latency:20us", "--trigger", "user:event 77")
    began = told.story.now
    cross_call(told.story, service=30_000)
    half = (began + told.story.now) // 2
    told.tell(until=half)
    mark = schema.EVENTS["user_instant"]["id"]
    told.guest.append(0, 0, half | mark << 48, 77)
    assert "user:event 77 at" in watch.line()  # so it has looked, and the call was open
    for number in range(100):
        told.guest.append(1, 0, half + number | mark << 48, 78)
    told.tell()
    assert "latency:20us at" in watch.line()
    watch.finish()


def test_captures_are_numbered_up_to_the_limit(watched):
    guest = GuestMemory(cpus=1)
    guest.event(0, 1000, 5)
    watch = watched(guest, "--trigger", "user:event 1", "--limit", "2")
    for number in (1, 2):
        assert watch.line() == f"{watch.capture(number)}: user:event 1 at {number * 1000} ns\n"
        guest.event(0, number * 1000 + 1000, 5)
    said, _ = watch.finish()
    assert said == "" and sorted(path.name for path in watch.out.parent.glob("out*")) == ["out.1.weft", "out.2.weft"]


def test_the_last_moments_before_the_end_are_looked_through(watched):
    guest = GuestMemory(cpus=1)
    watch = watched(guest, "--trigger", "user:event 1")
    guest.event(0, 1000, 5)
    said, _ = watch.finish()
    assert said == f"{watch.capture(1)}: user:event 1 at 1000 ns\n"


def test_a_signal_takes_a_capture(tool, watched):
    guest = GuestMemory(cpus=2)
    guest.event(0, 1000, 5)
    guest.event(1, 2000, 6)
    watch = watched(guest, "--trigger", "user:absent")
    wait_until_it_watches(watch)
    for number in (1, 2):
        watch.process.send_signal(signal.SIGUSR1)
        assert watch.line() == f"{watch.capture(number)}: signal at 2000 ns\n"
        assert values_of(tool, watch.capture(number))[0] == {0: [5], 1: [6]}
    watch.finish()


def wait_until_it_watches(watch: Watched) -> None:
    """SIGUSR1 is caught from now on."""
    deadline = time.monotonic() + SECONDS
    caught = 0
    while not caught & 1 << (signal.SIGUSR1 - 1):
        assert time.monotonic() < deadline
        status = Path(f"/proc/{watch.process.pid}/status").read_text()
        caught = int(next(line for line in status.splitlines() if line.startswith("SigCgt:")).split()[1], 16)


def test_what_was_overwritten_before_any_look_is_said(watched):
    guest = GuestMemory(cpus=1, ring_pages=4)
    for value in range(10_000):
        guest.event(0, 1000 + value, value)
    watch = watched(guest, "--trigger", "user:absent")
    _, complaint = watch.finish()
    assert "were overwritten before they were looked at" in complaint and complaint.count("\n") == 1


def test_a_guest_that_starts_again_is_watched_on(watched):
    guest = GuestMemory(cpus=1, ring_pages=4)
    guest.event(0, 50_000, 5)
    watch = watched(guest, "--trigger", "user:event 1")
    assert "at 50000 ns" in watch.line()
    for value in range(600):
        guest.event(0, 50_000 + value, value)
    again = GuestMemory(cpus=1, ring_pages=4)
    again.event(0, 1000, 5)
    assert "at 5" in watch.line()
    guest.memory[:] = bytes(again.memory)
    assert watch.line().endswith("at 1000 ns\n")
    watch.finish()


@pytest.mark.parametrize("ring_pages", [4, 256])
def test_of_a_guest_that_writes_each_capture_is_exact_and_ends_everywhere_at_one_moment(
        tool, tmp_path: Path, ring_pages: int):
    """Two CPUs count in turn. What is not in a capture is older, and counted, or later than all that is."""
    guest = GuestMemory(cpus=2, ring_pages=ring_pages, size=0x800000)
    ram, kernel = tmp_path / "ram", tmp_path / "kernel.elf"
    guest.write(ram, kernel)
    with ram.open("r+b") as file:
        guest.memory = mmap.mmap(file.fileno(), 0)
    stop = threading.Event()

    def write() -> None:
        value = 0
        while not stop.is_set():
            guest.event(value % 2, 1000 + value, value)
            value += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(20):
            capture = tmp_path / f"{number}.weft"
            tool.ok("capture", "--ram", ram, "--kernel", kernel, "-o", capture)
            values, lost = values_of(tool, capture)
            newest = max((values[cpu][-1] for cpu in values), default=-1)
            for cpu, seen in values.items():
                assert seen == sorted(set(seen))
                # The n-th event of this CPU is 2 n + cpu: the last one says how many there were.
                assert len(seen) + lost[cpu] == seen[-1] // 2 + 1
                assert seen[-1] >= newest - 1
    finally:
        stop.set()
        writer.join()


def test_the_life_ring_counts_what_it_lost_by_itself(tool, tmp_path: Path):
    guest = GuestMemory(cpus=2, ring_pages=4)
    create = schema.EVENTS["thread_create"]["id"]
    for thread in range(3000):
        guest.append(1, 1, 1000 + thread | create << 48, 1 << 32 | thread + 1)
        guest.event(1, 1000 + thread, thread)
    ram, kernel, out = tmp_path / "ram", tmp_path / "kernel.elf", tmp_path / "out.weft"
    guest.write(ram, kernel)
    tool.ok("capture", "--ram", ram, "--kernel", kernel, "-o", out)
    events = [json.loads(line) for line in tool.ok("dump", out, "--json").splitlines()]
    threads = [event["thread"] for event in events if event["event"] == "thread_create"]
    values = [event["value"] for event in events if event["event"] == "user_instant"]
    lost = [event["records"] for event in events if "records" in event]
    assert threads == list(range(3001 - len(threads), 3001)) and values == list(range(3000 - len(values), 3000))
    assert sorted(lost) == sorted([3000 - len(threads), 3000 - len(values)])


@pytest.mark.parametrize("word", ["", "user:", "latency:", "latency:5", "latency:0us", "latency:-1us", "latency:1e3us",
                                  "panic", "user:" + "x" * 80, 'user:a"b', "latency:99999999999999999999s"])
def test_a_trigger_that_cannot_be_is_one_line(tool, tmp_path: Path, word: str):
    guest = GuestMemory()
    ram, kernel = tmp_path / "ram", tmp_path / "kernel.elf"
    guest.write(ram, kernel)
    assert "trigger" in tool.refuses("watch", "--ram", ram, "--kernel", kernel, "--trigger", word, "-o", tmp_path / "o")


@pytest.mark.parametrize("text", ['{"accel": "tcg"}', "{}", ""])
def test_the_timeline_shows_the_trigger(tool, trace_processor, tmp_path: Path, text: str):
    guest = GuestMemory()
    guest.event(0, 1000, 5)
    guest.event(0, 4000, 6)
    ram, kernel, meta, out = tmp_path / "ram", tmp_path / "kernel.elf", tmp_path / "meta", tmp_path / "o.weft"
    guest.write(ram, kernel)
    meta.write_text(text)
    tool.ok("capture", "--ram", ram, "--kernel", kernel, "--meta", meta, "--trigger", "panic", "-o", out)
    assert weft.trace.load(out).metadata == {**json.loads(text or "{}"), "trigger": "panic", "trigger_ns": 4000}
    tool.ok("convert", out, "-o", tmp_path / "o.pftrace")
    found, = trace_processor(tmp_path / "o.pftrace", [
        "select s.ts, s.dur, s.name, t.name from slice s join track t on t.id = s.track_id where s.name like 'trigger%'"])
    assert found == [(4000, 0, "trigger panic", "capture")]
