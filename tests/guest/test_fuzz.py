# SPDX-License-Identifier: Apache-2.0
"""A share of the fuzzing that `./weft fuzz` does at length: fixed seeds, every number of CPUs."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 600
CALLS = 120_000
SEEDS = 3
CPUS = (1, 2, 4, 8)


def fuzz(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "weft"), "fuzz", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL
    )


@pytest.mark.parametrize(
    "line", ["--seeds 0", "--cpus 0", "--cpus x", "--cpus 1,", "--calls 0", "--accel kvm", "--seed 1 --seeds 2"]
)
def test_a_bad_request_is_one_line(line: str) -> None:
    done = fuzz(*line.split())
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("weft: ") and done.stderr.count("\n") == 1, done.stderr


@pytest.mark.slow
def test_the_kernel_survives_random_calls(tmp_path: Path) -> None:
    done = fuzz(
        *("--first-seed", "1001", "--seeds", str(SEEDS), "--calls", str(CALLS)),
        *("--cpus", ",".join(map(str, CPUS)), "--out", str(tmp_path)),
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    total = re.search(r"^weft: ([\d,]+) system calls in (\d+) runs", done.stdout, re.MULTILINE)
    assert total and int(total[2]) == SEEDS * len(CPUS)
    assert int(total[1].replace(",", "")) >= SEEDS * len(CPUS) * CALLS
    # Each call of the ABI was made: none was forgotten.
    calls = tomllib.loads((ROOT / "kernel/abi/abi.toml").read_text())["syscall"]
    made = dict(re.findall(r"^(\w+) +(\d+) +\d+  ", done.stdout, re.MULTILINE))
    assert {call["name"] for call in calls} | {"unknown"} == made.keys() - {"call"}
    assert all(int(times) > 0 for times in made.values())


def test_an_icount_run_is_the_same_every_time(tmp_path: Path) -> None:
    line = ["--seed", "7", "--cpus", "3", "--calls", "20000", "--accel", "icount", "--out", str(tmp_path)]
    first, second = fuzz(*line), fuzz(*line)
    assert first.returncode == second.returncode == 0, first.stdout + first.stderr
    assert first.stdout.splitlines()[:-2] == second.stdout.splitlines()[:-2]
