# SPDX-License-Identifier: Apache-2.0
"""Grids: a product of lists of values, each point a boot of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bench_fakes import FakeLauncher, console, lab, suite
from weft.bench import command
from weft.bench.command import main

GRID = """
[grid]
cpus = [1, 2, 4]
policy = ["fixed", "edf"]
samples = [10, 20]
"""
SELECT = '["syscall.null", "ipc.call.cross_core"]'


def run(monkeypatch: Any, tmp_path: Path, text: str, *arguments: str, launcher: Any = None) -> tuple[int, FakeLauncher]:
    monkeypatch.setattr(command, "BENCH_ROOT", lab(tmp_path, g=text))
    launcher = launcher or FakeLauncher()
    return main(["--suite", "g", "--out", str(tmp_path / "out"), *arguments], launcher), launcher


def test_every_point_is_booted_once_with_its_words(monkeypatch: Any, tmp_path: Path) -> None:
    code, launcher = run(monkeypatch, tmp_path, suite(SELECT, GRID))
    assert code == 0
    found = [(plan.cpus, *[word for word in plan.command_line.split() if word[:6] in ("policy", "sample")])
             for plan in launcher.plans]  # fmt: skip
    assert found == [(cpus, f"policy={policy}", f"samples={samples}") for cpus in (1, 2, 4)
                     for policy in ("fixed", "edf") for samples in (10, 20)]  # fmt: skip


def test_figures_carry_their_place_and_runs_their_cpus(monkeypatch: Any, tmp_path: Path, capsys: Any) -> None:
    assert run(monkeypatch, tmp_path, suite(SELECT, GRID))[0] == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [run["cpus"] for run in results["runs"]] == [1, 2, 4]
    for entry in results["runs"]:
        calls = [result["params"] for result in entry["results"] if result["name"] == "syscall.null"]
        assert [(params["policy"], params["samples"]) for params in calls] == [
            ("fixed", 10), ("fixed", 20), ("edf", 10), ("edf", 20)]  # fmt: skip
    cross = [entry["cpus"] for entry in results["runs"] for result in entry["results"]
             if result["name"] == "ipc.call.cross_core"]  # fmt: skip
    assert cross == [2] * 4 + [4] * 4  # one CPU has no other one to call
    assert "lowest p50" in capsys.readouterr().out
    names = {path.name for path in (tmp_path / "out" / "boots").iterdir()}
    assert "console-icount-2cpus-policy-edf-samples-20.log" in names and len(names) == 24


def test_points_at_which_nothing_can_be_measured_are_left_out_and_told(
    monkeypatch: Any, tmp_path: Path, capsys: Any
) -> None:
    code, launcher = run(monkeypatch, tmp_path, suite('["ipc.call.cross_core"]', GRID))
    assert code == 0
    assert {plan.cpus for plan in launcher.plans} == {2, 4} and len(launcher.plans) == 8
    assert "left out: 4 points, such as icount-1cpus-policy-fixed-samples-10" in capsys.readouterr().out
    details = json.loads((tmp_path / "out" / "details.json").read_text())
    assert len(details["parts"][0]["left_out"]) == 4


def test_a_grid_of_nothing_is_refused(monkeypatch: Any, tmp_path: Path, capsys: Any) -> None:
    code, launcher = run(monkeypatch, tmp_path, suite('["ipc.call.cross_core"]', "[grid]\ncpus = [1]\n"))
    assert code == 2 and not launcher.plans
    assert "there is nothing to measure" in capsys.readouterr().err


def test_a_value_for_the_whole_run_takes_the_place_of_its_list(monkeypatch: Any, tmp_path: Path) -> None:
    code, launcher = run(monkeypatch, tmp_path, suite(SELECT, GRID), "--set", "policy=fair", "--cpus", "2")
    assert code == 0
    assert len(launcher.plans) == 2  # the points that differed in the CPUs only have become one
    assert all(plan.command_line.split().count("policy=fair") == 1 for plan in launcher.plans)


def test_the_product_is_taken_with_the_variants(monkeypatch: Any, tmp_path: Path) -> None:
    text = suite(SELECT, '[grid]\nidle = ["poll", 50]\n[[variant]]\nname = "a"\n[[variant]]\nname = "b"\nweft = "policy=edf"\n')
    code, launcher = run(monkeypatch, tmp_path, text)
    assert code == 0
    assert ["policy=edf" in plan.command_line for plan in launcher.plans] == [False, False, True, True]
    details = json.loads((tmp_path / "out" / "details.json").read_text())
    places = [(figure["params"]["variant"], figure["params"]["idle"]) for figure in details["runs"][0]["figures"]
              if figure["name"] == "syscall.null"]  # fmt: skip
    assert places == [("a", "poll"), ("a", 50), ("b", "poll"), ("b", 50)]


def test_a_parameter_of_the_guest_that_means_something_else_is_kept(monkeypatch: Any, tmp_path: Path) -> None:
    lines = [line.replace('"params":{', '"params":{"idle":7') if "syscall.null" in line else line
             for line in console("icount")]  # fmt: skip
    text = suite('["syscall.null"]', '[grid]\nidle = ["poll"]\n')
    assert run(monkeypatch, tmp_path, text, launcher=FakeLauncher(console={"icount": lines}))[0] == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    params = next(result["params"] for result in results["runs"][0]["results"] if result["name"] == "syscall.null")
    assert params == {"idle": 7, "grid.idle": "poll"}


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ("cpus = []", "[grid] cpus must be a list of at least one value"),
        ("cpus = 4", "[grid] cpus must be a list of at least one value"),
        ("cpus = [0]", "[grid] cpus must be 1 to 255 each"),
        ('cpus = ["4"]', "'4' is no int"),
        ("cpus = [2, 2]", "a value stands there twice"),
        ('policy = ["fixed edf"]', "cannot stand on the guest's command line"),
        ("samples = [1.5]", "cannot stand on the guest's command line"),
        ("polcy = [1]", "neither the kernel nor a benchmark program reads polcy="),
        ("only = [1]", "neither the kernel nor a benchmark program reads only="),
        (f"samples = {list(range(1, 1001))}\nwarmup = {list(range(1000))}", "1,000,000 points, more than 10,000"),
    ],
)
def test_absurd_grids_are_one_line(monkeypatch: Any, tmp_path: Path, capsys: Any, grid: str, words: str) -> None:
    code, launcher = run(monkeypatch, tmp_path, suite(SELECT, f"[grid]\n{grid}\n"))
    assert code != 0 and not launcher.plans
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("weft bench: suite g: ") and words in error


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (suite(SELECT, head='flavour = "mild"'), "there is no 'flavour' in [suite]"),
        (suite(SELECT, "[gird]\ncpus = [1]"), "there is no [gird] in a suite"),
        (suite(SELECT, "streem = true"), "there is no 'streem' in [trace]"),
    ],
)
def test_words_of_a_suite_that_nobody_reads_are_refused(
    monkeypatch: Any, tmp_path: Path, capsys: Any, text: str, words: str
) -> None:
    assert run(monkeypatch, tmp_path, text)[0] == 1
    assert words in capsys.readouterr().err


class Failing(FakeLauncher):
    """Fails where a word stands on the command line."""

    word = "policy=edf"

    def boot(self, plan: Any, on_line: Any) -> Any:
        self.kind, self.reason = ("panic", "the kernel panicked") if self.word in plan.command_line else ("ok", "")
        return super().boot(plan, on_line)


def test_a_configuration_that_fails_is_told_and_the_rest_is_kept(
    monkeypatch: Any, tmp_path: Path, capsys: Any
) -> None:
    code, launcher = run(monkeypatch, tmp_path, suite(SELECT, GRID), launcher=Failing())
    assert code == 1 and len(launcher.plans) == 12
    error = capsys.readouterr().err.splitlines()
    assert error[-1] == "weft bench: 6 configurations failed, the others are kept; started again, the run makes these anew"
    assert sum("the kernel panicked (console: " in line for line in error) == 6
    details = json.loads((tmp_path / "out" / "details.json").read_text())
    assert len(details["failures"]) == 6
    places = {figure["params"]["policy"] for run in details["runs"] for figure in run["figures"]}
    assert places == {"fixed"}
    again = FakeLauncher()
    assert main(["--suite", "g", "--out", str(tmp_path / "out")], again) == 0
    assert len(again.plans) == 6 and all("policy=edf" in plan.command_line for plan in again.plans)
    assert "failures" not in capsys.readouterr().err
    assert json.loads((tmp_path / "out" / "details.json").read_text())["failures"] == []
