# SPDX-License-Identifier: Apache-2.0
"""Capturing from a guest's memory: whole rings, overwritten ones, torn, damaged and absurd ones."""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path

import pytest
from guest_memory import AREA, DIRECT_MAP, PAGE, RINGS, GuestMemory, kernel_elf
from synthetic import RECORDS_PER_PAGE


@pytest.fixture
def capture(tool, tmp_path):
    """capture(guest) -> (the values of its user_instant events by CPU, lost events, warnings)"""

    def run(guest: GuestMemory) -> tuple[dict[int, list[int]], int, str]:
        ram, kernel, out = tmp_path / "ram", tmp_path / "kernel.elf", tmp_path / "out.weft"
        guest.write(ram, kernel)
        done = tool("capture", "--ram", ram, "--kernel", kernel, "-o", out)
        assert done.returncode == 0, done.stderr
        lines = tool.ok("dump", out, "--json").splitlines()
        values: dict[int, list[int]] = {cpu: [] for cpu in range(guest.cpus)}
        lost = 0
        for event in map(json.loads, lines):
            if event["event"] == "user_instant":
                values[event["cpu"]].append(event["value"])
            lost += event.get("records", 0)
        return values, lost, done.stderr

    return run


@pytest.mark.parametrize("count", [0, 1, 254, 255, 256, 510, 511, 1019, 1020])
def test_everything_in_the_rings_is_captured(capture, count):
    guest = GuestMemory(cpus=2)
    for value in range(count):
        guest.event(value % 2, 1000 + value, value)
    values, lost, warnings = capture(guest)
    assert sorted(values[0] + values[1]) == list(range(count)) and lost == 0 and not warnings


@pytest.mark.parametrize("count", [1021, 1275, 1276, 5000, 100_000])
def test_the_newest_events_win_and_the_lost_are_counted_exactly(capture, count):
    guest = GuestMemory(cpus=1, ring_pages=4)
    for value in range(count):
        guest.event(0, 1000 + value, value)
    values, lost, _ = capture(guest)
    assert values[0] == list(range(lost, count))
    assert lost % RECORDS_PER_PAGE == 0
    assert len(values[0]) > 2 * RECORDS_PER_PAGE


def test_only_the_last_moments_are_captured_to_whole_pages(tool, tmp_path):
    guest = GuestMemory(cpus=2, ring_pages=8)
    for value in range(1500):  # a microsecond each on CPU 0; CPU 1 has been silent for long
        guest.event(0, 1_000_000 + value * 1000, value)
    guest.event(1, 1000, 7)
    ram, kernel, out = tmp_path / "ram", tmp_path / "kernel.elf", tmp_path / "out.weft"
    guest.write(ram, kernel)
    tool.ok("capture", "--ram", ram, "--kernel", kernel, "--last", 1, "-o", out)
    events = [json.loads(line) for line in tool.ok("dump", out, "--json").splitlines()]
    values = [event["value"] for event in events if event["event"] == "user_instant" and event["cpu"] == 0]
    # The window begins at 499; the page before the first one that was opened in it is taken whole.
    assert values == list(range(255, 1500))
    assert [event["value"] for event in events if event["event"] == "user_instant" and event["cpu"] == 1] == [7]


def test_a_page_that_is_being_overwritten_becomes_a_gap(capture):
    guest = GuestMemory(cpus=1, ring_pages=4)
    for value in range(900):
        guest.event(0, 1000 + value, value)
    struct.pack_into("<Q", guest.memory, RINGS + PAGE, 0)  # the second page lost its PAGE record
    values, lost, _ = capture(guest)
    assert lost == RECORDS_PER_PAGE
    assert values[0] == [*range(255), *range(510, 900)]


def test_records_behind_next_are_not_believed(capture):
    """After the first lap, old records lie behind the newest one."""
    guest = GuestMemory(cpus=1, ring_pages=2)
    for value in range(255 * 2 + 10):
        guest.event(0, 1000 + value, value)
    values, _, _ = capture(guest)
    assert values[0] == list(range(255, 255 * 2 + 10))


def test_a_state_between_two_pages_loses_nothing_old(capture):
    """The guest died after it numbered the next page and before it opened it."""
    guest = GuestMemory(cpus=1, ring_pages=2)
    for value in range(254):
        guest.event(0, 1000 + value, value)
    guest._put(0, 0, 2000 | 56 << 48, 254 << 32 | 1)
    next_, base, size, paddr, sequence = guest.load(0, 0)
    guest.store(0, 0, next_, base, size, paddr, sequence + 1)
    values, lost, _ = capture(guest)
    assert values[0] == list(range(255)) and lost == 0


@pytest.mark.parametrize("state", [
    (0, 0, 0, 0, 0),
    (DIRECT_MAP + RINGS, DIRECT_MAP + RINGS, 4 * PAGE, 1 << 40, 0),
    (DIRECT_MAP + RINGS, DIRECT_MAP + RINGS, (1 << 64) - PAGE, RINGS, 0),
    (DIRECT_MAP + RINGS, DIRECT_MAP + RINGS, 4 * PAGE + 1, RINGS, 0),
    (DIRECT_MAP, DIRECT_MAP + RINGS, 4 * PAGE, RINGS, 0),
    (DIRECT_MAP + RINGS, DIRECT_MAP + RINGS, 4 * PAGE, RINGS, (1 << 64) - 1),
    ((1 << 64) - 1,) * 5,
])
def test_a_damaged_ring_is_left_out_and_the_others_are_kept(capture, state):
    guest = GuestMemory(cpus=2)
    for value in range(100):
        guest.event(value % 2, 1000 + value, value)
    guest.store(0, 0, *state)
    values, _, warnings = capture(guest)
    assert values[1] == list(range(1, 100, 2)) and not values[0]
    assert "ring 0 of the guest is damaged" in warnings


