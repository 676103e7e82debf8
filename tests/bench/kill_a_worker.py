#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the suite `grid` over a local Dask cluster of two workers, kills one in the middle, and counts.

    tests/bench/kill_a_worker.py                               # 216 configurations
    tests/bench/kill_a_worker.py --set policy=edf --set doorbell=elide     # 24 of them

The worker gets SIGKILL while it has a QEMU running. Then every configuration must be there once, and the
figures must be those of the same run without workers, digit by digit. Arguments go to `weft bench`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 30.0  # seconds in which a worker that has work begins a boot
PATIENCE = 10.0  # seconds for the end of a process that gets SIGKILL
SHOWN = 20  # lines of a run that went wrong


def children_of(pid: int) -> list[int]:
    """The processes that it has started, with all of its threads."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(word) for word in path.read_text().split()]
    return found


def kill_busy(worker: int) -> int:
    """Kills the worker while it boots something; a descriptor of that QEMU's process, whose id may be another's later."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread or child has just ended
            for child in children_of(worker):
                if "qemu" in Path(f"/proc/{child}/comm").read_text():
                    qemu = os.pidfd_open(child)
                    os.kill(worker, signal.SIGKILL)
                    return qemu
    raise AssertionError(f"worker {worker} began no boot within {DEADLINE:g} s")


def run_and_kill(out: Path, arguments: list[str]) -> tuple[int, list[str], int]:
    """Exit code, what was said on stderr, and the QEMU that lost its worker (as kill_busy(); -1: there was none)."""
    command = [str(ROOT / "weft"), "bench", "--suite", "grid", "--dask", "local:2", "--out", str(out), *arguments]
    lines: list[str] = []
    workers: list[int] = []
    orphan = -1
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            lines.append(line.rstrip())
            if said := re.match(r"2 workers: \S+ (\d+), \S+ (\d+)$", line):
                workers = [int(said[1]), int(said[2])]
            place = re.match(r"\[(\d+)/(\d+)\]", line)
            if place and orphan < 0 and int(place[1]) >= int(place[2]) // 2:
                orphan = kill_busy(workers[0])
    return process.returncode, lines, orphan


def figures(out: Path) -> list[Any]:
    """All of them, with their places."""
    results = json.loads((out / "results.json").read_text())
    return [[run["cpus"], run["results"]] for run in results["runs"]]


def check(out: Path, lines: list[str]) -> int:
    """Every configuration is there once; how many there are."""
    boots = [json.loads(line) for line in (out / "boots.jsonl").read_text().splitlines()]
    boots = [boot for boot in boots if "key" in boot]
    total = max(int(said[1]) for line in lines if (said := re.match(r"\[\d+/(\d+)\]", line)))
    assert len(boots) == total, f"{len(boots)} boots instead of {total}"
    for what in ("key", "label", "command_line"):
        places = {(boot["cpus"], boot[what]) for boot in boots}
        assert len(places) == total, f"{total - len(places)} boots are there twice, by their {what}"
    places = [
        (cpus, result["name"], json.dumps({key: result["params"].get(key) for key in ("policy", "doorbell", "samples")}))
        for cpus, results in figures(out)
        for result in results
    ]
    assert len(places) == len(set(places)), "a figure is there twice"
    assert len({(cpus, place) for cpus, _, place in places}) == total, "a configuration has no figures"
    return total


def main(arguments: list[str], out: Path = ROOT / "out" / "kill-a-worker") -> int:
    code, lines, orphan = run_and_kill(out / "workers", [*arguments, "--fresh"])
    assert code == 0, "\n".join(lines[-SHOWN:])
    # It has ended when this can be read; it may be in /proc for as long as nobody asks for its exit code.
    assert orphan >= 0 and select.select([orphan], [], [], PATIENCE)[0], "a QEMU has outlived its worker"
    os.close(orphan)
    gone = [line for line in lines if " is gone: " in line]
    assert len(gone) == 1, "\n".join(lines[-SHOWN:])
    total = check(out / "workers", lines)
    print(f"{total} configurations, each once; {gone[0]}")
    subprocess.run(
        [str(ROOT / "weft"), "bench", "--suite", "grid", "--out", str(out / "alone"), "--fresh", *arguments],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert figures(out / "workers") == figures(out / "alone"), "figures differ from those without workers"
    print(f"the same {sum(len(results) for _, results in figures(out / 'alone'))} figures without workers, to the digit")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
