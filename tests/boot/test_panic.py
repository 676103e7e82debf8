# SPDX-License-Identifier: Apache-2.0
"""A kernel that panics says where and why, powers off with its own status, and leaves its trace."""

from __future__ import annotations

import json
import re
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from weft.harness.guest import Guest
from weft.harness.rings import assert_nothing_is_missing
from weft.harness.tree import Tree

HEX = r"[0-9a-f]{16}"
REGISTERS = ("rip", "rsp", "rflags", "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp",
             "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15")  # fmt: skip


def call_chain(console: list[str]) -> list[str]:
    """The function names after `weft: call chain:`, innermost first."""
    text = "\n".join(console).partition("weft: call chain:\n")[2]
    return re.findall(rf"^weft:   {HEX} (\w+)\+0x", text, re.MULTILINE)


def events(guest: Guest, folder: Path) -> list[dict[str, object]]:
    """The trace that the machine left; the tool must find nothing impossible in it."""
    capture = guest.capture(folder / "panic.weft")
    if not guest.machine.running:
        assert_nothing_is_missing(guest, capture)
    check = subprocess.run([guest.tree.trace_tool, "check", capture], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr
    dump = subprocess.run(
        [guest.tree.trace_tool, "dump", "--json", capture], capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in dump.stdout.splitlines()]


def assert_last_words(guest: Guest, reason: str) -> None:
    """What every panic says, whatever its cause."""
    text = "\n".join(guest.console)
    assert re.search(rf"^weft: PANIC: .*{reason}", text, re.MULTILINE), text
    assert re.search(r"^weft: on CPU \d+, thread \d+ '.+' of process '.+'", text, re.MULTILINE), text
    assert text.count("weft: PANIC:") == 1, text


@pytest.mark.parametrize("profile", ["test", "bench"])
@pytest.mark.parametrize("cpus", [1, 4])
def test_without_an_image_it_panics_and_says_where(
    boot: Callable[..., Guest], tmp_path: Path, cpus: int, profile: str
) -> None:
    with boot(image=None, cpus=cpus, profile=profile) as guest:
        assert guest.wait().kind == "panic"
        assert_last_words(guest, "no boot image")
        chain = call_chain(guest.console)
        if profile == "test":
            assert "kernel_main" in chain, chain
            assert len(chain) >= 2
        else:  # a kernel that is measured keeps no frame pointers
            assert chain == ["panic"]
        assert events(guest, tmp_path)


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"not a program" * 1000])
def test_an_init_that_is_no_program_is_a_panic(
    boot: Callable[..., Guest], image: Callable[..., Path], tmp_path: Path, content: bytes
) -> None:
    broken = tmp_path / "init"
    broken.write_bytes(content)
    with boot(image=image("", {"init": broken})) as guest:
        assert guest.wait().kind == "panic"
        assert_last_words(guest, "init")


@pytest.mark.parametrize("word", ["trace=of", "trace_ring=8M", "trace_once=x", "seed=", "idle=never", "idle=0", "doorbell=loud", "doorbell=1", "idle=50 doorbell=elide",
                                  "timeslice_us=-1",
                                  "policy=best", "policy=0:", "policy=256:edf", "policy=edf,"])  # fmt: skip
def test_a_malformed_option_is_a_panic_that_names_it(boot: Callable[..., Guest], word: str) -> None:
    with boot(cmdline=f"other {word} words", cpus=1) as guest:
        assert guest.wait().kind == "panic"
        assert re.search(f"^weft: PANIC: .*{word.partition('=')[0]}=", "\n".join(guest.console), re.MULTILINE)


@pytest.mark.parametrize(("part", "address"), [(0, 0), (0, 0x10000), (1, 0x200001), (2, 0), (3, 0x7FFF00000000),
                                               (3, 1 << 63)])  # fmt: skip
def test_an_init_with_a_malformed_part_is_a_panic(
    boot: Callable[..., Guest], image: Callable[..., Path], tree: Tree, tmp_path: Path, part: int, address: int
) -> None:
    content = bytearray(tree.packed("init").read_bytes())
    struct.pack_into("<Q", content, 16 + 8 * part, address)
    broken = tmp_path / "init"
    broken.write_bytes(content)
    with boot(image=image("", {"init": broken}), cpus=1) as guest:
        assert guest.wait().kind == "panic"
        assert_last_words(guest, "init")


@pytest.mark.parametrize("length", [100, 171, 172])
def test_an_image_that_ends_in_init_is_a_panic(
    boot: Callable[..., Guest], tree: Tree, tmp_path: Path, length: int
) -> None:
    broken = tmp_path / "broken.cpio"
    broken.write_bytes(tree.image("selftest").read_bytes()[:length])
    with boot(image=broken, cpus=1) as guest:
        assert guest.wait().kind == "panic"
        assert_last_words(guest, "init")


@pytest.mark.parametrize("content", [b"", b"x", b"070701" + b"f" * 104, bytes(4096)])
def test_an_image_that_is_no_archive_is_a_panic(
    boot: Callable[..., Guest], tmp_path: Path, content: bytes
) -> None:
    broken = tmp_path / "broken.cpio"
    broken.write_bytes(content)
    with boot(image=broken) as guest:
        assert guest.wait().kind == "panic"
        assert_last_words(guest, "image")


@pytest.mark.parametrize("cpus", [1, 2, 8])
@pytest.mark.parametrize("accel", ["tcg", "icount"])
def test_a_busy_machine_that_is_stopped_by_an_nmi_says_where_it_was(
    boot: Callable[..., Guest], tmp_path: Path, accel: str, cpus: int
) -> None:
    with boot(image="test_busy", cpus=cpus, accel=accel) as guest:
        guest.wait_for("^busy$", 60)
        guest.qmp("inject-nmi")
        outcome = guest.wait(30)
        assert outcome.kind == "panic" and outcome.status == 111, outcome
        assert_last_words(guest, "NMI")
        text = "\n".join(guest.console)
        for register in REGISTERS:
            assert re.search(rf"\b{register} +[0-9a-f]{{8,16}}\b", text), register
        found = events(guest, tmp_path)
        assert {event["cpu"] for event in found} == set(range(cpus))


def test_a_guest_that_hangs_leaves_its_trace(boot: Callable[..., Guest], tmp_path: Path) -> None:
    with boot(image="test_busy", cpus=4) as guest:
        guest.wait_for("^busy$", 60)
        outcome = guest.wait(0.5)
        assert outcome.kind == "timeout"
        assert re.search(r"rip [0-9a-f]{16}", outcome.reason), outcome.reason
        assert {event["cpu"] for event in events(guest, tmp_path)} == {0, 1, 2, 3}


def test_a_running_guest_is_captured_and_goes_on(boot: Callable[..., Guest], tmp_path: Path) -> None:
    with boot(image="test_busy", cpus=2) as guest:
        guest.wait_for("^busy$", 60)
        first = events(guest, tmp_path)
        assert guest.machine.query_status() == "running"
        second = events(guest, tmp_path)
        assert max(event["time"] for event in second) > max(event["time"] for event in first)
