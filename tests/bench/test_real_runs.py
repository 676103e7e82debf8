# SPDX-License-Identifier: Apache-2.0
"""`./weft bench` with the real kernel: what it promises to whoever cites its figures."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from weft.bench.results import check_results

NAMES = {
    "syscall.null", "thread.switch", "ipc.call.same_core", "ipc.call.cross_core", "ipc.notify.same_core",
    "ipc.notify.same_core.two_calls", "ipc.notify.cross_core", "trace.event.on", "trace.event.off",
}  # fmt: skip

# The most that the medians may be in icount mode, in instructions.
LIMITS_WITHOUT_TRACE = {
    "syscall.null": 60, "thread.switch": 150, "ipc.call.same_core": 300, "ipc.call.cross_core": 1000,
    "ipc.notify.same_core": 400, "ipc.notify.cross_core": 400,
}  # fmt: skip
LIMITS_WITH_TRACE = {"trace.event.on": 15, "trace.event.off": 2}

ROOT = Path(__file__).resolve().parents[2]
Weft = Callable[..., Any]


def bench(weft: Weft, out: Path, *arguments: str) -> dict[str, Any]:
    done = weft("bench", "--out", str(out), *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((out / "results.json").read_text())
    check_results(results)
    return dict(results)


def medians(run: dict[str, Any]) -> dict[str, int]:
    return {result["name"]: result["p50"] for result in run["results"]}


def test_all_names_come_in_both_modes_with_their_units(build: Any, weft: Weft, tmp_path: Path) -> None:
    results = bench(weft, tmp_path, "--cpus", "4")
    assert [run["accel"] for run in results["runs"]] == ["icount", "tcg"]
    for run in results["runs"]:
        units = {"instructions"} if run["accel"] == "icount" else {"cycles", "ns"}
        pairs = {(result["name"], result["unit"]) for result in run["results"]}
        assert {(name, unit) for name in NAMES for unit in units} <= pairs
        assert {result["unit"] for result in run["results"]} == units
        assert (run["cpus"], run["arch"], run["profile"]) == (4, "x86_64", "bench")
    icount = medians(results["runs"][0])
    assert {name: icount[name] for name, limit in LIMITS_WITH_TRACE.items() if icount[name] > limit} == {}


def test_every_file_is_there_and_the_calls_are_in_the_trace(build: Any, weft: Weft, tmp_path: Path) -> None:
    bench(weft, tmp_path, "--suite", "quick")
    for name in ("report.html", "trace.weft", "trace.pftrace", "trace-icount.weft", "trace-icount.pftrace"):
        assert (tmp_path / name).stat().st_size > 10_000, name
    for run in json.loads((tmp_path / "details.json").read_text())["runs"]:
        for name in ("ipc.call.same_core", "ipc.call.cross_core"):
            assert run["stages"][name]["messages"] == run["stages"][name]["calls"] == 250


def test_icount_figures_are_the_same_to_the_digit_three_times(build: Any, weft: Weft, tmp_path: Path) -> None:
    runs = [
        bench(weft, tmp_path / str(number), "--accel", "icount", "--cpus", "4")["runs"][0]
        for number in range(3)
    ]
    assert runs[0]["results"] == runs[1]["results"] == runs[2]["results"]


def test_calls_without_tracing_stay_within_their_limits(build: Any, weft: Weft, tmp_path: Path) -> None:
    run = bench(weft, tmp_path, "--no-trace", "--accel", "icount", "--cpus", "4")["runs"][0]
    assert run["profile"] == "bench-notrace"
    found = medians(run)
    assert {name: found[name] for name, limit in LIMITS_WITHOUT_TRACE.items() if found[name] > limit} == {}
    assert not {"trace.event.on", "trace.event.off"} & set(found)
    assert not list(tmp_path.glob("*.weft"))


def test_a_cross_core_call_costs_the_same_on_many_cpus(build: Any, weft: Weft, tmp_path: Path) -> None:
    """Not more than a twentieth from 2 to 64 CPUs, idle or all busy in pairs."""
    runs = bench(weft, tmp_path, "--suite", "scaling", "--set", "samples=200")["runs"]
    assert [run["cpus"] for run in runs] == [2, 4, 8, 16, 32, 64]
    for name in ("ipc.call.cross_core", "ipc.call.pairs.share"):
        costs = [medians(run)[name] for run in runs]
        assert max(costs) <= 1.05 * costs[0], (name, costs)


def test_the_readme_says_what_is_measured(build: Any, weft: Weft, tmp_path: Path) -> None:
    """Its figures may be a little old, not more than a tenth (or 5 instructions) off."""
    run = bench(weft, tmp_path, "--no-trace", "--accel", "icount", "--cpus", "4")["runs"][0]
    rows = re.findall(r"\(`([\w.]+)`\) \| \*\*([\d,]+)\*\*", (ROOT / "README.md").read_text())
    said = {name: int(value.replace(",", "")) for name, value in rows}
    assert len(said) == 6
    found = medians(run)
    stale = {
        name: (value, found[name])
        for name, value in said.items()
        if abs(value - found[name]) > max(5, found[name] / 10)
    }
    assert stale == {}, "README.md's figures are old (said, measured)"


@pytest.mark.parametrize("cpus", [1, 2, 16])
def test_other_numbers_of_cpus(build: Any, weft: Weft, tmp_path: Path, cpus: int) -> None:
    run = bench(weft, tmp_path, "--suite", "quick", "--accel", "icount", "--cpus", str(cpus))["runs"][0]
    matrix = [result for result in run["results"] if result["name"] == "ipc.call.matrix"]
    assert len(matrix) == cpus * cpus
    assert ("ipc.call.cross_core" in medians(run)) == (cpus > 1)


def test_a_guest_that_cannot_do_it_is_one_line_with_its_log(weft: Weft, tmp_path: Path) -> None:
    done = weft("bench", "--out", str(tmp_path), "--accel", "tcg", "--set", "samples=0")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "tcg: the guest ended with status" in last
    assert str(tmp_path / "console-tcg.log") in last
    assert "samples must be 1 or more" in (tmp_path / "console-tcg.log").read_text()


def test_tracing_costs_no_more_than_promised(build: Any, weft: Weft, tmp_path: Path) -> None:
    """The whole suite; its page says what docs/trace-cost.md says."""
    bench(weft, tmp_path, "--suite", "trace")
    (run,) = json.loads((tmp_path / "details.json").read_text())["runs"]
    rows = {row["variant"]: row for row in run["cost"]}
    call = {name: row["p50"]["ipc.call.same_core"] for name, row in rows.items()}
    assert call["left-out"] < call["off"] < call["default"] <= 1.25 * call["left-out"]
    assert call["default"] < call["all"] <= 1.6 * call["left-out"]
    for name in ("default", "all"):
        events = rows[name]["p50"]
        assert 0 < events["trace.event.on"] <= 15 and events["trace.event.off"] <= 2
    assert rows["default"]["leaves"]["ipc.call.same_core"] == {"ipc_call_direct": 1, "ipc_reply_direct": 1}
    assert sum(rows["all"]["leaves"]["ipc.call.same_core"].values()) == pytest.approx(6, abs=0.02)
    page, kept = (path.read_text() for path in (tmp_path / "cost.md", ROOT / "docs" / "trace-cost.md"))
    assert page == kept, "run ./weft bench --suite trace and copy out/bench/cost.md to docs/trace-cost.md"


def test_no_figure_is_worse_than_the_reference(build: Any, weft: Weft, tmp_path: Path) -> None:
    done = weft("bench", "gate", "--out", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_figure_that_is_worse_than_the_reference_fails_the_gate(build: Any, weft: Weft, tmp_path: Path) -> None:
    """The reference is changed instead of the kernel: it promises one instruction less."""
    reference = json.loads((ROOT / "bench" / "reference.json").read_text())
    name = "without tracing: ipc.call.same_core client_cpu=0 server_cpu=0 4 CPUs, p50"
    reference["figures"][name] -= 1
    reference["stages"]["ipc.call.same_core: service"] -= 1
    (tmp_path / "reference.json").write_text(json.dumps(reference))
    done = weft("bench", "gate", "--out", str(tmp_path), "--reference", str(tmp_path / "reference.json"))
    assert done.returncode == 1 and "worse than the reference: 1 of " in done.stdout, done.stdout + done.stderr
    assert "ipc.call.same_core: service" in done.stdout and "stages that grew" in done.stdout


def test_the_kernel_suite_is_exact(build: Any, weft: Weft, tmp_path: Path) -> None:
    """Twice the same, and every benchmark of it there; with one CPU there is nobody to shoot at."""
    runs = [medians(bench(weft, tmp_path / str(i), "--suite", "kernel", "--accel", "icount", "--no-trace",
                          "--set", "samples=40")["runs"][0]) for i in range(2)]  # fmt: skip
    assert runs[0] == runs[1]
    assert {"thread.create", "memory.map_unmap", "memory.shootdown", "capability.copy_delete",
            "capability.revoke"} <= set(runs[0])  # fmt: skip
    assert runs[0]["syscall.null"] < runs[0]["capability.copy_delete"] < runs[0]["thread.create"]
    alone = bench(weft, tmp_path / "alone", "--suite", "kernel", "--accel", "icount", "--cpus", "1",
                  "--set", "samples=40")  # fmt: skip
    assert "memory.shootdown" not in medians(alone["runs"][0])
