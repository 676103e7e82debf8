# SPDX-License-Identifier: Apache-2.0
"""weft.machine against a fake QEMU: endings, deadlines, orphans, refusals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from process_state import is_alive, is_gone
from weft.accel import probe_kernel
from weft.machine import Machine, MachineConfig, MachineError, MachineTimeout, QmpError, UsageError
from weft.outcome import classify_exit

FAKE = Path(__file__).with_name("fake_qemu.py")
CLI = Path(__file__).parents[2] / "cli"


@pytest.fixture
def fake(tmp_path: Path) -> Callable[..., Machine]:
    """fake("say=hello exit=33") -> a machine that does this, not started."""
    kernel = tmp_path / "test" / "kernel.elf"
    kernel.parent.mkdir()
    kernel.write_bytes(b"")

    def make(script: str, timeout: float = 20.0) -> Machine:
        config = MachineConfig(kernel=kernel, command_line=script, timeout=timeout, qemu=str(FAKE))
        return Machine(config)

    return make


# Endings


@pytest.mark.parametrize(
    ("script", "kind", "status"),
    [
        ("exit=33", "ok", 0),
        ("exit=35", "failed", 1),
        ("exit=231", "failed", 99),
        ("exit=255", "panic", 0x6F),
        ("exit=0", "reset", None),
        ("exit=1", "qemu", None),
        ("exit=2", "qemu", None),
        ("kill=11", "killed", None),
        ("say=weft:_PANIC:_why exit=0", "panic", None),
    ],
)
def test_exit_codes_have_their_meaning(
    fake: Callable[..., Machine], script: str, kind: str, status: int | None
) -> None:
    with fake(script) as machine:
        outcome = machine.wait()
    assert (outcome.kind, outcome.status) == (kind, status)
    assert outcome.ok == (kind == "ok")
    assert outcome.reason or outcome.ok


def test_every_exit_code_means_something() -> None:
    for code in range(-31, 256):
        assert classify_exit(code, False, "", 0.0).ok == (code == 33)


def test_what_qemu_complained_about_is_the_reason(fake: Callable[..., Machine]) -> None:
    with fake("stderr=unable_to_find_CPU_model exit=1") as machine:
        assert "unable to find CPU model" in machine.wait().reason


# Console


def test_lines_are_collected_and_shown_as_they_come(fake: Callable[..., Machine]) -> None:
    seen: list[str] = []
    machine = Machine(fake("say=one raw=tw raw=o say= say=three exit=33").config, seen.append)
    with machine:
        machine.wait()
    assert machine.console == seen == ["one", "two", "three"]


def test_a_record_is_a_line_of_json(fake: Callable[..., Machine]) -> None:
    # "_" stands for a space in the fake's script.
    with fake('say=@weft_{"record":"bench","n":3} say=@weft_{broken say=@weft_[1] exit=33') as machine:
        machine.wait()
        assert machine.records == [{"record": "bench", "n": 3}]


def test_the_last_line_needs_no_end(fake: Callable[..., Machine]) -> None:
    with fake("say=whole raw=half exit=33") as machine:
        machine.wait()
        assert machine.console == ["whole", "half"]


def test_wait_for_finds_past_and_coming_lines(fake: Callable[..., Machine]) -> None:
    with fake("say=ready_4 say=steady hang") as machine:
        assert machine.wait_for(r"^steady$", 20)
        match = machine.wait_for(r"ready (\d)", 20)
        assert match[1] == "4"


def test_wait_for_gives_up_at_its_deadline(fake: Callable[..., Machine]) -> None:
    with fake("say=ready hang") as machine:
        machine.wait_for("ready", 20)
        with pytest.raises(MachineTimeout, match="no line /never/"):
            machine.wait_for("never", 0.2)
        assert machine.running


def test_wait_for_tells_that_the_machine_has_ended(fake: Callable[..., Machine]) -> None:
    with fake("exit=33") as machine, pytest.raises(MachineError, match=r"ended without .* \(ok\)"):
        machine.wait_for("never", 20)


# Deadlines


def test_a_hanging_guest_is_stopped_and_says_so(fake: Callable[..., Machine]) -> None:
    with fake("stubborn say=here hang", timeout=0.5) as machine:
        outcome = machine.wait()
        assert outcome.kind == "timeout" and "0.5 s" in outcome.reason
        assert machine.console == ["here"]
        assert not is_alive(machine.pid)


def test_a_panic_that_does_not_power_off_is_still_a_panic(
    fake: Callable[..., Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weft.machine.PANIC_GRACE", 0.3)
    with fake("say=weft:_PANIC:_boom hang") as machine:
        outcome = machine.wait()
        assert outcome.kind == "panic"
        assert machine.panic == "weft: PANIC: boom"


def test_memory_outlives_the_machine(fake: Callable[..., Machine], tmp_path: Path) -> None:
    with fake("memory=footprint hang", timeout=0.5) as machine:
        assert machine.wait().kind == "timeout"
        assert machine.memory.path.open("rb").read(0x1010)[0x1000:].startswith(b"footprint")
        saved = machine.memory.save(tmp_path / "memory")
        assert saved.stat().st_size == machine.config.memory
        assert saved.read_bytes()[0x1000:0x1009] == b"footprint"
        assert saved.stat().st_blocks * 512 < machine.config.memory // 16  # holes stay holes


# Monitor


def test_qmp_commands_errors_and_events(fake: Callable[..., Machine]) -> None:
    with fake("qmp") as machine:
        assert machine.query_status() == "running"
        machine.pause()
        assert [event["event"] for event in machine.qmp_events] == ["STOP"]
        with pytest.raises(QmpError, match="no such command"):
            machine.qmp("make-coffee")
        assert machine.query_status() == "paused"
        machine.resume()
        assert machine.query_status() == "running"


def test_a_silent_monitor_is_no_hang(fake: Callable[..., Machine]) -> None:
    with fake("hang") as machine, pytest.raises(MachineTimeout):
        machine.qmp("query-status", seconds=0.2)


def test_a_garbling_monitor_is_an_error(fake: Callable[..., Machine]) -> None:
    with fake("garbage") as machine, pytest.raises(QmpError, match="not JSON"):
        machine.query_status()


def test_qmp_after_the_end_is_an_error(fake: Callable[..., Machine]) -> None:
    with fake("exit=33") as machine:
        machine.wait()
        with pytest.raises(MachineError, match="does not run"):
            machine.query_status()


# No orphan


def test_close_kills_even_a_stubborn_qemu(fake: Callable[..., Machine]) -> None:
    machine = fake("stubborn say=up hang").start()
    machine.wait_for("up", 20)
    machine.close()
    assert not is_alive(machine.pid)
    machine.close()


PARENT = """
import sys
from pathlib import Path
from weft.machine import Machine, MachineConfig
config = MachineConfig(kernel=Path(__file__), command_line="stubborn say=up hang", qemu=sys.argv[1])
machine = Machine(config).start()
machine.wait_for("up", 20)
print(machine.pid, flush=True)
{then}
"""


@pytest.mark.parametrize(
    ("then", "end"),
    [
        ("import signal; signal.pause()", signal.SIGKILL),
        ("import signal; signal.pause()", signal.SIGTERM),
        ("import signal; signal.pause()", signal.SIGINT),
        ("import os; os._exit(3)", None),
        ("raise SystemExit(3)", None),
        ("raise RuntimeError", None),
    ],
)
def test_no_orphan_when_the_parent_dies(tmp_path: Path, then: str, end: int | None) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT.format(then=then))
    environment = {**os.environ, "PYTHONPATH": str(CLI)}
    argv = [sys.executable, str(script), str(FAKE)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        if end is not None:
            parent.send_signal(end)
        parent.wait(20)
    assert is_gone(child)


# Refusals


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cpus": 0}, "cpus must be 1 to 255, not 0"),
        ({"cpus": 256}, "cpus must be 1 to 255"),
        ({"cpus": -3}, "cpus must be"),
        ({"memory": 63 << 20}, "at least 64M"),
        ({"memory": 0}, "at least 64M"),
        ({"memory": 1 << 60}, "at most"),
        ({"memory": (64 << 20) + 1}, "whole MiB"),
        ({"accel": "hvf"}, "unknown accelerator"),
        ({"accel": "auto"}, "unknown accelerator"),
        ({"cpu_model": "max -s"}, "not a CPU model"),
        ({"cpu_model": ""}, "not a CPU model"),
        ({"timeout": 0.0}, "timeout must be more than 0"),
        ({"timeout": float("nan")}, "timeout must be more than 0"),
        ({"gdb": 0}, "gdb port"),
        ({"seed": -1}, "seed must be"),
        ({"command_line": "a\nb"}, "one line"),
        ({"command_line": "x" * 2000}, "longer than"),
        ({"kernel": Path("/nonexistent")}, "no kernel at"),
        ({"image": Path("/nonexistent")}, "no boot image at"),
    ],
)
def test_absurd_machines_are_refused_in_one_line(changes: dict[str, object], words: str) -> None:
    arguments: dict[str, object] = {"kernel": Path(__file__), **changes}
    with pytest.raises(UsageError) as caught:
        Machine(MachineConfig(**arguments))  # type: ignore[arg-type]
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_qemu_is_one_line() -> None:
    config = MachineConfig(kernel=Path(__file__), qemu="qemu-that-is-not-there")
    with pytest.raises(UsageError, match="cannot run qemu-that-is-not-there"):
        Machine(config).start()


# The real QEMU


@pytest.mark.parametrize("accel", ["tcg", "icount"])
def test_a_kernel_of_a_dozen_instructions_powers_off(tmp_path: Path, accel: str) -> None:
    kernel = tmp_path / "probe.elf"
    kernel.write_bytes(probe_kernel(1000))
    with Machine(MachineConfig(kernel=kernel, accel=accel, timeout=30)) as machine:
        assert machine.wait().ok


def test_the_real_monitor_answers(tmp_path: Path) -> None:
    kernel = tmp_path / "probe.elf"
    kernel.write_bytes(probe_kernel(0xFFFFFFFF))
    with Machine(MachineConfig(kernel=kernel, timeout=30)) as machine:
        assert machine.query_status() == "running"
        machine.pause()
        assert machine.query_status() == "paused"
        machine.resume()
        assert [event["event"] for event in machine.qmp_events] == ["STOP", "RESUME"]
        began = time.monotonic()
        outcome = machine.wait(0.3)
        assert outcome.kind == "timeout" and time.monotonic() - began < 5
