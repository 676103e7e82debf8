# SPDX-License-Identifier: Apache-2.0
"""report.md and results.csv: read by parsers that are not ours, and the same as results.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas
import pytest
from bench_fakes import FakeLauncher, console, record
from markdown_it import MarkdownIt
from report_data import CPUS, DESIGNS, everything
from weft.bench.catalogue import Catalogue
from weft.bench.command import BENCH_ROOT, main
from weft.bench.records import STATISTICS
from weft.bench.report import documents

EVIL = "a|b`c <script>_d_ *e*, \"f\""


@pytest.fixture(scope="module")
def made_up() -> tuple[dict[str, Any], dict[str, str]]:
    results, details = everything()
    return results, documents(results, details, Catalogue.load(BENCH_ROOT))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    lines = [*console("icount"), record(EVIL, [5, 6, 7], note="x,y\n\"z\"")]
    assert main(["--out", str(tmp_path), "--accel", "icount"], FakeLauncher(console={"icount": lines})) == 0
    return tmp_path


def tables(text: str) -> list[list[list[str]]]:
    """The rows of each table as a parser of GitHub's flavour sees them."""
    found: list[list[list[str]]] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and found and token.level >= 4:
            found[-1][-1].append("".join(child.content for child in token.children or ()))
    return found


def test_every_figure_is_a_row_that_pandas_reads(made_up: Any, tmp_path: Path) -> None:
    results, files = made_up
    (tmp_path / "results.csv").write_text(files["results.csv"], newline="")
    frame = pandas.read_csv(tmp_path / "results.csv")
    measured = [result for run in results["runs"] for result in run["results"]]
    assert len(frame) == len(measured)
    assert all(pandas.api.types.is_integer_dtype(frame[key]) for key in ("cpus", "n", *STATISTICS))
    exact = frame[(frame["mode"] == "icount") & (frame.name == "ipc.call.cross_core") & (frame.part == "designs")]
    assert set(exact.variant) == set(DESIGNS) and sorted(set(exact.cpus)) == list(CPUS)
    there = sorted(exact.p50)
    assert there == sorted(
        result["p50"] for run in results["runs"] if run["accel"] == "icount" for result in run["results"]
        if result["name"] == "ipc.call.cross_core" and "variant" in result["params"]
    )  # fmt: skip
    parallel = frame[(frame["mode"] == "tcg") & (frame.unit == "ns")]
    assert ((parallel.p50_cycles / 2.5 - parallel.p50).abs() <= 1).all()
    assert (frame.p50_low <= frame.p50).all() and (frame.p50 <= frame.p50_high).all()


def test_odd_names_survive_in_the_sheet(out: Path) -> None:
    frame = pandas.read_csv(out / "results.csv")
    (row,) = frame[frame.name == EVIL].itertuples()
    assert (row.p50, row.n, row.unit) == (6, 3, "instructions")
    assert row.params == 'note=x,y\n"z"'


def test_ratios_stand_beside_the_figures_that_they_are_of(tmp_path: Path) -> None:
    arguments = ["--suite", "linux-crosscore", "--baseline", "linux", "--out", str(tmp_path)]
    assert main(arguments, FakeLauncher(vary=True)) == 0
    frame = pandas.read_csv(tmp_path / "results.csv")
    ratios = json.loads((tmp_path / "results.json").read_text())["ratios"]
    best = {row["variant"]: row for row in ratios if row["linux"].startswith("best of")}
    ours = frame[frame.name == "ipc.call.cross_core"]
    assert set(ours.variant) == set(best)
    for row in ours.itertuples():
        assert row.linux == best[row.variant]["linux"] and row.linux_ratio == best[row.variant]["ratio"]
        assert row.linux_p50 == pytest.approx(row.p50 * row.linux_ratio, rel=0.01)
    assert frame[frame.name.str.startswith("linux.")].linux.isna().all()


def test_tables_are_tables_for_a_parser_of_githubs_flavour(made_up: Any) -> None:
    _, files = made_up
    found = tables(files["report.md"])
    assert len(found) > 20
    assert all(len({len(row) for row in table}) == 1 for table in found)
    assert not any("|" in line for line in outside_tables(files["report.md"]))
    curve = next(table for table in found if table[0] == ["CPUs", *DESIGNS])
    assert [row[0] for row in curve[1:]] == [str(cpus) for cpus in CPUS]
    stages = next(table for table in found if table[0][0] == "stage")
    assert stages[-1][0] == "all" and len(stages) == 1 + 7 + 1


def outside_tables(text: str) -> list[str]:
    """What the parser took for paragraphs."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    return [token.content for token in tokens if token.type == "inline" and token.level < 4]


def test_odd_names_do_not_become_markup_in_the_document(out: Path) -> None:
    text = (out / "report.md").read_text()
    rows = [row for table in tables(text) for row in table if row[0].startswith("a|b")]
    assert rows and all(row[0] == EVIL.replace("`", "'") for row in rows)
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert "<script" not in html and "<em>e</em>" not in html


def test_the_figures_of_the_document_are_those_of_the_run(out: Path) -> None:
    text = (out / "report.md").read_text()
    for run in json.loads((out / "results.json").read_text())["runs"]:
        for result in run["results"]:
            assert f"{result['p50']:,}" in text


def test_report_only_makes_all_three_again(out: Path) -> None:
    names = ("report.html", "report.md", "results.csv")
    before = {name: (out / name).read_bytes() for name in names}
    for name in names:
        (out / name).unlink()
    assert main(["--out", str(out), "--report-only"]) == 0
    assert {name: (out / name).read_bytes() for name in names} == before
