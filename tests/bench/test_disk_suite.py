# SPDX-License-Identifier: Apache-2.0
"""Suites with a disk: where it comes from, and figures that wait for the host."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench_fakes import FakeLauncher, console, record
from weft.bench import main
from weft.bench.catalogue import Catalogue, Suite
from weft.bench.launcher import BootPlan, QemuLauncher

BENCH = Path(__file__).resolve().parents[2] / "bench"
OURS = ["block.read.random", "block.read.batch", "block.read.stream", "block.write.random", "block.write.batch",
        "block.write.stream"]  # fmt: skip


class Disks(FakeLauncher):
    """Its figures are others in each boot."""

    def _weft_lines(self, plan: BootPlan, seed: int) -> list[str]:
        head = [line for line in console("icount", 1, False) if '"bench"' not in line]
        return [*head, *(record(name, [1000 + len(self.plans)] * 10) for name in OURS)]


def test_figures_that_wait_for_the_host_may_differ(tmp_path: Path) -> None:
    launcher = Disks()
    assert main(["--suite", "disk", "--runs", "3", "--out", str(tmp_path)], launcher) == 0
    assert [plan.disk for plan in launcher.plans] == [64 << 20] * 6
    results = json.loads((tmp_path / "results.json").read_text())["runs"][0]["results"]
    assert {result["p50"] for result in results if result["name"] in OURS} == {1003}  # of 1001, 1003 and 1005


def test_every_figure_of_a_disk_waits_for_the_host_and_has_linux_beside_it() -> None:
    catalogue = Catalogue.load(BENCH)
    names = [benchmark.name for benchmark in catalogue.selected("block")]
    assert sorted(names) == sorted(OURS)
    assert all(catalogue.benchmarks[name].outside for name in names)
    assert all(any(name in other.against for other in catalogue.baseline(names, 1)) for name in names)


def test_only_suites_that_say_so_have_a_disk() -> None:
    assert Suite.load(BENCH, "disk").disk == "64M"
    assert Suite.load(BENCH, "default").disk == ""


def test_a_disk_is_fresh_and_goes_with_its_boot(tmp_path: Path, monkeypatch: Any) -> None:
    seen: list[Path] = []

    def boot(self: QemuLauncher, plan: BootPlan, on_line: Any, disk: Path | None) -> None:
        assert (disk is None) == (plan.disk == 0)
        if disk is not None:
            assert disk.stat().st_size == plan.disk and disk.stat().st_blocks == 0
            seen.append(disk)

    monkeypatch.setattr(QemuLauncher, "_boot_with", boot)
    for size in (0, 1 << 20, 1 << 20):
        plan = BootPlan("icount", 1, "512M", "max", "", 10.0, None, disk=size)
        QemuLauncher().boot(plan, print)
    assert len(set(seen)) == 2
    assert not any(disk.exists() for disk in seen)


def test_a_real_run_measures_both_systems(build: Any, weft: Callable[..., Any], tmp_path: Path) -> None:
    done = weft("bench", "--suite", "disk", "--runs", "1", "--set", "samples=20", "--set", "warmup=5", "--out",
                str(tmp_path))  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    medians = {result["name"]: result["p50"] for result in results["runs"][0]["results"]}
    assert set(OURS) <= set(medians)
    ratios = {row["weft"]: row["ratio"] for row in results["ratios"]}
    # What each figure is far from, whatever the host's load: docs/throughput.md has 1.2 to 8 times.
    assert all(ratios[name] > 2 for name in OURS if not name.endswith("random")), ratios
