# SPDX-License-Identifier: Apache-2.0
"""`weft bench --baseline linux`: order of boots, ratios and their spread, and what must be refused."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from bench_fakes import FakeLauncher, linux_console, record
from weft.bench import linux
from weft.bench.baseline import Rounds, ratios, repeated, summary
from weft.bench.catalogue import Benchmark, Catalogue, Variant
from weft.bench.command import BENCH_ROOT, main
from weft.bench.errors import BenchError
from weft.bench.launcher import BootOutcome, BootPlan, LineSink
from weft.bench.plan import Point
from weft.bench.results import check_results
from weft.failure import Failure
from weft.paths import ROOT

CROSS = ["linux.pipe.cross_core", "linux.futex.cross_core", "linux.eventfd.cross_core", "linux.socket.cross_core"]


def load(out: Path) -> dict:
    return json.loads((out / "results.json").read_text())


def compare(out: Path, launcher: FakeLauncher, *arguments: str) -> int:
    suite = ["--suite", "linux-crosscore", "--baseline", "linux"]
    return main(["--out", str(out), *suite, *arguments], launcher)


def test_both_systems_boot_by_turns_in_the_same_machine(tmp_path: Path) -> None:
    launcher = FakeLauncher(vary=True)
    assert compare(tmp_path, launcher, "--runs", "2") == 0
    assert [plan.system for plan in launcher.plans] == ["weft", "linux"] * 4
    for ours, theirs in zip(launcher.plans[::2], launcher.plans[1::2], strict=True):
        assert (ours.mode, ours.cpus, ours.memory, ours.cpu_model) == (
            theirs.mode, theirs.cpus, theirs.memory, theirs.cpu_model,
        )  # fmt: skip
        assert ("idle=poll" in ours.command_line) == ("idle=poll" in theirs.command_line)
        assert ours.capture is None and theirs.capture is None
    assert launcher.prepared == [False], "the suite leaves tracing out"
    assert "maxcpus" not in launcher.plans[1].command_line


def test_ratios_are_those_of_the_medians_and_the_spread_is_that_of_the_rounds(tmp_path: Path) -> None:
    assert compare(tmp_path, FakeLauncher(vary=True), "--runs", "3") == 0
    data = load(tmp_path)
    rows = [row for row in data["ratios"] if row["variant"] == "default-idle"]
    assert [row["linux"] for row in rows] == [*CROSS, "best of pipe, futex, eventfd"]
    for row in rows:
        assert row["weft"] == "ipc.call.cross_core" and row["rounds"] == 3
        assert row["ratio"] == round(row["linux_p50"] / row["weft_p50"], 2)
        assert row["low"] <= row["high"]
    names = {result["name"] for run in data["runs"] for result in run["results"]}
    assert names >= {*CROSS, "ipc.call.cross_core"}


def test_the_best_is_the_fastest_of_the_contenders_and_the_socket_is_none(tmp_path: Path) -> None:
    slow, fast, fastest = linux_console([CROSS[0], CROSS[1]], 9), linux_console([CROSS[2]], 7), CROSS[3]
    launcher = FakeLauncher(console={"linux": [*slow, *fast[1:], *linux_console([fastest], 2)[1:]]})
    assert compare(tmp_path, launcher, "--runs", "1") == 0
    rows = {row["linux"]: row for row in load(tmp_path)["ratios"] if row["variant"] == "nobody-halts"}
    assert rows["best of pipe, futex, eventfd"]["linux_p50"] == rows["linux.eventfd.cross_core"]["linux_p50"]
    assert rows["linux.socket.cross_core"]["linux_p50"] < rows["linux.eventfd.cross_core"]["linux_p50"]


def test_a_linux_that_does_not_deliver_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    launcher = FakeLauncher(console={"linux": linux_console(CROSS[:3])})
    assert compare(tmp_path, launcher) == 1
    assert "tcg-default-idle-linux: the guest delivered no linux.socket.cross_core" in capsys.readouterr().err


def test_linux_may_differ_between_icount_runs_and_boots_with_one_cpu(tmp_path: Path) -> None:
    launcher = FakeLauncher(vary=True)
    assert compare(tmp_path, launcher, "--accel", "icount", "--runs", "2") == 0
    assert "maxcpus=1" in launcher.plans[1].command_line.split()
    assert {row["unit"] for row in load(tmp_path)["ratios"]} == {"instructions"}


def test_without_a_baseline_there_is_no_linux(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    assert main(["--out", str(tmp_path), "--suite", "default", "--accel", "tcg"], launcher) == 0
    assert {plan.system for plan in launcher.plans} == {"weft"}
    assert "ratios" not in load(tmp_path)


def test_the_schema_refuses_damaged_ratios(tmp_path: Path) -> None:
    assert compare(tmp_path, FakeLauncher(), "--runs", "1") == 0
    data = load(tmp_path)
    check_results(data)
    for damage in ({"ratio": 3}, {"extra": 1}, {"linux": None}):
        broken = copy.deepcopy(data)
        broken["ratios"][0].update(damage)
        with pytest.raises(BenchError):
            check_results(broken)


def test_every_question_of_the_catalogue_is_one_of_the_program() -> None:
    catalogue = Catalogue.load(BENCH_ROOT)
    known = {name for name, benchmark in catalogue.benchmarks.items() if benchmark.foreign}
    sources = "".join(path.read_text() for path in (ROOT / "bench" / "linux").glob("*.c"))
    assert known == set(re.findall(r'"(linux\.[\w.]+)"', sources))
    for name in known:
        assert name.startswith("linux.")
        assert all(not other.startswith("linux.") for other in catalogue.benchmarks[name].against)


def test_the_command_line_fits_with_every_question() -> None:
    catalogue = Catalogue.load(BENCH_ROOT)
    every = [name for name, benchmark in catalogue.benchmarks.items() if not benchmark.foreign]
    names = [benchmark.name for benchmark in catalogue.baseline(every, 4)]
    words = linux.command_line("icount", 4, names, 2000, 200, "mitigations=off idle=poll")
    assert len(words) <= 2047, "what Linux on x86 takes"
    assert len(words.rpartition("weft.only=")[2]) < 2048, "struct options in lab.h"


def test_the_suite_compares_without_being_asked_and_variants_change_the_processor(tmp_path: Path) -> None:
    launcher = FakeLauncher(vary=True)
    only = "syscall.null,ipc.call.same_core,trace.event.on"
    arguments = ["--suite", "linux", "--runs", "1", "--cpu", "max,-avx", "--only", only]
    assert main(["--out", str(tmp_path), *arguments], launcher) == 0
    pairs = list(zip(launcher.plans[::2], launcher.plans[1::2], strict=True))
    assert [plan.system for pair in pairs for plan in pair] == ["weft", "linux"] * 8
    assert all(ours.cpu_model == theirs.cpu_model for ours, theirs in pairs)
    models = [ours.cpu_model for ours, _ in pairs]
    assert models[:4] == models[4:] == ["max,-avx", "max,-avx,-monitor", "max,-avx", "max,-avx"]
    mitigations = [re.findall(r"mitigations=(\w+)", theirs.command_line) for _, theirs in pairs[:4]]
    assert mitigations == [["off"], ["off"], ["auto"], ["off"]]
    assert [ours.trace for ours, _ in pairs[:4]] == [False, False, False, True]
    assert "only=trace.event.on" in pairs[3][0].command_line.split(), "of the traced kernel nothing else is asked"
    rows = load(tmp_path)["ratios"]
    assert {row["cpu_model"] for row in rows if row["variant"] == "no-mwait"} == {"max,-avx,-monitor"}
    assert {row["weft"] for row in rows if row["variant"] == "traced"} == {"trace.event.on"}


def test_the_table_says_who_needs_less_and_what_linux_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [*CROSS[:2], *CROSS[3:]]
    ahead = record(CROSS[2], [10] * 1000)
    launcher = FakeLauncher(console={"linux": [*linux_console(names), ahead]})
    assert compare(tmp_path, launcher, "--runs", "2") == 0
    out = capsys.readouterr().out
    assert "Linux is ahead: linux.eventfd.cross_core needs 0.00 of what ipc.call.cross_core needs" in out
    assert "ipc.call.cross_core: " not in out, "Weft is not better than the best"
    assert "-cpu max; an idle CPU halts (MWAIT is offered); mitigations in force: spectre_v2 (Retpolines)" in out
    best = next(row for row in load(tmp_path)["ratios"] if len(row["contenders"]) > 1)
    assert (best["contenders"], best["fastest"]) == (CROSS[:3], CROSS[2])


def test_figures_for_several_numbers_of_cpus_stand_beside_those_of_the_same_number() -> None:
    point = Point("icount", 4, Variant())
    rows = [Benchmark("linux.b.all", "", against=("b",), contender=True),
            Benchmark("linux.b.more", "", against=("b",), contender=True),
            Benchmark("linux.b.alone", "", against=("b",)),
            Benchmark("linux.b.three", "", against=("b",)),
            Benchmark("linux.plain", "", against=("b", "c"))]  # fmt: skip
    ours: Rounds = {("b", 1): [10], ("b", 4): [40], ("c", None): [100]}
    theirs: Rounds = {("linux.b.all", 4): [800], ("linux.b.more", 4): [400], ("linux.b.alone", 1): [50],
                      ("linux.b.three", 3): [1], ("linux.plain", None): [200]}  # fmt: skip
    found = [(row["weft"], row["linux"], row["ratio"]) for row in ratios(point, "max", rows, ours, theirs)]
    assert found == [
        ("b", "linux.b.alone", 5.0), ("b", "linux.plain", 20.0),
        ("b", "linux.b.all", 20.0), ("b", "linux.b.more", 10.0), ("b", "best of b.all, b.more", 10.0),
        ("c", "linux.plain", 2.0),
    ]  # fmt: skip


def test_words_for_a_ratio_and_for_rounds_that_were_alike_or_not() -> None:
    row = {"weft": "ours", "linux": "best of a, b", "contenders": ["linux.a", "linux.b"], "fastest": "linux.b",
           "unit": "instructions", "rounds": 3, "ratio": 34.5, "low": 34.5, "high": 34.5}  # fmt: skip
    single = row | {"linux": "linux.b", "contenders": ["linux.b"]}
    assert summary([single, row]) == [
        "ours: 34.5 times fewer instructions than the best of a, b (linux.b)",
        "Linux is ahead nowhere",
    ]
    assert repeated([single, row]) == "Linux's medians were the same in all 3 rounds"
    moved = single | {"linux": "linux.c", "low": 33.0, "high": 36.45}
    assert repeated([single, moved]) == (
        "of 2 medians of Linux 1 were not the same in all 3 rounds (at most 10.0 % apart: linux.c)"
    )
    assert repeated([single | {"rounds": 1}]) == repeated([single | {"unit": "cycles"}]) == ""


def test_a_linux_that_does_not_come_up_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Stuck(FakeLauncher):
        def boot(self, plan: BootPlan, on_line: LineSink) -> BootOutcome:
            outcome = super().boot(plan, on_line)
            stuck = replace(outcome, kind="timeout", reason="no end after 180 s", console=["Booting SMP configuration"])
            return stuck if plan.system == "linux" else outcome

    assert compare(tmp_path, Stuck(), "--accel", "icount") == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert "icount-default-idle-linux: Linux did not come up with 2 CPUs: no end after 180 s (console: " in last


def test_a_real_linux_brings_its_cpus_up_and_answers_in_instructions(tmp_path: Path) -> None:
    """The ratios that the documentation claims. Debian's kernel is fetched where it is not there yet."""
    try:
        linux.prepare()
    except Failure as failure:
        pytest.skip(f"Debian's kernel cannot be fetched here: {failure}")
    asked = "syscall.null,syscall.yield,thread,wake.timer,wake.notify,memory,ipc.notify.cross_core"
    asked += ",ipc.call.same_core,ipc.call.cross_core"
    arguments = ["--accel", "icount", "--cpus", "4", "--baseline", "linux", "--no-trace", "--only", asked]
    few = ["--set", "samples=100", "--set", "warmup=200", "--suite", "quick"]  # at first idle CPUs poll, which counts
    assert main(["--out", str(tmp_path), *arguments, *few]) == 0
    rows = {(row["weft"], row["linux"]): row for row in load(tmp_path)["ratios"]}
    assert rows["ipc.call.same_core", "best of pipe, futex, eventfd"]["ratio"] >= 30
    assert rows["ipc.call.cross_core", "best of pipe, futex, eventfd"]["ratio"] >= 12
    assert 200 < rows["syscall.null", "linux.getppid"]["linux_p50"] < 500
    facts = json.loads((tmp_path / "details.json").read_text())["baseline"]["facts"]["icount-linux"]
    assert facts["mwait"] is True and facts["idle"] in ("hlt", "mwait")
    assert not [text for text in facts["mitigations"].values() if text.startswith("Mitigation")]
