# SPDX-License-Identifier: Apache-2.0
"""`weft explore` finds the planted race, says how to see it again, and it is seen again every time."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from weft import campaign, explore
from weft.explore_runs import Result, Run, Runs
from weft.harness.tree import Tree
from weft.machine import Machine, MachineConfig
from weft.outcome import Outcome

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 300
REPEATS = 10
BAD = [
    "absent",
    "test_ipc::absent",
    "planted_race::any",
    "--seeds 0",
    "--seeds many",
    "--seeds -5",
    "--first-seed -1",
    "--first-seed 18446744073709551615 --seeds 2",
    "--seed 1 --seeds 2",
    "--seed 1 --first-seed 1",
    "--seed x",
    "--jobs 0",
    "--cpus 0",
    "--timeout 0",
    "--failures few",
    "--out /dev/null/x",
    "--append a\nb",
    "--design monolith",
]


def weft(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "weft"), "explore", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL
    )


@pytest.mark.parametrize("line", BAD)
def test_a_bad_request_is_one_line(line: str) -> None:
    done = weft(*line.split(" "))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("weft: ") and done.stderr.count("\n") == 1, done.stderr


def test_the_list_is_one_name_per_line_and_holds_what_is_usual() -> None:
    done = weft("--list")
    assert done.returncode == 0 and done.stderr == ""
    names = done.stdout.splitlines()
    assert all(re.fullmatch(r"\w+(::\w+)?", name) for name in names)
    assert set(explore.DEFAULT) < set(names) and "planted_race" in names
    # Each of them is there: its program, and its test.
    assert [subject.name for subject in explore._subjects(explore.DEFAULT)] == list(explore.DEFAULT)
    assert not any(name.startswith("planted") for name in explore.DEFAULT)


@pytest.fixture(scope="module")
def found(tree: Tree, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the tool said about the planted race, and the folder of the seed that shows it."""
    out = tmp_path_factory.mktemp("explore")
    done = weft("planted_race", "--seeds", "200", "--failures", "1", "--jobs", "2", "--out", str(out))
    assert done.returncode == 1, done.stdout + done.stderr
    folders = sorted(out.iterdir())
    assert folders, done.stdout
    return done.stdout, folders[0]


def test_the_planted_race_is_found_within_200_seeds(found: tuple[str, Path]) -> None:
    output, folder = found
    seed = folder.name.removeprefix("planted_race-seed")
    assert f"planted_race seed {seed}: failed: the guest ended with status 1" in output
    assert "counter is 1 of 2" in output
    assert f"again: ./weft explore planted_race --seed {seed}\n" in output
    row = re.search(r"^planted_race +(\d+) +(\d+) +[\d.]+$", output, re.MULTILINE)
    assert row and int(row[1]) <= 200 and int(row[2]) >= 1


def test_a_failing_seed_leaves_its_evidence(found: tuple[str, Path]) -> None:
    _, folder = found
    assert "counter is 1 of 2" in (folder / "console.log").read_text()
    assert (folder / "trace.weft").stat().st_size > 4096
    assert (folder / "trace.pftrace").stat().st_size > 4096
    again, *_, by_hand = (folder / "command.txt").read_text().splitlines()
    assert again.startswith("./weft explore planted_race --seed ")
    assert str(folder / "kernel.elf") in by_hand and str(folder / "image.cpio") in by_hand


def test_the_printed_command_shows_the_failure_again(found: tuple[str, Path], tmp_path: Path) -> None:
    output, _ = found
    command = shlex.split(output.rpartition("again: ")[2])
    done = weft(*command[2:], "--out", str(tmp_path))
    assert done.returncode == 1, done.stdout + done.stderr
    assert len(list(tmp_path.iterdir())) == 1


def test_the_failing_seed_fails_every_time_in_the_same_way(found: tuple[str, Path]) -> None:
    _, folder = found
    seed = int(folder.name.removeprefix("planted_race-seed"))
    results = runs_of(folder / "kernel.elf", folder / "image.cpio", [seed] * REPEATS)
    first = (folder / "console.log").read_text().splitlines()
    assert [list(result.console) for result in results] == [first] * REPEATS
    assert all(result.wrong for result in results)


