# SPDX-License-Identifier: Apache-2.0
"""What the report says of grids, designs, Linux and a reference: it follows from the figures."""

from __future__ import annotations

import copy
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from bench_fakes import FakeLauncher, console, record
from report_data import CPUS, DESIGNS, everything
from weft.bench.catalogue import Catalogue
from weft.bench.command import BENCH_ROOT, main
from weft.bench.report import beside, curve_sections, page
from weft.bench.report.curves import Curve, flat, over_cpus, over_parameters
from weft.bench.report.plots.lines import Point, Series
from weft.bench.report.view import View


def view_of(results: dict[str, Any], details: dict[str, Any]) -> View:
    return View(results, details, Catalogue.load(BENCH_ROOT))


@pytest.fixture(scope="module")
def view() -> View:
    return view_of(*everything())


def row(ratio: float, low: float, high: float, name: str = "a") -> dict[str, Any]:
    return {"weft": name, "linux": "linux.x", "ratio": ratio, "low": low, "high": high}


def test_designs_are_lines_over_cpus(view: View) -> None:
    curves = [curve for curve in over_cpus(view) if curve.entry.part == "designs"]
    assert len(curves) == 2 * 2  # benchmarks, modes
    for curve in curves:
        assert [one.name for one in curve.series] == list(DESIGNS)
        assert all([point.x for point in one.points] == list(CPUS) for one in curve.series)


def test_a_grid_has_a_curve_for_each_place_on_its_other_axes(view: View) -> None:
    curves = [curve for curve in over_cpus(view) if curve.entry.part == "grid"]
    assert len(curves) == 3 * 4  # policies, ways to idle; the lines are the numbers of samples
    assert all(len(curve.series) == 5 and len(one.points) == 4 for curve in curves for one in curve.series)
    samples = [curve for curve in over_parameters(view) if curve.axis == "samples"]
    assert sum(len(curve.series) for curve in samples) == 240 // 5


def test_a_parameter_that_follows_from_the_cpus_is_no_axis_and_no_facet() -> None:
    results, details = copy.deepcopy(everything())
    keep = [index for index, run in enumerate(details["runs"]) if run["part"] == "designs" and run["accel"] == "icount"]
    for index in keep:
        for figure in details["runs"][index]["figures"]:
            figure["params"]["pairs"] = details["runs"][index]["cpus"] // 2
    details["runs"] = [details["runs"][index] for index in keep]
    results["runs"] = [results["runs"][index] for index in keep]
    found = view_of(results, details)
    assert [len(curve.series) for curve in over_cpus(found)] == [3, 3]
    assert over_parameters(found) == []


@pytest.mark.parametrize("key", ["variant", "design"])
def test_a_card_says_of_which_design_its_figure_is(key: str) -> None:
    results, details = copy.deepcopy(everything())
    for run in details["runs"]:
        for figure in run["figures"] if run["part"] == "designs" else ():
            figure["params"][key] = figure["params"].pop("variant")
    html = page.render(results, details, Catalogue.load(BENCH_ROOT))
    assert "median, round trip, mailbox, 1 CPU; 960 instructions with 64" in html


def test_lines_that_lie_on_each_other_are_one_and_a_flat_grid_has_no_curve() -> None:
    results, details = copy.deepcopy(everything())
    for run in details["runs"]:
        if run["part"] == "grid":
            for figure in run["figures"]:
                late = figure["params"]["samples"] == 50 and figure["params"]["policy"] == "edf"
                figure |= dict.fromkeys(("p50", "p50_low", "p50_high"), 50 + run["cpus"] * late)
    curves = [curve for curve in over_cpus(view_of(results, details)) if curve.entry.part == "grid"]
    names = {tuple(one.name for one in curve.series) for curve in curves}
    assert names == {("all 5",), ("samples 10, 20, 30, 40", "samples 50")}
    for run in details["runs"]:
        for figure in run["figures"] if run["part"] == "grid" else ():
            figure |= dict.fromkeys(("p50", "p50_low", "p50_high"), 50)
    found = view_of(results, details)
    assert not [curve for curve in over_cpus(found) + over_parameters(found) if curve.entry.part == "grid"]
    assert [curve_sections.everywhere(found, same) for same in flat(found) if same[0].part == "grid"] == [
        "Null system call, icount: 50 instructions at every one of 240 points, 1 to 8 CPUs."
    ]


@pytest.mark.parametrize("values, said", [
    ([5, 5, 5], "5 ns throughout"), ([5, 9, 6], "5 ns to 6 ns (+20%), at most 9 ns"), ([5, 6, 50], "5 ns to 50 ns (10.0×)"),
    ([10, 6, 4], "10 ns to 4 ns (÷2.50)"), ([1000, 7, 998], "1,000 ns to 998 ns (−0.2%)"), ([5, 6, 0], "5 ns to 0 ns (to nothing), at most 6 ns"), ([5, 9, 5], "5 ns to 5 ns, at most 9 ns"), ([0, 0, 5], "0 ns to 5 ns"),
])  # fmt: skip
def test_a_line_in_words(view: View, values: list[int], said: str) -> None:
    points = tuple(Point(x, value, value, value) for x, value in enumerate(values))
    entry = dataclasses.replace(view.entries[0], unit="ns")
    curve = Curve("", entry, "words", (Series("", points),))
    assert curve_sections.said(curve) == f"From 0 to 2 words: {said}"


