# SPDX-License-Identifier: Apache-2.0
"""Which curves a report has: figures over the number of CPUs, or over another parameter.

    for curve in over_cpus(view): ...
    for curve in over_parameters(view): ...

A grid has figures for each combination of its parameters. A parameter with at least LEAST whole values makes
a horizontal axis; the one that tells designs (`variant`), or else the one with the most values, makes the
lines; for each combination of all others there is a curve of its own. Lines that are the same at every place
are one. Where Linux was measured beside our figure with as many CPUs, its figures are lines of the same curve. A
benchmark that has the same figure at every point of a grid has no curve: `flat` has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from weft.bench.report.plots.lines import COLOURS, Point, Series
from weft.bench.report.view import DESIGNS, Entry, View, said

LEAST = 3
TAIL = 1.05  # where p99 is above p50 by more, it is a line as well


@dataclass(frozen=True)
class Curve:
    """One picture's worth."""

    title: str
    entry: Entry  # one of its figures
    axis: str  # the parameter on the horizontal axis
    series: tuple[Series, ...]


def over_cpus(view: View) -> list[Curve]:
    """For each benchmark that was measured with several numbers of CPUs."""
    return [curve for entries in _families(view) for curve in _curves(view, entries, "cpus")]


def over_parameters(view: View) -> list[Curve]:
    """For each other parameter with several values."""
    found = []
    for entries in _families(view):
        axes = ["cpus"] if len({entry.cpus for entry in entries}) > 1 else []
        for axis in dict.fromkeys(key for entry in entries for key, _ in entry.params):
            if not any(_follows(entries, axis, other) and _follows(entries, other, axis) for other in axes):
                axes.append(axis)
                found += _curves(view, entries, axis)
    return found


def flat(view: View) -> list[list[Entry]]:
    """The figures of each benchmark that are one and the same at LEAST points or more."""
    return [entries for entries in _families(view) if len(entries) >= LEAST and _is_flat(entries)]


def _is_flat(entries: list[Entry]) -> bool:
    return len({entry.p50 for entry in entries}) == 1


def _families(view: View) -> list[list[Entry]]:
    """The figures of one name, mode and part; Linux's own have no curve but beside ours."""
    found: dict[tuple[str, str, str], list[Entry]] = {}
    for entry in view.rows:
        if not entry.name.startswith("linux."):
            found.setdefault((entry.part, entry.name, entry.mode), []).append(entry)
    return list(found.values())


def _value(entry: Entry, key: str) -> Any:
    return entry.cpus if key == "cpus" else dict(entry.params).get(key)


def _curves(view: View, entries: list[Entry], axis: str) -> list[Curve]:
    there = [entry for entry in entries if type(_value(entry, axis)) is int]
    if len({_value(entry, axis) for entry in there}) < LEAST or _is_flat(entries):
        return []
    others = _told_apart(there, axis)
    lines = next((key for key in others if key in DESIGNS), None)
    if lines is None:
        counts = {key: len({repr(_value(entry, key)) for entry in there}) for key in others}
        few = [key for key in others if counts[key] <= COLOURS]
        lines = max(few, key=lambda key: counts[key], default=None)
    facets: dict[str, list[Entry]] = {}
    for entry in there:
        words = [_words(key, _value(entry, key)) for key in others if key != lines]
        facets.setdefault(", ".join(words), []).append(entry)
    found = []
    for facet, members in facets.items():
        series = _series(members, axis, lines)
        if series:
            series += _linux(view, members[0], len(series)) if axis == "cpus" and not facet else []
            title = ", ".join(filter(None, (view.title(members[0].name), facet)))
            found.append(Curve(title, members[0], axis, tuple(series)))
    return found


def _told_apart(entries: list[Entry], axis: str) -> list[str]:
    """The other parameters in which figures at the same place of the axis differ."""
    keys = dict.fromkeys(["cpus", *(key for entry in entries for key, _ in entry.params)])
    return [key for key in keys if key != axis and not _follows(entries, key, axis)]


def _follows(entries: list[Entry], key: str, axis: str) -> bool:
    """Is a parameter given by the place on the axis, as the number of pairs is by that of CPUs?"""
    values: dict[Any, set[str]] = {}
    for entry in entries:
        values.setdefault(_value(entry, axis), set()).add(repr(_value(entry, key)))
    return all(len(found) == 1 for found in values.values())


def _words(key: str, value: Any) -> str:
    if key == "cpus":
        return f"{value} CPUs" if value != 1 else "1 CPU"
    return said(key, value)


def _series(entries: list[Entry], axis: str, lines: str | None) -> list[Series]:
    """One for each value of `lines`; of a single one the tail as well, where it is another."""
    by_line: dict[str, list[Entry]] = {}
    for entry in entries:
        by_line.setdefault(_words(lines, _value(entry, lines)) if lines else "", []).append(entry)
    found = [_line(name, members, axis, "p50") for name, members in by_line.items()]
    found = _merged([one for one in found if len(one.points) > 1])
    if len(by_line) == 1 and len(found) == 1 and any(entry.values["p99"] > TAIL * entry.p50 for entry in entries):
        found = [_line("p50", entries, axis, "p50"), _line("p99", entries, axis, "p99")]
    return found


def _merged(series: list[Series]) -> list[Series]:
    """Lines that lie on each other have one name."""
    names: dict[tuple[Point, ...], list[str]] = {}
    for one in series:
        names.setdefault(one.points, []).append(one.name)
    if len(names) == 1 and len(series) > 1:
        return [Series(f"all {len(series)}", series[0].points)]
    return [Series(_joined(found), points) for points, found in names.items()]


def _joined(names: list[str]) -> str:
    """samples 10, samples 20: samples 10, 20."""
    first, _, value = names[0].rpartition(" ")
    rest = [name.removeprefix(f"{first} ") if value else name for name in names[1:]]
    return ", ".join([names[0], *rest])


def _line(name: str, entries: list[Entry], axis: str, key: str) -> Series:
    """The first figure of each place on the axis."""
    points: dict[int, Point] = {}
    for entry in entries:
        low, high = (entry.low, entry.high) if key == "p50" else (entry.values[key], entry.values[key])
        x = _value(entry, axis)
        points.setdefault(x, Point(x, entry.values[key], low, high))
    return Series(name, tuple(points[x] for x in sorted(points)))


def _linux(view: View, beside: Entry, taken: int) -> list[Series]:
    """Linux's ways to do the same, where they were measured with as many numbers of CPUs."""
    found = []
    for benchmark in view.catalogue.benchmarks.values():
        key = (benchmark.name, beside.mode, beside.part)
        entries = [entry for entry in view.rows if (entry.name, entry.mode, entry.part) == key]
        if beside.name in benchmark.against and len({entry.cpus for entry in entries}) >= LEAST:
            found.append(_line(f"Linux {benchmark.name.split('.')[1]}", entries, "cpus", "p50"))
    return found[: max(0, COLOURS - taken)]
