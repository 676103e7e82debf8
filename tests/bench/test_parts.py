# SPDX-License-Identifier: Apache-2.0
"""Suites that are made of others: one run, one store, one report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bench_fakes import FakeLauncher, console, lab, suite
from weft.bench import command
from weft.bench.catalogue import Suite
from weft.bench.command import BENCH_ROOT, main
from weft.bench.parts import parts_of

HEAD = '[suite]\ntitle = "both"\nparts = ["calls", "sizes"]\n'
CALLS = suite('["syscall.null", "ipc.call"]', "[guest]\nsamples = 70\n", '["icount", "tcg"]')
SIZES = suite('["syscall.null", "ipc.call.cross_core"]',
              "on = false\n[[variant]]\ncpus = 2\n[[variant]]\ncpus = 8\n[[variant]]\nname = 'idle'\n")  # fmt: skip


@pytest.fixture
def bench(monkeypatch: Any, tmp_path: Path) -> Any:
    """Runs the suite `both` of these parts."""

    def run(*arguments: str, head: str = HEAD, launcher: Any = None, **parts: str) -> tuple[int, FakeLauncher]:
        if not (tmp_path / "lab").exists():
            suites = {"both": head, "calls": CALLS, "sizes": SIZES, **parts}
            monkeypatch.setattr(command, "BENCH_ROOT", lab(tmp_path, **suites))
        launcher = launcher or FakeLauncher()
        return main(["--suite", "both", "--out", str(tmp_path / "out"), *arguments], launcher), launcher

    return run


def load(tmp_path: Path, name: str) -> Any:
    return json.loads((tmp_path / "out" / name).read_text())


def test_each_part_keeps_its_own_and_all_are_in_one_result(bench: Any, tmp_path: Path, capsys: Any) -> None:
    code, launcher = bench("--cpus", "3")
    assert code == 0
    assert [(plan.mode, plan.cpus, plan.trace) for plan in launcher.plans] == [
        ("icount", 3, True), ("tcg", 3, True), ("icount", 2, False), ("icount", 8, False), ("icount", 3, False)
    ]  # fmt: skip
    assert ["samples=70" in plan.command_line for plan in launcher.plans] == [True, True, False, False, False]
    results, details = load(tmp_path, "results.json"), load(tmp_path, "details.json")
    runs = [("calls", "icount", 3), ("calls", "tcg", 3), ("sizes", "icount", 2), ("sizes", "icount", 8), ("sizes", "icount", 3)]
    assert [(run["part"], run["accel"], run["cpus"]) for run in details["runs"]] == runs
    assert [(run["accel"], run["cpus"]) for run in results["runs"]] == [run[1:] for run in runs]
    for run, (part, _, _) in zip(results["runs"], runs, strict=True):
        assert {result["params"]["part"] for result in run["results"]} == {part}
    assert [part["name"] for part in details["parts"]] == ["calls", "sizes"]
    output = capsys.readouterr()
    assert "[5/5] sizes-icount-3cpus-idle: booting" in output.err and "\nsizes: made up" in output.out


def test_captures_are_one_per_part_and_mode_and_small(bench: Any, tmp_path: Path) -> None:
    code, launcher = bench(head=HEAD + '[trace]\ntotal = "1M"\n')
    assert code == 0
    assert {path.name for path in (tmp_path / "out").glob("*.weft")} == {"trace-calls.weft", "trace-calls-icount.weft"}
    rings = [word for plan in launcher.plans for word in plan.command_line.split() if "trace_ring" in word]
    assert rings == [f"trace_ring={(1 << 20) // 4}"] * 2


def test_a_part_may_get_other_numbers(bench: Any) -> None:
    head = HEAD + '[part.calls]\nruns = 2\ncpus = 2\nmodes = ["tcg"]\n[part.calls.guest]\nwarmup = 5\n'
    code, launcher = bench("--cpus", "5", head=head)
    assert code == 0
    assert [plan.cpus for plan in launcher.plans] == [2, 2, 2, 8, 5]
    assert [plan.mode for plan in launcher.plans] == ["tcg", "tcg", "icount", "icount", "icount"]
    assert "samples=70 warmup=5" in launcher.plans[0].command_line


@pytest.mark.parametrize(
    ("arguments", "modes"),
    [
        (["--accel", "icount"], ["icount"] * 4),
        (["--accel", "tcg"], ["tcg"]),
        (["--accel", "kvm"], ["kvm"]),
        (["--runs", "2", "--only", "ipc.call.matrix"], ["icount", "tcg"] * 2),
    ],
)
def test_what_is_asked_for_holds_for_the_parts_that_have_it(bench: Any, arguments: list[str], modes: list[str]) -> None:
    code, launcher = bench(*arguments, launcher=FakeLauncher())
    assert code == 0
    assert [plan.mode for plan in launcher.plans] == modes


def test_nothing_left_is_said(bench: Any, capsys: Any) -> None:
    assert bench("--only", "trace.event.on")[0] == 2
    assert "suite both: none of its parts is left" in capsys.readouterr().err


@pytest.mark.parametrize("after", [1, 2, 4])
def test_an_interrupted_run_goes_on_in_the_part_where_it_was(bench: Any, tmp_path: Path, capsys: Any, after: int) -> None:
    assert bench(launcher=FakeLauncher(boots_left=after))[0] == 130
    assert not (tmp_path / "out" / "results.json").exists()
    code, launcher = bench()
    assert code == 0 and len(launcher.plans) == 5 - after
    assert f"{after} boots are there" in capsys.readouterr().err
    assert len(load(tmp_path, "details.json")["runs"]) == 5


def test_a_part_that_contradicts_itself_is_left_out_and_made_anew(bench: Any, tmp_path: Path, capsys: Any) -> None:
    """The guest counts a call more than the trace has."""
    lines = [line.replace('"calls": 1000', '"calls": 1001') for line in console("tcg")]

    class Wrong(FakeLauncher):
        def _weft_lines(self, plan: Any, seed: int) -> list[str]:
            return lines if plan.mode == "tcg" else super()._weft_lines(plan, seed)

    wrong = Wrong()
    assert bench(launcher=wrong)[0] == 1
    assert "the guest made 1001 calls, the trace shows 1000" in capsys.readouterr().err
    assert {run["part"] for run in load(tmp_path, "details.json")["runs"]} == {"sizes"}
    code, launcher = bench()
    assert code == 0 and [plan.mode for plan in launcher.plans] == ["icount", "tcg"]
    assert {run["part"] for run in load(tmp_path, "details.json")["runs"]} == {"calls", "sizes"}


def test_the_time_left_is_learned_from_the_boots_of_an_earlier_run(bench: Any, capsys: Any) -> None:
    bench()
    capsys.readouterr()
    bench()
    assert "[1/5] calls-icount: booting (about 16 s left)" in capsys.readouterr().err  # five of 3.25 s


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ('[suite]\ntitle = "x"\nparts = ["nobody"]\n', "no suite 'nobody'"),
        ('[suite]\ntitle = "x"\nparts = ["calls", "calls"]\n', "a part stands there twice"),
        ('[suite]\ntitle = "x"\nparts = ["both"]\n', "suite both: it is a part of itself"),
        ('[suite]\ntitle = "x"\nparts = ["tools"]\n', "tools cannot be a part: it boots nothing"),
        (HEAD + "[part.nobody]\nruns = 2\n", "[part.nobody] is none of its parts"),
        (HEAD + '[part.calls]\nruns = "many"\n', "[part.calls] cannot have runs = 'many'"),
        (HEAD + "[part.calls]\nflavour = 1\n", "[part.calls] cannot have flavour = 1"),
    ],
)
def test_absurd_compositions_are_one_line(bench: Any, capsys: Any, head: str, words: str) -> None:
    code, launcher = bench(head=head, tools='[suite]\ntitle = "t"\n[tools]\nevents = 1\n')
    assert code == 1 and not launcher.plans
    assert words in capsys.readouterr().err.splitlines()[-1]


def test_a_part_that_has_parts_stands_for_these(bench: Any, tmp_path: Path) -> None:
    whole = '[suite]\ntitle = "all"\nparts = ["inner", "last"]\n[part.calls]\nmodes = ["tcg"]\n'
    inner = HEAD + "[part.sizes]\ncpus = 3\n[part.calls]\nruns = 2\n"
    code, launcher = bench(head=whole, inner=inner, last=CALLS)
    assert code == 0
    labels = [step["part"] for step in load(tmp_path, "details.json")["runs"]]
    assert labels == ["calls", "sizes", "sizes", "sizes", "last", "last"]
    assert [(plan.mode, plan.cpus) for plan in launcher.plans] == [
        ("tcg", 4), ("tcg", 4), ("icount", 2), ("icount", 8), ("icount", 3), ("icount", 4), ("tcg", 4)]  # fmt: skip


def test_a_part_that_needs_more_cpus_is_left_out_and_told(bench: Any, tmp_path: Path, capsys: Any) -> None:
    code, launcher = bench("--cpus", "1", sizes=suite('["ipc.call.cross_core"]'))
    assert code == 0 and len(launcher.plans) == 2
    assert "left out: suite sizes: there is nothing to measure with 1 CPU\n" in capsys.readouterr().err


def test_the_full_suite_has_parts_that_exist() -> None:
    full = Suite.load(BENCH_ROOT, "full")
    names = [part.name for part in parts_of(BENCH_ROOT, full)]
    assert len(names) >= len(full.parts) and set(full.overrides) <= set(names)