def test_a_ring_listed_twice_is_taken_once(capture):
    guest = GuestMemory(cpus=2)
    guest.event(0, 1000, 5)
    guest.memory[guest.entries + 32:guest.entries + 48] = guest.memory[guest.entries:guest.entries + 16]
    values, _, warnings = capture(guest)
    assert values[0] == [5] and "damaged" in warnings


def test_garbage_in_the_whole_memory_never_crashes(tool, tmp_path):
    """Words of the trace area and the states are overwritten at random; exit 0 or one clear line."""
    random.seed(3)
    ram, kernel, out = tmp_path / "ram", tmp_path / "kernel.elf", tmp_path / "out.weft"
    refused = 0
    for _ in range(300):
        guest = GuestMemory(cpus=2, size=0x120000)
        for value in range(300):
            guest.event(value % 2, 1000 + value, value)
        for _ in range(random.randrange(1, 6)):
            region, length = random.choice([(AREA, 200), (0x20000, 256), (RINGS, 0x8000)])
            at = region + random.randrange(length // 8) * 8
            value = random.choice([0, 1, 4096, 1 << 31, 1 << 63, (1 << 64) - 1, random.getrandbits(64)])
            struct.pack_into("<Q", guest.memory, at, value)
        guest.write(ram, kernel)
        done = tool("capture", "--ram", ram, "--kernel", kernel, "-o", out)
        assert done.returncode in (0, 2), done
        if done.returncode:
            assert done.stderr.count("\n") == 1
            refused += 1
        else:
            assert tool("check", out).returncode in (0, 1, 2)
    assert 0 < refused < 300


def damage_area(offset: int, form: str, value: int):
    def change(guest: GuestMemory) -> None:
        struct.pack_into(form, guest.memory, AREA + offset, value)

    return change


@pytest.mark.parametrize("hz", [1, 999_999, 10**12 + 1, (1 << 64) - 1])
def test_a_damaged_clock_costs_the_nanoseconds_and_not_the_events(capture, hz):
    """Found by fuzzing: what was captured then was refused by every reader."""
    guest = GuestMemory()
    for value in range(10):
        guest.event(0, 1000 + value, value)
    damage_area(24, "<Q", hz)(guest)
    values, _, warnings = capture(guest)
    assert values[0] == list(range(10)) and f"{hz} ticks a second" in warnings


@pytest.mark.parametrize("change, words", [
    (damage_area(0, "<Q", 0), "no trace"),
    (damage_area(8, "<I", 1), "version 1"),
    (damage_area(16, "<Q", 5), "another event schema"),
    (damage_area(40, "<I", 100_000), "damaged"),
    (damage_area(12, "<I", 0), "damaged"),
])
def test_what_cannot_be_captured_is_said(tool, tmp_path, change, words):
    guest = GuestMemory()
    change(guest)
    ram, kernel = tmp_path / "ram", tmp_path / "kernel.elf"
    guest.write(ram, kernel)
    assert words in tool.refuses("capture", "--ram", ram, "--kernel", kernel, "-o", tmp_path / "o")
    assert not (tmp_path / "o").exists()


def write_kernel(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("data, words", [
    (b"", "cannot be read"),
    (b"not an ELF file at all", "not a 64-bit ELF"),
    (kernel_elf(b"something_else"), "no symbol trace_area"),
    (kernel_elf()[:0x100], "no symbol trace_area"),
])
def test_kernels_without_the_symbol_are_refused(tool, tmp_path, data, words):
    ram = tmp_path / "ram"
    ram.write_bytes(GuestMemory().memory)
    kernel = write_kernel(tmp_path / "kernel.elf", data)
    assert words in tool.refuses("capture", "--ram", ram, "--kernel", kernel, "-o", tmp_path / "o")


def test_damaged_elf_files_never_crash(tool, tmp_path):
    random.seed(4)
    ram = tmp_path / "ram"
    ram.write_bytes(GuestMemory().memory)
    for _ in range(200):
        data = bytearray(kernel_elf())
        for _ in range(4):
            struct.pack_into("<Q", data, random.randrange(len(data) // 8) * 8, random.choice(
                [0, 1, (1 << 64) - 1, 1 << 63, random.getrandbits(64), random.getrandbits(12)]))
        kernel = write_kernel(tmp_path / "kernel.elf", bytes(data))
        done = tool("capture", "--ram", ram, "--kernel", kernel, "-o", tmp_path / "o")
        assert done.returncode in (0, 2), done


def test_metadata_is_kept(tool, tmp_path):
    import weft.trace

    guest = GuestMemory()
    ram, kernel, meta = tmp_path / "ram", tmp_path / "kernel.elf", tmp_path / "meta.json"
    guest.write(ram, kernel)
    meta.write_text('{"accel": "icount"}')
    out = tmp_path / "o.weft"
    tool.ok("capture", "--ram", ram, "--kernel", kernel, "--meta", meta, "-o", out)
    assert weft.trace.load(out).metadata == {"accel": "icount"}
