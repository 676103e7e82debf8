# SPDX-License-Identifier: Apache-2.0
"""Switch the trace's categories of a running guest: what `weft trace mask` does.

    ./weft run test_busy --timeout 600                in one terminal
    ./weft trace mask sched,ipc                       in another: nothing else is recorded from now on
    ./weft trace mask all | default | off | +syscall | -irq,smp

1. The wanted categories are written into the guest's trace area (trace/kernel/layout.h), in the memory
   that the guest shares with the host, and that an NMI means them.
2. QEMU gives the guest an NMI. Only the process that started QEMU can ask for that: it does so at
   SIGUSR2. The kernel then makes all CPUs look, whatever they are doing.
3. Each CPU's own mask is watched until it has changed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import struct
import time
from collections.abc import Iterator
from pathlib import Path

from weft import build
from weft.failure import Failure
from weft.machine import Machine
from weft.symbols import symbol_address
from weft.top import PROC, RunningGuest, choose, find_guests

KERNEL_BASE = 0xFFFFFFFF80000000
AREA_MAGIC = 0x3145435254465457
AREA_VERSION = 3
HEADER = struct.Struct("<QIIQQIIIBBH64s")  # see struct trace_area
MASK_AT, LOOKS_AT = 44, 45
ENTRY = struct.Struct("<QII")
CPU_MASK_AT = 80  # in struct trace_cpu: behind two struct trace_ring
SECONDS = 10.0


class TraceArea:
    """The part of a guest's memory that says what is traced."""

    def __init__(self, memory: Path, kernel: Path) -> None:
        self._at = symbol_address(kernel, "trace_area") - KERNEL_BASE
        try:
            self._file = os.open(memory, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise Failure(f"the guest's memory: {error.strerror}") from error
        header = os.pread(self._file, HEADER.size, self._at)
        magic, version, _, _, _, _, _, rings, _, _, _, _ = HEADER.unpack(header)
        if magic != AREA_MAGIC:
            raise Failure("the guest has no trace: its kernel has not set it up, or was built without")
        if version != AREA_VERSION:
            raise Failure(f"the guest's trace is of version {version}, this tool knows {AREA_VERSION}")
        table = os.pread(self._file, ENTRY.size * rings, self._at + HEADER.size)
        self._masks = [state + CPU_MASK_AT for state, _, kind in ENTRY.iter_unpack(table) if kind == 0]

    def close(self) -> None:
        os.close(self._file)

    @property
    def wanted(self) -> int:
        return os.pread(self._file, 1, self._at + MASK_AT)[0]

    def want(self, mask: int) -> None:
        """From the next NMI on."""
        os.pwrite(self._file, bytes([mask, 1]), self._at + MASK_AT)

    def done(self) -> None:
        """An NMI ends the machine again, and says where it was."""
        os.pwrite(self._file, b"\0", self._at + LOOKS_AT)

    def masks(self) -> list[int]:
        """What each CPU records now."""
        return [os.pread(self._file, 1, place)[0] for place in self._masks]


@contextlib.contextmanager
def requests_of(machine: Machine) -> Iterator[None]:
    """While the machine is waited for, SIGUSR2 to this process gives it an NMI."""
    came, note = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    before = signal.signal(signal.SIGUSR2, lambda *_: os.write(note, b"\0"))
    machine.follow(came, lambda _: machine.post("inject-nmi"))
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR2, before)
        os.close(note)
        os.close(came)


def categories() -> dict[str, int]:
    """Bits by name, and those that are on after boot under `default`."""
    import weft_trace_schema as schema

    named = dict(schema.CATEGORIES)
    return {**named, "all": sum(named.values()), "default": schema.CATEGORIES_DEFAULT, "off": 0}


def read_mask(text: str, before: int, bits: dict[str, int]) -> int:
    """The mask that `sched,ipc`, `all`, `+syscall` or `-irq,smp` means."""
    sign, names = (text[:1], text[1:]) if text[:1] in ("+", "-") else ("", text)
    mask = 0
    for name in names.split(","):
        if name not in bits:
            raise Failure(f"unknown category {name!r} (have: {', '.join(bits)})", code=2)
        mask |= bits[name]
    return before | mask if sign == "+" else before & ~mask if sign == "-" else mask


def shown(mask: int, bits: dict[str, int]) -> str:
    return ", ".join(name for name, bit in bits.items() if bit.bit_count() == 1 and mask & bit) or "nothing"


def catches(pid: int, number: int, proc: Path = PROC) -> bool:
    """Does the process have a handler for this signal?"""
    try:
        status = (proc / str(pid) / "status").read_text()
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    except (OSError, StopIteration):
        return False
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def parent_of(guest: RunningGuest, proc: Path = PROC) -> int:
    try:
        return int((proc / str(guest.pid) / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        raise Failure("the guest has ended") from None


def switch(area: TraceArea, mask: int, owner: int) -> int:
    """Make all CPUs follow; returns how many there are."""
    if not catches(owner, signal.SIGUSR2):
        raise Failure(f"process {owner}, which has started the guest, cannot be asked: use weft run")
    area.want(mask)
    os.kill(owner, signal.SIGUSR2)
    deadline = time.monotonic() + SECONDS
    while late := [cpu for cpu, now in enumerate(area.masks()) if now != mask]:
        if time.monotonic() > deadline:
            raise Failure(f"CPU {late[0]} has not followed within {SECONDS:g} s: it is paused, or takes no interrupts")
        time.sleep(0.001)
    area.done()
    return len(area.masks())


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="weft trace mask", usage="weft trace mask [--pid PID] [CATEGORIES]",
        description="Switch what a running guest records: NAME,... these only; +NAME,... these, too; -NAME,... not"
        " these; all, default, off. Without CATEGORIES: show what is on.",
        epilog="example: weft trace mask +syscall", allow_abbrev=False)
    parser.add_argument("--pid", type=int, metavar="PID", help="of QEMU (default: the guest started last)")
    options, rest = parser.parse_known_args(arguments)  # -irq is no option
    if len(rest) > 1:
        raise Failure("more than one set of categories (see ./weft trace mask --help)", code=2)
    build.build([build.host_tool()])  # and with it the schema's Python module
    bits = categories()
    guest = choose(find_guests(), options.pid)
    area = TraceArea(guest.memory, guest.kernel)
    try:
        count = switch(area, read_mask(rest[0], area.wanted, bits), parent_of(guest)) if rest else len(area.masks())
        print(f"{shown(area.wanted, bits)} on {count} CPU{'s' if count > 1 else ''}")
    finally:
        area.close()
    return 0
