# SPDX-License-Identifier: Apache-2.0
"""KTAP as guest test programs print it, read strictly.

    KTAP version 1
    1..3
    ok 1 first
    # second: expected 4, got 5 at tests/kernel/memory.c:31
    not ok 2 second
    ok 3 third # SKIP needs two CPUs
    # Totals: pass:1 fail:1 skip:1

The version opens, the plan follows before the first result, and the end line closes: its sums must
be those of the results. Diagnostics (`# ...`) belong to the result that follows them. Every other
line is free text between them and is never looked at, so a program that dies in the middle can
not be mistaken for one that has finished. `parse` does not raise: everything that is wrong with the
report is a sentence in `problems`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

VERSION = "KTAP version 1"

_PLAN = re.compile(r"^1\.\.(\d+)$")
_RESULT = re.compile(r"^(not )?ok (\d+)(?: (?:- )?([^#\s]+))?(?:\s+#\s*(SKIP|TODO|XFAIL)\b\s*(.*))?\s*$")
_LOOKS_LIKE_RESULT = re.compile(r"^(not )?ok\b")
_TOTALS = re.compile(r"^# Totals: pass:(\d+) fail:(\d+) skip:(\d+)$")


class Status(Enum):
    PASS = "pass"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True)
class TestPoint:
    """One result line with the diagnostics in front of it."""

    number: int
    name: str
    status: Status
    reason: str = ""
    diagnostics: tuple[str, ...] = ()

    __test__ = False  # not a class for pytest to collect


@dataclass
class Report:
    """All that one boot reported."""

    planned: int | None = None
    points: list[TestPoint] = field(default_factory=list)
    finished: bool = False
    problems: list[str] = field(default_factory=list)
    trailing: list[str] = field(default_factory=list)  # diagnostics after the last result

    def point(self, name: str) -> TestPoint | None:
        return next((point for point in self.points if point.name == name), None)

    def count(self, status: Status) -> int:
        return sum(point.status is status for point in self.points)

    @property
    def ok(self) -> bool:
        return not self.problems and self.count(Status.FAIL) == 0


class _Parser:
    def __init__(self) -> None:
        self.report = Report()
        self.opened = False
        self.notes: list[str] = []

    def problem(self, text: str) -> None:
        self.report.problems.append(text)

    def line(self, line: str) -> None:
        if line == VERSION:
            if self.opened:
                self.problem("a second report begins in the same boot")
            self.opened = True
        elif not self.opened or self.report.finished:
            if _LOOKS_LIKE_RESULT.match(line) or _PLAN.match(line) or _TOTALS.match(line):
                self.problem(f"outside the report: {line!r}")
        elif match := _PLAN.match(line):
            self.plan(int(match[1]))
        elif match := _TOTALS.match(line):
            self.totals(*map(int, match.groups()))
        elif line.startswith("#"):
            self.notes.append(line[1:].strip())
        elif _LOOKS_LIKE_RESULT.match(line):
            self.result(line)

    def plan(self, count: int) -> None:
        if self.report.planned is not None:
            self.problem("two plans")
        elif self.report.points:
            self.problem("the plan comes after a result")
        self.report.planned = count

    def result(self, line: str) -> None:
        match = _RESULT.match(line)
        if match is None or match[3] is None:
            self.problem(f"not a result: {line!r}")
            return
        number, name = int(match[2]), match[3]
        if number != len(self.report.points) + 1:
            self.problem(f"result {number} where {len(self.report.points) + 1} was due")
        if self.report.point(name) is not None:
            self.problem(f"two results for {name}")
        if match[4] not in (None, "SKIP"):
            self.problem(f"{name}: directive {match[4]} is not used here")
        status = Status.FAIL if match[1] else Status.SKIP if match[4] else Status.PASS
        point = TestPoint(number, name, status, match[5] or "", tuple(self.notes))
        self.report.points.append(point)
        self.notes = []

    def totals(self, passed: int, failed: int, skipped: int) -> None:
        self.report.finished = True
        said = {Status.PASS: passed, Status.FAIL: failed, Status.SKIP: skipped}
        for status, count in said.items():
            if count != self.report.count(status):
                found = self.report.count(status)
                self.problem(f"the end line says {count} {status.value}, the results say {found}")

    def end(self) -> Report:
        report = self.report
        report.trailing = self.notes
        if not self.opened:
            self.problem("no report: the line 'KTAP version 1' is missing")
            return report
        if report.planned is None:
            self.problem("no plan")
        elif report.planned != len(report.points):
            self.problem(f"{report.planned} tests planned, {len(report.points)} reported")
        if not report.finished:
            self.problem("the end line is missing")
        return report


def parse(lines: Iterable[str]) -> Report:
    """The report in a boot's console output."""
    parser = _Parser()
    for line in lines:
        parser.line(line.rstrip())
    return parser.end()
