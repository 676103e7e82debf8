# SPDX-License-Identifier: Apache-2.0
"""The machines that Weft boots on, by the command that people use: every number of CPUs, little and
much memory, an old and a new CPU model, all three ways to run; and a hundred boots in a row."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from weft.harness import ktap
from weft.harness.guest import Guest
from weft.harness.tree import Tree
from weft.machine_config import GIB, host_memory_limit

Weft = Callable[..., "subprocess.CompletedProcess[str]"]

BOOTS_IN_A_ROW = 100


def self_test(weft: Weft, tree: Tree, out: Path, *options: str) -> None:
    """`./weft run` powers off with success, its self-test passes on every CPU, its trace is sound."""
    done = weft("run", "--out", out, "--timeout", 120, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    report = ktap.parse(done.stdout.splitlines())
    assert report.problems == [] and report.ok
    assert report.points and report.count(ktap.Status.SKIP) == 0
    argv = [tree.trace_tool, "check", out / "trace.weft"]
    check = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    assert check.returncode == 0, check.stdout + check.stderr


@pytest.mark.parametrize("cpus", [1, 2, 3, 4, 7, 8, 16, 64, 255])
def test_boots_on_any_number_of_cpus(weft: Weft, tree: Tree, tmp_path: Path, cpus: int) -> None:
    self_test(weft, tree, tmp_path, "--cpus", str(cpus))
    assert f"{cpus} CPU" in (tmp_path / "console.log").read_text()


@pytest.mark.parametrize("cpus", [1, 4])
@pytest.mark.parametrize("memory", ["64M", "6G"])
def test_boots_with_little_and_much_memory(
    weft: Weft, tree: Tree, tmp_path: Path, memory: str, cpus: int
) -> None:
    if memory == "6G" and host_memory_limit() < 6 * GIB:
        pytest.skip("the host has less memory than that")
    self_test(weft, tree, tmp_path, "--mem", memory, "--cpus", str(cpus))


@pytest.mark.parametrize("cpus", [1, 4])
@pytest.mark.parametrize("model", ["qemu64", "max", "Haswell-v4"])
def test_boots_on_old_and_new_cpu_models(
    weft: Weft, tree: Tree, tmp_path: Path, model: str, cpus: int
) -> None:
    self_test(weft, tree, tmp_path, "--cpu", model, "--cpus", str(cpus))


@pytest.mark.parametrize("cpus", [1, 4, 16])
@pytest.mark.parametrize("accel", ["tcg", "icount"])
def test_boots_in_each_way_to_run(weft: Weft, tree: Tree, tmp_path: Path, accel: str, cpus: int) -> None:
    self_test(weft, tree, tmp_path, "--accel", accel, "--cpus", str(cpus))


@pytest.mark.parametrize("options", [("--profile", "bench"), ("--append", "trace=off"),
                                     ("--append", "doorbell=elide"), ("--append", "doorbell=always"),
                                     ("--append", "doorbell=poll"), ("--append", "idle=poll"),
                                     ("--append", "idle=50"), ("--append", "policy=edf,0:fair")])  # fmt: skip
def test_boots_with_each_option(weft: Weft, tree: Tree, tmp_path: Path, options: tuple[str, str]) -> None:
    self_test(weft, tree, tmp_path, *options)


@pytest.mark.parametrize("profile", ["test", "bench"])
def test_boots_without_tracing(weft: Weft, tmp_path: Path, profile: str) -> None:
    done = weft("run", "--out", tmp_path, "--no-trace", "--profile", profile)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ktap.parse(done.stdout.splitlines()).ok


def test_a_seed_decides_an_icount_boot_to_the_digit(boot: Callable[..., Guest], tmp_path: Path) -> None:
    """One binary, one command line, one seed: one history, every event and time stamp of it."""

    def history(seed: int) -> list[str]:
        with boot(cpus=4, accel="icount", seed=seed) as guest:
            assert guest.wait().ok
            argv = [guest.tree.trace_tool, "dump", guest.capture(tmp_path / "trace.weft")]
            dump = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True)
            return dump.stdout.splitlines()

    first = history(7)
    assert len(first) > 1000
    assert history(7) == first
    assert history(8) != first


@pytest.mark.slow
def test_a_hundred_boots_in_a_row(boot: Callable[..., Guest]) -> None:
    for number in range(BOOTS_IN_A_ROW):
        with boot(cpus=4, memory="128M") as guest:
            outcome = guest.wait()
            assert outcome.ok, f"boot {number}: {outcome.kind}: {outcome.reason}"
            report = ktap.parse(guest.console)
            assert report.ok, f"boot {number}: {report.problems}"
