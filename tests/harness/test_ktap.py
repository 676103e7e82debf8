# SPDX-License-Identifier: Apache-2.0
"""The KTAP parser: what it accepts, and that nothing incomplete passes for complete."""

from __future__ import annotations

import pytest
from weft.harness import ktap
from weft.harness.ktap import Status

GOOD = """\
weft: 4 CPUs
KTAP version 1
1..3
# first: says what it does
ok 1 first
something that a program prints, ok 2 not at the start
# second.c:31: value is 5, not 4
not ok 2 second
ok 3 third # SKIP needs two CPUs
# Totals: pass:1 fail:1 skip:1
weft: power off
""".splitlines()


def without(line: str) -> list[str]:
    assert line in GOOD
    return [each for each in GOOD if each != line]


def replaced(old: str, new: str) -> list[str]:
    assert old in GOOD
    return [new if each == old else each for each in GOOD]


def test_reads_results_diagnostics_and_reasons() -> None:
    report = ktap.parse(GOOD)
    assert report.problems == []
    assert report.planned == 3 and report.finished
    assert [point.status for point in report.points] == [Status.PASS, Status.FAIL, Status.SKIP]
    assert report.points[1].diagnostics == ("second.c:31: value is 5, not 4",)
    assert report.points[2].reason == "needs two CPUs"
    assert not report.ok  # a test failed


def test_all_passed_is_ok() -> None:
    lines = ["KTAP version 1", "1..1", "ok 1 only", "# Totals: pass:1 fail:0 skip:0"]
    assert ktap.parse(lines).ok


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([], "no report"),
        (["ok 1 first"], "outside the report"),
        (without("KTAP version 1"), "no report"),
        (without("1..3"), "no plan"),
        (without("ok 3 third # SKIP needs two CPUs"), "3 tests planned, 2 reported"),
        (without("# Totals: pass:1 fail:1 skip:1"), "the end line is missing"),
        (GOOD[:5], "the end line is missing"),
        (GOOD[:5], "3 tests planned, 1 reported"),
        (replaced("1..3", "1..4"), "4 tests planned, 3 reported"),
        (replaced("ok 1 first", "ok 2 first"), "result 2 where 1 was due"),
        (replaced("ok 1 first", "ok first"), "not a result"),
        (replaced("ok 1 first", "ok 1"), "not a result"),
        (replaced("ok 1 first", "okay then"), "3 tests planned"),
        (replaced("not ok 2 second", "not ok 2 first"), "two results for first"),
        (replaced("# Totals: pass:1 fail:1 skip:1", "# Totals: pass:2 fail:0 skip:1"), "end line says"),
        ([*GOOD, *GOOD], "a second report"),
        ([*GOOD, "ok 4 late"], "outside the report"),
        ([GOOD[1], GOOD[4], GOOD[2], *GOOD[5:]], "the plan comes after a result"),
        ([*GOOD[:3], *GOOD[2:]], "two plans"),
        (replaced("ok 3 third # SKIP needs two CPUs", "ok 3 third # TODO later"), "directive TODO"),
    ],
)
def test_names_what_is_wrong(lines: list[str], problem: str) -> None:
    report = ktap.parse(lines)
    assert any(problem in text for text in report.problems), report.problems
    assert not report.ok


PASSED = ["KTAP version 1", "1..2", "ok 1 a", "ok 2 b", "# Totals: pass:2 fail:0 skip:0"]


@pytest.mark.parametrize("kept", range(len(PASSED)))
def test_every_truncated_report_is_a_failure(kept: int) -> None:
    assert ktap.parse(PASSED).ok
    assert not ktap.parse(PASSED[:kept]).ok


def test_free_text_is_never_parsed() -> None:
    noise = ["  ok 1 indented", "x ok 1 first", "1..2 is not a plan", "weft: ok 1 first", "#Totals: pass:9"]
    lines = [GOOD[1], GOOD[2], *noise, *GOOD[3:]]
    assert ktap.parse(lines).problems == []
    assert len(ktap.parse(lines).points) == 3
