# SPDX-License-Identifier: Apache-2.0
"""report.html: the same bytes for the same data, well-formed, self-contained, and safe."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from bench_fakes import CENTRES, FakeLauncher, console, record
from weft.bench.catalogue import Catalogue
from weft.bench.command import BENCH_ROOT, main
from weft.bench.report import render

VOID = {"meta", "link", "br", "img", "input"}


class Checker(HTMLParser):
    """Finds elements that are not closed, references that leave the file, and collects the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.names: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.links += [
            value or "" for key, value in attrs if key in ("href", "src", "srcset", "xlink:href", "data")
        ]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bench")
    assert main(["--out", str(path)], FakeLauncher()) == 0
    return path


def check(html: str) -> Checker:
    checker = Checker()
    checker.feed(html)
    assert checker.open == []
    return checker


def test_the_same_data_give_the_same_bytes(out: Path) -> None:
    first = (out / "report.html").read_bytes()
    assert main(["--out", str(out), "--report-only"]) == 0
    assert (out / "report.html").read_bytes() == first


def test_it_is_well_formed_and_loads_nothing(out: Path) -> None:
    html = (out / "report.html").read_text()
    checker = check(html)
    assert not checker.names & {"script", "img", "iframe", "object", "embed", "link"}
    assert all(re.fullmatch(r"#[a-z][\w-]*|[\w./-]+\.(pftrace|weft|log)", link) for link in checker.links), (
        checker.links
    )
    inside = [link[1:] for link in checker.links if link.startswith("#")]
    assert [link for link in inside if f'id="{link}"' not in html] == []
    assert "url(" not in html and "@import" not in html


def test_every_section_and_every_name_is_there(out: Path) -> None:
    html = (out / "report.html").read_text()
    checker = check(html)
    for key in ("figures", "comparison", "distributions", "matrix", "meaning", "timeline", "environment"):
        assert f'id="{key}"' in html
    for name in CENTRES:
        assert name in checker.text
    assert html.count('class="plot ') >= 8 + 2 + 6  # distributions, matrices, comparisons


def test_the_figures_in_the_page_are_those_of_the_results(out: Path) -> None:
    text = check((out / "report.html").read_text()).text
    for run in json.loads((out / "results.json").read_text())["runs"]:
        for result in run["results"]:
            if result["name"] != "ipc.call.matrix" or run["accel"] == "icount":
                assert f"{result['p50']:,}" in text


def test_nothing_from_the_guest_becomes_markup(tmp_path: Path) -> None:
    evil = record("<script>alert(1)</script>", [5, 6, 7], note='"><b>')
    assert (
        main(
            ["--out", str(tmp_path), "--accel", "icount"],
            FakeLauncher(console={"icount": [*console("icount"), evil]}),
        )
        == 0
    )
    html = (tmp_path / "report.html").read_text()
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)" in html
    check(html)


@pytest.mark.parametrize("arguments", [["--cpus", "1"], ["--no-trace"], ["--accel", "tcg"], ["--runs", "3"]])
def test_a_report_without_some_data_has_no_empty_sections(tmp_path: Path, arguments: list[str]) -> None:
    assert main(["--out", str(tmp_path), *arguments], FakeLauncher()) == 0
    html = (tmp_path / "report.html").read_text()
    check(html)
    assert ('id="matrix"' in html) == (arguments != ["--cpus", "1"])
    assert ('id="timeline"' in html) == ("--no-trace" not in arguments)
    assert ('id="comparison"' in html) == (arguments != ["--accel", "tcg"])


def test_report_only_refuses_what_is_not_there_or_not_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--out", str(tmp_path), "--report-only"]) == 1
    (tmp_path / "results.json").write_text("{")
    (tmp_path / "details.json").write_text("{}")
    assert main(["--out", str(tmp_path), "--report-only"]) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 2 and all(line.startswith("weft bench: ") for line in lines)


@pytest.mark.parametrize(
    "values", [[0], [0, 0, 1], [1], [7] * 50, [10**12, 1], list(range(1, 2000)), [100, 101]]
)
def test_any_distribution_can_be_drawn(tmp_path: Path, values: list[int]) -> None:
    lines = [line for line in console("tcg") if "syscall.null" not in line] + [record("syscall.null", values)]
    assert main(["--out", str(tmp_path), "--accel", "tcg"], FakeLauncher(console={"tcg": lines})) == 0
    html = (tmp_path / "report.html").read_text()
    check(html)
    assert "nan" not in html and "inf" not in html.replace("information", "")


def test_the_matrix_of_many_cpus_is_drawn(tmp_path: Path) -> None:
    assert main(["--out", str(tmp_path), "--accel", "icount", "--cpus", "16"], FakeLauncher()) == 0
    html = (tmp_path / "report.html").read_text()
    assert html.count('class="cell"') == 16 * 15
    assert html.count('class="cell same"') == 16


def test_rendering_does_not_depend_on_the_clock_or_the_machine(out: Path) -> None:
    results, details = (json.loads((out / name).read_text()) for name in ("results.json", "details.json"))
    catalogue = Catalogue.load(BENCH_ROOT)
    details["date"], details["environment"] = "2000-01-01 00:00 UTC", {"host CPU": "an abacus"}
    html = render(results, details, catalogue)
    assert "2000-01-01" in html and "an abacus" in html
    assert html == render(json.loads(json.dumps(results)), json.loads(json.dumps(details)), catalogue)
