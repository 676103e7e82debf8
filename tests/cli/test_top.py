# SPDX-License-Identifier: Apache-2.0
"""`weft trace top`: which guest it watches, and what it shows of one that runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from weft import top
from weft.failure import Failure
from weft.harness.guest import Guest

ROOT = Path(__file__).resolve().parents[2]


def process(proc: Path, pid: int, started: int, *argv: str) -> None:
    folder = proc / str(pid)
    folder.mkdir()
    (folder / "cmdline").write_bytes("\0".join(argv).encode() + b"\0")
    (folder / "stat").write_text(f"{pid} (a (b) c) S " + " ".join(["0"] * 18 + [str(started), "0"]))


def machine(fd: int) -> tuple[str, ...]:
    return ("qemu", "-object", f"memory-backend-file,id=ram,mem-path=/proc/self/fd/{fd},share=on", "-kernel", "k.elf")


def test_only_machines_of_ours_are_found_and_the_newest_is_chosen(tmp_path: Path) -> None:
    process(tmp_path, 7, 300, *machine(12))
    process(tmp_path, 8, 100, *machine(5))
    process(tmp_path, 9, 900, "qemu", "-m", "64M")
    process(tmp_path, 10, 900, "vi", "mem-path=/proc/self/fd/3", "-kernel")
    (tmp_path / "self").mkdir()
    found = top.find_guests(tmp_path)
    assert [(guest.pid, guest.memory) for guest in found] == [(8, tmp_path / "8/fd/5"), (7, tmp_path / "7/fd/12")]
    assert top.choose(found, None).pid == 7 and top.choose(found, 8).pid == 8
    with pytest.raises(Failure, match="process 9 is no machine"):
        top.choose(found, 9)
    with pytest.raises(Failure, match="no guest is running"):
        top.choose([], None)


@pytest.mark.parametrize("arguments", [["--interval", "0"], ["--window", "0"], ["--window", "9999999"], ["--pid", "1"]])
def test_what_cannot_be_is_refused_in_one_line(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, str(ROOT / "weft"), "trace", "top", "--once", *arguments],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and done.stderr.startswith("weft: ") and done.stderr.count("\n") == 1, done.stderr


def test_a_running_guest_is_shown_and_goes_on(boot: Callable[..., Guest]) -> None:
    with boot(image="test_busy", cpus=2) as guest:
        guest.wait_for("^busy$", 60)
        done = subprocess.run(
            [sys.executable, str(ROOT / "weft"), "trace", "top", "--once", "--pid", str(guest.machine.pid)],
            capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert guest.machine.query_status() == "running"
    lines = done.stdout.splitlines()
    assert lines[0].startswith("last ") and lines[0].endswith(" ms of the guest's time")
    assert [line.split()[0] for line in lines[3:5]] == ["0", "1"]
    assert any(line.split()[1:2] == ["server"] for line in lines)
    assert any(line.startswith("client -> server (cross)") for line in lines)
