# SPDX-License-Identifier: Apache-2.0
"""Streaming from a guest that runs: a test writes records into the memory that the tool reads meanwhile."""

from __future__ import annotations

import contextlib
import json
import mmap
import signal
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from guest_memory import AREA, AREA_MAGIC, GuestMemory

SECONDS = 60


class Streaming:
    """A guest whose memory is a mapped file, and the tool that streams from it."""

    def __init__(self, tool, folder: Path, guest: GuestMemory) -> None:
        self.guest, self.tool = guest, tool
        self.out = folder / "out.weft"
        ram, kernel = folder / "ram", folder / "kernel.elf"
        guest.write(ram, kernel)
        with ram.open("r+b") as file:
            guest.memory = mmap.mmap(file.fileno(), 0)  # from now on the tool sees what is written
        self.process = subprocess.Popen(
            [tool.path, "stream", "--ram", ram, "--kernel", kernel, "-o", self.out],
            stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(self) -> tuple[list[list[int]], int, str]:
        """The values of each CPU's events, how many were lost, and what the tool said."""
        _, said = self.process.communicate(timeout=SECONDS)
        assert self.process.returncode == 0, said
        values: list[list[int]] = [[] for _ in range(self.guest.cpus)]
        lost = 0
        for event in map(json.loads, self.tool.ok("dump", self.out, "--json").splitlines()):
            if event["event"] == "user_instant":
                values[event["cpu"]].append(event["value"])
            lost += event.get("records", 0)
        return values, lost, said

    def fail(self) -> str:
        _, said = self.process.communicate(timeout=SECONDS)
        assert self.process.returncode == 2 and said.count("\n") == 1, said
        assert not list(self.out.parent.glob("out.weft*"))
        return said


@pytest.fixture
def streaming(tool, tmp_path: Path) -> Iterator[Callable[[GuestMemory], Streaming]]:
    started: list[Streaming] = []

    def start(guest: GuestMemory) -> Streaming:
        started.append(Streaming(tool, tmp_path, guest))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()


def lane_sizes(stream: Streaming) -> list[int]:
    """The sizes of the nameless files that the tool has opened, one for every ring."""
    sizes = []
    for link in Path(f"/proc/{stream.process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if ".ring." in str(link.readlink()):
                sizes.append(link.stat().st_size)
    return sizes


def wait_until(condition: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, otherwise


def wait_for_lanes(stream: Streaming) -> None:
    """From now on the tool drains."""
    wait_until(lambda: len(lane_sizes(stream)) == 2 * stream.guest.cpus, "the tool does not begin")


def test_what_is_written_before_and_meanwhile_is_there(streaming):
    guest = GuestMemory(cpus=2, ring_pages=32)
    for value in range(1000):
        guest.event(value % 2, 1000 + value, value)
    stream = streaming(guest)
    wait_for_lanes(stream)
    for value in range(1000, 9001):
        guest.event(value % 2, 1000 + value, value)
    values, lost, said = stream.finish()
    assert values == [list(range(0, 9001, 2)), list(range(1, 9001, 2))]
    assert lost == 0 and said == ""


def test_far_more_than_the_ring_holds_is_taken(streaming):
    guest = GuestMemory(cpus=1, ring_pages=4)
    stream = streaming(guest)
    wait_for_lanes(stream)
    for value in range(20_000):
        guest.event(0, 1000 + value, value)
        finished = (value + 1) // 255 * 4096
        if value % 255 == 254:
            wait_until(lambda: sum(lane_sizes(stream)) >= finished, "the tool takes nothing")  # noqa: B023
    (values,), lost, _ = stream.finish()
    assert values == list(range(20_000)) and lost == 0


def test_what_the_guest_was_too_fast_for_is_counted(streaming):
    guest = GuestMemory(cpus=1, ring_pages=4)
    stream = streaming(guest)
    wait_for_lanes(stream)
    for value in range(100_000):
        guest.event(0, 1000 + value, value)
    (values,), lost, _ = stream.finish()
    assert values == sorted(set(values)) and values[-1] == 99_999
    assert len(values) + lost == 100_000


def test_it_waits_for_a_kernel_that_has_not_set_its_trace_up(streaming):
    guest = GuestMemory(cpus=1)
    struct.pack_into("<Q", guest.memory, AREA, 0)
    stream = streaming(guest)
    guest.event(0, 1000, 7)
    struct.pack_into("<Q", guest.memory, AREA, AREA_MAGIC)
    wait_for_lanes(stream)
    assert stream.finish()[0] == [[7]]


def test_a_guest_that_never_sets_its_trace_up_is_told(streaming):
    guest = GuestMemory(cpus=1)
    struct.pack_into("<Q", guest.memory, AREA, 0)
    assert "the guest has no trace" in streaming(guest).fail()


def test_a_guest_that_starts_again_ends_the_stream(streaming):
    guest = GuestMemory(cpus=1, ring_pages=4)
    for value in range(2000):
        guest.event(0, 1000 + value, value)
    stream = streaming(guest)
    wait_for_lanes(stream)
    wait_until(lambda: any(lane_sizes(stream)), "the tool takes nothing")
    next_, base, size, paddr, _ = guest.load(0, 0)
    guest.store(0, 0, base + 16, base, size, paddr, 0)
    assert "the guest started again" in stream.fail()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_completes_the_capture(streaming, number):
    guest = GuestMemory(cpus=1)
    guest.event(0, 1000, 1)
    stream = streaming(guest)
    wait_for_lanes(stream)
    guest.event(0, 1001, 2)
    stream.process.send_signal(number)
    assert stream.finish()[0] == [[1, 2]]


def test_a_second_ring_of_one_cpu_and_a_damaged_one_are_left_out(streaming):
    guest = GuestMemory(cpus=2)
    guest.event(0, 1000, 1)
    guest.event(1, 1000, 2)
    struct.pack_into("<I", guest.memory, guest.entries + 2 * 16 + 8, 0)  # CPU 1's events say CPU 0
    state = list(guest.load(1, 1))
    guest.store(1, 1, state[0], state[1], 5, *state[3:])  # a size that cannot be
    values, _, said = streaming(guest).finish()
    assert values == [[1], []]
    assert said.count("is damaged") == 2


def test_a_full_disk_ends_it_with_one_line(streaming):
    guest = GuestMemory(cpus=1, ring_pages=64)
    stream = streaming(guest)
    wait_for_lanes(stream)
    subprocess.run(["prlimit", f"--pid={stream.process.pid}", "--fsize=4096"], check=True)
    for value in range(4000):
        guest.event(0, 1000 + value, value)
    assert "what was streamed cannot be kept" in stream.fail()
