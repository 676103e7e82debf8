# SPDX-License-Identifier: Apache-2.0
"""A guest that resets and starts again: a capture for each boot, up to its last event."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import weft.trace
from weft import build
from weft.harness.guest import Guest
from weft.harness.rings import PAGE, rings_of
from weft.harness.tree import Tree
from weft.machine import Machine, MachineConfig
from weft.mask import KERNEL_BASE, find_guests, parent_of
from weft.stream import Stream
from weft.symbols import symbol_address

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120


def fault_for_ever(memory: Path, kernel: Path) -> None:
    """Takes the guest's interrupt gates away: the next interrupt is a triple fault, which resets it."""
    with memory.open("r+b", buffering=0) as file:
        file.seek(symbol_address(kernel, "idt") - KERNEL_BASE)
        file.write(bytes(256 * 16))


def check(capture: Path) -> str:
    done = subprocess.run([build.host_tool(), "check", capture], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("accel", ["tcg", "icount"])
def test_each_boot_is_streamed_to_its_last_event(tree: Tree, tmp_path: Path, accel: str) -> None:
    config = MachineConfig(kernel=tree.kernel("test"), image=tree.image("test_busy"), cpus=2, accel=accel, reboots=2,
                           command_line="trace_ring=65536", timeout=60)
    written: list[list[tuple[int, int, int, bytes]]] = []

    def on_line(line: str) -> None:
        if line == "busy":
            fault_for_ever(machine.memory.path, config.kernel)

    with Machine(config, on_line) as machine:
        streams = [Stream(machine, tree.trace_tool, tmp_path / "1.weft")]

        def ended() -> None:
            written.append([(ring.cpu, ring.kind, ring.written, ring.last) for ring in rings_of(machine)])
            streams[-1].finish()

        def again() -> None:
            streams.append(Stream(machine, tree.trace_tool, tmp_path / f"{len(streams) + 1}.weft"))

        def reset() -> Callable[[], None]:
            ended()
            return again

        assert machine.wait(on_reset=reset).kind == "reset" and machine.reboots == 2
        ended()
    assert machine.console.count("busy") == 3
    assert len(written) == 3
    for boot, rings in enumerate(written, 1):
        check(tmp_path / f"{boot}.weft")
        trace = weft.trace.load(tmp_path / f"{boot}.weft")
        for cpu, kind, count, last in rings:
            records = trace.events(cpu) if kind == 0 else trace.life(cpu)
            is_page = records["id"] == weft.trace.EVENT_ID["page"]
            pages = records["a"][is_page]
            assert int((~is_page).sum()) + (int(pages[-1]) + 1 - len(pages)) * (PAGE // 16 - 1) == count
            assert records[~is_page][-1].tobytes() == last


def test_weft_run_leaves_a_capture_and_a_timeline_for_each_boot(tmp_path: Path) -> None:
    argv = [sys.executable, str(ROOT / "weft"), "run", "--accel", "tcg", "--cpus", "2", "--timeout", "60"]
    argv += ["--capture", "stream", "--reboots", "1", "--out", str(tmp_path), "test_busy"]
    run = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert run.stdout is not None
        lines = []
        for line in run.stdout:
            lines.append(line)
            if line == "busy\n":
                guest = next(guest for guest in find_guests() if parent_of(guest) == run.pid)
                if lines.count(line) == 1:
                    fault_for_ever(guest.memory, guest.kernel)
                else:
                    os.kill(guest.pid, 9)
        assert run.wait(SECONDS) == 1 and lines.count("busy\n") == 2, lines
    finally:
        run.kill()
        run.wait()
    assert "weft: the guest has reset; boot 2\n" in lines
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "console.log", "trace.boot2.pftrace", "trace.boot2.weft", "trace.pftrace", "trace.weft"]
    for name, boot, outcome in (("trace", 1, "reset"), ("trace.boot2", 2, "killed")):
        assert "0 violations" in check(tmp_path / f"{name}.weft")
        metadata = weft.trace.load(tmp_path / f"{name}.weft").metadata
        assert (metadata["boot"], metadata["outcome"]) == (boot, outcome)


def test_without_the_option_a_reset_is_the_end(boot: Callable[..., Guest]) -> None:
    with boot(image="test_busy", cpus=2) as guest:
        guest.wait_for("^busy$", 60)
        fault_for_ever(guest.machine.memory.path, guest.machine.config.kernel)
        assert guest.wait(30).kind == "reset"
