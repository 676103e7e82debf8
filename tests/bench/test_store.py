# SPDX-License-Identifier: Apache-2.0
"""A run that was interrupted goes on where it was, and only with what still holds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from bench_fakes import FakeLauncher
from weft.bench.command import main
from weft.bench.errors import BenchError

RUNS = ("--runs", "3")  # in two modes: six boots


def interrupted(out: Path, after: int) -> None:
    assert main(["--out", str(out), *RUNS], FakeLauncher(boots_left=after)) == 130
    assert not (out / "results.json").exists()


def go_on(out: Path, *arguments: str, **fake: Any) -> FakeLauncher:
    launcher = FakeLauncher(**fake)
    assert main(["--out", str(out), *(arguments or RUNS)], launcher) == 0
    return launcher


@pytest.mark.parametrize("after", [0, 1, 4, 5])
def test_only_what_is_missing_is_booted_and_the_result_is_the_same(tmp_path: Path, capsys: Any, after: int) -> None:
    whole = go_on(tmp_path / "whole")
    interrupted(tmp_path / "cut", after)
    launcher = go_on(tmp_path / "cut")
    assert len(whole.plans) == 6 and len(launcher.plans) == 6 - after
    assert (f"{after} boots are there" in capsys.readouterr().err) == (after > 0)
    a, b = (json.loads((tmp_path / name / "results.json").read_text()) for name in ("whole", "cut"))
    assert a == b
    assert len((tmp_path / "cut" / "boots.jsonl").read_text().splitlines()) == 6


def test_a_finished_run_is_made_anew(tmp_path: Path) -> None:
    assert len(go_on(tmp_path).plans) == len(go_on(tmp_path).plans) == 6


@pytest.mark.parametrize("arguments, fake", [
    ((*RUNS, "--fresh"), {}), ((*RUNS, "--set", "samples=7"), {}), ((*RUNS, "--cpus", "2"), {}),
    (RUNS, {"kernel": "another"}), ((*RUNS, "--no-trace"), {})])  # fmt: skip
def test_boots_of_something_else_do_not_count(tmp_path: Path, arguments: Any, fake: Any) -> None:
    interrupted(tmp_path, 4)
    assert len(go_on(tmp_path, *arguments, **fake).plans) == 6


def test_a_line_that_was_cut_off_is_dropped_and_a_foreign_one_ignored(tmp_path: Path) -> None:
    interrupted(tmp_path, 4)
    store = tmp_path / "boots.jsonl"
    lines = store.read_bytes().splitlines(keepends=True)
    store.write_bytes(b'{"key": "of another version"}\n' + b"".join(lines[:3]) + lines[3][:100])
    assert len(go_on(tmp_path).plans) == 3
    assert store.read_bytes().count(b"\n") == 7


def test_a_boot_whose_capture_is_gone_is_made_again(tmp_path: Path) -> None:
    interrupted(tmp_path, 5)  # the fifth is the last icount one, which was captured
    (tmp_path / "trace-icount.weft").write_bytes(b"half")
    assert [plan.mode for plan in go_on(tmp_path).plans] == ["icount", "tcg"]


def test_a_store_that_cannot_be_written_is_said(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "boots.jsonl").mkdir()
    assert main(["--out", str(tmp_path)], FakeLauncher()) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "boots.jsonl" in error and error.startswith("weft bench:")


def test_kill_9_loses_no_boot_that_had_ended(tmp_path: Path) -> None:
    """A process that boots for ever is killed behind its fourth boot."""
    program = (
        "import sys, time; sys.path[:0] = sys.argv[2:]\n"
        "from bench_fakes import FakeLauncher; from weft.bench.command import main\n"
        "class Slow(FakeLauncher):\n"
        "    def boot(self, plan, on_line):\n"
        "        time.sleep(0 if len(self.plans) < 4 else 600)\n"
        "        return super().boot(plan, on_line)\n"
        f"main(['--out', sys.argv[1], *{RUNS!r}], Slow())\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program, tmp_path, *sys.path], stderr=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL)  # fmt: skip
    store = tmp_path / "boots.jsonl"
    try:
        while not store.is_file() or store.read_bytes().count(b"\n") < 4:
            assert child.poll() is None
            time.sleep(0.01)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    assert len(go_on(tmp_path).plans) == 2


def test_no_room_on_the_disk_is_one_line_and_what_had_ended_is_kept(tmp_path: Path, capsys: Any) -> None:
    interrupted(tmp_path, 3)
    (tmp_path / "boots.jsonl").rename(tmp_path / "kept")
    (tmp_path / "boots.jsonl").symlink_to("/dev/full")
    assert main(["--out", str(tmp_path), *RUNS], FakeLauncher()) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error == f"weft bench: {tmp_path / 'boots.jsonl'}: No space left on device"
    (tmp_path / "kept").rename(tmp_path / "boots.jsonl")
    assert len(go_on(tmp_path).plans) == 3


def test_a_capture_that_cannot_be_converted_costs_no_boot(tmp_path: Path, capsys: Any) -> None:
    class NoRoom(FakeLauncher):
        def convert(self, capture: Path, out: Path) -> None:
            raise BenchError("weft-trace convert: No space left on device")

    assert main(["--out", str(tmp_path), *RUNS], NoRoom()) == 1
    assert "No space left on device" in capsys.readouterr().err.splitlines()[-1]
    assert go_on(tmp_path).plans == []
