# SPDX-License-Identifier: Apache-2.0
"""The suite `full` with the real guest, cut off in the middle and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
# In two of its parts: with each category of events, and among the kernel's operations. Not in that with Linux.
SMALL = ("--suite", "full", "--cpus", "2", "--accel", "icount", "--only", "trace.event.off,capability.copy_delete", "--set", "samples=50")


def start(out: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(ROOT / "weft"), "bench", "--out", str(out), *SMALL],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def boots_of(process: subprocess.Popen[str], cut_after: int | None = None, how: int = 0) -> list[str]:
    """The boots that were begun; at one of them the run is cut off."""
    begun: list[str] = []
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("["):
            begun.append(line.split()[1].rstrip(":"))
            if len(begun) == cut_after:
                (os.killpg if how == signal.SIGINT else os.kill)(process.pid, how)  # Ctrl-C reaches the whole group
    process.wait()
    return begun


def outcome(out: Path) -> Any:
    return json.loads((out / "results.json").read_text())


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_was_cut_off_goes_on_and_ends_as_if_it_had_not_been(build: Any, tmp_path: Path, how: int) -> None:
    whole = start(tmp_path / "whole")
    every = boots_of(whole)
    assert whole.returncode == 0 and len(every) > 10 and len({label.split("-")[0] for label in every}) == 2
    cut = start(tmp_path / "cut")
    begun = boots_of(cut, cut_after=7, how=how)
    assert cut.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
    assert not (tmp_path / "cut" / "results.json").exists()
    again = start(tmp_path / "cut")
    rest = boots_of(again)
    assert again.returncode == 0
    kept = len(every) - len(rest)
    assert len(begun) - 1 <= kept <= len(begun) and rest == every[kept:]
    assert outcome(tmp_path / "cut") == outcome(tmp_path / "whole")
