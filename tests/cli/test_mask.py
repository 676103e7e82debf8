# SPDX-License-Identifier: Apache-2.0
"""`weft trace mask`: the categories of a running guest, switched from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import weft_trace_schema as schema
from weft import mask
from weft.failure import Failure
from weft.harness.guest import Guest

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120
BITS = {"sched": 1, "ipc": 2, "smp": 4, "life": 64, "all": 71, "default": 67, "off": 0}
IPC, SYSCALL, LIFE = (schema.CATEGORIES[name] for name in ("ipc", "syscall", "life"))
ALL, DEFAULT = sum(schema.CATEGORIES.values()), schema.CATEGORIES_DEFAULT


@pytest.mark.parametrize(("text", "before", "after"), [
    ("sched", 7, 1), ("sched,ipc", 0, 3), ("all", 0, 71), ("default", 1, 67), ("off", 7, 0),
    ("+smp", 3, 7), ("+smp,life", 0, 68), ("-ipc", 3, 1), ("-all", 71, 0), ("-smp", 3, 3),
])  # fmt: skip
def test_categories_are_named(text: str, before: int, after: int) -> None:
    assert mask.read_mask(text, before, BITS) == after


@pytest.mark.parametrize("text", ["", "+", "everything", "ipc,", "ipc+smp", "7", "+-ipc"])
def test_what_is_no_category_is_refused(text: str) -> None:
    with pytest.raises(Failure, match="unknown category"):
        mask.read_mask(text, 0, BITS)


def weft(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(ROOT / "weft"), "trace", "mask", *arguments],
                          capture_output=True, text=True, timeout=SECONDS)


@pytest.mark.parametrize("arguments", [["--pid", "1", "ipc"], ["ipc", "smp"], ["--pid", "x"]])
def test_a_bad_request_is_one_line(arguments: list[str]) -> None:
    done = weft(*arguments)
    assert done.returncode == 2 and done.stderr.count("\n") <= 2 and done.stdout == "", done.stderr


def switched(guest: Guest, wanted: int) -> None:
    """All CPUs follow after one NMI."""
    area = mask.TraceArea(guest.machine.memory.path, guest.machine.config.kernel)
    area.want(wanted)
    guest.qmp("inject-nmi")
    while set(area.masks()) != {wanted}:
        assert guest.machine.query_status() == "running"
    area.done()
    area.close()


def events(guest: Guest, capture: Path) -> list[dict[str, object]]:
    guest.capture(capture)
    check = subprocess.run([guest.tree.trace_tool, "check", capture], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr
    dump = subprocess.run([guest.tree.trace_tool, "dump", "--json", capture],
                          capture_output=True, text=True, check=True)
    return [json.loads(line) for line in dump.stdout.splitlines()]


@pytest.mark.parametrize("accel", ["tcg", "icount"])
@pytest.mark.parametrize("cpus", [1, 4])
def test_halted_cpus_and_those_in_user_mode_follow(
        boot: Callable[..., Guest], tmp_path: Path, accel: str, cpus: int) -> None:
    with boot(image="test_spin", cpus=cpus, accel=accel, cmdline="doorbell=elide") as guest:
        guest.wait_for("^spinning$", 60)
        switched(guest, IPC | LIFE)
        switched(guest, IPC | SYSCALL)
        found = [event for event in events(guest, tmp_path / "mask.weft") if event["event"] == "mask"]
    for cpu in range(cpus):
        assert [event["mask"] for event in found if event["cpu"] == cpu] == [DEFAULT, IPC | LIFE, IPC | SYSCALL]


@pytest.mark.parametrize("accel", ["tcg", "icount"])
def test_busy_cpus_follow_and_record_what_is_wanted_and_nothing_else(
        boot: Callable[..., Guest], tmp_path: Path, accel: str) -> None:
    with boot(image="test_busy", cpus=4, accel=accel) as guest:
        guest.wait_for("^busy$", 60)
        switched(guest, IPC)
        switched(guest, 0)
        first = events(guest, tmp_path / "first.weft")
        guest.machine.resume()
        switched(guest, ALL)
        second = events(guest, tmp_path / "second.weft")
    for cpu in range(4):
        mine = [event for event in first if event["cpu"] == cpu]
        masks = [event["time"] for event in mine if event["event"] == "mask" and event["mask"] != DEFAULT]
        assert len(masks) == 2
        between = {event["event"] for event in mine if masks[0] < event["time"] < masks[1]}
        assert all(name.startswith("ipc") or name == "gap" for name in between), between
        assert not [event for event in mine if event["time"] > masks[1]]
    assert any(event["event"] == "syscall_entry" for event in second)


def test_without_the_hosts_word_an_nmi_still_asks_where_the_guest_is(boot: Callable[..., Guest]) -> None:
    with boot(image="test_busy", cpus=2) as guest:
        guest.wait_for("^busy$", 60)
        switched(guest, IPC)
        guest.qmp("inject-nmi")
        outcome = guest.wait(30)
    assert outcome.kind == "panic" and "NMI" in "\n".join(guest.console)


def said(wanted: int) -> str:
    return f"{mask.shown(wanted, mask.categories())} on 2 CPUs\n"


def test_the_command_switches_a_guest_that_weft_runs(tmp_path: Path) -> None:
    argv = [sys.executable, str(ROOT / "weft"), "run", "--accel", "tcg", "--cpus", "2", "--timeout", "60"]
    run = subprocess.Popen([*argv, "--out", str(tmp_path), "test_busy"], stdout=subprocess.PIPE, text=True)
    try:
        assert run.stdout is not None and any(line == "busy\n" for line in run.stdout)
        qemu = next(guest.pid for guest in mask.find_guests() if mask.parent_of(guest) == run.pid)
        assert weft("--pid", str(qemu)).stdout == said(DEFAULT)
        assert weft("--pid", str(qemu), "-ipc,smp").stdout == said(DEFAULT & ~IPC & ~schema.CATEGORIES["smp"])
        assert weft("--pid", str(qemu), "ipc").stdout == said(IPC)
        os.kill(qemu, 9)
        run.stdout.read()
        assert run.wait(SECONDS) == 1
    finally:
        run.kill()
        run.wait()
    dump = subprocess.run([sys.executable, str(ROOT / "weft"), "trace", "dump", "--json", str(tmp_path / "trace.weft")],
                          capture_output=True, text=True, timeout=SECONDS, check=True).stdout
    found = [json.loads(line) for line in dump.splitlines() if '"mask"' in line]
    assert len([event for event in found if event["event"] == "mask"]) == 6


def test_a_guest_that_nobody_can_ask_is_told(boot: Callable[..., Guest]) -> None:
    with boot(image="test_busy", cpus=1) as guest:
        guest.wait_for("^busy$", 60)
        done = weft("--pid", str(guest.machine.pid), "off")
        assert done.returncode == 1 and "cannot be asked" in done.stderr and done.stderr.count("\n") == 1
        assert guest.machine.query_status() == "running"