def test_without_a_seed_the_planted_race_is_not_seen(tree: Tree) -> None:
    (result,) = runs_of(tree.kernel(), tree.image("planted_race"), [0])
    assert result.wrong == ""


def test_a_seed_without_a_failure_exits_with_0(tree: Tree, tmp_path: Path) -> None:
    known = explore.known_programs()["test_notification"]
    test = f"test_notification::{known[0]}"
    done = weft(test, "--seeds", "3", "--first-seed", "7", "--jobs", "1", "--out", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(rf"^{test} +3 +0 ", done.stdout, re.MULTILINE)
    assert "no failure" in done.stdout and not list(tmp_path.iterdir())


def test_what_programs_count_is_added_up(tree: Tree, tmp_path: Path) -> None:
    done = weft("test_kills", "--seeds", "3", "--append", "kills=7", "--out", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    pattern = r"^weft: (\d+) kills, (\d+) of a client, (\d+) of a server, (\d+) of both"
    counted = re.search(pattern, done.stdout, re.M)
    kills, *each = map(int, counted.groups()) if counted else (0,)
    assert kills == 3 * (7 + 3) == sum(each)  # three of each run are for warming up
    assert re.search(r", \d+ calls answered, 0 pages lost$", done.stdout, re.M)


def test_a_hang_is_a_failure(tree: Tree) -> None:
    (result,) = runs_of(tree.kernel(), tree.image("test_busy"), [1], timeout=3.0)
    assert result.wrong.startswith("timeout: no end within 3 s")


def test_a_panic_is_a_failure(tree: Tree) -> None:
    (result,) = runs_of(tree.kernel(), None, [1])
    assert result.wrong.startswith("panic:")
    assert any("no boot image" in line for line in campaign.telling(result.console))


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        (["KTAP version 1", "1..1", "ok 1 a", "# Totals: pass:1 fail:0 skip:0"], ""),
        (["KTAP version 1", "1..2", "ok 1 a"], "2 tests planned, 1 reported"),
        (["KTAP version 1", "1..1", "ok 1 a"], "the end line is missing"),
        (["hello"], ""),
    ],
)
def test_a_report_must_be_whole(lines: list[str], wrong: str) -> None:
    assert campaign.complaint(Outcome("ok", "", 1.0, 0, 33), lines) == wrong


def test_of_a_console_only_the_telling_lines_are_shown() -> None:
    console = ["KTAP version 1", "# a.c:5: no", "# a.c:5: no", "not ok 1 a", "# Totals: pass:0 fail:1 skip:0"]
    assert campaign.telling(console) == ["# a.c:5: no", "not ok 1 a"]
    assert campaign.telling(["one", "two", "three", "four"]) == ["two", "three", "four"]


def test_an_interrupt_ends_the_machines_and_shows_the_table(tmp_path: Path, tree: Tree) -> None:
    command = [sys.executable, str(ROOT / "weft"), "explore", "test_ipc", "--out", str(tmp_path)]
    marker = f"explore-{os.getpid()}-{time.monotonic_ns()}"
    process = subprocess.Popen(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
        env={**os.environ, "EXPLORED_BY": marker},
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while not qemus(marker):
            assert process.poll() is None and time.monotonic() < deadline
            os.sched_yield()
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, output + errors
    assert re.search(r"^test_ipc +\d+ +0 ", output, re.MULTILINE) and "interrupted" in errors
    assert qemus(marker) == []


def qemus(marker: str) -> list[str]:
    """The QEMUs that inherited this marker in their environment."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if marker.encode() in (folder / "environ").read_bytes():
                name = (folder / "comm").read_text()
                found += [folder.name] if name.startswith("qemu") else []
        except OSError:
            continue
    return found


def runs_of(
    kernel: Path, image: Path | None, seeds: list[int], timeout: float = 60.0
) -> list[Result]:
    """Boots with these seeds, two at a time, judged as the tool does."""
    config = MachineConfig(kernel=kernel, image=image, accel="icount", timeout=timeout)

    def plan() -> Iterator[Run]:
        for seed in seeds:
            yield Run("", seed, replace(config, seed=seed))

    def judge(_: Run, machine: Machine, outcome: Outcome) -> str:
        return campaign.complaint(outcome, machine.console)

    with Runs(plan(), judge, jobs=2) as runs:
        return list(runs)
