# SPDX-License-Identifier: Apache-2.0
"""However a machine ends, what it recorded until then is read, checked and converted. A panic is in test_panic.py.

The machine is broken from outside, in the memory that the host shares with it: its kernel cannot help.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from weft.harness.guest import Guest
from weft.harness.rings import assert_nothing_is_missing

KERNEL_BASE = 0xFFFFFFFF80000000
GATE = struct.Struct("<HHHHII")  # offset 0-15, selector, type, offset 16-31, offset 32-63, 0
VECTORS = 256
FIRST_INTERRUPT = 0x20
CPUS = 4


def symbol(kernel: Path, name: str) -> int:
    listed = subprocess.run(["nm", kernel], capture_output=True, text=True, check=True).stdout
    return next(int(line.split()[0], 16) for line in listed.splitlines() if line.split()[2:] == [name])


def break_gates(guest: Guest, first: int, handler: int | None) -> None:
    """Lets every interrupt from `first` on end in `handler` with interrupts off; None: nowhere at all."""
    kernel = guest.machine.config.kernel
    place = symbol(kernel, "idt") - KERNEL_BASE
    with open(guest.machine.memory.path, "r+b", buffering=0) as memory:
        memory.seek(place)
        gates = bytearray(memory.read(VECTORS * GATE.size))
        for vector in range(first, VECTORS):
            _, selector, kind, _, _, _ = GATE.unpack_from(gates, vector * GATE.size)
            target = handler or 0
            GATE.pack_into(gates, vector * GATE.size, target & 0xFFFF, selector, kind if handler else 0,
                           target >> 16 & 0xFFFF, target >> 32, 0)
        memory.seek(place)
        memory.write(gates)


def assert_all_is_read(guest: Guest, folder: Path) -> None:
    """The last events of all CPUs, nothing impossible among them, and a timeline."""
    tool, timeline = guest.tree.trace_tool, folder / "last.pftrace"
    capture = guest.capture(folder / "last.weft")
    assert_nothing_is_missing(guest, capture)
    for command in (["check", capture], ["convert", capture, "-o", timeline]):
        done = subprocess.run([tool, *command], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    assert timeline.stat().st_size > 4096
    dump = subprocess.run([tool, "dump", "--json", capture], capture_output=True, text=True, check=True)
    cpus = {event["cpu"] for event in map(json.loads, dump.stdout.splitlines()) if event["event"] == "ipc_call"}
    assert cpus == set(range(CPUS))


def test_after_kill_9_of_the_machine(boot: Callable[..., Guest], tmp_path: Path) -> None:
    with boot(image="test_busy", cpus=CPUS) as guest:
        guest.wait_for("^busy$", 60)
        os.kill(guest.machine.pid, signal.SIGKILL)
        assert not guest.wait(30).ok
        assert_all_is_read(guest, tmp_path)


@pytest.mark.parametrize("accel", ["tcg", "icount"])
def test_after_a_triple_fault(boot: Callable[..., Guest], tmp_path: Path, accel: str) -> None:
    with boot(image="test_busy", cpus=CPUS, accel=accel) as guest:
        guest.wait_for("^busy$", 60)
        break_gates(guest, 0, None)
        outcome = guest.wait(30)
        assert not outcome.ok and outcome.kind != "timeout", outcome
        assert_all_is_read(guest, tmp_path)


@pytest.mark.parametrize("accel", ["tcg", "icount"])
def test_after_a_hang_with_interrupts_off(boot: Callable[..., Guest], tmp_path: Path, accel: str) -> None:
    with boot(image="test_busy", cpus=CPUS, accel=accel) as guest:
        guest.wait_for("^busy$", 60)
        break_gates(guest, FIRST_INTERRUPT, symbol(guest.machine.config.kernel, "arch_halt"))
        assert guest.wait(2).kind == "timeout"
        assert_all_is_read(guest, tmp_path)
