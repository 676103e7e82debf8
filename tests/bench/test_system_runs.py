# SPDX-License-Identifier: Apache-2.0
"""The suites `kernel`, `scheduling`, `policies`, `parallel` with the real kernel: every figure is there, and what is
promised of budgets, urgency and wake-ups holds in instructions."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from weft.bench.results import check_results

Weft = Callable[..., Any]
SAMPLES = ("--set", "samples=100", "--set", "warmup=30")

# Paths of the kernel with interrupts off that a wake-up may have to wait for, and its own way.
LONGEST_PATH = 2000
POLLING = 6500  # an idle CPU looks at the clock once in that many instructions


class Figures:
    """The results of one run, by name and parameters."""

    def __init__(self, weft: Weft, out: Path, suite: str, cpus: int) -> None:
        arguments = ("--suite", suite, "--accel", "icount", "--no-trace", "--cpus", str(cpus), *SAMPLES)
        done = weft("bench", "--out", str(out), *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        results = json.loads((out / "results.json").read_text())
        check_results(results)
        (self.run,) = results["runs"]

    def all(self, name: str, **wanted: Any) -> list[dict[str, Any]]:
        return [
            result
            for result in self.run["results"]
            if result["name"] == name and wanted.items() <= result["params"].items()
        ]

    def one(self, name: str, **wanted: Any) -> dict[str, Any]:
        (result,) = self.all(name, **wanted)
        return result

    def p50(self, name: str, **wanted: Any) -> int:
        return int(self.one(name, **wanted)["p50"])


@pytest.fixture(scope="module", params=[1, 4])
def scheduling(request: Any, build: Any, weft: Weft, tmp_path_factory: pytest.TempPathFactory) -> Figures:
    return Figures(weft, tmp_path_factory.mktemp("scheduling"), "scheduling", request.param)


@pytest.fixture(scope="module", params=[1, 4])
def kernel(request: Any, build: Any, weft: Weft, tmp_path_factory: pytest.TempPathFactory) -> Figures:
    return Figures(weft, tmp_path_factory.mktemp("kernel"), "kernel", request.param)


def test_a_budget_is_kept_to_the_instruction(scheduling: Figures) -> None:
    """No run exceeds it, and less than a hundredth of it goes to the kernel."""
    run = scheduling.one("budget.run")
    assert scheduling.one("budget.overrun")["max"] == 0
    assert 0.99 * run["params"]["budget"] <= run["min"] <= run["max"] <= run["params"]["budget"]
    for name in ("budget.enforce", "budget.replenish"):
        assert 0 < scheduling.one(name)["max"] < LONGEST_PATH, name


def test_who_calls_lends_urgency_and_who_queues_does_not(scheduling: Figures) -> None:
    free = [scheduling.one("priority.inversion.free", middle=middle) for middle in (0, 50000)]
    assert abs(free[0]["p50"] - free[1]["p50"]) <= 20, "the one in the middle delayed a server that was free"
    work = free[0]["p50"]
    held = [scheduling.one("priority.inversion.held", middle=middle) for middle in (0, 50000)]
    assert work < held[0]["p50"] and held[0]["max"] < 2 * work + LONGEST_PATH, "its own work and the low one's"
    assert held[1]["max"] < held[0]["max"] + 1.1 * 50000, "bounded by the work of the one in the middle"


def test_a_wake_up_waits_for_no_longer_than_the_kernels_longest_path(scheduling: Figures) -> None:
    assert 0 < scheduling.one("wake.timer.loaded")["max"] < LONGEST_PATH
    assert 0 < scheduling.one("wake.timer.idle")["max"] < POLLING
    assert 0 < scheduling.one("wake.notify.same_core")["max"] < LONGEST_PATH
    assert len(scheduling.all("wake.notify.cross_core")) == (scheduling.run["cpus"] > 1)
    for result in scheduling.all("wake.notify.cross_core"):
        assert scheduling.p50("wake.notify.same_core") < result["p50"] and result["max"] < LONGEST_PATH


def test_of_four_workers_the_last_waits_for_three(scheduling: Figures) -> None:
    result = scheduling.one("wake.workers", cpus=1)
    assert result["min"] < 1000 and 3 * 20000 <= result["max"] < 4 * 20000
    assert len(scheduling.all("wake.workers")) == (1 if scheduling.run["cpus"] == 1 else 2)


def test_a_thread_moves_for_less_than_a_call(scheduling: Figures) -> None:
    assert len(scheduling.all("thread.migrate")) == (scheduling.run["cpus"] > 1)
    for result in scheduling.all("thread.migrate"):
        assert scheduling.p50("thread.switch") < result["p50"] < LONGEST_PATH


def test_under_a_fair_policy_a_wake_up_waits_for_slices(build: Any, weft: Weft, tmp_path: Path) -> None:
    """And under the others it does not: the reason for the suite `policies`."""
    figures = Figures(weft, tmp_path, "policies", 2)
    slice_instructions = 1_000_000
    for policy in ("fixed", "edf"):
        assert figures.one("wake.timer.loaded", variant=policy)["max"] < LONGEST_PATH
    fair = figures.one("wake.timer.loaded", variant="fair")
    assert slice_instructions / 2 < fair["p50"] <= fair["max"] < 3 * slice_instructions
    assert figures.p50("thread.switch", variant="fixed") < figures.p50("thread.switch", variant="edf")


def test_a_fault_costs_more_than_the_mapping_that_it_needs(kernel: Figures) -> None:
    same = kernel.p50("fault.pager.same_core")
    assert kernel.p50("syscall.null") * 5 < same < 4000
    assert len(kernel.all("fault.pager.cross_core")) == (kernel.run["cpus"] > 1)
    for result in kernel.all("fault.pager.cross_core"):
        assert result["p50"] > same


def test_an_interrupt_reaches_its_driver_soon(kernel: Figures) -> None:
    assert kernel.p50("syscall.null") < kernel.p50("interrupt.handler.same_core")
    assert kernel.one("interrupt.handler.same_core")["max"] < LONGEST_PATH
    assert len(kernel.all("interrupt.handler.cross_core")) == (kernel.run["cpus"] > 1)


def test_cheap_calls_cost_little_more_than_none(kernel: Figures) -> None:
    null = kernel.p50("syscall.null")
    assert null < kernel.p50("syscall.yield") < 2 * null
    calls = {result["params"]["call"]: result["p50"] for result in kernel.all("syscall.cheap")}
    assert len(calls) == 7
    assert null < min(calls.values()) and max(calls.values()) < 10 * null


def test_a_shootdown_costs_more_the_more_cpus_use_the_space(kernel: Figures) -> None:
    costs = {result["params"]["cpus"]: result["p50"] for result in kernel.all("memory.shootdown")}
    assert sorted(costs) == ([] if kernel.run["cpus"] == 1 else [1, 2, 4])
    assert list(costs.values()) == sorted(costs.values())
    one, many = (kernel.p50("memory.map_unmap", pages=pages) for pages in (1, 64))
    assert one < many < 64 * one / 2, "more than half of the cost is saved by mapping many at once"


def test_a_process_costs_more_than_its_parts(kernel: Figures) -> None:
    create, start, end = (kernel.p50(f"process.{part}") for part in ("create", "start", "end"))
    assert kernel.p50("thread.create") < end < start < create
    assert 0.8 * create < start + end < 1.2 * create, "the two parts are the whole but for the run itself"
    assert kernel.p50("thread.create") < kernel.p50("process.kill")


def test_a_revocation_costs_by_the_copies_and_not_by_the_depth(kernel: Figures) -> None:
    costs = [kernel.p50("capability.revoke", copies=copies, depth=1) for copies in (1, 16, 256, 4096)]
    assert costs == sorted(costs)
    assert (costs[3] - costs[2]) / (4096 - 256) < 100, "instructions for one copy more"
    assert abs(kernel.p50("capability.revoke", copies=16, depth=6) - costs[1]) < 1000


def test_cpus_do_not_disturb_each_other(build: Any, weft: Weft, tmp_path: Path) -> None:
    """The work for an operation is the same on 1 and on 16 CPUs."""
    figures = Figures(weft, tmp_path, "parallel", 16)
    for name in ("scaling.syscall", "scaling.call"):
        costs = {result["params"]["cpus"]: result["p50"] for result in figures.all(name)}
        shares = {result["params"]["cpus"]: result["p50"] for result in figures.all(f"{name}.share")}
        assert sorted(costs) == sorted(shares) == [1, 2, 4, 8, 16]
        assert len(set(costs.values())) == 1
        assert max(shares.values()) <= 1.1 * shares[1]
