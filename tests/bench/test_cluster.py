# SPDX-License-Identifier: Apache-2.0
"""Grids over the workers of a Dask cluster: who dies, what is refused, and that all figures are the same."""

from __future__ import annotations

import json
import logging
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import distributed
import kill_a_worker
import pytest
from bench_fakes import FakeLauncher, lab, suite
from weft.bench import cluster, cluster_worker, command
from weft.bench.command import main
from weft.bench.errors import BenchError
from weft.bench.launcher import BootPlan, PortableQemu

GRID = suite('["syscall.null"]', 'on = false\n[grid]\npolicy = ["fixed", "edf", "fair"]\nsamples = [10, 20, 30, 40]\n')
PLAN = BootPlan("icount", 1, "64M", "max", "", 10, None)


class Deadly(FakeLauncher):
    """Kills whoever boots this configuration."""

    def boot(self, plan: Any, on_line: Any) -> Any:
        if "policy=edf samples=30" in plan.command_line:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().boot(plan, on_line)


class Failing(FakeLauncher):
    """One panics, for one the worker's own code fails."""

    def boot(self, plan: Any, on_line: Any) -> Any:
        if "policy=edf samples=20" in plan.command_line:
            raise ZeroDivisionError("of a worker")
        outcome = super().boot(plan, on_line)
        panics = "policy=edf samples=10" in plan.command_line
        return replace(outcome, kind="panic", reason="the kernel panicked") if panics else outcome


@pytest.fixture
def grid(monkeypatch: Any, tmp_path: Path) -> Any:
    monkeypatch.setattr(command, "BENCH_ROOT", lab(tmp_path, g=GRID))

    def run(address: str, launcher: FakeLauncher, *arguments: str, out: str = "out") -> int:
        return main(["--suite", "g", "--out", str(tmp_path / out), "--dask", address, *arguments], launcher)

    return run


@pytest.fixture
def foreign() -> Iterator[str]:
    """A cluster that somebody else has started."""
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, memory_limit=0, host="127.0.0.1",
                                  dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL) as own:  # fmt: skip
        yield own.scheduler_address


def load(out: Path, name: str = "results.json") -> Any:
    return json.loads((out / name).read_text())


def test_a_killed_worker_loses_nothing_and_nothing_is_there_twice(build: Any, tmp_path: Path) -> None:
    """The real guest, and the figures of a run without workers; kill_a_worker.py by itself does all 216."""
    assert kill_a_worker.main(["--set", "policy=edf", "--set", "doorbell=elide"], tmp_path) == 0


def test_a_cluster_that_is_there_is_used_and_left(foreign: str, grid: Any, tmp_path: Path, capsys: Any) -> None:
    launcher = FakeLauncher()
    assert grid(foreign, launcher) == 0
    assert launcher.plans == []  # nothing was booted in this process
    said = capsys.readouterr().err
    assert said.count("booted by ") == 12 and "2 workers: " in said
    assert load(tmp_path / "out", "details.json")["environment"]["workers"].startswith(f"2 of Dask at {foreign}: ")
    assert main(["--suite", "g", "--out", str(tmp_path / "alone")], FakeLauncher()) == 0
    assert load(tmp_path / "out") == load(tmp_path / "alone")
    with distributed.Client(foreign, timeout=10) as client:
        assert len(client.scheduler_info()["workers"]) == 2


def test_what_is_in_the_store_is_not_sent_out(foreign: str, grid: Any, tmp_path: Path, capsys: Any) -> None:
    cut = FakeLauncher(boots_left=5)
    assert main(["--suite", "g", "--out", str(tmp_path / "out")], cut) == 130
    assert grid(foreign, FakeLauncher()) == 0
    said = capsys.readouterr().err
    assert "5 boots are there" in said and said.count("booted by ") == 7