def test_the_words_of_a_curve_name_the_lowest_line_whichever_it_is(view: View) -> None:
    curve = next(curve for curve in over_cpus(view) if curve.entry.part == "grid")
    words = curve_sections.said(curve)
    least = min(curve.series, key=lambda one: one.points[-1].value)
    assert words.startswith("Lowest at 8 CPUs") and least.name in words


@pytest.mark.parametrize("rows, said, not_said", [
    ([row(10, 9, 11)], "Weft needs less in 1 of 1 comparison (by 10.0×).", "Linux needs less"),
    ([row(0.5, 0.4, 0.6)], "Weft needs less in 0 of 1 comparison; Linux needs less in 1: a (2.00×).", "agree"),
    ([row(1.1, 0.9, 1.3)], "the rounds do not agree on who does in a", "Linux needs less"),
    ([row(9, 4, 11)], "the rounds differ by more than 2× in a, so that its ratio says little", "Linux needs less"),
    ([row(1.0, 1.0, 1.0)], "Weft needs less in 0 of 1 comparison.", "Linux needs less"),
])  # fmt: skip
def test_the_verdict_follows_from_the_ratios(rows: list[dict[str, Any]], said: str, not_said: str) -> None:
    words = beside.verdict(rows)
    assert said in words and not_said not in words


@pytest.mark.parametrize("mode, load, said", [("tcg", 2.5, True), ("tcg", 2.0, False), ("icount", 9.0, False)])
def test_a_busy_host_is_told_where_it_is_in_the_figures(mode: str, load: float, said: bool) -> None:
    results, details = copy.deepcopy(everything())
    for run in details["runs"]:
        run["loads"] = [0.1, load if run["accel"] == mode else 0.1]
    details["environment"]["host CPUs"] = "2"
    words = page.busy(view_of(results, details))
    assert bool(words) == said and all("up to 2.5, with 2 CPUs" in sentence for sentence in words)


def test_the_best_of_linuxs_ways_counts() -> None:
    rows = [row(20, 20, 20), {**row(0.9, 0.9, 0.9), "linux": "best of pipe, futex"}, row(3, 3, 3)]
    assert beside.counted(rows) == [rows[1]]


def test_a_figure_is_linked_to_the_capture_of_its_own_point_only(view: View) -> None:
    places = {entry.part: set() for entry in view.entries}
    for entry in view.entries:
        places[entry.part].add((entry.mode, entry.name.startswith("linux."), entry.place is not None))
    assert places["ipc"] == {("icount", False, False), ("icount", True, False), ("tcg", False, True), ("tcg", True, False)}
    assert all(not there for part in ("designs", "matrix", "grid") for _, _, there in places[part])


# ---- a reference run -----------------------------------------------------------------------------


def changed(cycles: int) -> FakeLauncher:
    lines = [line for line in console("icount") if "syscall.null" not in line]
    return FakeLauncher(console={"icount": [*lines, record("syscall.null", [cycles] * 1000)]})


def test_a_reference_run_gives_the_exact_differences(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    assert main(["--accel", "icount", "--out", str(before)], changed(90)) == 0
    assert main(["--accel", "icount", "--out", str(after), "--reference", str(before)], changed(93)) == 0
    text = (after / "report.md").read_text()
    assert "figures (icount) 1 differ." in text
    assert "| syscall.null |   | 4 | p50 | 90 | 93 | +3 |" in text
    page = (after / "report.html").read_bytes()
    assert b'id="reference"' in page and b"+3" in page
    assert main(["--out", str(after), "--report-only"]) == 0  # it is kept
    assert (after / "report.html").read_bytes() == page
    assert main(["--out", str(after), "--report-only", "--reference", str(after)]) == 0
    assert "all are the same to the digit" in (after / "report.md").read_text()


def test_a_reference_that_has_nothing_in_common_is_said_so(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    assert main(["--accel", "tcg", "--out", str(before)], FakeLauncher()) == 0
    assert main(["--accel", "icount", "--out", str(after), "--reference", str(before)], FakeLauncher()) == 0
    assert "no figure in common" in (after / "report.md").read_text()


def test_a_reference_that_is_not_there_ends_the_run_before_it_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    launcher = FakeLauncher()
    assert main(["--out", str(tmp_path / "out"), "--reference", str(tmp_path / "absent")], launcher) == 1
    assert launcher.plans == [] and not (tmp_path / "out").exists()
    assert capsys.readouterr().err.count("\n") == 1


def test_without_one_the_gates_reference_is_taken_as_far_as_it_goes(tmp_path: Path) -> None:
    reference = json.loads((BENCH_ROOT / "reference.json").read_text())["figures"]
    known = reference["with tracing: syscall.null cpu=0 4 CPUs, p50"]
    lines = [line for line in console("icount") if "syscall.null" not in line]
    lines.append(record("syscall.null", [known + 3] * 1000, cpu=0))
    assert main(["--accel", "icount", "--out", str(tmp_path)], FakeLauncher(console={"icount": lines})) == 0
    text = (tmp_path / "report.md").read_text()
    assert "Beside bench/reference.json: of " in text
    assert f"| syscall.null | cpu=0 | 4 | p50 | {known} | {known + 3} | +3 |" in text
