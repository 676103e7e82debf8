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
ABI = tomllib.loads((ROOT / "kernel/abi/abi.toml").read_text())
SECONDS = 600
CALLS = 120_000
SEEDS = 3
CPUS = (1, 2, 4, 8)


# Pairs (call, error) that the fuzzer meets by luck, if at all, and that tests see in another way than by
# comparing the call with the status. `*`: any call.
ELSEWHERE = {
    ("*", "cancelled"): "thread_orders.c ends waits of all kinds and reads the status from the thread",
    ("*", "depth"): "capabilities.c hands a capability on until it is too deep; all calls take it the same way",
    ("*", "no_slot"): "process.c and others fill the table; all calls insert in the same way",
    ("*", "no_memory"): "memory.c uses the quota up; all calls allocate from the same pool",
    ("*", "dead"): "ipc_death.c, process.c: who waits on the dead is told by the same code",
    ("*", "busy"): "notification.c, ipc_waits.c: a second waiter",
    ("*", "timed_out"): "ipc_waits.c waits with a deadline in every form",
    ("*", "exists"): "memory.c maps over what is there",
    ("process_create", "no_right"): "the watcher is looked up as by notification_signal",
    ("notification_create", "no_right"): "authority.c: the place is looked up as by endpoint_create",
    ("ipc_reply", "bad_handle"): "ipc_capabilities.c: what goes with a call is checked by the same code",
    ("ipc_reply_save", "bad_handle"): "authority.c: who does not hold itself creates nothing",
}


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


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the tool said about a campaign without a failure."""
    done = fuzz(
        *("--first-seed", "1001", "--seeds", str(SEEDS), "--calls", str(CALLS)),
        *("--cpus", ",".join(map(str, CPUS)), "--out", str(tmp_path_factory.mktemp("fuzz"))),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def matrix(campaign: str) -> dict[str, dict[str, int]]:
    """How often each call ended in which way."""
    rows = re.findall(r"^(\w+) +\d+ +\d+  (.*)$", campaign, re.MULTILINE)
    return {call: {end.split()[0]: int(end.split()[1]) for end in ends.split(", ") if end} for call, ends in rows}


@pytest.mark.slow
def test_the_kernel_survives_random_calls(campaign: str) -> None:
    total = re.search(r"^weft: ([\d,]+) system calls in (\d+) runs", campaign, re.MULTILINE)
    assert total and int(total[2]) == SEEDS * len(CPUS)
    assert int(total[1].replace(",", "")) >= SEEDS * len(CPUS) * CALLS
    # Each call of the ABI was made: none was forgotten.
    assert {call["name"] for call in ABI["syscall"]} | {"unknown"} == matrix(campaign).keys()


def wanted_by_tests() -> set[tuple[str, str]]:
    """The pairs (call, status) that guest tests name: as EXPECT_STATUS(STATUS_X, weft_call(...)), and as
    a comparison of weft_call(...) with STATUS_X."""
    expected = re.compile(r"STATUS_([A-Z_]+),\s*weft_(\w+)\(")
    compared = re.compile(r"weft_(\w+)\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)\s*[!=]=\s*STATUS_([A-Z_]+)")
    pairs = set()
    for source in (ROOT / "tests/guest").glob("*.[ch]"):
        text = source.read_text()
        pairs |= {(call, status.lower()) for status, call in expected.findall(text)}
        pairs |= {(call, status.lower()) for call, status in compared.findall(text)}
    return pairs


@pytest.mark.slow
def test_every_announced_error_is_produced(campaign: str) -> None:
    """By a guest test that wants it, or by the fuzzer, which sees that it comes. Rights and types of
    objects are among them: each call that needs a right announces no_right, and wrong_type."""
    announced = {(call["name"], error) for call in ABI["syscall"] for error in call.get("errors", ())}
    fuzzed = {(call, status) for call, ends in matrix(campaign).items() for status in ends}
    missing = announced - fuzzed - wanted_by_tests()
    excused = {pair for pair in missing if pair in ELSEWHERE or ("*", pair[1]) in ELSEWHERE}
    assert sorted(missing - excused) == []
    assert {error for _, error in ELSEWHERE} <= {error for _, error in announced}


def test_an_icount_run_is_the_same_every_time(tmp_path: Path) -> None:
    line = ["--seed", "7", "--cpus", "3", "--calls", "20000", "--accel", "icount", "--out", str(tmp_path)]
    first, second = fuzz(*line), fuzz(*line)
    assert first.returncode == second.returncode == 0, first.stdout + first.stderr
    assert first.stdout.splitlines()[:-2] == second.stdout.splitlines()[:-2]