def test_configurations_that_fail_are_told_and_the_rest_is_kept(foreign: str, grid: Any, tmp_path: Path, capsys: Any) -> None:
    assert grid(foreign, Failing()) == 1
    error = capsys.readouterr().err.splitlines()
    assert error[-1] == "weft bench: 2 configurations failed, the others are kept; started again, the run makes these anew"
    reasons = {failure["label"]: failure["reason"] for failure in load(tmp_path / "out", "details.json")["failures"]}
    assert reasons["icount-policy-edf-samples-20"].endswith("the worker failed: ZeroDivisionError: of a worker")
    assert "the kernel panicked (console: " in reasons["icount-policy-edf-samples-10"]
    results = load(tmp_path / "out")["runs"][0]["results"]
    assert len({(result["params"]["policy"], result["params"]["samples"]) for result in results}) == 10
    assert grid(foreign, FakeLauncher()) == 0
    assert capsys.readouterr().err.count("booted by ") == 2


def test_a_boot_that_kills_its_workers_fails_alone(grid: Any, tmp_path: Path, capsys: Any) -> None:
    assert grid("local:2", Deadly()) == 1
    said = capsys.readouterr().err
    assert "icount-policy-edf-samples-30: 3 workers died while they were at it" in said
    assert said.splitlines()[-1].startswith("weft bench: one configuration failed, the others are kept")
    boots = [json.loads(line) for line in (tmp_path / "out" / "boots.jsonl").read_text().splitlines()]
    assert len({boot["key"] for boot in boots}) == len(boots) == 11


@pytest.mark.parametrize(
    ("address", "words", "code"),
    [
        ("local:0", "--dask local:N wants 1 to 256 workers, not 0", 2),
        ("local:1000000", "--dask local:N wants 1 to 256 workers, not 1000000", 2),
        ("local:two", "--dask wants local:N or an address such as tcp://host:8786, not 'local:two'", 2),
        ("", "--dask wants local:N or an address", 2),
        ("http://host:80", "--dask wants local:N or an address", 2),
        ("tcp://127.0.0.1:1", "--dask tcp://127.0.0.1:1: no scheduler answers there", 1),
    ],
)
def test_bad_addresses_are_one_line_and_cost_nothing(
    monkeypatch: Any, grid: Any, tmp_path: Path, capsys: Any, address: str, words: str, code: int
) -> None:
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    assert main(["--suite", "g", "--out", str(tmp_path / "out")], FakeLauncher()) == 0
    before = (tmp_path / "out" / "results.json").read_text()
    assert grid(address, FakeLauncher()) == code
    assert words in capsys.readouterr().err.splitlines()[-1]
    assert (tmp_path / "out" / "results.json").read_text() == before


def test_a_cluster_without_workers_is_told(monkeypatch: Any, grid: Any, capsys: Any) -> None:
    monkeypatch.setattr(cluster, "WORKER_SECONDS", 1)
    with distributed.LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0",
                                  silence_logs=logging.CRITICAL) as empty:  # fmt: skip
        assert grid(empty.scheduler_address, FakeLauncher()) == 1
    assert "no worker came within 1 s" in capsys.readouterr().err.splitlines()[-1]


def test_workers_of_another_commit_are_refused(monkeypatch: Any, foreign: str, grid: Any, capsys: Any) -> None:
    monkeypatch.setattr(command, "commit_of", lambda root: "another")
    assert grid(foreign, FakeLauncher()) == 1
    assert ", not of another" in capsys.readouterr().err.splitlines()[-1]


def test_another_qemu_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="not 0.1 as here: figures would not compare"):
        PortableQemu("kernel", "", "0.1").boot(PLAN, tmp_path)


def test_captures_and_comparisons_in_time_stay_here(grid: Any, monkeypatch: Any, tmp_path: Path, capsys: Any) -> None:
    """One capture per mode and both systems of a pair; in tcg one boot per machine at a time."""
    text = suite('["ipc.call.cross_core"]', '[grid]\npolicy = ["fixed", "edf", "fair"]\n', '["icount", "tcg"]')
    monkeypatch.setattr(command, "BENCH_ROOT", lab(tmp_path / "more", g=text))
    launcher = FakeLauncher()
    assert grid("local:2", launcher) == 0
    assert [(plan.mode, plan.capture is not None) for plan in launcher.plans] == [("icount", True), ("tcg", True)]
    assert capsys.readouterr().err.count("booted by ") == 4
    launcher = FakeLauncher()
    assert grid("local:2", launcher, "--baseline", "linux", "--accel", "tcg") == 0
    assert [plan.system for plan in launcher.plans].count("linux") == 3 and len(launcher.plans) == 6
